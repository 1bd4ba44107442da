"""What a whole head asks for before its target is looked at: docs/behaviour.md, Reading, step 4."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

from tests.model.head import Fault, Request

DIGITS_MOST: Final = 18
PORT_MOST: Final = 65535

HOST: Final = re.compile(
    rb"(?P<host>\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)"
    rb"(?::(?P<port>[0-9]*))?"
)


@dataclass(frozen=True)
class Framing:
    """How the body is delimited, and whether the client waits for 100 (Continue)."""

    length: int = 0
    chunked: bool = False
    expects: bool = False

    @property
    def has_body(self) -> bool:
        return self.chunked or self.length > 0


def frame(request: Request) -> Framing:
    """Judge Host, Content-Length, Transfer-Encoding and Expect, in this order."""
    judge_host(request)
    length = read_content_length(request)
    chunked = read_transfer_encoding(request)
    expects = read_expect(request)
    return Framing(length or 0, chunked, expects)


def split_authority(authority: bytes) -> tuple[bytes, bytes | None] | None:
    """uri-host and port (None without a colon), or None when it is neither (RFC 3986 3.2).

    >>> split_authority(b"[::1]:8080"), split_authority(b"a"), split_authority(b"a:99999")
    ((b'[::1]', b'8080'), (b'a', None), None)
    """
    match = HOST.fullmatch(authority)
    if not match or int((match["port"] or b"").lstrip(b"0")[:6] or 0) > PORT_MOST:
        return None
    if match["literal"] and not is_ipv6(match["literal"].decode()):
        return None
    return match["host"], match["port"]


def is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def judge_host(request: Request) -> None:
    hosts = request.values(b"host")
    if len(hosts) > 1 or (not hosts and request.minor >= 1):
        raise Fault(400, request=request)
    if hosts and split_authority(hosts[0]) is None:
        raise Fault(400, request=request)


def read_content_length(request: Request) -> int | None:
    lengths = request.values(b"content-length")
    if not lengths:
        return None
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]+", lengths[0]):
        raise Fault(400, request=request)
    if len(lengths[0]) > DIGITS_MOST:
        raise Fault(413, request=request)
    return int(lengths[0])


def read_transfer_encoding(request: Request) -> bool:
    values = request.values(b"transfer-encoding")
    if not values:
        return False
    if request.values(b"content-length") or request.minor < 1 or len(values) > 1:
        raise Fault(400, request=request)
    codings = [coding.lower() for coding in request.elements(b"transfer-encoding")]
    names = [coding.split(b";")[0].strip(b" \t") for coding in codings]
    if not names or names[-1] != b"chunked" or names.count(b"chunked") > 1:
        raise Fault(400, request=request)
    if codings != [b"chunked"]:
        raise Fault(501, request=request)
    return True


def read_expect(request: Request) -> bool:
    expectations = request.values(b"expect")
    if not expectations or request.minor < 1:
        return False
    if any(value.lower() != b"100-continue" for value in expectations):
        raise Fault(417, request=request)
    return True
