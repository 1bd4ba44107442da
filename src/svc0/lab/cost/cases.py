"""Cases: the kinds of request whose costs are known, and the folder that they ask of."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svc0.config import LogName

from .stage import Play, Round, Scene, exchange

__all__ = ["CASES", "CHANGED", "PAGE", "Case", "make_site", "named"]

PAGE: Final = b"<!DOCTYPE html><title>a page</title><p>".ljust(1000, b".")
CHANGED: Final = 1_600_000_000
PIPELINED: Final = 16
MOST_REQUESTS: Final = 1_000_000
"""Of a connection: none is closed for having asked often."""

BROWSER: Final = b"\r\n".join(
    (
        b"GET /page.html?from=here HTTP/1.1",
        b"Host: www.example.org:8080",
        b"Connection: keep-alive",
        b"Cache-Control: max-age=0",
        b"Upgrade-Insecure-Requests: 1",
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        b"Sec-Fetch-Site: none",
        b"Sec-Fetch-Mode: navigate",
        b"Sec-Fetch-Dest: document",
        b"Accept-Encoding: gzip, deflate, br, zstd",
        b"Accept-Language: en-US,en;q=0.5",
        b"Priority: u=0, i",
        b"\r\n",
    )
)
assert BROWSER.count(b"\r\n") == 1 + 12 + 1


@dataclass(frozen=True)
class Case:
    """A request, and what it is answered with; ``scene`` if asking it once is not all."""

    meaning: str
    request: bytes
    status: int = 200
    log: LogName = LogName.COMMON
    scene: Callable[[Case, Round], Scene] | None = None

    @property
    def play(self) -> Play:
        """What is done in a round."""
        scene = self.scene or kept
        return lambda it: scene(self, it)


def kept(case: Case, it: Round) -> Scene:
    """Ask on the connection of the round before, unless that was closed."""
    yield from exchange(it.clients.kept(), case.request, case.status)


def ask(target: str, *fields: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: example.org", *fields, "", ""]
    return "\r\n".join(lines).encode()


TAG: Final = f'"{CHANGED * 10**9:x}-{len(PAGE):x}"'

CASES: Final = {
    "small file": Case("GET of 1,000 bytes, the connection is kept", ask("/page.html")),
    "browser": Case("the same, asked by a browser with 12 fields", BROWSER),
    "index": Case("GET of a directory that has an index.html", ask("/below/")),
    "not modified": Case("GET with its ETag: 304", ask("/page.html", f"If-None-Match: {TAG}"), 304),
    "head": Case("HEAD of a small file", ask("/page.html", method="HEAD")),
    "not found": Case("GET of what is not there: 404", ask("/nothing.html"), 404),
    "redirect": Case("GET of a directory without its slash: 301", ask("/below"), 301),
    "range": Case("GET of 100 bytes: 206", ask("/page.html", "Range: bytes=100-199"), 206),
    "pipelined": Case("16 GETs of a small file at once", ask("/page.html") * PIPELINED),
    "new connection": Case("connect, GET, close", ask("/page.html", "Connection: close")),
    "large file": Case("GET of 1 MiB by a client that takes it at once", ask("/large")),
}


def named(name: str) -> str:
    """The name of a case as the table has it, which may be written with hyphens; else KeyError.

    >>> named("small-file"), named("browser")
    ('small file', 'browser')
    """
    plain = name.lower().replace("-", " ")
    return {each.replace("-", " "): each for each in CASES}[plain]


def make_site(site: Path) -> None:
    """Put there what the cases ask for."""
    (site / "below").mkdir()
    files = {"page.html": PAGE, "below/index.html": PAGE, "large": bytes(1 << 20)}
    for name, content in files.items():
        (site / name).write_bytes(content)
        os.utime(site / name, (CHANGED, CHANGED))
