"""Clocks, and sleeping by them."""

from __future__ import annotations

import errno
import time

from .. import _linux as linux
from ..posix.table import Int, Pointer
from ..process import Process
from ..world import failure
from .buffers import SECOND, read_time
from .table import call


def host_clock(number: int) -> int:
    """By name; a clock that this host has not is told like the one it is closest to."""
    if number not in linux.CLOCKS:
        raise failure(errno.EINVAL)
    return int(getattr(time, linux.CLOCKS[number], time.CLOCK_MONOTONIC))


@call("clock_gettime")
def clock_gettime(process: Process, clock: Int, into: Pointer) -> int:
    now = process.world.now(host_clock(clock))
    process.memory.write(into, linux.TIMESPEC.pack(*divmod(now, SECOND)))
    return 0


@call("nanosleep")
def nanosleep(process: Process, wanted: Pointer, left: Pointer) -> int:
    process.world.sleep(duration(process, wanted))
    return 0


@call("clock_nanosleep")
def clock_nanosleep(
    process: Process, clock: Int, flags: Int, wanted: Pointer, left: Pointer
) -> int:
    length = duration(process, wanted)
    if flags & linux.TIMER_ABSTIME:
        length -= process.world.now(host_clock(clock))
    process.world.sleep(max(0, length))
    return 0


def duration(process: Process, start: int) -> int:
    length = read_time(process.memory, start)
    if length is None:
        raise failure(errno.EFAULT)
    return length
