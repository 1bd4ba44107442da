"""The time of day, and ticks."""

from __future__ import annotations

import time

from .. import _darwin as darwin
from ..posix.table import Pointer
from ..process import Process
from .buffers import SECOND, ticks
from .table import call


@call("gettimeofday")
def gettimeofday(process: Process, into: Pointer, zone: Pointer, absolute: Pointer) -> int:
    """The time goes to memory, never to registers; the zone is always Greenwich's."""
    memory, world = process.memory, process.world
    if into:
        seconds, rest = divmod(world.now(time.CLOCK_REALTIME), SECOND)
        memory.write(into, darwin.TIMEVAL.pack(seconds, rest // 1000))
    if zone:
        memory.write(zone, bytes(8))
    if absolute:
        now = ticks(world.now(time.CLOCK_MONOTONIC))
        memory.write(absolute, now.to_bytes(8, "little"))
    return 0
