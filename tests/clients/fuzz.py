"""Requests made up from a seed: good ones, and what becomes of them when something goes wrong.

A request is written from a grammar that knows what is interesting (paths of the site, fields that
the server reads, values at their limits). Some are then spoilt, once or more: a byte changed, a
piece doubled, dropped, turned around, or replaced by a piece of another request. Plain random bytes
would all be refused at their first line; these reach everything.

The same seed makes the same requests on every version of Python: only `random()` and `randbytes()`
are called, whose sequences are promised.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from tests.clients.sites import FAR, NOON, SECOND
from tests.model.conditions import format_date

Item = TypeVar("Item")

CRLF: Final = b"\r\n"
TAG: Final = b'"%x-%x"' % (NOON, 10)
MODIFIED: Final = format_date(NOON // SECOND)

GOOD_SEGMENTS: Final = [
    *(b"ten.txt", b"one.txt", b"empty.txt", b"index.html", b"bare", b"file.txt", b"deep", b"types"),
    *(
        b"a.css",
        b"a.js",
        b"a.JPEG",
        b"a.tar.txt",
        b"with%20index",
        b"a%20b.txt",
        b"caf%C3%A9",
        b"odd",
    ),
    *(
        b"linked",
        b"link.txt",
        b"link-dir",
        b"fifo",
        b".hidden",
        b".git",
        b".well-known",
        b"nowhere",
    ),
    *(
        b"security.txt",
        b".",
        b"..",
        b"",
        b"...",
        b"%2e",
        b"%2e%2e",
        b"~tilde+plus,comma;semi=eq@at",
    ),
    *(b"a..b", b"n" * 255),
]
SEGMENTS: Final = [
    *GOOD_SEGMENTS * 5,
    *(b"%2f", b"%00", b"%", b"%4", b"%zz", b"%7f", b"%ff", b"#", b"*", b":80", b"\\", b"n" * 256),
]
FILES: Final = [
    *(b"ten.txt",) * 6,
    b"one.txt",
    b"empty.txt",
    b"",
    b"bare",
    b"bare/",
    b"types/a.css",
]
METHODS: Final = [
    *(b"GET",) * 90,
    *(b"HEAD",) * 20,
    *(b"OPTIONS",) * 6,
    *(b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"BREW", b"get", b"GE", b"GET,"),
]
VERSIONS: Final = [
    *(b"HTTP/1.1",) * 90,
    *(b"HTTP/1.0",) * 15,
    *(
        b"HTTP/1.2",
        b"HTTP/2.0",
        b"HTTP/0.9",
        b"http/1.1",
        b"HTTP/1",
        b"HTTP/11.1",
        b"",
        b"HTTP/1.1 ",
    ),
]
HOSTS: Final = [
    *(b"localhost",) * 90,
    *(
        b"",
        b"a:80",
        b"[::1]:8080",
        b"a b",
        b"a:99999",
        b"u@a",
        b"a%20b",
        b"[::1",
        b"a/b",
        b":1",
        b"a:",
    ),
]
NUMBERS: Final = [
    *(
        b"0",
        b"1",
        b"2",
        b"5",
        b"9",
        b"10",
        b"11",
        b"00",
        b"-1",
        b"",
        b"+1",
        b"1e1",
        b"65536",
        b"1048576",
    ),
    *(
        b"1048577",
        b"4294967296",
        b"999999999999999999",
        b"1000000000000000000",
        b"18446744073709551616",
    ),
]
DATES: Final = [
    *(
        MODIFIED,
        format_date(NOON // SECOND - 1),
        format_date(NOON // SECOND + 1),
        b"yesterday",
        b"",
    ),
    *(
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
        b"Thu, 31 Feb 2094 08:49:37 GMT",
    ),
    *(format_date(FAR // SECOND), b"Tue, 14 Nov 2023 22:13:20 UTC"),
]
TAGS: Final = [
    TAG,
    TAG,
    b"W/" + TAG,
    b'"x"',
    b'W/"x"',
    b"*",
    b"x",
    b'"',
    b"",
    b'""',
    b",",
    b"w/" + TAG,
]
CODINGS: Final = [
    *(b"chunked",) * 6,
    b"Chunked",
    b"gzip",
    b"identity",
    b"",
    b"chunked;q=1",
    b"xchunked",
]
UNITS: Final = [b"bytes=", b"bytes=", b"bytes=", b"BYTES=", b"bytes= ", b"x=", b""]
TYPES: Final = [
    b"application/json",
    b"text/html",
    b"*/*",
    b"text/*",
    b"application/*",
    b"*",
    b"x",
    b"a/b",
]
QUALITIES: Final = [
    b"",
    b";q=0",
    b";q=0.5",
    b";q=1.000",
    b";q=2",
    b" ; Q=0.25",
    b";v=1",
    b';v="a,b"',
    b";",
]
SPACES: Final = [*(b" ",) * 20, b"", b"\t", b"  ", b" \t "]
BYTES: Final = [bytes([byte]) for byte in b'\0\t\n\v\r !"#%*,-./0:;?@A[\\]_az{|}~\x7f\x80\xff']


class Maker:
    """What writes requests: the grammar, one method for each of its parts."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, limit: int) -> int:
        return int(self._random.random() * limit)

    def once_in(self, times: int) -> bool:
        return self.below(times) == 0

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]

    def few(self, make: Callable[[], bytes], most: int) -> list[bytes]:
        return [make() for _ in range(self.below(most) + 1)]

    def request(self) -> bytes:
        """One request, good or nearly so."""
        method, version = self.pick(METHODS), self.pick(VERSIONS)
        line = b" ".join([method, self.target(method), version])
        fields = [b"Host:" + self.pick(SPACES) + self.pick(HOSTS)]
        if self.once_in(50) or (version == b"HTTP/1.0" and self.once_in(2)):
            fields = []
        body = b""
        if self.once_in(7):
            more, body = self.framing()
            fields += more
        if self.once_in(2):
            fields += self.few(self.field, 4)
        if self.once_in(200):
            fields += [b"X: y"] * (95 + self.below(10))
        if self.once_in(200):
            fields += [b"X: " + b"y" * (16_200 + self.below(200))]
        before = CRLF * self.below(6) if self.once_in(20) else b""
        return before + CRLF.join([line, *fields, b"", b""]) + body

    def target(self, method: bytes = b"GET") -> bytes:
        """A request target."""
        if method == b"CONNECT" and not self.once_in(4):
            return self.pick([b"a:80", b"[::1]:443", b"a", b"a:", b":80", b"a:65536"])
        if method == b"OPTIONS" and self.once_in(2):
            return b"*"
        if not self.once_in(3):
            path = b"/" + self.pick(FILES)
        else:
            path = b"/" + b"/".join(self.few(lambda: self.pick(SEGMENTS), 4))
        if self.once_in(150):
            path += self.pick([b"x", b"/", b"%41", b"../", b"/."]) * (1 + self.below(4500))
        query = (
            b"?" + self.pick([b"", b"q=1", b"%zz", b"a?b", b"/../", b"#"])
            if self.once_in(8)
            else b""
        )
        if self.once_in(15):
            scheme = self.pick([b"http://", b"HTTPS://", b"http:/", b"ftp://", b"http:///"])
            return scheme + self.pick(HOSTS) + (path if self.once_in(2) else b"") + query
        return path + query if not self.once_in(60) else self.pick([b"*", b"x", b"a:80", b"", b"?"])

    def field(self) -> bytes:
        """One header field."""
        name, value = self.pick(
            [
                (
                    b"Range",
                    lambda: self.pick(UNITS) + self.span(),
                ),
                (b"Range", lambda: b"bytes=" + self.span()),
                (b"Range", lambda: b"bytes=" + b",".join(self.few(self.span, 2))),
                (b"If-None-Match", lambda: b", ".join(self.few(lambda: self.pick(TAGS), 3))),
                (b"If-Match", lambda: b" ,".join(self.few(lambda: self.pick(TAGS), 3))),
                (b"If-Modified-Since", lambda: self.pick(DATES)),
                (b"If-Unmodified-Since", lambda: self.pick(DATES)),
                (b"If-Range", lambda: self.pick([*TAGS, *DATES])),
                (b"Accept", lambda: b",".join(self.few(self.media_range, 3))),
                (
                    b"Connection",
                    lambda: self.pick([b"close", b"keep-alive", b"x, Close", b"x", b""]),
                ),
                (
                    b"Expect",
                    lambda: self.pick([b"100-continue", b"100-Continue", b"100-continue", b"x"]),
                ),
                (b"X-Other", lambda: self._random.randbytes(4).hex().encode()),
            ]
        )
        if self.once_in(10):
            name = name.swapcase()
        return name + b":" + self.pick(SPACES) + value() + self.pick([b"", b"", b"", b" ", b"\t"])

    def span(self) -> bytes:
        numbers = NUMBERS if self.once_in(3) else [b"", b"0", b"1", b"5", b"9", b"10", b"11"]
        return self.pick(numbers) + b"-" + self.pick(numbers)

    def media_range(self) -> bytes:
        return self.pick([b"", b" "]) + self.pick(TYPES) + self.pick(QUALITIES)

    def framing(self) -> tuple[list[bytes], bytes]:
        """The fields that announce a body, and the body."""
        expect = [b"Expect: 100-continue"] if self.once_in(5) else []
        if self.once_in(2):
            number = self.pick(NUMBERS) if self.once_in(3) else b"5"
            body = b"hello" if not self.once_in(4) else b"hel"
            return [b"Content-Length: " + number, *expect], body
        chunks = (
            b"".join(self.few(self.chunk, 3)) + self.pick([b"0", b"0", b"000", b"0;x", b""]) + CRLF
        )
        trailers = (
            b"".join(line + CRLF for line in self.few(self.trailer, 2)) if self.once_in(4) else b""
        )
        coding = (
            self.pick(CODINGS) if not self.once_in(10) else b", ".join(self.few(self.coding, 3))
        )
        return [b"Transfer-Encoding: " + coding, *expect], chunks + trailers + CRLF

    def coding(self) -> bytes:
        return self.pick(CODINGS)

    def trailer(self) -> bytes:
        return self.pick([b"X: y", b"X: y", b"Host: a", b"content-length: 1", b"bad", b" x"])

    def chunk(self) -> bytes:
        size = self.below(20)
        sizes = [
            *(b"%x" % size, b"%X" % size, b"00%x" % size) * 4,
            b"",
            b"-1",
            b"100001",
            b"f" * 17,
        ]
        extensions = [
            *(b"",) * 6,
            b";x",
            b";a=b",
            b" ;x",
            b" ",
            b";" + b"x" * (240 + self.below(20)),
        ]
        return self.pick(sizes) + self.pick(extensions) + CRLF + b"x" * size + CRLF

    def spoil(self, request: bytes) -> bytes:
        """The same with something wrong in it, somewhere."""
        start = self.below(len(request) + 1)
        end = min(start + self.below(8), len(request))
        before, piece, after = request[:start], request[start:end], request[end:]
        return self.pick(
            [
                lambda: before + after,
                lambda: before + piece * (2 + self.below(3)) + after,
                lambda: before + self.pick(BYTES) + after,
                lambda: before + self.pick(BYTES) + piece + after,
                lambda: before + piece[::-1] + after,
                lambda: before + piece.swapcase() + after,
                lambda: before + self.pick([CRLF, b"\n", b"\r", b"\r\n ", b" ", b"\t"]) + after,
                lambda: request.replace(CRLF, b"\n", 1 + self.below(2)),
                lambda: before + self._random.randbytes(1 + self.below(3)) + after,
                lambda: before,
                lambda: before + self.request()[self.below(30) :],
            ]
        )()


def generate(seed: int, count: int) -> Iterator[bytes]:
    """That many cases, each what one client may send: mostly one request, sometimes several."""
    maker = Maker(seed)
    for _ in range(count):
        case = maker.request()
        while maker.once_in(4):
            case = maker.spoil(case)
        if maker.once_in(12):
            case += maker.request()
        yield case


def generate_targets(seed: int, count: int) -> Iterator[bytes]:
    """That many request targets alone, for what reads only those."""
    maker = Maker(seed)
    for _ in range(count):
        target = maker.target(maker.pick([b"GET", b"GET", b"OPTIONS", b"CONNECT"]))
        while maker.once_in(3):
            target = maker.spoil(target).partition(b" HTTP")[0]
        yield target
