"""How the supervisor is sent signals: by a descriptor on Linux, by a queue on macOS."""

from __future__ import annotations

import random

from svc0.kernel.constants import (
    EV_ADD,
    EVFILT_SIGNAL,
    SFD_CLOEXEC,
    SIG_BLOCK,
    SIGCHLD,
    SIGHUP,
    SIGINT,
    SIGQUIT,
    SIGSET_SIZE,
    SIGTERM,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import Kevent, SignalInfo
from svc0.machine.call import Caller
from tests.server.notes import Note, read_notes
from tests.server.process import Process

SIGNALS = 6


class Signals(Process):
    """``trouble`` is what calls fail with, by their names."""

    def __init__(self, **trouble: int) -> None:
        super().__init__()
        self.trouble = trouble
        self.blocked: set[int] = set()
        self.heard: set[int] = set()
        """Those that the descriptor tells of."""
        self.pending: set[int] = set()
        """Those that have come."""

    def fails(self) -> int:
        return -self.trouble.get(self.names[-1], 0)

    def next_signal(self) -> int:
        """What the supervisor is woken with, or -errno."""
        signal = min(self.pending)
        self.pending.remove(signal)
        assert signal in self.heard & self.blocked
        return signal

    # --- Linux ------------------------------------------------------------------------

    def rt_sigprocmask(self, machine: Caller, how: int, mask: int, old: int, size: int) -> int:
        assert size == SIGSET_SIZE
        return self.block(machine, how, mask, old)

    def signalfd4(self, machine: Caller, file: int, mask: int, size: int, flags: int) -> int:
        assert (file, size, flags) == (2**32 - 1, SIGSET_SIZE, SFD_CLOEXEC)
        self.heard = read_set(machine, mask)
        assert self.heard == self.blocked, "else one could kill us"
        return self.fails() or SIGNALS

    def read(self, machine: Caller, file: int, data: int, size: int) -> int:
        assert (file, size) == (SIGNALS, SignalInfo.size)
        signal = self.next_signal()
        if signal > 0:
            machine.write(data, signal.to_bytes(4, "little") + random.randbytes(size - 4))
            return size
        return signal

    # --- macOS ------------------------------------------------------------------------

    def sigprocmask(self, machine: Caller, how: int, mask: int, old: int) -> int:
        blocked = self.block(machine, how, mask, old)
        assert self.blocked == self.heard, "one that comes in between would be lost"
        return blocked

    def kqueue(self, machine: Caller) -> int:
        return self.fails() or SIGNALS

    def kevent(
        self,
        machine: Caller,
        queue: int,
        changes: int,
        count: int,
        events: int,
        most: int,
        time: int,
    ) -> int:
        assert (queue, time) == (SIGNALS, 0)
        if count:
            assert (events, most) == (0, 0)
            for note in read_notes(machine, changes, count):
                assert note == Note(note.ident, EVFILT_SIGNAL, EV_ADD)
                if note.ident == self.trouble.get("hearing"):
                    return -Errno.ENOMEM
                self.heard.add(note.ident)
            return 0
        assert (changes, most) == (0, 1)
        signal = self.next_signal()
        if signal > 0:
            content = signal.to_bytes(8, "little") + random.randbytes(Kevent.size - 8)
            machine.write(events, content)
            return 1
        return signal

    # --- both -------------------------------------------------------------------------

    def block(self, machine: Caller, how: int, mask: int, old: int) -> int:
        assert (how, old) == (SIG_BLOCK, 0)
        self.blocked |= read_set(machine, mask)
        return 0


def read_set(machine: Caller, mask: int) -> set[int]:
    """The numbers in a set of signals."""
    bits = int.from_bytes(machine.read(mask, int(SIGSET_SIZE)), "little")
    return {number for number in range(1, 65) if bits >> number - 1 & 1}


def heeded() -> set[int]:
    """The signals that the supervisor does something about."""
    return {SIGTERM, SIGINT, SIGQUIT, SIGHUP, int(SIGCHLD)}
