"""Whether what a client saw is what the reference says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from tests.clients import wire
from tests.model.conditions import format_date
from tests.model.conversation import Conversation, End
from tests.model.respond import REASONS, SENTENCE, Answer

ONE_SENTENCE = r"[A-Z][^<>&\"\\\x00-\x1f]*[.!?]"


LATE_SECONDS = 60
"""How old a Date may be: a server that is given no time does not see the seconds pass."""


@dataclass(frozen=True)
class Times:
    """The client's clock before the first byte was sent and after the last one came."""

    before: float
    after: float
    drift: float = 0
    """Seconds by which the server's clock may be another than the client's."""

    def has(self, date: bytes) -> bool:
        """A Date that may be a second old, or more where the machine was busy with others."""
        stamp = parsedate_to_datetime(date.decode()).timestamp()
        is_exact = date == format_date(int(stamp))
        first, last = self.before - LATE_SECONDS - self.drift, self.after + 1 + self.drift
        return is_exact and first <= stamp <= last


def differences(seen: bytes, expected: Conversation, times: Times) -> list[str]:
    """Everything in which the bytes of one connection differ; none is what is hoped for."""
    answers, rest = wire.split(seen, [answer.bodiless for answer in expected.answers])
    found: list[str] = []
    for number, (one, other) in enumerate(zip(answers, expected.answers, strict=False), 1):
        found += [f"answer {number}: {what}" for what in compare(one, other, times)]
    if len(answers) < len(expected.answers):
        found.append(f"{len(answers)} whole answers instead of {expected.statuses}")
    if rest:
        found.append(f"then {rest[:200]!r}, which nobody asked for")
    return found


def compare(seen: wire.Received, expected: Answer, times: Times) -> list[str]:
    """Status line, fields in their order, and body of one answer."""
    found: list[str] = []
    status_line = f"HTTP/1.1 {expected.status} {REASONS[expected.status]}".encode()
    if seen.status_line != status_line:
        found.append(f"{seen.status_line!r} instead of {status_line!r}")
    names, expected_names = (
        [name for name, _ in fields] for fields in (seen.fields, expected.fields)
    )
    if names != expected_names:
        return [*found, f"fields {names} instead of {expected_names}"]

    date = seen.value(b"Date")
    if not times.has(date):
        found.append(f"Date {date!r} is not the time")
    moving = dict(expected.fields)[b"Date"]
    for (name, value), (_, wanted) in zip(seen.fields, expected.fields, strict=True):
        if name == b"Content-Length" and expected.has_sentence:
            found += compare_length(seen, expected, int(value))
        elif name == b"Last-Modified" and wanted == moving:
            wanted = date
            found += [f"Last-Modified {value!r} is not Date"] if value != wanted else []
        elif name != b"Date" and value != wanted:
            found.append(f"{name.decode()}: {value!r} instead of {wanted!r}")

    if not expected.bodiless and not is_body(seen.body, expected):
        found.append(f"body {seen.body[:300]!r} instead of {expected.body[:300]!r}")
    return found


def is_body(seen: bytes, expected: Answer) -> bool:
    """The very bytes, but for the sentence."""
    if not expected.has_sentence:
        return seen == expected.body
    before, after = map(re.escape, expected.body.decode().split(SENTENCE))
    return re.fullmatch(before + ONE_SENTENCE + after, seen.decode("latin-1")) is not None


def compare_length(seen: wire.Received, expected: Answer, length: int) -> list[str]:
    """The length of a body with a sentence of the server's own."""
    least = len(expected.body)
    if expected.bodiless and not least < length < least + 400:
        return [f"Content-Length {length} is not that of a sentence and {least} bytes around it"]
    if not expected.bodiless and length != len(seen.body):
        return [f"Content-Length {length} but {len(seen.body)} bytes"]
    return []


def describe(expected: Conversation) -> str:
    """The outcome in the words of tests/data/hostile/: statuses, then how it ends.

    >>> describe(Conversation([], End.SILENT))
    'silence'
    """
    words = {End.OPEN: "open", End.CLOSED: "close", End.ENDED: "ended", End.SILENT: "silence"}
    return " ".join([*map(str, expected.statuses), words[expected.end]])
