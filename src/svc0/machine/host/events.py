"""Waiting: for files, for signals, and for timers, all at once.

The host's kernel waits for files.  Timers and queued signals are `Flag`s, files too; somebody has
to raise them, and that is `Waiting`: it looks after both before every wait, lets none last longer
than the next timer, and watches the pipe that signals come through.
"""

from __future__ import annotations

import errno
import os
import select
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

from ..world import READABLE, Events, File, Timer, failure
from .files import Flag, HostFile
from .signals import Signals

SECOND = 1_000_000_000
Found: TypeAlias = list[tuple[int, int]]


class Waiting:
    """What every wait of one process has in common."""

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        self.timers: list[HostTimer] = []

    def refresh(self) -> int | None:
        """Raise every flag that is due; how long it is until the next timer."""
        self.signals.collect()
        due = [left for timer in self.timers if (left := timer.refresh()) is not None]
        return min(due, default=None)

    def wait(self, look: Callable[[float | None], Found], timeout: int | None) -> Found:
        """Call `look` until it finds something of the guest's, or the time is over."""
        end = None if timeout is None else time.monotonic_ns() + timeout
        while True:
            next_timer = self.refresh()
            left = None if end is None else max(0, end - time.monotonic_ns())
            longest = min((some for some in (left, next_timer) if some is not None), default=None)
            found = look(None if longest is None else longest / SECOND)
            wanted = [pair for pair in found if pair[0] != self.signals.wakeup.number]
            if wanted or (not found and left is not None and longest == left):
                return wanted


class HostEvents(HostFile, Events):
    """Epoll, or where there is none, poll: level-triggered, which is what all agree on."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._data: dict[int, int] = {}
        self._epoll = select.epoll() if sys.platform == "linux" else None
        self._poll = select.poll()
        super().__init__(-1 if self._epoll is None else self._epoll.fileno())
        self._register(waiting.signals.wakeup.number, READABLE)

    def close(self) -> None:
        if self._epoll is not None:
            self._epoll.close()

    def add(self, file: File, states: int, data: int) -> None:
        number = number_of(file)
        if self._epoll is None and number in self._data:
            raise failure(errno.EEXIST)
        self._register(number, states)
        self._data[number] = data

    def modify(self, file: File, states: int, data: int) -> None:
        number = number_of(file)
        if self._epoll is not None:
            self._epoll.modify(number, states)
        else:
            self._known(number)
            self._poll.modify(number, states & 0xFFFF)
        self._data[number] = data

    def remove(self, file: File) -> None:
        number = number_of(file)
        if self._epoll is not None:
            self._epoll.unregister(number)
        else:
            self._known(number)
            self._poll.unregister(number)
        self._data.pop(number, None)

    def wait(self, most: int, timeout: int | None) -> list[tuple[int, int]]:
        def look(seconds: float | None) -> Found:
            if self._epoll is not None:
                return self._epoll.poll(seconds, most)
            return self._look_with_poll(seconds)[:most]

        found = self._waiting.wait(look, timeout)
        return [(states, self._data.get(number, 0)) for number, states in found]

    def _register(self, number: int, states: int) -> None:
        if self._epoll is not None:
            self._epoll.register(number, states)
        else:
            self._poll.register(number, states & 0xFFFF)

    def _known(self, number: int) -> None:
        if number not in self._data:
            raise failure(errno.ENOENT)

    def _look_with_poll(self, seconds: float | None) -> Found:
        found: Found = []
        for number, states in self._poll.poll(milliseconds(seconds)):
            if states & select.POLLNVAL:
                # Epoll forgets a file that is closed; poll has to be told.
                self._poll.unregister(number)
                self._data.pop(number, None)
            else:
                found.append((number, states))
        return found


class HostTimer(Flag, Timer):
    """What timerfd is, kept by whoever waits."""

    def __init__(self, waiting: Waiting, clock: int, *, blocking: bool) -> None:
        super().__init__()
        self._waiting, self._clock, self._blocking = waiting, clock, blocking
        self._next = self._interval = 0
        waiting.timers.append(self)

    def set(self, first: int, interval: int, *, absolute: bool) -> tuple[int, int]:
        before = self.remaining()
        start = 0 if absolute else self._now()
        self._next, self._interval = (start + first, interval) if first else (0, 0)
        self.refresh()
        return before

    def remaining(self) -> tuple[int, int]:
        if not self._next:
            return 0, 0
        return max(1, self._next - self._now()), self._interval

    def take(self) -> int:
        while not (count := self._expired()):
            if not self._blocking:
                raise failure(errno.EAGAIN)
            self._waiting.signals.wait(None if not self._next else self.remaining()[0] / SECOND)
            self._waiting.signals.collect()
        self._next = self._next + count * self._interval if self._interval else 0
        self.refresh()
        return count

    def refresh(self) -> int | None:
        """Raise the flag if it has expired; else how long that will take, if ever."""
        expired = self._expired()
        self.show(bool(expired))
        return None if expired or not self._next else self.remaining()[0]

    def flags(self) -> int:
        return os.O_RDWR | (0 if self._blocking else os.O_NONBLOCK)

    def set_flags(self, flags: int) -> None:
        self._blocking = not flags & os.O_NONBLOCK

    def close(self) -> None:
        self._waiting.timers.remove(self)
        super().close()

    def _now(self) -> int:
        return time.clock_gettime_ns(self._clock)

    def _expired(self) -> int:
        late = self._now() - self._next
        if not self._next or late < 0:
            return 0
        return 1 + (late // self._interval if self._interval else 0)


def poll(waiting: Waiting, files: list[tuple[int, int]], timeout: int | None) -> list[int]:
    """The states of each of these files, which need not be different ones."""
    poller = select.poll()
    wanted: dict[int, int] = {}
    for number, states in files:
        wanted[number] = wanted.get(number, 0) | states
    for number, states in wanted.items():
        poller.register(number, states)
    poller.register(waiting.signals.wakeup.number, READABLE)
    found = dict(waiting.wait(lambda seconds: poller.poll(milliseconds(seconds)), timeout))
    always = select.POLLERR | select.POLLHUP | select.POLLNVAL
    return [found.get(number, 0) & (states | always) for number, states in files]


def milliseconds(seconds: float | None) -> float | None:
    """Rounded up, so that a wait is never a little too short."""
    return None if seconds is None else -(-seconds * 1000 // 1)


def number_of(file: File) -> int:
    if isinstance(file, HostFile) and file.number >= 0:
        return file.number
    raise failure(errno.EPERM)
