"""What a worker waits with: one table of what it waits for, whichever kernel's calls fill it."""

from __future__ import annotations

import random

from svc0.a64 import platform, sizeof
from svc0.kernel.constants import (
    CLOCK_MONOTONIC,
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    EPOLLIN,
    EPOLLOUT,
    EV_ADD,
    EV_DELETE,
    EVFILT_PROC,
    EVFILT_READ,
    EVFILT_SIGNAL,
    EVFILT_TIMER,
    EVFILT_WRITE,
    IN_CLOEXEC,
    IN_NONBLOCK,
    NOTE_EXIT,
    NOTE_SECONDS,
    RLIMIT_NOFILE,
    SFD_CLOEXEC,
    SFD_NONBLOCK,
    SIGSET_SIZE,
    SIGTERM,
    TFD_CLOEXEC,
    TFD_NONBLOCK,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import EpollEvent, Kevent, SignalInfo
from svc0.machine.call import Caller
from svc0.server.workspace import EVENTS_MAX, Own
from tests.server.notes import Note, read_notes
from tests.server.process import OURSELVES, Process, words

POLLER, LISTENER, TIMER, SIGNALS, ROOT, CHANGES = 10, 11, 12, 13, 14, 15
SUPERVISOR = 900

Thing = tuple[str, int]


class Poller(Process):
    """``watched`` is what is waited for, with the data that events of it carry:

        ("input", 7), ("output", 7)    a descriptor
        ("seconds", 1)                 so many seconds, again and again
        ("signal", SIGTERM)
        ("end", 900)                   of a process

    ``trouble`` is what fails, and how: a call, or waiting for one of those.
    """

    def __init__(self, **trouble: int) -> None:
        super().__init__()
        self.trouble = trouble
        self.watched: dict[Thing, int] = {}
        self.changes: list[Note] = []
        """All that a kqueue was asked for."""
        self.happens: list[int] = []
        """What the next events carry."""
        self.timeouts: list[int] = []
        """Milliseconds; -1 has no end."""
        self.seconds = 0
        """How many have passed since the timer was asked last."""
        self.signals = 0
        """How often SIGTERM has come and was not heard yet."""
        self.descriptors = 1 << 20
        """How many it may have."""
        self.told = b""
        """What inotify has to say."""

    def fails(self, what: str = "") -> int:
        return -self.trouble.get(what or self.names[-1], 0)

    def watch(self, thing: Thing, data: int) -> int:
        if failure := self.fails(thing[0]):
            return failure
        self.watched[thing] = data
        return 0

    def ignore(self, thing: Thing) -> int:
        return -Errno.ENOENT if self.watched.pop(thing, None) is None else 0

    def event(self, data: int) -> bytes:
        """One that carries this; of all else in it only the timer's seconds mean something."""
        if platform() == "linux":
            return random.randbytes(EpollEvent.data) + words(data)
        content = bytearray(random.randbytes(sizeof(Kevent)))
        content[Kevent.udata :] = words(data)
        if data == Own.TIMER:
            content[Kevent.data : Kevent.udata] = words(self.seconds)
        return bytes(content)

    def wait(self, machine: Caller, events: int, most: int, milliseconds: int) -> int:
        assert most == EVENTS_MAX
        self.timeouts.append(milliseconds)
        for number, data in enumerate(self.happens):
            event = self.event(data)
            machine.write(events + number * len(event), event)
        return self.fails("wait") or len(self.happens)

    # --- Linux ------------------------------------------------------------------------

    def epoll_create1(self, machine: Caller, flags: int) -> int:
        assert flags == EPOLL_CLOEXEC
        return self.fails() or POLLER

    def timerfd_create(self, machine: Caller, clock: int, flags: int) -> int:
        assert (clock, flags) == (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        return self.fails() or TIMER

    def timerfd_settime(self, machine: Caller, timer: int, flags: int, new: int, old: int) -> int:
        assert (timer, flags, old) == (TIMER, 0, 0)
        assert machine.read(new, 32) == words(1, 0, 1, 0), "every second, first after one"
        return self.fails()

    def signalfd4(self, machine: Caller, file: int, mask: int, size: int, flags: int) -> int:
        assert (file, size, flags) == (2**32 - 1, SIGSET_SIZE, SFD_NONBLOCK | SFD_CLOEXEC)
        assert machine.read(mask, size) == words(1 << SIGTERM - 1)
        return self.fails() or SIGNALS

    def epoll_ctl(self, machine: Caller, epoll: int, operation: int, file: int, event: int) -> int:
        assert epoll == POLLER
        own: dict[int, Thing] = {TIMER: ("seconds", 1), SIGNALS: ("signal", SIGTERM)}
        reading, writing = own.get(file, ("input", file)), ("output", file)
        if operation == EPOLL_CTL_DEL:
            assert event == 0
            return self.ignore(reading) and self.ignore(writing)
        bits = int.from_bytes(machine.read(event + EpollEvent.events, 4), "little")
        data = int.from_bytes(machine.read(event + EpollEvent.data, 8), "little")
        assert bits in (EPOLLIN, EPOLLOUT)
        there = reading in self.watched or writing in self.watched
        if operation == EPOLL_CTL_MOD:
            assert there
            assert self.ignore(writing if bits == EPOLLIN else reading) == 0, "it is no change"
        else:
            assert operation == EPOLL_CTL_ADD
            assert not there
        return self.watch(reading if bits == EPOLLIN else writing, data)

    def epoll_pwait(
        self, machine: Caller, epoll: int, events: int, most: int, timeout: int, *mask: int
    ) -> int:
        assert (epoll, mask) == (POLLER, (0, SIGSET_SIZE))
        return self.wait(machine, events, most, -1 if timeout >> 31 else timeout)

    def inotify_init1(self, machine: Caller, flags: int) -> int:
        assert flags == IN_NONBLOCK | IN_CLOEXEC
        return self.fails() or CHANGES

    def read(self, machine: Caller, file: int, data: int, size: int) -> int:
        if file == CHANGES:
            machine.write(data, self.told[:size])
            return len(self.told[:size]) or -Errno.EAGAIN
        assert (file, size) in ((TIMER, 8), (SIGNALS, sizeof(SignalInfo)))
        if file == TIMER and self.seconds:
            machine.write(data, words(self.seconds))
            self.seconds = 0
            return size
        if file == SIGNALS and self.signals:
            machine.write(data, SIGTERM.to_bytes(4, "little") + random.randbytes(size - 4))
            self.signals -= 1
            return size
        return -Errno.EAGAIN

    # --- macOS ------------------------------------------------------------------------

    def getrlimit(self, machine: Caller, resource: int, limit: int) -> int:
        assert resource == RLIMIT_NOFILE
        machine.write(limit, words(self.descriptors, 2**63 - 1))
        return self.fails()

    def kqueue(self, machine: Caller) -> int:
        return self.fails() or POLLER

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
        assert queue == POLLER
        if count:
            assert (events, most, time) == (0, 0, 0), "nobody asked what has happened"
            return self.change(read_notes(machine, changes, count))
        assert changes == 0
        if not time:
            return self.wait(machine, events, most, -1)
        seconds, nanoseconds = (
            int.from_bytes(machine.read(time + at, 8), "little", signed=True) for at in (0, 8)
        )
        assert seconds >= 0
        assert 0 <= nanoseconds < 10**9
        milliseconds, rest = divmod(nanoseconds, 10**6)
        assert rest == 0
        return self.wait(machine, events, most, seconds * 1000 + milliseconds)

    def change(self, notes: list[Note]) -> int:
        """Make these changes, up to the first that fails."""
        things = {
            int(EVFILT_READ): "input",
            int(EVFILT_WRITE): "output",
            int(EVFILT_TIMER): "seconds",
            int(EVFILT_SIGNAL): "signal",
            int(EVFILT_PROC): "end",
        }
        for note in notes:
            self.changes.append(note)
            what = things[note.filter]
            thing = what, note.data if what == "seconds" else note.ident
            assert note.fflags == {"seconds": NOTE_SECONDS, "end": NOTE_EXIT}.get(what, 0)
            assert note.data == 0 or what == "seconds"
            if note.flags == EV_DELETE:
                failure = self.ignore(thing)
            else:
                assert note.flags == EV_ADD
                failure = self.watch(thing, note.udata)
            if failure:
                return failure
        return 0

    def sigpending(self, machine: Caller, mask: int) -> int:
        """Other signals are pending too."""
        others = random.getrandbits(32) & ~(1 << SIGTERM - 1)
        pending = others | (self.signals > 0) << SIGTERM - 1
        machine.write(mask, pending.to_bytes(4, "little"))
        return self.fails()

    def kill(self, machine: Caller, process: int, signal: int, posix: int) -> int:
        assert (process, signal, posix) == (OURSELVES, SIGTERM, 1)
        assert ("signal", SIGTERM) in self.watched, "else nobody hears this one either"
        self.happens.append(self.watched["signal", SIGTERM])
        return 0
