"""Thousands of made-up requests on the whole server, each as the reference says."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from tests.clients import drive
from tests.clients.fuzz import generate, generate_targets
from tests.clients.server import Server
from tests.clients.sites import SITE
from tests.model.conversation import End, converse
from tests.model.respond import REASONS

SEED: Final = int(os.environ.get("FUZZ_SEED", "1"))
COUNT: Final = int(os.environ.get("FUZZ_COUNT", "5000"))
MOST_ON_ONE: Final = 12
GOOD: Final = drive.whole("a good request afterwards", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")


def test_the_same_seed_makes_the_same() -> None:
    assert list(generate(7, 50)) == list(generate(7, 50))
    assert list(generate(7, 50)) != list(generate(8, 50))
    assert list(generate_targets(7, 50)) == list(generate_targets(7, 50))


def test_every_outcome_is_reached() -> None:
    now = int(time.time())
    outcomes: Counter[int | End | str] = Counter()
    for case in generate(SEED, COUNT):
        said = converse(case, SITE, now, ended=True)
        outcomes.update([said.end, *said.statuses])
        outcomes["several"] += len(said.answers) > 1
        for answer in said.answers:
            fields = dict(answer.fields)
            outcomes["HEAD"] += answer.bodiless and answer.body != b""
            outcomes["JSON"] += fields.get(b"Content-Type") == b"application/json"
            outcomes[f"Connection: {fields.get(b'Connection', b'').decode()}"] += 1
    # 408 takes time, 500 and 503 take a system that fails.
    declared: set[int | End | str] = {*REASONS.keys() - {408, 500, 503}}
    declared |= {End.CLOSED, End.ENDED, End.SILENT, "HEAD", "JSON", "several"}
    declared |= {"Connection: close", "Connection: keep-alive"}
    rare = {outcome: outcomes[outcome] for outcome in declared if outcomes[outcome] < 5}
    assert not rare, "reached never, or by luck"


def chains(cases: Iterable[bytes]) -> Iterator[drive.Trial]:
    """Connections of several cases each: one goes on behind what left it open."""
    now = int(time.time())
    data, first, number = b"", 0, 0
    for number, case in enumerate(cases):
        data += case
        said = converse(data, SITE, now)
        if said.end == End.CLOSED or said.taken < len(data) or number - first >= MOST_ON_ONE:
            yield drive.Trial(f"seed {SEED}, cases {first} to {number}", [data], ended=True)
            data, first = b"", number + 1
    if data:
        yield drive.Trial(f"seed {SEED}, cases {first} to {number}", [data], ended=True)


def test_made_up_requests(server: Server) -> None:
    drive.agree(server, chains(generate(SEED, COUNT)), SITE)
    drive.agree(server, [GOOD], SITE)


def test_made_up_requests_in_pieces(server: Server) -> None:
    pieces = (
        drive.byte_by_byte(f"seed {SEED + 1}, case {number}", case, most=60)
        for number, case in enumerate(itertools.islice(generate(SEED + 1, COUNT), 200))
    )
    drive.agree(server, pieces, SITE)
