"""Mach traps: negative numbers, of which x0 alone is the result, and carry says nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from .. import _darwin as darwin
from ..process import Process
from .buffers import ticks

SUCCESS, INVALID_ARGUMENT, INVALID_ADDRESS = 0, 4, 1


def absolute_time(process: Process, _registers: tuple[int, ...]) -> int:
    return ticks(process.world.now(time.CLOCK_MONOTONIC))


def timebase_info(process: Process, registers: tuple[int, ...]) -> int:
    """How many nanoseconds a tick is, as a fraction."""
    packed = darwin.TIMEBASE.pack(darwin.TICK_NUMERATOR, darwin.TICK_DENOMINATOR)
    try:
        process.memory.write(registers[0], packed)
    except OSError:
        return INVALID_ADDRESS
    return SUCCESS


def wait_until(process: Process, registers: tuple[int, ...]) -> int:
    left = registers[0] - absolute_time(process, registers)
    process.world.sleep(max(0, left) * darwin.TICK_NUMERATOR // darwin.TICK_DENOMINATOR)
    return SUCCESS


TRAPS: dict[str, Callable[[Process, tuple[int, ...]], int]] = {
    "mach_absolute_time": absolute_time,
    "mach_continuous_time": absolute_time,
    "mach_timebase_info": timebase_info,
    "mach_wait_until": wait_until,
}
BY_NUMBER = {darwin.TRAPS[name]: (name, trap) for name, trap in TRAPS.items()}
