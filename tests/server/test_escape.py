"""Escaping: what Python reads back is what was written, or the start of it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import Routine
from svc0.machine.call import caller
from svc0.server.escape import write_json_string, write_logged
from svc0.server.text import STEP

texts = st.binary(max_size=20) | st.text('a"\\\n', max_size=12).map(str.encode)
limits = st.integers(0, 40)


def written(routine: Routine, text: bytes, limit: int) -> bytes:
    """What a routine writes into room for just its limit; a byte more would fault."""
    with caller(routine) as machine:
        out = machine.place(bytearray(limit))
        end = machine.call(out, text, len(text), limit)
        assert 0 <= end - out <= limit
        return machine.read(out, end - out)


def cut(pieces: list[bytes], limit: int) -> bytes:
    """As many whole pieces as fit."""
    out = b""
    for piece in pieces:
        if len(out) + len(piece) > limit:
            break
        out += piece
    return out


def logged(byte: int) -> bytes:
    plain = 0x20 <= byte < 0x7F and byte not in b'"\\'
    return bytes([byte]) if plain else b"\\x%02X" % byte


@given(text=texts, limit=limits)
@example(text=b"", limit=0)
@example(text=bytes(range(256)), limit=1024)
def test_write_logged(text: bytes, limit: int) -> None:
    assert written(write_logged, text, limit) == expected_log(text, limit)


ODD = b'"\\\x00\x1f\x7f\x80\xff'
"""Bytes on each side of what is written as it is."""


def expected_log(text: bytes, limit: int) -> bytes:
    return cut([logged(byte) for byte in text], limit)


@pytest.mark.parametrize("byte", ODD)
def test_each_length_with_a_special_byte_at_each_place(byte: int) -> None:
    """Steps of 16 and of 8 overlap, and where one meets such a byte, all is written anew."""
    for size in range(1, 71):
        apart = 1 if size <= 2 * STEP + 3 else 3  # then each place by some of the bytes
        for place in range(ODD.index(byte) % apart, size, apart):
            text = b"x" * place + bytes([byte]) + b"y" * (size - place - 1)
            room = size + len("\\xHH") - 1
            assert written(write_logged, text, room) == expected_log(text, room)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 15, 16, 17, 24, 31, 33])
def test_every_byte(size: int) -> None:
    """In the first place, in the last, and in one between."""
    for place in {0, size // 2, size - 1}:
        for byte in range(256):
            text = b" " * place + bytes([byte]) + b"~" * (size - place - 1)
            assert written(write_logged, text, 4 * size) == expected_log(text, 4 * size)


def test_plain_text_of_each_length() -> None:
    """It is all that is written, and room for more is not touched; without room it is cut."""
    plain = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')
    for size in range(71):
        text = (plain * 2)[size : 2 * size]
        for spare in (-17, -16, -8, -1, 0, 1, 7, 16, 100):
            limit = max(size + spare, 0)
            out = bytearray(b"?" * limit)
            write_logged(out, text, size, limit)
            assert out == text[:limit] + b"?" * max(spare, 0)


@pytest.mark.parametrize("size", [0, 1, 3, 7, 8, 9, 16, 17, 20, 33])
def test_each_limit(size: int) -> None:
    """What does not fit is left out, be it a byte or the escape of one."""
    for text in (b"a" * size, b'"' * size, (b'a"bcdef' * 5)[:size], (b"abcdef\xff" * 5)[:size]):
        for limit in range(4 * size + 2):
            assert written(write_logged, text, limit) == expected_log(text, limit)
            if limit >= 2:
                json.loads(written(write_json_string, text, limit))


@given(
    text=st.text("ab \t~", max_size=70).map(str.encode) | st.binary(max_size=70),
    odd=st.lists(st.tuples(st.integers(0, 69), st.sampled_from(ODD)), max_size=3),
    limit=st.integers(0, 300),
)
def test_longer_texts(text: bytes, odd: list[tuple[int, int]], limit: int) -> None:
    changed = bytearray(text)
    for place, byte in odd:
        changed[place : place + 1] = bytes([byte])
    assert written(write_logged, bytes(changed), limit) == expected_log(bytes(changed), limit)


@given(text=texts)
def test_a_logged_text_can_be_read_back(text: bytes) -> None:
    line = written(write_logged, text, 4 * len(text))
    back = re.sub(rb"\\x([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), line)
    assert back == text
    assert line.isascii()
    assert b'"' not in line


@given(text=texts, limit=limits)
@example(text=b"", limit=1)
@example(text=b"", limit=2)
@example(text=bytes(range(256)), limit=2048)
def test_write_json_string(text: bytes, limit: int) -> None:
    line = written(write_json_string, text, limit)
    if limit < 2:
        assert line == b""
        return
    assert len(line) <= limit
    assert line.isascii()
    back = json.loads(line).encode("latin-1")
    assert text.startswith(back)
    if len(back) < len(text):
        byte = text[len(back)]
        short = byte in b'"\\'
        size = 2 if short else 1 if 0x20 <= byte < 0x7F else 6
        assert len(line) + size > limit, "it is cut only where the next byte does not fit"
