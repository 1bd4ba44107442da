"""That every floor answers: whole, right, and to several clients."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from bench.alternatives import alternatives
from bench.client import Client
from bench.floor import answer, head
from bench.running import INDEX, running
from bench.servers import Processor
from svc0.machine import native
from tests.tools import need_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the floor is of Linux")

EMULATED = [one for one in alternatives() if one.emulated]


def here() -> Processor:
    """What runs programs for ARM64 on this machine."""
    if native.is_there() and not shutil.which("qemu-aarch64"):
        return Processor()
    return Processor([need_tool("qemu-aarch64")])


@pytest.mark.parametrize("one", EMULATED, ids=lambda one: one.name)
def test_a_floor_answers(one: object, tmp_path: Path) -> None:
    from bench.alternatives import Alternative

    assert isinstance(one, Alternative)
    (tmp_path / INDEX).write_bytes(bytes(one.body))
    whole = answer(one.body)
    with (
        running(one.server, here(), tmp_path) as server,
        Client(server.port) as first,
        Client(server.port) as second,
    ):
        for client in (first, second, first):
            client.send(INDEX)
            said = b""
            while len(said) < len(whole):
                said += client.some()
            assert said == whole


def test_answers_say_their_length() -> None:
    assert answer(612).removeprefix(head(612)) == b"x" * 612
    assert b"\r\nContent-Length: 612\r\n" in head(612)
