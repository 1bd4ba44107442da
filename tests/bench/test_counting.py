"""That two ways to count agree: a plugin in qemu, and the project's own emulator."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from bench import counting
from bench.running import INDEX, make_site
from bench.servers import SERVERS, ours
from svc0.lab.cost import stage
from svc0.lab.cost.cases import Case
from svc0.machine.linux import Linux
from tests.system.debian import UnavailableError
from tests.tools import lacking

ROUNDS = 32
REQUESTS, LOOKS = 160, 3
APART = 0.01
SELDOM = 0.05
"""A call that fewer requests than this make is of the clock or of the log."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="qemu-user is of Linux")


def request(way: str) -> bytes:
    """What the client of the plugin's counts sends."""
    end = "Connection: close\r\n\r\n" if way == "new connection" else "\r\n"
    times = 16 if way == "pipelined" else 1
    return f"GET /{INDEX} HTTP/1.1\r\nHost: 127.0.0.1\r\n{end}".encode() * times


@pytest.mark.parametrize("way", counting.WAYS)
def test_plugin_and_emulator_agree(way: str, tmp_path: Path) -> None:
    """Within a hundredth, and in every call; both without openat2, which qemu 7.2 does not know."""
    try:
        emulator = counting.emulator()
    except UnavailableError as reason:
        lacking(str(reason))
    site = make_site(tmp_path / "site")
    knows = counting.has_openat2(emulator)
    with patch.object(stage, "NewLinux", stage.NewLinux if knows else Linux):
        count = stage.measure(ours(), site, Case(way, request(way)).play, ROUNDS)
    requests = ROUNDS * (16 if way == "pipelined" else 1)
    here = {name: number / requests for name, number in count.calls.items()}
    its = counting.cost(SERVERS["svc0"], site, INDEX, way, REQUESTS, LOOKS)

    assert its.pop("instructions") == pytest.approx(count.instructions / requests, rel=APART)
    often = {name for name, number in (here | its).items() if number >= SELDOM}
    for name in often:
        assert its.get(name, 0) == pytest.approx(here.get(name, 0), abs=SELDOM), name


def test_a_plugin_counts_the_same_every_time(tmp_path: Path) -> None:
    try:
        counting.emulator()
    except UnavailableError as reason:
        lacking(str(reason))
    site = make_site(tmp_path / "site")
    first, second = (
        counting.cost(SERVERS["floor"], site, INDEX, "keep-alive", REQUESTS, LOOKS)
        for _ in range(2)
    )
    assert first == second
    assert {name for name in first if name != "instructions"} == {
        "epoll_pwait",
        "recvfrom",
        "sendto",
    }
