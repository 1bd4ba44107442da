"""Signals that the guest has blocked, and what waits for them.

    kernel ──► Python's own handler ──► a pipe ──► pending ──► a queue's flag ──► epoll, poll, read
             (in C, at once)         (wakeup)   (drained before and after every wait)

A blocked signal of the guest is one that Python catches: the interpreter's handler writes its
number into a pipe, which every wait of the guest also watches, so none is slept through.  What the
guest has not blocked keeps its default or is ignored, by the host's kernel itself.
"""

from __future__ import annotations

import errno
import os
import select
import signal
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from types import FrameType

from ..world import Counter, SignalQueue, failure
from .files import Flag

# A fault of the processor in Python itself must end Python, not be taken for one of the guest's.
NEVER_CAUGHT = {
    signal.SIGKILL,
    signal.SIGSTOP,
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
}
CAUGHT = frozenset(int(number) for number in signal.valid_signals() - NEVER_CAUGHT)
HARMLESS = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}


def caught(_number: int, _frame: FrameType | None) -> None:
    """Python wants a handler; what matters is the byte in the pipe."""


class Signals:
    """Which are blocked, which have come, and who wants to know."""

    def __init__(self) -> None:
        self.wakeup = Flag()
        self.blocked: frozenset[int] = frozenset()
        self.ignored: set[int] = {
            number for number in CAUGHT if signal.getsignal(number) is signal.SIG_IGN
        }
        self._pending: set[int] = set()
        self._queues: list[Queue] = []
        self._tallies: list[Tally] = []
        self._before = {number: signal.getsignal(number) for number in CAUGHT}
        self._waking = False

    def begin(self) -> None:
        """Undo what Python does for itself: an exception for SIGINT, and no SIGPIPE."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.ignore(signal.SIGPIPE, False)

    def end(self) -> None:
        """Python is itself again."""
        if self._waking:
            signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        self.wakeup.close()

    def block(self, signals: frozenset[int]) -> None:
        """Exactly these; one that has come and is not among them is delivered."""
        if signals & CAUGHT:
            self._wake()
        self.collect()
        changed = (signals ^ self.blocked) & CAUGHT
        self.blocked = signals
        for number in changed:
            self._dispose(number)
        self.collect()
        for number in sorted(self._pending - signals):
            self._pending.discard(number)
            if number not in self.ignored:
                os.kill(os.getpid(), number)
        self._show()

    def ignore(self, number: int, ignored: bool) -> None:
        (self.ignored.add if ignored else self.ignored.discard)(number)
        self._dispose(number)

    def tally(self, number: int) -> Tally:
        self._wake()
        made = Tally(self, number)
        self._tallies.append(made)
        self._dispose(number)
        return made

    def drop(self, tally: Tally) -> None:
        self._tallies.remove(tally)
        self._dispose(tally.signal)

    @property
    def pending(self) -> frozenset[int]:
        self.collect()
        return frozenset(self._pending & self.blocked)

    def queue(self, signals: frozenset[int], *, blocking: bool) -> Queue:
        made = Queue(self, signals, blocking=blocking)
        self._queues.append(made)
        self._show()
        return made

    def forget(self, queue: Queue) -> None:
        self._queues.remove(queue)

    def collect(self) -> None:
        """Take what the interpreter's handler has written."""
        try:
            while arrived := os.read(self.wakeup.number, 256):
                for number in arrived:
                    self._arrived(number)
        except BlockingIOError:
            pass
        self._show()

    def take(self, signals: frozenset[int], most: int) -> list[int]:
        self.collect()
        taken = sorted(self._pending & signals)[:most]
        self._pending.difference_update(taken)
        self._show()
        return taken

    def wait(self, timeout: float | None) -> None:
        """Until one comes."""
        select.select([self.wakeup.number], [], [], timeout)

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """None comes here: one for a new process shall not be taken for one of its parent's."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def forked(self) -> None:
        """In the new process, nothing has come yet."""
        self._pending.clear()
        self.wakeup.renew()
        for flag in *self._queues, *self._tallies:
            flag.renew()
        self._show()

    def _wake(self) -> None:
        if not self._waking:
            signal.set_wakeup_fd(self.wakeup.writer, warn_on_full_buffer=False)
            self._waking = True

    def _arrived(self, number: int) -> None:
        counted = [tally for tally in self._tallies if tally.signal == number]
        for tally in counted:
            tally.add()
        if number in self.blocked or not counted:
            self._pending.add(number)

    def _dispose(self, number: int) -> None:
        if number not in CAUGHT:
            return
        counted = any(tally.signal == number for tally in self._tallies)
        if number in self.blocked or (counted and (number in self.ignored | HARMLESS)):
            signal.signal(number, caught)
        elif number in self.ignored:
            signal.signal(number, signal.SIG_IGN)
        else:
            signal.signal(number, signal.SIG_DFL)

    def _show(self) -> None:
        for queue in self._queues:
            queue.show(bool(queue.signals & self._pending))


class Queue(Flag, SignalQueue):
    """What signalfd is."""

    def __init__(self, signals: Signals, chosen: Iterable[int], *, blocking: bool) -> None:
        super().__init__()
        self._signals, self.signals, self._blocking = signals, frozenset(chosen), blocking

    def choose(self, signals: frozenset[int]) -> None:
        self.signals = signals
        self._signals.collect()

    def take(self, most: int) -> list[int]:
        while not (taken := self._signals.take(self.signals, most)):
            if not self._blocking:
                raise failure(errno.EAGAIN)
            self._signals.wait(None)
        return taken

    def flags(self) -> int:
        return os.O_RDWR | (0 if self._blocking else os.O_NONBLOCK)

    def set_flags(self, flags: int) -> None:
        self._blocking = not flags & os.O_NONBLOCK

    def close(self) -> None:
        self._signals.forget(self)
        super().close()


class Tally(Flag, Counter):
    """How often one signal has come.  One that would kill is not counted: who would be told?"""

    def __init__(self, signals: Signals, number: int) -> None:
        super().__init__()
        self._signals, self.signal, self._count = signals, number, 0

    def add(self) -> None:
        self._count += 1
        self.show(True)

    def take(self) -> int:
        self._signals.collect()
        count, self._count = self._count, 0
        self.show(False)
        return count

    def close(self) -> None:
        self._signals.drop(self)
        super().close()
