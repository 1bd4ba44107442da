"""That the clients here would notice: servers that are wrong in one thing each.

Each spoils the reference in a way that a real server could be wrong, answers by it on a socket, and
must be found out by the same calls that judge the real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from tests.clients import drive
from tests.clients.sites import SITE
from tests.model.conversation import Conversation, End, converse
from tests.model.respond import Answer
from tests.model.serve import Converse, listen

FILE: Final = b"GET /ten.txt HTTP/1.1\r\nHost: a\r\n\r\n"
MISSING: Final = b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
BAD: Final = b"GET / HTTP/1.1\r\n\r\n"

Spoil = Callable[[Answer], Answer]


def spoil_answers(spoil: Spoil) -> Converse:
    """The reference, but with each answer changed."""

    def speak(*arguments: object, **options: object) -> Conversation:
        said = converse(*arguments, **options)  # pyright: ignore
        return replace(said, answers=[spoil(answer) for answer in said.answers])

    return speak


def without(name: bytes) -> Spoil:
    return lambda answer: replace(
        answer, fields=tuple(field for field in answer.fields if field[0] != name)
    )


def with_value(name: bytes, value: bytes) -> Spoil:
    return lambda answer: replace(
        answer,
        fields=tuple((field, value if field == name else old) for field, old in answer.fields),
    )


def with_body(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda answer: replace(answer, body=change(answer.body))


def stay_open(*arguments: object, **options: object) -> Conversation:
    """A server that forgets to close after a fault."""
    said = converse(*arguments, **options)  # pyright: ignore
    return replace(said, end=End.OPEN, taken=1 << 30) if said.end == End.CLOSED else said


def answer_what_is_cut_off(data: bytes, *arguments: object, **options: object) -> Conversation:
    """A server that takes the end of input for the end of the head."""
    said = converse(data, *arguments, **options)  # pyright: ignore
    if said.end != End.SILENT:
        return said
    return converse(FILE, *arguments, **options)  # pyright: ignore


def forget_what_was_split(data: bytes, *arguments: object, **options: object) -> Conversation:
    """A server that judges a request line when only a part of it is there."""
    if data.startswith(b"GE") and len(data) < 6:
        data = b"BREW / HTTP/1.1\r\n"
    return converse(data, *arguments, **options)  # pyright: ignore


def judge(speak: Converse, trials: list[drive.Trial]) -> list[drive.Failure]:
    """What is found when that speaks instead of the reference."""

    async def find() -> list[drive.Failure]:
        server = await listen(SITE, 0, speak)
        try:
            return await drive.run(server.sockets[0].getsockname(), trials, SITE)
        finally:
            server.close()

    return asyncio.run(find())


@pytest.mark.parametrize(
    ("speak", "trials", "found"),
    [
        (spoil_answers(without(b"Server")), [FILE], "fields"),
        (spoil_answers(lambda a: replace(a, fields=a.fields[::-1])), [FILE], "fields"),
        (spoil_answers(lambda a: replace(a, status=403)), [MISSING], "instead of b'HTTP/1.1 404"),
        (spoil_answers(with_value(b"ETag", b'"x"')), [FILE], "ETag"),
        (spoil_answers(with_value(b"Date", b"Sun, 06 Nov 1994 08:49:37 GMT")), [FILE], "the time"),
        (spoil_answers(with_value(b"Last-Modified", b"x")), [FILE], "Last-Modified"),
        (spoil_answers(with_body(lambda body: body[::-1])), [FILE], "body"),
        (spoil_answers(with_body(lambda body: body + b"x")), [FILE], "nobody asked for"),
        (spoil_answers(with_body(lambda _: b"")), [FILE], "0 whole answers"),
        (spoil_answers(with_body(lambda body: body.replace(b"<p>", b"<b>"))), [MISSING], "body"),
        (answer_what_is_cut_off, [FILE[:-2]], "nobody asked for"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_wrong_answer_is_noticed(speak: Converse, trials: list[bytes], found: str) -> None:
    ended = [drive.Trial("spoilt", [data], ended=True) for data in trials]
    failures = judge(speak, ended)
    assert len(failures) == len(trials)
    assert found in str(failures[0])


def test_a_connection_that_stays_open_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "PATIENCE_SECONDS", 1)
    (failure,) = judge(stay_open, [drive.whole("fault", BAD)])
    assert "no end within" in str(failure)


def test_a_difference_by_splitting_is_noticed() -> None:
    assert not judge(forget_what_was_split, [drive.whole("whole", FILE)])
    failures = judge(forget_what_was_split, list(drive.every_split("split", FILE)))
    assert [len(failure.trial.pieces[0]) for failure in failures] == [2, 3, 4, 5]


def test_the_reference_agrees_with_itself() -> None:
    trials = [drive.whole("file", FILE), drive.whole("none", MISSING), drive.whole("bad", BAD)]
    assert not judge(converse, trials)
