"""Entity-tags and If-Range, against the reference model."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from svc0.server.conditions import (
    ETAG_MAX,
    etag_listed,
    etags_match,
    measure_etag,
    range_holds,
    write_etag,
)
from svc0.server.text import INVALID
from tests.model import conditions as model
from tests.model.head import Request
from tests.model.site import File

OPAQUE = [b'""', b'"a"', b'"A"', b'"a,b"', b'"ab"', b'"W/"', b'"*"', b'"\x80\xff!"']
opaque = st.sampled_from(OPAQUE)
tags = st.builds(model.EntityTag, opaque, st.booleans())
spaces = st.sampled_from([b"", b" ", b"\t ", b",", b" , ,"])
broken = st.sampled_from([b"*", b'"', b'w/"a"', b'W/ "a"', b"W/", b"W", b"a", b'"a b"', b'"\x7f"'])
elements = tags.map(bytes) | broken
lists = st.lists(st.tuples(spaces, elements, spaces).map(b"".join), max_size=4).map(b",".join)
lists |= st.text('W/"a,* \t', max_size=12).map(str.encode)
times = st.integers(0, 2**33)


@given(
    seconds=times,
    nanoseconds=st.integers(0, 10**9 - 1),
    size=st.integers(0, 2**63 - 1) | st.integers(0, 300),
    later=st.integers(-5, 5) | st.integers(-(2**32), 2**32),
)
def test_write_etag(seconds: int, nanoseconds: int, size: int, later: int) -> None:
    now = seconds + later
    weak = b"W/" if seconds + 1 >= now else b""
    expected = weak + b'"%x-%x"' % (seconds * 10**9 + nanoseconds, size)
    out = bytearray(len(expected))
    end = write_etag(out, seconds, nanoseconds, size, now)
    assert out == expected
    assert end % 0x1000 == 0, "it ends where the room does"


def test_the_longest_etag() -> None:
    out = bytearray(ETAG_MAX)
    write_etag(out, -1, 10**9 - 1, 2**64 - 1, -5)
    assert out == b'W/"%x-%x"' % (2**64 - 1, 2**64 - 1)


@given(seconds=times, nanoseconds=st.integers(0, 10**9 - 1), later=st.integers(-3, 3))
def test_write_etag_is_the_model_s(seconds: int, nanoseconds: int, later: int) -> None:
    now = max(seconds + later, 0)
    file = File(b"content", seconds * 10**9 + nanoseconds)
    expected = bytes(model.validators(file, now).tag)
    out = bytearray(len(expected))
    write_etag(out, seconds, nanoseconds, len(file.content), now)
    assert out == expected


@given(text=(tags.map(bytes) | broken | st.binary(max_size=6)), tail=st.binary(max_size=3))
def test_measure_etag(text: bytes, tail: bytes) -> None:
    text += tail
    match = model.ENTITY_TAG.match(text)
    assert measure_etag(text, len(text)) == (match.end() if match else INVALID)


@given(theirs=tags, ours=tags, weakly=st.integers(0, 2**32 - 1))
def test_etags_match(theirs: model.EntityTag, ours: model.EntityTag, weakly: int) -> None:
    expected = theirs.matches(ours, strongly=not weakly)
    texts = bytes(theirs), bytes(ours)
    assert etags_match(texts[0], len(texts[0]), texts[1], len(texts[1]), weakly) == expected


@given(values=st.lists(lists, max_size=3), ours=tags, weakly=st.booleans())
@example(values=[b"*"], ours=model.EntityTag(b'""'), weakly=False)
@example(values=[b'"a" "b"', b'"b"'], ours=model.EntityTag(b'"b"'), weakly=False)
@example(values=[b'"a",', b', "b"'], ours=model.EntityTag(b'"b"'), weakly=False)
@example(values=[b'"a" x'], ours=model.EntityTag(b'"a"'), weakly=True)
def test_etag_listed(values: list[bytes], ours: model.EntityTag, weakly: bool) -> None:
    values = [value.strip(b" \t") for value in values]
    results: list[int] = []
    for value in values:
        found = etag_listed(value, len(value), bytes(ours), len(bytes(ours)), weakly)
        results.append(found)
        if found:
            break
    assert all(result in (0, 1, INVALID) for result in results)
    assert (1 in results) == model.any_tag_matches(values, ours, strongly=not weakly)


dates = st.integers(0, 2**31).map(model.format_date)


@given(data=st.data(), ours=tags, modified=st.integers(0, 2**31), now=st.integers(0, 2**31))
def test_range_holds(data: st.DataObject, ours: model.EntityTag, modified: int, now: int) -> None:
    same = model.format_date(modified)
    value = data.draw(
        elements | st.just(bytes(ours)) | st.just(same) | dates | st.binary(max_size=9)
    )
    request = Request(method=b"GET", target=b"/", minor=1, fields=((b"if-range", value),))
    validators = model.Validators(ours, modified, same)
    expected = model.range_holds(request, validators, now)
    tag = bytes(ours)
    assert range_holds(value, len(value), tag, len(tag), modified, now) == expected
