"""The executables for macOS that tests look at: ours, by name, and others' for comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import pytest

from svc0.image.macho import macho
from svc0.server.start import start
from tests.image import peers, sample


@cache
def small() -> bytes:
    """The sample, stripped."""
    return macho(sample.start)


@cache
def small_whole() -> bytes:
    """The sample, with symbols and debug information."""
    return macho(sample.start, strip=False)


@cache
def server() -> bytes:
    """The server, stripped."""
    return macho(start)


@cache
def server_whole() -> bytes:
    """The server, with symbols and debug information."""
    return macho(start, strip=False)


OURS: Mapping[str, Callable[[], bytes]] = {
    "small": small,
    "small, whole": small_whole,
    "server": server,
    "server, whole": server_whole,
}

PEERS: Mapping[str, Callable[[], bytes]] = {"lld": peers.lld, "zig": peers.zig}
ALL = {**OURS, **PEERS}

OF_PEERS, OF_ALL = (
    [
        pytest.param(name, marks=[pytest.mark.xdist_group("zig")] if name == "zig" else [])
        for name in names
    ]
    for names in (PEERS, ALL)
)
"""Their names, for parametrize; zig takes seconds, so one worker is enough for it."""
