"""Structs that several calls share: times, sets of signals."""

from __future__ import annotations

import errno
import signal

from .. import _linux as linux
from ..memory import Memory
from ..world import failure

SECOND = 1_000_000_000
# Both directions of the same: by name, and real-time signals by number.
TO_HOST = {number: int(getattr(signal, name)) for name, number in linux.SIGNALS.items()}
TO_GUEST = {host: guest for guest, host in TO_HOST.items()}


def read_time(memory: Memory, start: int) -> int | None:
    """A timespec in nanoseconds; no pointer is no time."""
    if not start:
        return None
    return nanoseconds(*linux.TIMESPEC.unpack(memory.read(start, linux.TIMESPEC.size)))


def nanoseconds(seconds: int, rest: int) -> int:
    if seconds < 0 or not 0 <= rest < SECOND:
        raise failure(errno.EINVAL)
    return seconds * SECOND + rest


def read_signals(memory: Memory, start: int, size: int) -> frozenset[int] | None:
    """A set of signals, as the world numbers them; no pointer is no set."""
    if not start:
        return None
    if size != linux.SIGSET_SIZE:
        raise failure(errno.EINVAL)
    bits = memory.integer(start, linux.SIGSET_SIZE)
    every = frozenset(number for number in range(1, 65) if bits >> (number - 1) & 1)
    return frozenset(map(host_signal, every)) - {host_signal(9), host_signal(19)}


def write_signals(memory: Memory, start: int, signals: frozenset[int]) -> None:
    bits = sum(1 << (guest_signal(number) - 1) for number in signals)
    memory.write(start, bits.to_bytes(linux.SIGSET_SIZE, "little"))


def host_signal(number: int) -> int:
    return TO_HOST.get(number, number)


def guest_signal(number: int) -> int:
    return TO_GUEST.get(number, number)
