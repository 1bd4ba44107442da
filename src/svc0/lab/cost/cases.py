"""Cases: the kinds of request whose costs are known, and the folder that they ask of."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from svc0.config import LogName

from .stage import ROUNDS, WARM_UP, Play, Round, Scene, answered, exchange

__all__ = ["CASES", "CHANGED", "MOST_REQUESTS", "PAGE", "Case", "ask", "make_site", "named"]

PAGE: Final = b"<!DOCTYPE html><title>a page</title><p>".ljust(1000, b".")
CHANGED: Final = 1_600_000_000
MANY: Final = 16
"""Requests that are pipelined, and clients that ask at the same time."""

COLD: Final = WARM_UP + ROUNDS
"""Files that are asked for once."""

BROWSER_SIZE: Final = 700
MOST_REQUESTS: Final = 1_000_000
"""Of a connection: none is closed for having asked often."""


# --- requests ---------------------------------------------------------------------


def lines(*all_lines: str) -> bytes:
    """A head."""
    return "".join(f"{line}\r\n" for line in (*all_lines, "")).encode()


def ask(target: str, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request with no more fields than it needs, and these."""
    return lines(f"{method} {target} HTTP/{version}", "Host: example.org", *fields)


BROWSER_FIELDS: Final = (
    "Host: www.example.org:8080",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: http://www.example.org:8080/below/",
    "Connection: keep-alive",
    "Cookie: session=8f14e45fceea167a5a36dedd4bea2543c9f0f895fb98ab9159f51fd0297e236d; theme=dark; "
    "consent=2026-11-22T09%3A30%3A00Z.necessary.statistics; seen=a1b2c; "
    "visitor=1.1427839115.1795510000.1795510042.7.en1",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
)


def browse(target: str, *fields: str, order: Sequence[str] = BROWSER_FIELDS) -> bytes:
    """What a browser of today sends, and these fields."""
    return lines(f"GET {target} HTTP/1.1", *order, *fields)


def wanting(accept: str, kind: str) -> bytes:
    """What it sends for something that a page is made of."""
    fields = {name: value for name, _, value in (each.partition(": ") for each in BROWSER_FIELDS)}
    fields |= {"Accept": accept, "Sec-Fetch-Dest": kind, "Sec-Fetch-Mode": "no-cors"}
    del fields["Upgrade-Insecure-Requests"]  # it is for pages
    return browse("/page.html", order=[": ".join(field) for field in fields.items()])


BROWSER: Final = browse("/page.html")
PARTS_OF_A_PAGE: Final = (
    BROWSER,
    wanting("text/css,*/*;q=0.1", "style"),
    wanting("*/*", "script"),
    wanting("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "image"),
)
assert (len(BROWSER_FIELDS), len(BROWSER)) == (12, BROWSER_SIZE)

TAG: Final = f'"{CHANGED * 10**9:x}-{len(PAGE):x}"'
DATE: Final = "Sun, 13 Sep 2020 12:26:40 GMT"
EARLIER: Final = "Sat, 12 Sep 2020 12:26:40 GMT"
DEEP: Final = "one/two/three/four/five/six/seven/eight"
BODY: Final = b"name=value&other=thing"


# --- scenes -----------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A request, and what it is answered with; ``scene`` if asking it once is not all.

    Status 0 is any.
    """

    meaning: str
    request: bytes
    status: int = 200
    scene: Callable[[Case, Round], Scene] | None = None
    log: LogName = LogName.COMMON

    @property
    def play(self) -> Play:
        """What is done in a round."""
        scene = self.scene or kept
        return lambda it: scene(self, it)


def kept(case: Case, it: Round) -> Scene:
    """Ask on the connection of the round before, unless that was closed."""
    yield from exchange(it.clients.kept(), case.request, case.status)


def otherwise(case: Case, it: Round) -> Scene:
    """Ask with a cookie that is another each time, and as long."""
    request = case.request.replace(b"seen=a1b2c", b"seen=%05d" % it.number)
    yield from exchange(it.clients.kept(), request, case.status, case.request)


def turns(case: Case, it: Round) -> Scene:
    """Ask as for a page, its style, a script, a picture, and so on."""
    request = PARTS_OF_A_PAGE[it.number % len(PARTS_OF_A_PAGE)]
    yield from exchange(it.clients.kept(), request, case.status, case.request)


def split(case: Case, it: Round) -> Scene:
    """Half of the head, and the rest of it when the server waits again."""
    client, half = it.clients.kept(), len(case.request) // 2
    client.send(case.request[:half])
    yield 1
    yield from exchange(client, case.request[half:], case.status)


def together(case: Case, it: Round) -> Scene:
    """Clients that all have asked before the server looks."""
    clients = [it.clients.kept(number) for number in range(MANY)]
    if not it.number:
        for client in clients:  # else it would have to accept them first
            yield from exchange(client, case.request, case.status)
    for client in clients:
        client.send(case.request)
    yield MANY
    for client in clients:
        yield from answered(client, case.request, case.status)


def once(case: Case, it: Round) -> Scene:
    """A file that nobody has asked for before."""
    request = case.request.replace(b"00.html", b"%02d.html" % (it.number % COLD))
    yield from exchange(it.clients.kept(), request, case.status, case.request)


def changed(case: Case, it: Round) -> Scene:
    """The file was written anew since the last request, in its place."""
    put(it.site / "changed.html", it.number)
    yield from kept(case, it)


def replaced(case: Case, it: Round) -> Scene:
    """Another file was put where the one of the last request was."""
    put(it.site / "new.html", it.number)
    (it.site / "new.html").replace(it.site / "changed.html")
    yield from kept(case, it)


def second(_case: Case, it: Round) -> Scene:
    """A second passes, and nobody asks for anything."""
    it.clock.advance(1)
    yield 1


def later(case: Case, it: Round) -> Scene:
    """A second after the last request."""
    yield from second(case, it)
    yield from kept(case, it)


def put(file: Path, number: int = 0, content: bytes = PAGE) -> None:
    """A file that was last changed long ago, each time a little less long."""
    file.write_bytes(content)
    os.utime(file, (CHANGED + number, CHANGED + number))


# --- the catalogue ----------------------------------------------------------------

SMALL: Final = Case("GET of 1,000 bytes, the connection is kept", ask("/page.html"))
USUAL: Final = Case(
    f"GET of 1,000 bytes by a browser, its {len(BROWSER_FIELDS)} fields as before: "
    f"{BROWSER_SIZE} bytes",
    BROWSER,
)


def logged(case: Case, log: LogName) -> Case:
    """The same with another access log."""
    how = "no access log" if log is LogName.NONE else f"an access log in format {log}"
    return replace(case, meaning=f"{case.meaning}; {how}", log=log)


CASES: Final = {
    "small file": SMALL,
    "16 KiB": Case("GET of 16 KiB", ask("/16k")),
    "64 KiB": Case("GET of 64 KiB", ask("/64k")),
    "large file": Case("GET of 1 MiB by a client that takes it at once", ask("/large")),
    # who asks
    "browser": USUAL,
    "browser, other fields": Case(
        "GET by a browser, its cookie another each time", BROWSER, 200, otherwise
    ),
    "browser, other order": Case(
        "GET by a browser, its fields the other way round",
        browse("/page.html", order=BROWSER_FIELDS[::-1]),
    ),
    "browser, parts of a page": Case(
        "GET by a browser, as for a page, its style, a script and a picture by turns",
        BROWSER,
        200,
        turns,
    ),
    "browser again": Case(
        "GET by a browser that has the file, with its date and its ETag: 304",
        browse("/page.html", f"If-Modified-Since: {DATE}", f"If-None-Match: {TAG}"),
        304,
    ),
    "browser, newer file": Case(
        "GET by a browser that has another version of the file: 200",
        browse("/page.html", f"If-Modified-Since: {EARLIER}", 'If-None-Match: "1-3e8"'),
    ),
    "other port": Case(
        "GET from a server that was given any free port, which Host repeats",
        lines("GET /page.html HTTP/1.1", "Host: 127.0.0.1:49152"),
    ),
    # which path
    "index": Case("GET of a directory that has an index.html", ask("/below/")),
    "deep path": Case("GET of a file eight directories below", ask(f"/{DEEP}/page.html")),
    "encoded path": Case("GET, letters percent-encoded", ask("/caf%C3%A9%20au%20lait.html")),
    "dot segments": Case("GET, dot segments in the path", ask("/below/./../below/../page.html")),
    "query": Case("GET with a query", ask("/page.html?from=here&to=there&page=2")),
    "absolute target": Case("GET, the target a whole URL", ask("http://example.org/page.html")),
    # which method
    "head": Case("HEAD of a small file", ask("/page.html", method="HEAD")),
    "options": Case("OPTIONS of a small file", ask("/page.html", method="OPTIONS"), 204),
    "post": Case(
        f"POST of {len(BODY)} bytes: 405",
        ask("/page.html", f"Content-Length: {len(BODY)}", method="POST") + BODY,
        405,
    ),
    "not allowed": Case("DELETE: 405", ask("/page.html", method="DELETE"), 405),
    "chunked body": Case(
        f"GET with a body of {len(BODY)} bytes in two chunks",
        ask("/page.html", "Transfer-Encoding: chunked")
        + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:8], BODY[8:], b"")),
    ),
    "expect": Case(
        "GET that would send a body, with Expect: 200 at once, and the connection ends",
        ask("/page.html", f"Content-Length: {len(BODY)}", "Expect: 100-continue"),
    ),
    # conditions and ranges
    "not modified": Case("GET with its ETag: 304", ask("/page.html", f"If-None-Match: {TAG}"), 304),
    "not modified since": Case(
        "GET with If-Modified-Since: 304", ask("/page.html", f"If-Modified-Since: {DATE}"), 304
    ),
    "precondition failed": Case(
        "GET with If-Match of another version: 412", ask("/page.html", 'If-Match: "1-3e8"'), 412
    ),
    "range": Case("GET of 100 bytes: 206", ask("/page.html", "Range: bytes=100-199"), 206),
    "range, suffix": Case(
        "GET of the last 100 bytes: 206", ask("/page.html", "Range: bytes=-100"), 206
    ),
    "range, open end": Case(
        "GET from byte 900 on: 206", ask("/page.html", "Range: bytes=900-"), 206
    ),
    "range, if the same": Case(
        "GET of 100 bytes, with If-Range: 206",
        ask("/page.html", "Range: bytes=100-199", f"If-Range: {TAG}"),
        206,
    ),
    "range behind the end": Case(
        "GET from where the file has ended: 416", ask("/page.html", "Range: bytes=1000-"), 416
    ),
    # errors and other answers
    "not found": Case("GET of what is not there: 404", ask("/nothing.html"), 404),
    "not found, JSON": Case(
        "GET of what is not there by who prefers JSON: 404",
        ask("/nothing.html", "Accept: application/json"),
        404,
    ),
    "not found, browser": Case(
        "GET of what is not there by a browser: 404", browse("/nothing.html"), 404
    ),
    "redirect": Case("GET of a directory without its slash: 301", ask("/below"), 301),
    "bad request": Case(
        "GET, a field without a colon: 400, and the connection ends",
        ask("/page.html", "nonsense"),
        400,
    ),
    # connections
    "new connection": Case("connect, GET, close", ask("/page.html", "Connection: close")),
    "HTTP/1.0": Case("connect, GET by HTTP/1.0, close", ask("/page.html", version="1.0")),
    "HTTP/1.0, kept": Case(
        "GET by HTTP/1.0 with keep-alive",
        ask("/page.html", "Connection: keep-alive", version="1.0"),
    ),
    "pipelined": Case("16 GETs of a small file at once", ask("/page.html") * MANY),
    "pipelined, two files": Case(
        "16 GETs at once, of two files by turns",
        (ask("/page.html") + ask("/below/index.html")) * (MANY // 2),
    ),
    "16 clients": Case("16 clients ask for a small file at once", ask("/page.html"), 200, together),
    "head in two": Case("GET, its head in two packets", ask("/page.html"), 200, split),
    # files that the server does not know yet
    "cold file": Case("GET of a file that nobody has asked for", ask("/cold/00.html"), 200, once),
    "changed file": Case(
        "GET of a file that was written to since the last", ask("/changed.html"), 200, changed
    ),
    "replaced file": Case(
        "GET of a file that was replaced since the last", ask("/changed.html"), 200, replaced
    ),
    # time
    "later": Case("a second passes, then GET of 1,000 bytes", ask("/page.html"), 200, later),
    "idle second": Case("a second passes: no request at all", b"", 0, second),
    # the access log
    **{
        f"{name}, {'no' if log is LogName.NONE else log} log": logged(case, log)
        for name, case in {"small file": SMALL, "browser": USUAL}.items()
        for log in (LogName.NONE, LogName.COMBINED, LogName.JSON)
    },
}


def named(name: str) -> str:
    """The name of a case as the table has it, which may be written as one word; else KeyError.

    >>> named("browser,-no-log"), named("http/1.0"), named("head-in-two")
    ('browser, no log', 'HTTP/1.0', 'head in two')
    """
    return {plain(each): each for each in CASES}[plain(name)]


def plain(name: str) -> str:
    """What is left of a name when it does not matter how it is written."""
    return " ".join(name.lower().replace("-", " ").replace(",", " ").split())


def make_site(site: Path) -> None:
    """Put there what the cases ask for."""
    pages = ["page.html", "below/index.html", f"{DEEP}/page.html", "caf\u00e9 au lait.html"]
    pages += ["changed.html", *(f"cold/{number:02}.html" for number in range(COLD))]
    files = dict.fromkeys(pages, PAGE)
    files |= {"16k": bytes(16 << 10), "64k": bytes(64 << 10), "large": bytes(1 << 20)}
    for name, content in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        put(site / name, content=content)
