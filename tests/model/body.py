"""How far the body of a request reaches. Its bytes do not matter: they are read and dropped."""

from __future__ import annotations

import re
from typing import Final

from tests.model.framing import Framing
from tests.model.head import Fault, Incomplete, Request, read_field, take_line

BODY_MOST: Final = 1 << 20
CHUNK_LINE_MOST: Final = 256
TRAILERS_MOST: Final = 4096
CHUNK_DIGITS_MOST: Final = 8

CHUNK_LINE: Final = re.compile(
    rb"0*([0-9A-Fa-f]*)(?<=[0-9A-Fa-f])(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n"
)
FORBIDDEN: Final = frozenset({b"content-length", b"transfer-encoding", b"host"})


def skip_body(data: bytes, start: int, request: Request, framing: Framing) -> int:
    """Where the next request starts, when the body of this one starts at start."""
    if framing.chunked:
        try:
            return skip_chunks(data, start)
        except Fault as fault:
            raise Fault(fault.status, request=request) from None
    if len(data) < start + framing.length:
        raise Incomplete
    return start + framing.length


def skip_chunks(data: bytes, at: int) -> int:
    """The end of a chunked body (RFC 9112 7.1).

    >>> skip_chunks(b"2;x\\r\\nok\\r\\n0\\r\\n\\r\\nGET", 0)
    14
    """
    total = 0
    while True:
        line = take_line(data, at, at + CHUNK_LINE_MOST, status=400)
        size = read_chunk_size(line)
        at += len(line)
        if size == 0:
            return skip_trailers(data, at)
        total += size
        if total > BODY_MOST:
            raise Fault(413)
        at += size
        for byte in b"\r\n":
            if at >= len(data):
                raise Incomplete
            if data[at] != byte:
                raise Fault(400)
            at += 1


def read_chunk_size(line: bytes) -> int:
    match = CHUNK_LINE.fullmatch(line)
    if not match:
        raise Fault(400)
    if len(match[1]) > CHUNK_DIGITS_MOST:
        raise Fault(413)
    return int(match[1] or b"0", 16)


def skip_trailers(data: bytes, start: int) -> int:
    at = start
    while (line := take_line(data, at, start + TRAILERS_MOST, status=431)) != b"\r\n":
        name, _ = read_field(line)
        if name in FORBIDDEN:
            raise Fault(400)
        at += len(line)
    return at + len(b"\r\n")
