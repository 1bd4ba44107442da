"""Whether a client would rather read JSON than HTML: RFC 9110 12.5.1."""

from __future__ import annotations

import re
from typing import Final

from tests.model.head import TOKEN, Request

QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
MEDIA_RANGE: Final = re.compile(rb"(?P<type>%s)/(?P<subtype>%s)" % (TOKEN, TOKEN))
PARAMETER: Final = re.compile(
    rb"[ \t]*;[ \t]*(?:(?P<name>%s)=(?P<value>%s|%s))?" % (TOKEN, TOKEN, QUOTED)
)
QUALITY: Final = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
SEPARATORS: Final = re.compile(rb"[ \t,]*")
END: Final = re.compile(rb"[ \t]*(?:,|$)")


class Unreadable(Exception):  # noqa: N818 - it only means HTML
    """An Accept that does not follow its grammar."""


def prefers_json(request: Request) -> bool:
    """The best quality for JSON is greater than that for HTML."""
    try:
        ranges = [item for value in request.values(b"accept") for item in read_ranges(value)]
    except Unreadable:
        return False
    return quality(ranges, b"application", b"json") > quality(ranges, b"text", b"html")


def quality(ranges: list[tuple[bytes, bytes, float]], kind: bytes, subtype: bytes) -> float:
    """The quality that the most specific ranges give to one type."""
    for wanted in ((kind, subtype), (kind, b"*"), (b"*", b"*")):
        found = [quality for *range_, quality in ranges if tuple(range_) == wanted]
        if found:
            return max(found)
    return 0.0


def read_ranges(value: bytes) -> list[tuple[bytes, bytes, float]]:
    """Type, subtype and quality of each media range in one field.

    >>> read_ranges(b"text/*;q=0.3, Text/HTML ; level=1")
    [(b'text', b'*', 0.3), (b'text', b'html', 1.0)]
    """
    ranges: list[tuple[bytes, bytes, float]] = []
    at = spaces(value, 0)
    while at < len(value):
        media = MEDIA_RANGE.match(value, at)
        if not media:
            raise Unreadable
        at, weight = media.end(), 1.0
        while parameter := PARAMETER.match(value, at):
            at = parameter.end()
            if (parameter["name"] or b"").lower() == b"q":
                if not QUALITY.fullmatch(parameter["value"]):
                    raise Unreadable
                weight = float(parameter["value"])
        end = END.match(value, at)
        if not end:
            raise Unreadable
        ranges.append((media["type"].lower(), media["subtype"].lower(), weight))
        at = spaces(value, end.end())
    return ranges


def spaces(value: bytes, at: int) -> int:
    match = SEPARATORS.match(value, at)
    return match.end() if match else at
