"""From the bytes that a client has read to the answers in them; strict, as a client may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEAD: Final = re.compile(rb"(HTTP/1\.1 [0-9]{3} [^\r\n]*)\r\n((?:[!-9;-~]+: [^\r\n]*\r\n)*)\r\n")


@dataclass(frozen=True)
class Received:
    """One answer as it came."""

    status_line: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.status_line.split()[1])

    def value(self, name: bytes) -> bytes:
        return dict(self.fields).get(name, b"")


def split(data: bytes, bodiless: Sequence[bool]) -> tuple[list[Received], bytes]:
    """As many answers as data has whole, at most one for each of bodiless, and the bytes after."""
    answers: list[Received] = []
    at = 0
    for without_body in bodiless:
        head = HEAD.match(data, at)
        if not head:
            break
        pairs = [line.split(b": ", 1) for line in head[2].split(b"\r\n")[:-1]]
        fields = tuple((name, value) for name, value in pairs)
        length = 0 if without_body else int(dict(fields).get(b"Content-Length", b"0"))
        if len(data) < head.end() + length:
            break
        answers.append(Received(head[1], fields, data[head.end() : head.end() + length]))
        at = head.end() + length
    return answers, data[at:]
