"""Status lines and error bodies: the table, and that a routine finds in it what it should."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import Routine
from svc0.machine.call import caller
from svc0.server.status import BODY_MAX, STATUSES, Status, error_body, status_line
from tests.model.respond import REASONS, error

BY_NUMBER = {status.number: status for status in STATUSES}
numbers = st.one_of(
    st.sampled_from(sorted(BY_NUMBER)), st.integers(0, 2**32 - 1), st.integers(150, 600)
)


def text(routine: Routine, *arguments: int) -> bytes:
    with caller(routine) as machine:
        address, length = machine.call(*arguments)
        return machine.read(address, length)


def known(number: int) -> Status:
    return BY_NUMBER.get(number, BY_NUMBER[500])


@given(number=numbers)
def test_status_line(number: int) -> None:
    assert text(status_line, number) == known(number).line


@given(number=numbers, as_json=st.integers(0, 2**32 - 1))
def test_error_body(number: int, as_json: int) -> None:
    status = known(number)
    assert text(error_body, number, as_json) == (status.object if as_json else status.page)


@pytest.mark.parametrize("status", STATUSES, ids=str)
def test_reasons_are_those_of_the_registry(status: Status) -> None:
    assert status.reason == REASONS[status.number]
    renamed = {413, 414, 416}  # Python 3.12 still has the names of RFC 7231 and older
    if status.number not in renamed:
        assert status.reason == HTTPStatus(status.number).phrase


def test_every_status_of_the_model_is_there() -> None:
    assert set(BY_NUMBER) == set(REASONS)


@pytest.mark.parametrize("status", [s for s in STATUSES if s.sentence], ids=str)
def test_a_page_is_as_specified(status: Status) -> None:
    answer = error(status.number, 0, None).with_sentence(status.sentence)
    assert status.page == answer.body
    assert status.line == answer.encode().partition(b"Server: ")[0]


class Reader(HTMLParser):
    """Collects what a browser would show, and which elements there are."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.shown: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip() and self.elements[-1] not in ("style", "title"):
            self.shown.append(data)


@pytest.mark.parametrize("status", [s for s in STATUSES if s.sentence], ids=str)
def test_bodies_say_the_same(status: Status) -> None:
    reader = Reader()
    reader.feed(status.page.decode("ascii"))
    assert reader.shown == [f"{status.number} {status.reason}", status.sentence]
    assert json.loads(status.object) == {
        "status": status.number,
        "error": status.reason,
        "message": status.sentence,
    }
    for body in (status.page, status.object):
        assert body.endswith(b"\n")
        assert len(body) <= BODY_MAX


@pytest.mark.parametrize("number", [200, 204, 206, 304])
def test_success_needs_no_words(number: int) -> None:
    assert BY_NUMBER[number].page == BY_NUMBER[number].object == b""
