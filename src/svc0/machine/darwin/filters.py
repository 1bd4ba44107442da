"""Filters: what a knote can wait for, and what it tells when that has come."""

from __future__ import annotations

import stat
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass

from .. import _darwin as darwin
from ..world import (
    ALTERED,
    DELETED,
    EXTENDED,
    FAILED,
    HUNG_UP,
    LINKED,
    PEER_SHUT,
    READABLE,
    RENAMED,
    REVOKED,
    WRITABLE,
    WRITTEN,
    Changes,
    Counter,
    End,
    File,
    Socket,
    Status,
    World,
)
from ..world import Timer as WorldTimer
from .buffers import SECOND, guest_signal
from .failures import DarwinError, guest_number

UNITS = {
    darwin.NOTE_SECONDS: SECOND,
    darwin.NOTE_USECONDS: 1000,
    darwin.NOTE_NSECONDS: 1,
    0: 1_000_000,
}
# Hints: how exact a timer must be.
IGNORED_NOTES = (
    darwin.NOTE_LEEWAY
    | darwin.NOTE_CRITICAL
    | darwin.NOTE_BACKGROUND
    | darwin.NOTE_MACH_CONTINUOUS_TIME
)


NOTES = {
    DELETED: darwin.NOTE_DELETE,
    WRITTEN: darwin.NOTE_WRITE,
    EXTENDED: darwin.NOTE_EXTEND,
    ALTERED: darwin.NOTE_ATTRIB,
    LINKED: darwin.NOTE_LINK,
    RENAMED: darwin.NOTE_RENAME,
    REVOKED: darwin.NOTE_REVOKE,
}


@dataclass(frozen=True)
class Event:
    """A struct kevent, either way; `extra` are kevent64's own two words."""

    ident: int
    filter: int
    flags: int
    fflags: int
    data: int
    user: int
    extra: tuple[int, ...] = ()


@dataclass(frozen=True)
class Told:
    """What an event says beside what it was asked for."""

    data: int
    fflags: int = 0
    flags: int = 0


class Filter(ABC):
    """`file` is what the world can wait for, for which `states`; without one it is asked before
    every wait.  `owned` files end with the filter."""

    file: File | None = None
    states = READABLE
    owned = True
    # The kernel adds EV_CLEAR by itself: telling is taking.
    clears = False

    @abstractmethod
    def tell(self, states: int) -> Told | None:
        """What has come by now, given the states that the world saw; perhaps nothing."""

    def touch(self, event: Event) -> None:  # noqa: B027  (most do not mind)
        """The same knote was added once more, or changed."""

    def close(self) -> None:
        if self.file is not None and self.owned:
            self.file.close()


class Readable(Filter):
    """EVFILT_READ: a listener's queue, a stream's bytes, what is left of a file."""

    states = READABLE | PEER_SHUT
    owned = False

    def __init__(self, file: File) -> None:
        self.file = self._file = file
        self._kind = kind_of(file)

    def tell(self, states: int) -> Told | None:
        if isinstance(self._file, Socket):
            return self._tell_socket(self._file, states)
        if stat.S_ISREG(self._kind):
            left = self._file.status().size - self._file.seek(0, 1)
            return Told(left) if left else None
        over = darwin.EV_EOF if states & HUNG_UP else 0
        return Told(self._file.waiting() if states else 0, 0, over)

    def _tell_socket(self, file: Socket, states: int) -> Told | None:
        queued = file.listening()
        if queued is not None:
            return Told(queued)
        over = darwin.EV_EOF if states & (PEER_SHUT | HUNG_UP | FAILED) else 0
        error = guest_number(file.error()) if states & FAILED and file.error() else 0
        waiting = file.waiting()
        return Told(waiting, error, over) if waiting or over else None


class Writable(Filter):
    """EVFILT_WRITE: how much room there is."""

    states = WRITABLE
    owned = False

    def __init__(self, file: File) -> None:
        self.file = self._file = file

    def tell(self, states: int) -> Told | None:
        over = darwin.EV_EOF if states & (HUNG_UP | FAILED) else 0
        if not isinstance(self._file, Socket):
            return Told(1, 0, over)
        error = guest_number(self._file.error()) if states & FAILED and self._file.error() else 0
        return Told(self._file.room(), error, over)


class Timer(Filter):
    """EVFILT_TIMER: how often it has expired.  It repeats, unless it was for a time of day."""

    clears = True

    def __init__(self, world: World, event: Event) -> None:
        self._timer: WorldTimer = world.timer(time.CLOCK_MONOTONIC, blocking=False)
        self.file = self._timer
        self._world = world
        self.touch(event)

    def touch(self, event: Event) -> None:
        if not event.flags & darwin.EV_ADD:
            return
        notes = event.fflags & ~IGNORED_NOTES & ~darwin.NOTE_ABSOLUTE
        if notes == darwin.NOTE_MACHTIME:
            length = event.data * darwin.TICK_NUMERATOR // darwin.TICK_DENOMINATOR
        elif notes in UNITS:
            length = event.data * UNITS[notes]
        else:
            raise DarwinError("EINVAL")
        if event.fflags & darwin.NOTE_ABSOLUTE:
            left = length - self._world.now(time.CLOCK_REALTIME)
            self._timer.set(max(1, left), 0, absolute=False)
        else:
            self._timer.set(max(1, length), length, absolute=False)

    def tell(self, states: int) -> Told | None:
        try:
            return Told(self._timer.take())
        except BlockingIOError:
            return None


class Signal(Filter):
    """EVFILT_SIGNAL: how often it was sent, be it blocked or ignored."""

    clears = True

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.file = counter

    def tell(self, states: int) -> Told | None:
        count = self._counter.take()
        return Told(count) if count else None


class ProcessEnd(Filter):
    """EVFILT_PROC with NOTE_EXIT: told once.  How it ended, only a parent may know."""

    clears = True

    def __init__(self, end: End, notes: int) -> None:
        if notes & darwin.NOTE_EXITSTATUS and not end.child:
            end.close()
            raise DarwinError("EACCES")
        self._end, self._notes = end, notes
        self.file = end

    def tell(self, states: int) -> Told | None:
        word = 0
        if self._notes & darwin.NOTE_EXITSTATUS and (ended := self._end.ended()):
            word = guest_signal(ended.signal) if ended.signal else ended.status << 8
        return Told(word, self._notes, darwin.EV_EOF | darwin.EV_ONESHOT)


class User(Filter):
    """EVFILT_USER: what the guest says itself."""

    def __init__(self, event: Event) -> None:
        self._clears = bool(event.flags & darwin.EV_CLEAR)
        self._fflags = event.fflags & darwin.NOTE_FFLAGSMASK
        self._data = event.data
        self._triggered = bool(event.fflags & darwin.NOTE_TRIGGER)

    def touch(self, event: Event) -> None:
        given = event.fflags & darwin.NOTE_FFLAGSMASK
        match event.fflags & darwin.NOTE_FFCOPY:
            case darwin.NOTE_FFAND:
                self._fflags &= given
            case darwin.NOTE_FFOR:
                self._fflags |= given
            case darwin.NOTE_FFCOPY:
                self._fflags = given
            case _:
                pass
        self._data = event.data
        self._triggered = self._triggered or bool(event.fflags & darwin.NOTE_TRIGGER)

    def tell(self, states: int) -> Told | None:
        if not self._triggered:
            return None
        self._triggered = not self._clears
        return Told(self._data, self._fflags)


class Vnode(Filter):
    """EVFILT_VNODE: what became of a file or of the names in a directory (xnu vfs_vnops.c,
    `filt_vnode_common`): all of what happened at once, if any of it was asked for."""

    def __init__(self, changes: Changes, file: File, event: Event) -> None:
        self._changes, self._wanted = changes, event.fflags
        self._clears = bool(event.flags & darwin.EV_CLEAR)
        self._happened = 0
        self.watch = changes.watch(file)

    def touch(self, event: Event) -> None:
        """What is waited for changes with every change."""
        self._wanted = event.fflags

    def happened(self, changes: int) -> None:
        hint = sum(note for change, note in NOTES.items() if changes & change)
        if hint & self._wanted:
            self._happened |= hint

    def tell(self, states: int) -> Told | None:
        told, over = self._happened, darwin.EV_EOF | darwin.EV_ONESHOT
        if self._clears:
            self._happened = 0
        return Told(0, told, over if told & darwin.NOTE_REVOKE else 0) if told else None

    def forget(self) -> None:
        """Only who drops it says so: with a queue that is closed, all of it ends at once, and one
        that a fork has left in two processes still watches for the other."""
        self._changes.forget(self.watch)


def kind_of(file: File) -> int:
    try:
        found: Status = file.status()
    except OSError:
        return 0
    return found.mode
