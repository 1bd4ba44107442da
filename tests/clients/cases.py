"""The request cases of other projects, in tests/data/cases/: what is sent, and their verdict.

Most cases have no Host, as their projects leave it to the application. Without one everything of
HTTP/1.1 would be refused for that alone, and prove nothing: a Host is put in where none is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "data" / "cases"
REFUSALS: Final = frozenset({400, 413, 414, 417, 431, 501, 505})
"""What is said of a request that is not understood, or not accepted as it is."""

HARMLESS_ERRORS: Final = {
    5: "data after Connection: close, which is not read here",
    21: "a pause",
    22: "an upgrade",
    23: "the preface of HTTP/2",
}
"""Error codes of llhttp that do not say that a request is wrong."""

REQUEST_LINE: Final = re.compile(rb"^[^\r\n]* HTTP/1\.1\r\n", re.MULTILINE)
SECTION: Final = re.compile(
    r"^#+ (?P<title>[^\n]+)\n(?:(?!^#|^```).)*?^<!-- meta=(?P<meta>\{.*?\}) -->\s*"
    r"^```http\n(?P<sent>.*?)^```$(?:(?!^#|^```).)*?^```log\n(?P<log>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Case:
    """One file, or one section of one."""

    name: str
    data: bytes
    accepted: bool
    ended: bool
    """The end of input is a part of the case."""


def with_host(data: bytes) -> bytes:
    """The same with a Host behind each request line, if it has none at all."""
    if re.search(rb"^host[ \t]*:", data, re.IGNORECASE | re.MULTILINE):
        return data
    return REQUEST_LINE.sub(lambda match: match[0] + b"Host: case.example\r\n", data)


def gunicorn() -> Iterator[Case]:
    """One request, or several, in each file; the folder is the verdict."""
    for path in sorted((FOLDER / "gunicorn").glob("*/*.http")):
        text = path.read_bytes().replace(b"\n", b"")
        data = re.sub(rb"\\(?:([rnt0])|x([0-9a-fA-F]{2}))", unescape, text)
        accepted = path.parent.name == "valid"
        yield Case(f"gunicorn/{path.parent.name}/{path.name}", with_host(data), accepted, True)


def unescape(match: re.Match[bytes]) -> bytes:
    if match[2]:
        return bytes.fromhex(match[2].decode())
    return {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0"}[match[1]]


def llhttp() -> Iterator[Case]:
    """What a strict parser is fed, with the events that it must report."""
    for path in sorted((FOLDER / "llhttp").glob("*.md")):
        for section in SECTION.finditer(path.read_text()):
            kind = json.loads(section["meta"])["type"]
            if kind not in ("request", "request-finish"):
                continue  # it is about being lenient
            errors = {int(code) for code in re.findall(r"error code=(\d+)", section["log"])}
            refused = bool(errors - HARMLESS_ERRORS.keys()) or "finish=2" in section["log"]
            name = f"llhttp/{path.stem}: {section['title']}"
            data = with_host(decode(section["sent"]))
            yield Case(name, data, not refused, kind == "request-finish")


def decode(text: str) -> bytes:
    """As llparse-test-fixture reads a block: line breaks are CRLF, and escapes are bytes."""
    text = re.sub(r"\\\n", "", text.removesuffix("\n")).replace("\n", "\r\n")
    for escape, byte in (("r", "\r"), ("n", "\n"), ("t", "\t"), ("f", "\f")):
        text = text.replace("\\" + escape, byte)
    parts = re.split(r"\\x([0-9a-fA-F]{2})", text)
    pieces = [part.encode() if i % 2 == 0 else bytes.fromhex(part) for i, part in enumerate(parts)]
    return b"".join(pieces)


def everything() -> list[Case]:
    """All cases; a name that occurs again has its number behind it."""
    seen: Counter[str] = Counter()
    found: list[Case] = []
    for case in (*gunicorn(), *llhttp()):
        seen[case.name] += 1
        number = seen[case.name]
        found.append(replace(case, name=f"{case.name} ({number})") if number > 1 else case)
    return found
