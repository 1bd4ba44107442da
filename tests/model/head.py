"""The head of a request: its line and its fields, judged line by line.

What is not there yet is `Incomplete`, what is wrong is a `Fault`. Both are exceptions, so that the
functions here read like the grammar of RFC 9112.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

REQUEST_LINE_MOST: Final = 8192
HEAD_MOST: Final = 16384
FIELDS_MOST: Final = 100
EMPTY_LINES_MOST: Final = 4

SERVED: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
REFUSED: Final = frozenset({b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT"})

TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
OWS: Final = b" \t"
REQUEST_LINE: Final = re.compile(rb"(%s) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])" % TOKEN)
FIELD_LINE: Final = re.compile(rb"(%s):([\t\x20-\x7e\x80-\xff]*)" % TOKEN)


@dataclass(frozen=True)
class Request:
    """A head that was read whole."""

    method: bytes
    target: bytes
    minor: int
    """0 for HTTP/1.0; 1 for HTTP/1.1 and whatever came after it."""
    fields: tuple[tuple[bytes, bytes], ...] = ()
    """Names in lower case, values without the whitespace around them, in order."""
    size: int = 0
    """How many bytes of input it took, empty lines before it included."""

    def values(self, name: bytes) -> list[bytes]:
        """The values of every field of that name."""
        return [value for other, value in self.fields if other == name]

    def elements(self, name: bytes) -> list[bytes]:
        """The members of a list that may be spread over several fields (RFC 9110 5.6.1)."""
        parts = [part.strip(OWS) for value in self.values(name) for part in value.split(b",")]
        return [part for part in parts if part]


class Incomplete(Exception):  # noqa: N818 - it is no error
    """The bytes end before they decide anything."""


class Fault(Exception):  # noqa: N818 - it is an answer
    """What ends a connection: the answer has this status, and `Connection: close`.

    `request` is there when the head was whole, so that its Accept can choose the body's form.
    """

    def __init__(self, status: int, *, request: Request | None = None, head: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.request = request
        self.bodiless = head or (request is not None and request.method == b"HEAD")


def read_head(data: bytes) -> Request:
    """The request that data starts with.

    >>> read_head(b"GET / HTTP/1.1" + bytes([13, 10]) + b"Host:  x " + bytes([13, 10] * 2)).fields
    ((b'host', b'x'),)
    """
    start = skip_empty_lines(data)
    line = take_line(data, start, start + REQUEST_LINE_MOST, status=414)
    method, target, minor = read_request_line(line)

    at = start + len(line)
    fields: list[tuple[bytes, bytes]] = []
    try:
        while (line := take_line(data, at, start + HEAD_MOST, status=431)) != b"\r\n":
            if len(fields) == FIELDS_MOST:
                raise Fault(431)
            fields.append(read_field(line))
            at += len(line)
    except Fault as fault:
        raise Fault(fault.status, head=method == b"HEAD") from None
    return Request(method, target, minor, tuple(fields), at + len(b"\r\n"))


def skip_empty_lines(data: bytes) -> int:
    """Where the request line starts."""
    count = 0
    while data.startswith(b"\r\n", 2 * count):
        count += 1
        if count > EMPTY_LINES_MOST:
            raise Fault(400)
    return 2 * count


def take_line(data: bytes, start: int, limit: int, *, status: int) -> bytes:
    """The line at start with its LF, which must lie before limit."""
    end = data.find(b"\n", start, limit)
    if end >= 0:
        return data[start : end + 1]
    if len(data) >= limit:
        raise Fault(status)
    raise Incomplete


def read_request_line(line: bytes) -> tuple[bytes, bytes, int]:
    """Method, target and minor version (RFC 9112 3)."""
    match = REQUEST_LINE.fullmatch(strip_line_end(line))
    if not match:
        raise Fault(400)
    method, target, major, minor = match.groups()
    if major != b"1":
        raise Fault(505, head=method == b"HEAD")
    if method not in SERVED | REFUSED:
        raise Fault(501)
    return method, target, min(int(minor), 1)


def read_field(line: bytes) -> tuple[bytes, bytes]:
    """Name and value of one field (RFC 9112 5)."""
    match = FIELD_LINE.fullmatch(strip_line_end(line))
    if not match:
        raise Fault(400)
    name, value = match.groups()
    return name.lower(), value.strip(OWS)


def strip_line_end(line: bytes) -> bytes:
    """The line without the CRLF that it must end with. (A CR elsewhere fits no grammar.)"""
    if not line.endswith(b"\r\n"):
        raise Fault(400)
    return line[:-2]
