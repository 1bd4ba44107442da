"""Every feature of docs/behaviour.md, asked for over TCP in every way that bytes can be split.

A request is a title and its bytes; what is right is not said here, the reference says it. What the
reference itself must say is in tests/model/ and in tests/data/hostile/.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Final

import pytest

from tests.clients import drive, wire
from tests.clients.compare import describe
from tests.clients.server import Server, machines_here, start
from tests.clients.sites import FULL_NAME, NOON, SECOND, SITE, TYPES
from tests.model import site
from tests.model.conditions import format_date
from tests.model.conversation import converse
from tests.model.respond import REASONS
from tests.model.site import Directory, File
from tests.tools import without_privileges

NOW: Final = int(time.time())
SIZE: Final = 10
TAG: Final = b'"%x-%x"' % (NOON, SIZE)
MODIFIED: Final = format_date(NOON // SECOND)
EARLIER: Final = format_date(NOON // SECOND - 1)
LATER: Final = format_date(NOON // SECOND + 1)
LONG_DATE: Final = time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(NOON // SECOND)).encode()
C_DATE: Final = time.asctime(time.gmtime(NOON // SECOND)).encode()


def ask(target: bytes = b"/ten.txt", *fields: bytes, method: bytes = b"GET") -> bytes:
    """A request of HTTP/1.1 with a Host."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: localhost", *fields, b"", b""]
    return b"\r\n".join(lines)


def ask_1_0(target: bytes = b"/ten.txt", *fields: bytes, method: bytes = b"GET") -> bytes:
    """The same of HTTP/1.0, without a Host."""
    return b"\r\n".join([method + b" " + target + b" HTTP/1.0", *fields, b"", b""])


def titled(requests: list[bytes]) -> dict[str, bytes]:
    """Requests whose first line, or the fields after Host, say enough."""
    found: dict[str, bytes] = {}
    for request in requests:
        line, *fields = request.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        title = "; ".join([line, *(field for field in fields if field != "Host: localhost")])
        found[title if len(title) < 100 else title[:97] + "..."] = request
    return found


PATHS: Final = [
    *(b"/", b"/ten.txt", b"/one.txt", b"/empty.txt", b"/old.txt", b"/future.txt"),
    *(b"/nowhere", b"/nowhere/", b"/ten.txt/", b"/ten.txt/more", b"/index.html", b"/index.html/"),
    *(b"/with%20index", b"/with%20index/", b"/with%20index?a=b&c", b"/with%20index/a%20b.txt"),
    *(b"/bare", b"/bare/", b"/bare/file.txt", b"/bare/deep", b"/bare/deep/", b"/bare/deep/x"),
    *(b"/odd/", b"/odd", b"/odd/index.html", b"/linked/", b"/linked/index.html"),
    *(b"/link.txt", b"/link-out", b"/link-dir", b"/link-dir/", b"/link-dir/file.txt"),
    *(b"/dangling", b"/fifo", b"/fifo/", b"/.hidden", b"/.git", b"/.git/config", b"/..."),
    *(b"/.well-known/security.txt", b"/.well-known", b"/.well-known/", b"/.well-known/.x"),
    *(b"/bare/.well-known", b"/.well-knowN/x", b"/%2ewell-known/security.txt"),
    *(
        b"/caf%C3%A9",
        b"/caf%c3%a9/",
        b"/caf%C3%A9/th%C3%A9.txt",
        b"/latin-%E9.txt",
        b"/latin-%C3%A9.txt",
    ),
    *(b"/~tilde+plus,comma;semi=eq@at", b"/%7Etilde%2Bplus,comma;semi=eq@at/x.txt"),
    *(
        b"/quote%22%3C%3E%60%7B%7D%7C%5C%5E",
        b'/quote"<>`{}|\\^',
        b"/quote%22%3c%3e%60%7b%7d%7c%5c%5e?x",
    ),
    *(
        b"/back%5Cslash.txt",
        b"/back\\slash.txt",
        b"/100%25.txt",
        b"/100%.txt",
        b"/q%3F.txt",
        b"/q?.txt",
    ),
    *(b"/%23.txt", b"/control%01.txt", b"/a..b", b"/CASE.txt", b"/case.txt", b"/Ten.txt"),
    *(b"/" + FULL_NAME, b"/" + FULL_NAME + b"n", b"/" + b"x" * 4095, b"/" + b"x" * 4096),
    *(
        b"/" + b"%41" * 2700,
        b"/x/" * 1300,
        b"/." * 2048 + b"/",
        b"/bare/../" * 455,
        b"//" * 2048 + b"/",
    ),
    *(
        b"//",
        b"///ten.txt",
        b"/./ten.txt",
        b"/bare/../ten.txt",
        b"/bare/..",
        b"/bare/.",
        b"/.",
        b"/..",
    ),
    *(
        b"/../ten.txt",
        b"/../../../../etc/passwd",
        b"/%2e%2e/ten.txt",
        b"/%2E/ten.txt",
        b"/bare//file.txt",
    ),
    *(
        b"/bare/deep/..",
        b"/bare/./deep",
        b"/nowhere/../ten.txt",
        b"/ten.txt/..",
        b"/ten.txt/../ten.txt",
    ),
    *(
        b"/.hidden/../ten.txt",
        b"/a%2Fb",
        b"/bare%2ffile.txt",
        b"/%",
        b"/%4",
        b"/%4g",
        b"/%zz?ok",
        b"/%00",
    ),
    *(
        b"/%2f%00",
        b"/%00%2f",
        b"/ten.txt%00.html",
        b"/ten.txt?",
        b"/ten.txt?%zz",
        b"/ten.txt?a?b",
        b"/?",
    ),
    *(
        b"http://localhost",
        b"http://localhost/",
        b"HTTP://LOCALHOST:80/ten.txt",
        b"https://a/ten.txt?q",
    ),
    *(
        b"http://a?q",
        b"http://[::1]:8080/one.txt",
        b"http://a:/one.txt",
        b"http://a/bare",
        b"http://a//bare",
    ),
    *(b"/types/" + name for name in TYPES),
]

METHODS: Final = [
    ask(b"/ten.txt", method=b"HEAD"),
    ask(b"/", method=b"HEAD"),
    ask(b"/bare", method=b"HEAD"),
    ask(b"/nowhere", method=b"HEAD"),
    ask(b"/nowhere", b"Accept: application/json", method=b"HEAD"),
    ask(b"/empty.txt", method=b"HEAD"),
    *(ask(path, method=b"OPTIONS") for path in (b"*", b"/", b"/nowhere", b"/.git", b"/%zz")),
    *(ask(path, method=b"OPTIONS") for path in (b"/%2f", b"http://a", b"/" + b"x" * 4096)),
    *(ask(method=method) for method in (b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE")),
    ask(b"localhost:80", method=b"CONNECT"),
    ask(b"[::1]:443", method=b"CONNECT"),
    ask(b"/%zz", method=b"POST"),
    ask_1_0(),
    ask_1_0(method=b"HEAD"),
    ask_1_0(b"/", b"Connection: keep-alive"),
    ask_1_0(b"/nowhere", b"Connection: Keep-Alive"),
    ask_1_0(b"/", b"Connection: keep-alive, close"),
    ask_1_0(b"*", method=b"OPTIONS"),
    ask_1_0(b"/", b"Expect: 100-continue"),
    ask_1_0(b"/", b"Host: a"),
    ask(b"/", b"Connection: close"),
    ask(b"/nowhere", b"Connection: CLOSE"),
    ask(b"/", b"Connection: x, close ,y"),
    ask(b"/", b"Connection: x", b"Connection: close"),
    ask(b"/", b"Connection: keep-alive"),
    ask(b"/", b"Connection: closed"),
    b"GET / HTTP/1.9\r\nHost: a\r\n\r\n",
    b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nhOsT:\t a \t\r\nX:\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
]

BODIES: Final = [
    ask(b"/", b"Content-Length: 5") + b"hello",
    ask(b"/", b"Content-Length: 0"),
    ask(b"/", b"Content-Length: 00000000000000003") + b"abc",
    ask(b"/", b"Content-Length: 5", method=b"POST") + b"hello",
    ask(b"/", b"Content-Length: 1048577", method=b"POST"),
    ask(b"/", b"Content-Length: 5", b"Connection: close", method=b"POST") + b"hello",
    ask(b"/", b"Content-Length: 5", method=b"HEAD") + b"hello",
    ask(b"/", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
    ask(b"/", b"Transfer-Encoding: Chunked")
    + b"05;a=b\r\nhello\r\nA ;x\r\n0123456789\r\n00\r\nA: b\r\n\r\n",
    ask(b"/", b"Transfer-Encoding: chunked", method=b"POST") + b"1\r\nx\r\n0\r\n\r\n",
    ask(b"/", b"Transfer-Encoding: chunked", method=b"HEAD") + b"x",
    ask(b"/", b"Content-Length: 5", b"Expect: 100-continue", method=b"PUT"),
    ask(b"/", b"Content-Length: 0", b"Expect: 100-Continue"),
    ask(b"/", b"Transfer-Encoding: chunked", b"Expect: 100-continue"),
    ask(b"/", b"Expect: 200-maybe"),
]

CONDITIONS: Final = [
    ask(path, *fields, method=method)
    for method in (b"GET", b"HEAD")
    for path, *fields in [
        (b"/ten.txt", b"If-None-Match: " + TAG),
        (b"/ten.txt", b"If-None-Match: W/" + TAG),
        (b"/ten.txt", b"If-None-Match: w/" + TAG),
        (b"/ten.txt", b"If-None-Match: *"),
        (b"/nowhere", b"If-None-Match: *"),
        (b"/ten.txt", b'If-None-Match: "x"'),
        (b"/ten.txt", b'If-None-Match: "x", ,' + TAG),
        (b"/ten.txt", b'If-None-Match: "x"', b"If-None-Match: " + TAG),
        (b"/ten.txt", b"If-None-Match: x, " + TAG),
        (b"/ten.txt", b"If-None-Match: " + TAG + b"x"),
        (b"/ten.txt", b'If-None-Match: "x"', b"If-Modified-Since: " + MODIFIED),
        (b"/ten.txt", b"If-None-Match:", b"If-Modified-Since: " + MODIFIED),
        (b"/ten.txt", b"If-Match: " + TAG),
        (b"/ten.txt", b"If-Match: W/" + TAG),
        (b"/ten.txt", b"If-Match: *"),
        (b"/ten.txt", b'If-Match: "x"'),
        (b"/ten.txt", b"If-Match:"),
        (b"/ten.txt", b"If-Match: " + TAG, b"If-Unmodified-Since: " + EARLIER),
        (b"/ten.txt", b"If-Match: " + TAG, b"If-None-Match: " + TAG),
        (b"/ten.txt", b"If-Modified-Since: " + MODIFIED),
        (b"/ten.txt", b"If-Modified-Since: " + LATER),
        (b"/ten.txt", b"If-Modified-Since: " + EARLIER),
        (b"/ten.txt", b"If-Modified-Since: " + LONG_DATE),
        (b"/ten.txt", b"If-Modified-Since: " + C_DATE),
        (b"/ten.txt", b"If-Modified-Since: yesterday"),
        (b"/ten.txt", b"If-Modified-Since: " + LATER, b"If-Modified-Since: " + LATER),
        (b"/ten.txt", b"If-Unmodified-Since: " + MODIFIED),
        (b"/ten.txt", b"If-Unmodified-Since: " + EARLIER),
        (b"/ten.txt", b"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"),
        (b"/ten.txt", b"If-Unmodified-Since: Sunday, 06-Nov-94 08:49:37 GMT"),
        (b"/ten.txt", b"If-Unmodified-Since: Sun Nov  6 08:49:37 1994"),
        (b"/ten.txt", b"If-Unmodified-Since: Thu, 31 Feb 1994 08:49:37 GMT"),
        (b"/ten.txt", b"If-Unmodified-Since: Sun, 06 Nov 1994 24:49:37 GMT"),
        (b"/ten.txt", b"If-Unmodified-Since: Sunday, 06-Nov-94 08:49:37 UTC"),
        (b"/ten.txt", b"If-Unmodified-Since: Thu, 01 Jan 1914 00:00:60 GMT"),
        (b"/future.txt", b"If-Modified-Since: " + format_date(NOW + 3600)),
        (b"/bare", b"If-None-Match: *"),
        (b"/bare/", b"If-Match: *"),
    ]
]

RANGES: Final = [
    *(
        ask(b"/ten.txt", b"Range: " + value)
        for value in [
            *(b"bytes=0-0", b"bytes=0-9", b"bytes=2-5", b"bytes=9-9", b"bytes=3-", b"bytes=0-"),
            *(
                b"bytes=-1",
                b"bytes=-10",
                b"bytes=-11",
                b"bytes=-0",
                b"bytes=9-10",
                b"bytes=5-99999",
            ),
            *(
                b"bytes=10-",
                b"bytes=10-20",
                b"bytes=11-",
                b"bytes=5-4",
                b"bytes=-",
                b"bytes=",
                b"bytes",
            ),
            *(
                b"bytes=0-1,3-4",
                b"bytes=0-1,",
                b",bytes=0-1",
                b"bytes=,0-1",
                b"BYTES=0-1",
                b"bytes= 0-1",
            ),
            *(
                b"bytes=\t 0-1",
                b"bytes =0-1",
                b"bytes=0 -1",
                b"bytes=0- 1",
                b"bytes=0x0-1",
                b"bytes=+0-1",
            ),
            *(
                b"bytes=--1",
                b"items=0-1",
                b"bytes=000000000000000000-1",
                b"bytes=0000000000000000000-1",
            ),
            *(
                b"bytes=0-999999999999999999",
                b"bytes=0-1000000000000000000",
                b"bytes=-999999999999999999",
            ),
            *(b"bytes=999999999999999999-", b"bytes=18446744073709551616-", b"bytes=0-1-2"),
        ]
    ),
    *(
        ask(b"/empty.txt", b"Range: bytes=" + value)
        for value in (b"0-", b"-1", b"0-0", b"-0", b"x")
    ),
    ask(b"/large.bin", b"Range: bytes=200000-200099"),
    ask(b"/large.bin", b"Range: bytes=-99999"),
    ask(b"/ten.txt", b"Range: bytes=0-1", method=b"HEAD"),
    ask(b"/ten.txt", b"Range: bytes=99-", method=b"HEAD"),
    ask(b"/ten.txt", b"Range: bytes=0-1", b"Range: bytes=0-1"),
    ask(b"/bare", b"Range: bytes=0-1"),
    ask(b"/nowhere", b"Range: bytes=0-1"),
    ask(b"/ten.txt", b"Range: bytes=99-", b"Accept: application/json"),
    *(
        ask(b"/ten.txt", b"Range: bytes=0-1", *(b"If-Range: " + value for value in values))
        for values in [
            *(
                (TAG,),
                (b"W/" + TAG,),
                (b'"x"',),
                (MODIFIED,),
                (LATER,),
                (EARLIER,),
                (LONG_DATE,),
                (C_DATE,),
            ),
            *((b"",), (b"*",), (b"x",), (TAG, TAG), (TAG + b', "x"',)),
        ]
    ),
    ask(b"/future.txt", b"Range: bytes=0-1", b"If-Range: " + format_date(NOW)),
    ask(b"/ten.txt", b"Range: bytes=99-", b'If-Range: "x"'),
    ask(b"/ten.txt", b"Range: bytes=0-1", b"If-None-Match: " + TAG),
    ask(b"/ten.txt", b"Range: bytes=99-", b'If-Match: "x"'),
]

ACCEPTS: Final = [
    ask(b"/nowhere", *(b"Accept: " + value for value in values))
    for values in [
        *(
            (b"application/json",),
            (b"text/html",),
            (b"*/*",),
            (b"application/*",),
            (b"text/*",),
            (b"",),
        ),
        *(
            (b"Application/JSON",),
            (b"application/json;q=0.5, text/html;q=0.4",),
            (b"text/html, application/json",),
        ),
        *(
            (b"application/json;q=0.5, text/html;q=0.50",),
            (b"text/html;q=0, */*;q=0.1",),
            (b"*/*, text/html;q=0.9",),
        ),
        *(
            (b"text/*;q=0.3, text/html;q=0.7, application/json;q=0.5",),
            (b"application/json;q=1.001",),
        ),
        *(
            (b"application/json; q=0.001 , text/html;q=0.0001",),
            (b"application/json;q=1.", b"text/html;q=0."),
        ),
        *(
            (b"application/json;version=1",),
            (b'application/json;a="b,c;\\"d"',),
            (b'application/json;a="b',),
        ),
        *(
            (b"text/html, image/gif, *; q=.2, */*; q=.2",),
            (b"application/json x",),
            (b"json",),
            (b",,application/json,",),
        ),
        *(
            (b"application/json", b"text/html"),
            (b"text/html;q=0.2", b"application/json;q=0.3"),
            (b"application/json;;q=1",),
        ),
        *(
            (b"application/json;q = 1",),
            (b"*/json",),
            (b"application/json;q=2",),
            (b"application/json;q=-1",),
        ),
    ]
]

FAULTS: Final = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a b\r\nAccept: application/json\r\n\r\n",
    b"GET / HTTP/1.1\r\nAccept: application/json\r\nHost : a\r\n\r\n",
    b"HEAD / HTTP/1.1\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    b"HEAD / HTTP/2.0\r\n",
    b"HEAD  / HTTP/1.1\r\n",
    b"GET / HTTP/2.0\r\n",
    b"BREW / HTTP/1.1\r\n",
    b"BREW / HTTP/2.0\r\n",
    b"BREW / HTTP/x.0\r\n",
    b"GET / HTTP/1.1\n",
    b"\r\n" * 5,
    b"GET /" + b"a" * 8177 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /" + b"a" * 8178 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (16384 - 32) + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (16384 - 30) + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 99 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n",
    ask(b"/", b"Transfer-Encoding: gzip, chunked", b"Accept: application/json"),
    ask(b"/", b"Transfer-Encoding: chunked", b"Accept: application/json") + b"x\r\n",
    ask(b"/", b"Content-Length: 1048577", b"Accept: application/json"),
    ask(b"*"),
    ask(b"example.com:80"),
    ask(b"/#top"),
    ask(b"/", method=b"CONNECT"),
]

LARGE_REQUESTS: Final = [
    ask(b"/large.bin"),
    ask(b"/", b"Content-Length: 1048576", method=b"POST") + bytes(1048576),
    ask(b"/", b"Transfer-Encoding: chunked", method=b"POST")
    + b"100000\r\n"
    + bytes(1 << 20)
    + b"\r\n0\r\n\r\n",
    ask(b"/", b"Transfer-Encoding: chunked", method=b"POST") + b"100001\r\n" + bytes(4096),
]

SMALL: Final = titled(
    [*map(ask, PATHS), *METHODS, *BODIES, *CONDITIONS, *RANGES, *ACCEPTS, *FAULTS]
)
LARGE: Final = titled(LARGE_REQUESTS)

TELLING: Final = titled(
    [
        ask(),
        b"\r\n" + ask_1_0(b"/bare?x", b"Connection: keep-alive", method=b"HEAD"),
        ask(b"/ten.txt", b"Range: bytes=2-5", b"Accept: a/b, */*;q=0.1"),
        ask(b"/", b"Content-Length: 3", method=b"POST") + b"abc" + ask(b"/one.txt"),
        ask(b"/", b"Transfer-Encoding: chunked")
        + b"2;x\r\nab\r\n0\r\nT: x\r\n\r\n"
        + ask(b"/one.txt"),
        b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n" + ask(),
    ]
)
"""A few whose every split and every prefix is tried."""


def test_whole(server: Server) -> None:
    requests = {**SMALL, **LARGE}
    drive.agree(server, (drive.whole(*item) for item in requests.items()), SITE)


def test_byte_by_byte(server: Server) -> None:
    requests = {**SMALL, **LARGE}
    drive.agree(server, (drive.byte_by_byte(*item, most=200) for item in requests.items()), SITE)


def test_followed_by_another(server: Server) -> None:
    then = ask(b"/one.txt")
    trials = (drive.followed(*item, then) for item in {**SMALL, **LARGE}.items())
    drive.agree(server, trials, SITE)


@pytest.mark.parametrize("title", TELLING)
def test_split_everywhere(server: Server, title: str) -> None:
    drive.agree(server, drive.every_split(title, TELLING[title]), SITE)


@pytest.mark.parametrize("title", TELLING)
def test_cut_off_everywhere(server: Server, title: str) -> None:
    drive.agree(server, drive.every_prefix(title, TELLING[title]), SITE)


def test_many_on_one_connection(server: Server) -> None:
    stays = [
        request
        for request in SMALL.values()
        if describe(converse(request, SITE, NOW)).endswith("open") and len(request) < 2000
    ]
    assert len(stays) > 100
    drive.agree(server, [drive.whole("all that stays open, in one", b"".join(stays))], SITE)


def test_thousandth_request_is_the_last(server: Server) -> None:
    requests = ask(b"/one.txt", method=b"HEAD") * 1001
    drive.agree(server, [drive.whole("1,001 requests", requests)], SITE)


@pytest.mark.parametrize("machine", machines_here())
def test_what_may_not_be_opened(machine: str, tmp_path: Path) -> None:
    shut = File(b"shut\n", NOON, forbidden=True)
    root = Directory(
        {
            b"shut.txt": shut,
            b"index": Directory({b"index.html": shut}),
            b"directory": Directory({b"x.txt": File(b"x", NOON)}, forbidden=True),
        }
    )
    site.write(root, tmp_path / "site")
    paths = [b"/shut.txt", b"/index/", b"/index", b"/directory/x.txt", b"/directory/nowhere"]
    paths += [b"/directory", b"/directory?q"]
    trials = [drive.whole(path.decode(), ask(path)) for path in [*paths, b"/directory/", b"/"]]
    try:
        with start(tmp_path / "site", machine, before=without_privileges()) as other:
            drive.agree(other, trials, root)
    finally:
        (tmp_path / "site" / "directory").chmod(0o755)  # so that it can be removed


def test_a_socket_is_no_file(server: Server, tmp_path: Path) -> None:
    os.mknod(tmp_path / "socket", stat.S_IFSOCK | 0o600)
    with start(tmp_path, server.machine) as other:
        drive.agree(other, [drive.whole("socket", ask(b"/socket"))], site.read(tmp_path))


def test_every_status_is_asked_for() -> None:
    said = [converse(request, SITE, NOW) for request in {**SMALL, **LARGE}.values()]
    statuses = {status for one in said for status in one.statuses}
    # 408 takes time, 500 and 503 take a system that fails.
    assert statuses == REASONS.keys() - {408, 500, 503}


def test_what_the_client_has_read_is_parsed_strictly() -> None:
    assert wire.split(b"HTTP/1.1 204 No Content\r\nAllow:x\r\n\r\n", [True])[0] == []
