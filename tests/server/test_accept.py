"""Accept, against the reference model."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from svc0.machine.call import caller
from svc0.server.accept import (
    UNREADABLE,
    accept_weigh,
    measure_quoted,
    parse_quality,
    prefers_json,
    read_parameters,
)
from svc0.server.text import INVALID
from tests.model import accept as model
from tests.model.head import TOKEN, Request

kinds = [
    "text/html",
    "application/json",
    "*/*",
    "text/*",
    "application/*",
    "TEXT/Html",
    "image/png",
]
odd_kinds = ["text", "text/", "/html", "*/json", "text/html/", "text/htmlx", "te xt/html", ""]
parameters = [";q=0.5", ";q=0.501", "; Q=1", ";q=0", " ;q=1.000 ", ";q=0.", ";level=1", ";a=q", ";"]
quoted = [';a="b,c"', ';a="\\"\\\\;"', ';a=""', '; a="\t\x80" ; q=0.2', ";qq=2", ";xq=0.1;q=0.3"]
odd = [
    ";q=2",
    ";q=1.001",
    ";q=0.1234",
    ';q="1"',
    ";q=",
    ";q",
    ";a",
    ";=1",
    ';a="',
    ';a="\\',
    ";a= b",
]
odd += [";q=.5", ";q=-1", ";a=b c", ';a="\x7f"', ';a="\\\x1f"', ";q=00", ";q=0.1.", ";q= 1"]
mostly_good = st.tuples(
    st.sampled_from(kinds), st.lists(st.sampled_from(parameters + quoted), max_size=2).map("".join)
)
any_kind = st.tuples(
    st.sampled_from(kinds + odd_kinds),
    st.lists(st.sampled_from(parameters + quoted + odd), max_size=2).map("".join),
)
separators = st.sampled_from([",", ", ", " ,\t,", " "])


def lists(elements: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[bytes]:
    """Elements with something between them, which is mostly a comma."""
    part = st.tuples(elements.map("".join), separators).map("".join)
    return st.lists(part, max_size=5).map("".join).map(lambda text: text.encode("latin-1"))


values = lists(mostly_good) | lists(mostly_good) | lists(any_kind)
fields = st.lists(values.map(lambda value: value.strip(b" \t")), max_size=3)


@given(values=fields)
@example(values=[])
@example(values=[b"application/json", b"oops"])
@example(values=[b"oops", b"application/json"])
@example(values=[b"text/html;q=0.1, application/json;q=0.2, text/html;q=0.3"])
@example(values=[b"*/*;q=1, application/json;q=0.1, text/*;q=0"])
def test_prefers_json(values: list[bytes]) -> None:
    html = json = 0
    for value in values:
        html, json = accept_weigh(value, len(value), html, json)
    accepted = tuple((b"accept", value) for value in values)
    request = Request(method=b"GET", target=b"/", minor=1, fields=accepted)
    assert prefers_json(html, json) == model.prefers_json(request)


@given(value=values)
def test_what_cannot_be_read(value: bytes) -> None:
    try:
        model.read_ranges(value)
        readable = True
    except model.Unreadable:
        readable = False
    assert (accept_weigh(value, len(value), 0, 0)[0] != UNREADABLE) == readable


@example(text=b"")
@example(text=b"a")
@example(text=b'"')
@example(text=b'"a\\')
@example(text=b'"\\\n"')
@example(text=b'"\\""')
@example(text=b'"\x7f"')
@given(
    text=st.text('a"\\ \t\n\x7f\x80', max_size=6).map(lambda text: b'"' + text.encode("latin-1"))
    | st.binary(max_size=2)
)
def test_measure_quoted(text: bytes) -> None:
    match = re.match(model.QUOTED, text)
    assert measure_quoted(text, len(text)) == (match.end() if match else INVALID)


@given(text=st.text("01.5", max_size=6).map(str.encode) | st.binary(max_size=3))
def test_parse_quality(text: bytes) -> None:
    expected = round(float(text) * 1000) if model.QUALITY.fullmatch(text) else INVALID
    assert parse_quality(text, len(text)) == expected


def expected_parameters(text: bytes) -> tuple[int, int] | None:
    """Where the parameters that a text starts with end, and thousandths; None if they are bad."""
    at, quality = 0, 1000
    while match := model.PARAMETER.match(text, at):
        at = match.end()
        if match["name"] is None and re.compile(TOKEN).match(text, at):
            return None
        if (match["name"] or b"").lower() == b"q":
            if not model.QUALITY.fullmatch(match["value"]):
                return None
            quality = round(float(match["value"]) * 1000)
    return len(text) - len(text[at:].lstrip(b" \t")), quality


@given(
    text=st.tuples(
        st.lists(st.sampled_from(parameters + quoted) | st.sampled_from(odd), max_size=4),
        st.sampled_from(["", "", " ", ", a/b;q=0", "\t,", "x", "/", '"']),
    ).map(lambda parts: ("".join(parts[0]) + parts[1]).encode("latin-1"))
    | st.text(';= \tqQa01.",', max_size=9).map(str.encode)
)
@example(text=b"")
@example(text=b";q=0.1;Q=0.9 ;qq=0,")
@example(text=b"; ;\t; level=1")
def test_read_parameters(text: bytes) -> None:
    expected = expected_parameters(text)
    with caller(read_parameters) as machine:
        at = machine.place(text, writable=False)
        address, left, quality = machine.call(at, len(text))
    if expected is None:
        assert address == INVALID
    else:
        assert (address - at, left, quality) == (expected[0], len(text) - expected[0], expected[1])
