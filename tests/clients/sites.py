"""The site that the tests ask for files: a bit of everything that a path can lead to."""

from __future__ import annotations

import sys
from typing import Final

from tests.model.site import Directory, Entry, Fifo, File, Link

SECOND: Final = 10**9
NOON: Final = 1_700_000_000 * SECOND + 123_456_789
"""A time in the past (14 November 2023), and not a whole second."""
FAR: Final = 4_000_000_000 * SECOND
"""A time in the future, so that Last-Modified is Date and the ETag is weak."""

FULL_NAME: Final = b"n" * 255


def page(text: str, mtime_ns: int = NOON) -> File:
    return File(f"<!DOCTYPE html>\n<title>{text}</title>\n".encode(), mtime_ns)


def plain(content: bytes, mtime_ns: int = NOON) -> File:
    return File(content, mtime_ns)


LARGE: Final = plain(bytes((index * 7 + index // 256) % 256 for index in range(300_000)))
"""More than a socket takes at once."""

TYPES: Final[dict[bytes, Entry]] = {
    name: plain(b"%s\n" % name)
    for name in (
        *(b"a.css", b"a.js", b"a.json", b"a.svg", b"a.png", b"a.jpg", b"a.JPEG", b"a.gif"),
        *(b"a.webp", b"a.pdf", b"a.wasm", b"a.woff2", b"a.mp4", b"a.HTML", b"a.tar.txt"),
        *(b"a", b"a.", b"a.unheard", b"html", b"a.html.unheard", b"a.t", b"a.txtx"),
    )
}

NOT_UTF8: Final[dict[bytes, Entry]] = {b"latin-\xe9.txt": plain(b"not UTF-8\n")}
"""What a Mac's file system (APFS) takes no name of."""

SITE: Final = Directory(
    {
        **({} if sys.platform == "darwin" else NOT_UTF8),
        b"index.html": page("Home"),
        b"empty.txt": plain(b""),
        b"one.txt": plain(b"1"),
        b"ten.txt": plain(b"0123456789"),
        b"old.txt": plain(b"from the first second\n", 1),
        b"future.txt": plain(b"from tomorrow\n", FAR),
        b"large.bin": LARGE,
        b"types": Directory(TYPES),
        b"with index": Directory({b"index.html": page("Spaces"), b"a b.txt": plain(b"a b\n")}),
        b"bare": Directory({b"file.txt": plain(b"bare\n"), b"deep": Directory({})}),
        b"odd": Directory({b"index.html": Directory({})}),
        b"linked": Directory({b"index.html": Link(b"../index.html")}),
        b"link.txt": Link(b"ten.txt"),
        b"link-out": Link(b"/etc/hostname"),
        b"link-dir": Link(b"bare"),
        b"dangling": Link(b"nowhere"),
        b"fifo": Fifo(),
        b".hidden": plain(b"secret\n"),
        b".git": Directory({b"config": plain(b"secret\n")}),
        b".well-known": Directory({b"security.txt": plain(b"Contact: x\n"), b".x": plain(b"no\n")}),
        b"caf\xc3\xa9": Directory(
            {b"index.html": page("Coffee"), b"th\xc3\xa9.txt": plain(b"tea\n")}
        ),
        b"~tilde+plus,comma;semi=eq@at": Directory({b"x.txt": plain(b"x\n")}),
        b'quote"<>`{}|\\^': Directory({b"x.txt": plain(b"x\n")}),
        b"back\\slash.txt": plain(b"\\\n"),
        b"100%.txt": plain(b"all\n"),
        b"q?.txt": plain(b"?\n"),
        b"#.txt": plain(b"#\n"),
        b"control\x01.txt": plain(b"never seen\n"),
        b"...": plain(b"three dots are hidden too\n"),
        b"a..b": plain(b"dots inside\n"),
        b"CASE.txt": plain(b"upper\n"),
        FULL_NAME: plain(b"long\n"),
    }
)
