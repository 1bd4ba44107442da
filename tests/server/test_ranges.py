"""Ranges, against the reference model."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from svc0.machine.call import caller
from svc0.server.ranges import IGNORED, UNSATISFIABLE, parse_range, read_range, skip_unit
from tests.model import conditions as model
from tests.model.head import Request

VALIDATORS = model.Validators(model.EntityTag(b'"a"'), 0, model.format_date(0))

units = st.sampled_from(
    [b"bytes=", b"BYTES=", b"byTes=", b"bytes =", b"bytes", b"lines=", b"byte\x13=", b""]
)
units |= st.just(b"bytes=")
spaces = st.sampled_from([b"", b"", b" ", b"\t "])
small = st.integers(0, 12).map(lambda n: b"%d" % n)
numbers = small | st.text("0123456789", max_size=20).map(str.encode)
ranges = st.tuples(numbers, st.sampled_from([b"-", b"-", b"-", b"", b"--", b" -", b"- "]), numbers)
tails = st.sampled_from([b"", b"", b"", b",", b",1-2", b"x", b"\0"])
values = st.tuples(units, spaces, ranges.map(b"".join), tails).map(b"".join)
values |= st.text("bytes=0123456789-, \t", max_size=14).map(str.encode)
sizes = st.integers(0, 12) | st.integers(0, 2**63 - 1)


def expected(value: bytes, size: int) -> tuple[int, int]:
    request = Request(method=b"GET", target=b"/", minor=1, fields=((b"range", value),))
    try:
        return model.select_range(request, VALIDATORS, size, 0) or (IGNORED, 0)
    except model.Unsatisfiable:
        return UNSATISFIABLE, 0


@given(value=values, size=sizes)
@example(value=b"bytes=-0", size=5)
@example(value=b"bytes=-1", size=0)
@example(value=b"bytes=0-", size=0)
@example(value=b"bytes=1-0", size=0)
@example(value=b"bytes=9-8", size=5)
@example(value=b"bytes=-", size=5)
@example(value=b"byte\x13=0-1", size=5)
@example(value=b"bytes=", size=5)
@example(value=b"bytes=0-" + b"9" * 18, size=5)
@example(value=b"bytes=0-" + b"9" * 19, size=5)
@example(value=b"bytes=" + b"0" * 19 + b"-", size=5)
@example(value=b"bytes=-" + b"9" * 18, size=2**63 - 1)
def test_parse_range(value: bytes, size: int) -> None:
    assert parse_range(value, len(value), size) == expected(value, size)


@given(first=st.integers(0, 20), last=st.integers(0, 20), size=st.integers(0, 20))
def test_a_part_is_what_python_slices(first: int, last: int, size: int) -> None:
    content = bytes(range(size))
    value = b"bytes=%d-%d" % (first, last)
    begin, end = parse_range(value, len(value), size)
    if begin >= 0:
        assert content[begin : end + 1] == content[first : last + 1] != b""
    else:
        assert content[first : last + 1] == b""


@given(
    text=st.tuples(units, spaces, st.binary(max_size=3)).map(b"".join)
    | st.tuples(*(st.sampled_from([c, c, c, c ^ 0x20]) for c in b"bytes=")).map(bytes)
)
@example(text=b"")
@example(text=b"bytes")
@example(text=b"bytes= \t")
@example(text=b"BYTES=\n")
@example(text=b"bytes\x1d0-")  # "=" - 0x20: not its other case
def test_skip_unit(text: bytes) -> None:
    match = re.match(rb"bytes=[ \t]*", text, re.IGNORECASE)
    with caller(skip_unit) as machine:
        at = machine.place(text, writable=False)
        found = machine.call(at, len(text))
    assert found == ((at + match.end(), len(text) - match.end()) if match else (IGNORED, 0))


@given(
    text=st.tuples(ranges.map(b"".join), tails).map(b"".join)
    | st.text("0123456789- ,", max_size=6).map(str.encode)
)
@example(text=b"")
@example(text=b"-")
@example(text=b"7")
@example(text=b"9" * 18 + b"-" + b"9" * 18)
@example(text=b"0" * 19 + b"-1")
@example(text=b"1-" + b"0" * 19)
def test_read_range(text: bytes) -> None:
    match = re.fullmatch(rb"([0-9]{0,18})-([0-9]{0,18})", text)
    found = read_range(text, len(text))
    if match:
        first, last = match.groups()
        assert found == (int(first or 0), int(last or 0), len(first), len(last))
    else:
        assert found[0] == IGNORED
