"""Escaping: what Python reads back is what was written, or the start of it."""

from __future__ import annotations

import json
import re

from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import Routine
from svc0.machine.call import caller
from svc0.server.escape import write_json_string, write_logged

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
    assert written(write_logged, text, limit) == cut([logged(byte) for byte in text], limit)


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
