"""The requests of tests/data/hostile/, in the form that its README.md describes."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "data" / "hostile"
ESCAPE: Final = re.compile(
    r"\\(?:(?P<named>[rnt\\])|x(?P<hex>[0-9a-fA-F]{2})|\{(?P<text>.*?)\*(?P<times>\d+)\})"
)
NAMED: Final = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}
EXPECTATION: Final = re.compile(r"(?:\d{3} )*(?:open|close|ended|silence)")


@dataclass(frozen=True)
class Hostile:
    """One request, or several on one connection."""

    topic: str
    title: str
    data: bytes
    expect: str
    cut: bool


def unescape(text: str) -> bytes:
    r"""The bytes that a `send` stands for.

    >>> unescape("a\\x00\\{xy*3}\nb\\r\\n")
    b'a\x00xyxyxyb\r\n'
    """
    made: list[bytes] = []
    at = 0
    text = text.replace("\n", "")
    for match in ESCAPE.finditer(text):
        made.append(plain(text[at : match.start()]))
        if match["named"]:
            made.append(NAMED[match["named"]])
        elif match["hex"]:
            made.append(bytes.fromhex(match["hex"]))
        else:
            made.append(unescape(match["text"]) * int(match["times"]))
        at = match.end()
    return b"".join([*made, plain(text[at:])])


def plain(text: str) -> bytes:
    if "\\" in text:
        raise ValueError(f"a backslash that starts no escape: {text!r}")
    return text.encode()


def load(path: Path) -> list[Hostile]:
    """The requests of one file."""
    found: list[Hostile] = []
    for entry in tomllib.loads(path.read_text())["request"]:
        unknown = entry.keys() - {"title", "send", "expect", "cut"}
        if unknown or not EXPECTATION.fullmatch(entry["expect"]):
            raise ValueError(f"{path.name}: {entry['title']}: {unknown or entry['expect']}")
        data = unescape(entry["send"])
        cut: bool = entry.get("cut", False)
        found.append(Hostile(path.stem, entry["title"], data, entry["expect"], cut))
    return found


TOPICS: Final = {path.stem: load(path) for path in sorted(FOLDER.glob("*.toml"))}
