"""The requests of tests/data/hostile/: what must come of each is written beside it."""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

import pytest

from tests.clients import drive
from tests.clients.compare import describe
from tests.clients.hostile import TOPICS, Hostile
from tests.clients.server import Server
from tests.clients.sites import SITE
from tests.model.conversation import converse

GOOD: Final = drive.whole("a good request afterwards", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
ALL: Final = [request for requests in TOPICS.values() for request in requests]


def test_they_are_many_and_differ() -> None:
    assert len(ALL) >= 300
    twice = [key for key, count in Counter((r.data, r.cut) for r in ALL).items() if count > 1]
    assert not twice
    titles = Counter((request.topic, request.title) for request in ALL)
    assert max(titles.values()) == 1


@pytest.mark.parametrize("topic", TOPICS)
def test_the_reference_agrees(topic: str) -> None:
    now = int(time.time())
    others = {
        request.title: f"{said} instead of {request.expect}"
        for request in TOPICS[topic]
        if (said := describe(converse(request.data, SITE, now, ended=request.cut)))
        != request.expect
    }
    assert not others


@pytest.mark.parametrize("topic", TOPICS)
def test_whole(server: Server, topic: str) -> None:
    drive.agree(server, map(whole, TOPICS[topic]), SITE)
    drive.agree(server, [GOOD], SITE)


@pytest.mark.parametrize("topic", TOPICS)
def test_byte_by_byte(server: Server, topic: str) -> None:
    drive.agree(server, map(byte_by_byte, TOPICS[topic]), SITE)
    drive.agree(server, [GOOD], SITE)


def whole(request: Hostile) -> drive.Trial:
    return drive.Trial(request.title, [request.data], ended=request.cut)


def byte_by_byte(request: Hostile) -> drive.Trial:
    pieces = drive.byte_by_byte(request.title, request.data, most=200).pieces
    return drive.Trial(f"{request.title}, byte by byte", pieces, ended=request.cut)
