"""From the request target to a path below the root: RFC 9112 3.2, RFC 3986 5.2.4."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tests.model.framing import split_authority
from tests.model.head import Fault, Request

PATH_MOST: Final = 4096
SEGMENT_MOST: Final = 255
LOCATION_SAFE: Final = "-._~!$&'()*+,;=:@"

IGNORED_BY_HFS: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""In names of files these are as if they were not there (Apple TN1150, "Unicode Subtleties")."""

ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})?")
ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE)
ORIGIN: Final = re.compile(rb"(/[^?#]*)(\?[^#]*)?")


class Refused(Exception):  # noqa: N818 - it is an answer
    """A path that leads to no file: the answer has this status, and the connection stays."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Target:
    """A target in one of its four forms; without a path it is `*` or an authority."""

    path: bytes | None = None
    query: bytes = b""
    """With its `?`, as it came."""


@dataclass(frozen=True)
class Path:
    """A path, decoded and normalized."""

    segments: tuple[bytes, ...]
    is_directory: bool
    """It ends with a slash."""

    def location(self, query: bytes) -> bytes:
        """What to ask for instead, when there is a directory.

        >>> Path((b"a b", b"~c"), False).location(b"?q")
        b'/a%20b/~c/?q'
        """
        quoted = (quote(segment, safe=LOCATION_SAFE) for segment in self.segments)
        return b"/" + "/".join(quoted).encode() + b"/" + query


def read_target(request: Request) -> Target:
    """Which form the target has; a form that the method does not allow is a fault."""
    target = request.target
    if request.method == b"CONNECT":
        authority = split_authority(target)
        if authority is None or not all(authority):
            raise Fault(400, request=request)
        return Target()
    if target == b"*" and request.method == b"OPTIONS":
        return Target()
    if match := ORIGIN.fullmatch(target):
        return Target(match[1], match[2] or b"")
    if match := ABSOLUTE.fullmatch(target):
        authority = split_authority(match[1])
        if authority is not None and authority[0]:
            return Target(match[2] or b"/", match[3] or b"")
    raise Fault(400, request=request)


def decode(path: bytes) -> bytes:
    """Percent-decoding; the leftmost thing that cannot be decides.

    >>> decode(b"/%41%2e")
    b'/A.'
    """

    def byte(match: re.Match[bytes]) -> bytes:
        if not match[1] or match[1] == b"00":
            raise Refused(400)
        if match[1].lower() == b"2f":
            raise Refused(404)
        return bytes.fromhex(match[1].decode())

    decoded = ESCAPE.sub(byte, path)
    if len(decoded) > PATH_MOST:
        raise Refused(414)
    return decoded


def normalize(decoded: bytes) -> Path:
    """Resolve `.` and `..`, which cannot leave the root, and drop empty segments.

    >>> normalize(b"/a/./b/../../../c/..")
    Path(segments=(), is_directory=True)
    """
    parts = decoded.split(b"/")[1:]
    kept: list[bytes] = []
    for part in parts:
        if part == b"..":
            del kept[-1:]
        elif part not in (b"", b"."):
            kept.append(part)
    return Path(tuple(kept), parts[-1] in (b"", b".", b".."))


def judge_segments(path: Path, *, hfs: bool = False) -> None:
    """Refuse what no file of a site is called.

    ``hfs``: the volume may be one for which a name is hidden though its dot is not the first.
    """
    for index, segment in enumerate(path.segments):
        hidden = segment.startswith(b".") and not (index == 0 and segment == b".well-known")
        ignored = hfs and IGNORED_BY_HFS.match(segment.decode(errors="replace")) is not None
        controls = any(byte < 0x20 or byte == 0x7F for byte in segment)
        if hidden or ignored or controls or len(segment) > SEGMENT_MOST:
            raise Refused(404)
