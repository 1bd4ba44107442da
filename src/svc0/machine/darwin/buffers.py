"""Structs that several calls share: times, sets of signals."""

from __future__ import annotations

import errno
import signal

from .. import _darwin as darwin
from ..memory import Memory
from ..world import failure

SECOND = 1_000_000_000
# Both directions of the same, by name; SIGEMT and SIGINFO not every host has.
TO_HOST = {
    number: int(getattr(signal, name))
    for name, number in darwin.SIGNALS.items()
    if hasattr(signal, name)
}
TO_GUEST = {host: guest for guest, host in TO_HOST.items()}
MOST_SIGNALS = 32
NEVER_BLOCKED = {darwin.SIGNALS["SIGKILL"], darwin.SIGNALS["SIGSTOP"]}


def read_time(memory: Memory, start: int) -> int | None:
    """A timespec in nanoseconds; no pointer is no time."""
    if not start:
        return None
    seconds, rest = darwin.TIMESPEC.unpack(memory.read(start, darwin.TIMESPEC.size))
    return nanoseconds(seconds, rest)


def read_timeval(memory: Memory, start: int) -> int | None:
    if not start:
        return None
    seconds, rest = darwin.TIMEVAL.unpack(memory.read(start, darwin.TIMEVAL.size))
    return nanoseconds(seconds, rest * 1000)


def nanoseconds(seconds: int, rest: int) -> int:
    if seconds < 0 or not 0 <= rest < SECOND:
        raise failure(errno.EINVAL)
    return seconds * SECOND + rest


def ticks(time: int) -> int:
    """Nanoseconds, as mach_absolute_time counts them."""
    return time * darwin.TICK_DENOMINATOR // darwin.TICK_NUMERATOR


def read_signals(memory: Memory, start: int) -> frozenset[int]:
    """A sigset_t, of which bit 0 is signal 1, as the host's numbers."""
    bits = memory.integer(start, 4)
    chosen = (number for number in range(1, MOST_SIGNALS) if bits >> (number - 1) & 1)
    return frozenset(TO_HOST[number] for number in chosen if number in TO_HOST) - {
        TO_HOST[number] for number in NEVER_BLOCKED
    }


def write_signals(memory: Memory, start: int, signals: frozenset[int]) -> None:
    bits = sum(1 << (TO_GUEST[number] - 1) for number in signals if number in TO_GUEST)
    memory.write(start, bits.to_bytes(4, "little"))


def host_signal(number: int) -> int:
    """EINVAL for a number that is no signal, or one that the host has not."""
    if number not in TO_HOST:
        raise failure(errno.EINVAL)
    return TO_HOST[number]


def guest_signal(number: int) -> int:
    return TO_GUEST.get(number, number)
