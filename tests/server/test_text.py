"""Text, against Python's own idea of it: bytes lie flush against pages that are not there."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import Routine
from svc0.machine.call import caller
from svc0.server import text as under_test
from svc0.server.text import DIGITS_MAX, HEX_DIGITS_MAX, TOO_LARGE

numbers = st.integers(0, 2**64 - 1) | st.integers(0, 64).map(lambda bits: (1 << bits) - 1)
lists = st.text("aAbB, \t", max_size=40).map(str.encode)


def written(routine: Routine, number: int, room: int) -> bytes:
    """What a routine writes into just enough room; it must say where it ended."""
    out = bytearray(room)
    end = routine(out, number)
    assert end % 0x1000 == 0, "the room ends where a page does"
    return bytes(out)


@given(digits=st.text("0123456789", max_size=DIGITS_MAX + 2), tail=st.binary(max_size=3))
def test_parse_decimal(digits: str, tail: bytes) -> None:
    text = digits.encode() + tail
    match = re.match(rb"[0-9]*", text)
    assert match
    fits = len(match[0]) <= DIGITS_MAX
    expected = (int(match[0] or b"0"), len(match[0])) if fits else (TOO_LARGE, DIGITS_MAX)
    assert under_test.parse_decimal(text, len(text)) == expected


@given(digits=st.text("0123456789abcdefABCDEF", max_size=20), tail=st.binary(max_size=3))
def test_parse_hex(digits: str, tail: bytes) -> None:
    text = digits.encode() + tail
    match = re.match(rb"0*([0-9a-fA-F]*)", text)
    assert match
    fits = len(match[1]) <= HEX_DIGITS_MAX
    expected = int(match[1] or b"0", 16) if fits else TOO_LARGE
    assert under_test.parse_hex(text, len(text)) == (expected, len(match[0]))


@given(zeros=st.integers(0, 300), digits=st.sampled_from(["", "f" * 8, "1" + "0" * 8, "F" * 60]))
def test_parse_hex_with_many_zeros(zeros: int, digits: str) -> None:
    text = b"0" * zeros + digits.encode()
    expected = int(digits or "0", 16) if len(digits) <= HEX_DIGITS_MAX else TOO_LARGE
    assert under_test.parse_hex(text, len(text)) == (expected, len(text))


powers_of_ten = st.integers(0, 19).map(lambda n: 10**n)


@given(number=numbers | powers_of_ten | powers_of_ten.map(lambda n: n - 1) | st.integers(0, 200))
def test_write_decimal(number: int) -> None:
    expected = b"%d" % number
    assert written(under_test.write_decimal, number, len(expected)) == expected


def test_write_decimal_of_every_length() -> None:
    """The least and the most of each, and what differs from them in the last two digits."""
    for power in range(20):
        for number in range(10**power - 101, 10**power + 102):
            if 0 <= number < 2**64 and (number < 210 or number % 10 in (0, 1, 9)):
                expected = b"%d" % number
                assert written(under_test.write_decimal, number, len(expected)) == expected
    assert written(under_test.write_decimal, 2**64 - 1, 20) == b"%d" % (2**64 - 1)


@given(number=numbers)
def test_write_hex(number: int) -> None:
    expected = b"%x" % number
    assert written(under_test.write_hex, number, len(expected)) == expected


@given(text=st.binary(max_size=70))
def test_copy(text: bytes) -> None:
    out = bytearray(len(text))
    assert under_test.copy(out, text, len(text)) % 0x1000 == 0
    assert out == text


@given(text=st.binary(min_size=1, max_size=70), data=st.data())
def test_copy_moves_bytes_down(text: bytes, data: st.DataObject) -> None:
    distance = data.draw(st.integers(1, len(text)))
    memory = bytearray(text)
    with caller(under_test.copy) as machine:
        out = machine.place(memory)
        machine.call(out, out + distance, len(text) - distance)
        assert machine.read(out, len(text)) == text[distance:] + text[len(text) - distance :]


@given(text=st.text(" \ta", max_size=12).map(str.encode))
def test_trim(text: bytes) -> None:
    with caller(under_test.trim) as machine:
        start = machine.place(text)
        address, length = machine.call(start, len(text))
        assert machine.read(address, length) == text.strip(b" \t")
        assert start <= address <= address + length <= start + len(text)


@given(text=st.binary(max_size=20), other=st.binary(max_size=20), data=st.data())
def test_equal_folded(text: bytes, other: bytes, data: st.DataObject) -> None:
    for lower in (text.lower(), other.lower()):
        expected = int(text.lower() == lower)
        assert under_test.equal_folded(text, len(text), lower, len(lower)) == expected
    if text:
        at = data.draw(st.integers(0, len(text) - 1))
        near = bytearray(text.lower())
        near[at] ^= 1 << data.draw(st.integers(0, 7))
        expected = int(text.lower() == bytes(near))
        assert under_test.equal_folded(text, len(text), bytes(near), len(near)) == expected


@given(byte=st.integers(0, 255), lower=st.integers(0, 255))
def test_equal_folded_changes_letters_only(byte: int, lower: int) -> None:
    """`[` and `{` differ by the same bit as `A` and `a`, and are two bytes."""
    if lower == bytes([lower]).lower()[0]:
        expected = int(bytes([byte]).lower() == bytes([lower]))
        assert under_test.equal_folded(bytes([byte]), 1, bytes([lower]), 1) == expected


def elements(text: bytes) -> list[bytes]:
    return [part for part in (part.strip(b" \t") for part in text.split(b",")) if part]


@given(text=lists)
def test_next_element(text: bytes) -> None:
    found: list[bytes] = []
    with caller(under_test.next_element) as machine:
        address, rest, left = 0, machine.place(text), len(text)
        for _ in range(len(text) + 1):
            address, length, rest, left = machine.call(rest, left)
            if not length:
                break
            found.append(machine.read(address, length))
    assert found == elements(text)


@given(text=lists, wanted=st.text("ab", min_size=1, max_size=2).map(str.encode))
def test_list_has(text: bytes, wanted: bytes) -> None:
    expected = int(wanted in [element.lower() for element in elements(text)])
    assert under_test.list_has(text, len(text), wanted, len(wanted)) == expected


def span(kind: frozenset[int], text: bytes) -> int:
    """How many bytes of some kind a text starts with."""
    return next((n for n, byte in enumerate(text) if byte not in kind), len(text))


TOKEN = frozenset(b"!#$%&'*+-.^_`|~" + (string.digits + string.ascii_letters).encode())
KINDS = {
    under_test.token_length: TOKEN,
    under_test.visible_length: frozenset(range(0x21, 0x7F)),
    under_test.path_length: frozenset({*range(0x20, 0x7F), *range(0x80, 0x100)}),
    under_test.value_length: frozenset({9, *range(0x20, 0x7F), *range(0x80, 0x100)}),
}


@pytest.mark.parametrize("routine", KINDS, ids=str)
def test_spans_know_every_byte(routine: Routine) -> None:
    kind = KINDS[routine]
    for byte in range(256):
        for text in (bytes([byte]), b"a" * 17 + bytes([byte]) + b"a"):
            assert routine(text, len(text)) == span(kind, text)


@pytest.mark.parametrize("routine", KINDS, ids=str)
def test_spans_of_every_length(routine: Routine) -> None:
    """Every length, with every place for the byte that stops, and a second one behind it."""
    for length in range(36):
        assert routine(b"a" * length, length) == length
        for at in range(length):
            text = bytearray(b"a" * length)
            text[at] = text[-1] = 0x7F
            assert routine(bytes(text), length) == at


@pytest.mark.parametrize("routine", KINDS, ids=str)
@given(data=st.data(), tail=st.binary(max_size=40))
def test_spans(routine: Routine, data: st.DataObject, tail: bytes) -> None:
    kind = KINDS[routine]
    text = bytes(data.draw(st.lists(st.sampled_from(sorted(kind)), max_size=70))) + tail
    assert routine(text, len(text)) == span(kind, text)


@pytest.mark.parametrize("routine", KINDS, ids=str)
def test_spans_do_not_look_behind_the_length(routine: Routine) -> None:
    """Bytes behind the length that would stop it, or would not, make no difference."""
    with caller(routine) as machine:
        for behind in b"a\x7f":
            for length in range(36):
                address = machine.place(b"a" * length + bytes([behind]) * 20)
                assert machine.call(address, length) == length


@given(text=st.binary(max_size=70), byte=st.integers(0, 255), more=st.integers(0, 70))
def test_find_byte(text: bytes, byte: int, more: int) -> None:
    text = text[:more] + bytes([byte]) * (more % 3) + text[more:]
    assert under_test.find_byte(text, len(text), byte) == text.find(bytes([byte]))


def test_find_byte_at_every_place() -> None:
    for length in range(36):
        assert under_test.find_byte(b"a" * length, length, ord("?")) == -1
        for at in range(length):
            text = b"a" * at + b"?" * (length - at)
            assert under_test.find_byte(text, length, ord("?")) == at
