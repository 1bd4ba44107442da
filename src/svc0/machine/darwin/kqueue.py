"""A kqueue: knotes, each something to wait for, kept until they are deleted.

    change ──► knote ──► a filter, which knows what it waits for and what to tell
                 │
                 └─► `Events` of the world, by the number of the knote; or, where the world cannot
                     wait (a regular file, an event of the guest's own), asked before every wait

A knote is named by its filter and its ident.  What it tells is found when it is told, not when it
happened, as in the kernel.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

from .. import _darwin as darwin
from ..world import CHANGES, READABLE, Changes, File, World, failure
from .filters import Event, Filter, Told, Vnode, Writable

KEPT = darwin.EV_ADD | darwin.EV_ONESHOT | darwin.EV_CLEAR | darwin.EV_DISPATCH
BY_FILE = (darwin.EVFILT_READ, darwin.EVFILT_WRITE, darwin.EVFILT_VNODE)
OF_CHANGES = 0


@dataclass(eq=False)
class Knote:
    """What is waited for.  `waits` is the file by which the world waits, if it can: the filter's
    own, or a `twin` of it."""

    number: int
    event: Event
    filter: Filter
    enabled: bool = False
    waits: File | None = None
    twin: File | None = None

    @property
    def states(self) -> int:
        edge = self.event.flags & darwin.EV_CLEAR and not self.filter.clears
        return self.filter.states | (CHANGES if edge else 0)


class Kqueue(File):
    """What kqueue() makes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._events = world.events()
        self._knotes: dict[tuple[int, int], Knote] = {}
        self._by_number: dict[int, Knote] = {}
        self._asked: dict[int, Knote] = {}
        self._numbers = count(1)
        self._changes: Changes | None = None
        self.kind: int | None = None

    def changes(self) -> Changes:
        """What tells of everything that this queue watches; it wakes like a knote."""
        if self._changes is None:
            self._changes = self._world.changes()
            self._events.add(self._changes, READABLE, OF_CHANGES)
        return self._changes

    # Changes

    def change(self, event: Event, make: Callable[[Event], Filter]) -> None:
        """Apply one change; what fails is an OSError."""
        knote = self._knotes.get((event.filter, event.ident))
        if event.flags & darwin.EV_DELETE:
            self._drop(known(knote))
        elif knote is None and event.flags & darwin.EV_ADD:
            self._add(event, make(event))
        else:
            self._touch(known(knote), event)

    def _add(self, event: Event, made: Filter) -> None:
        flags = event.flags & KEPT | (darwin.EV_CLEAR if made.clears else 0)
        knote = Knote(next(self._numbers), replace(event, flags=flags), made)
        self._knotes[event.filter, event.ident] = knote
        self._by_number[knote.number] = knote
        if not event.flags & darwin.EV_DISABLE:
            self._enable(knote)

    def _touch(self, knote: Knote, event: Event) -> None:
        """Adding what is there already does not enable it: only EV_ENABLE does."""
        if event.flags & darwin.EV_DISABLE:
            self._disable(knote)
        knote.event = replace(knote.event, user=event.user, extra=event.extra)
        knote.filter.touch(event)
        if event.flags & darwin.EV_ENABLE:
            self._enable(knote)

    def _enable(self, knote: Knote) -> None:
        if knote.enabled:
            return
        knote.enabled = True
        file = knote.waits or knote.filter.file
        if file is None:
            self._asked[knote.number] = knote
            return
        try:
            self._events.add(file, knote.states, knote.number)
        except FileExistsError:
            file = knote.twin = self._world.twin(file)
            self._events.add(file, knote.states, knote.number)
        except PermissionError:
            self._asked[knote.number] = knote
            return
        knote.waits = file

    def _disable(self, knote: Knote) -> None:
        if knote.enabled:
            knote.enabled = False
            self._asked.pop(knote.number, None)
            if knote.waits is not None:
                self._events.remove(knote.waits)

    def _drop(self, knote: Knote) -> None:
        self._disable(knote)
        del self._knotes[knote.event.filter, knote.event.ident]
        del self._by_number[knote.number]
        if isinstance(knote.filter, Vnode):
            knote.filter.forget()
        release(knote)

    # Waiting

    def wait(self, most: int, timeout: int | None) -> list[Event]:
        """At least one event, unless the time (in nanoseconds; None is for ever) is over."""
        end = None if timeout is None else time.monotonic_ns() + timeout
        while True:
            found = self._ask(most)
            left = None if end is None else max(0, end - time.monotonic_ns())
            if len(found) < most:
                seen = self._events.wait(most - len(found), 0 if found else left)
                if not found and any(number == OF_CHANGES for _, number in seen):
                    # A change is noted as it happens: before whatever came after it.
                    found = self._ask(most + 1 - len(seen))
                found += self._tell(seen)
            if found or left == 0:
                return found

    def _ask(self, most: int) -> list[Event]:
        self._note_changes()
        found: list[Event] = []
        for knote in list(self._asked.values()):
            if len(found) < most and (told := knote.filter.tell(0)):
                found.append(self._deliver(knote, told))
        return found

    def _note_changes(self) -> None:
        """Each knote keeps what it has to tell, also one that is disabled."""
        if self._changes is None:
            return
        happened = dict(self._changes.take())
        for knote in self._by_number.values():
            if isinstance(knote.filter, Vnode):
                knote.filter.happened(happened.get(knote.filter.watch, 0))

    def _tell(self, seen: list[tuple[int, int]]) -> list[Event]:
        found: list[Event] = []
        for states, number in seen:
            knote = self._by_number.get(number)
            if knote is not None and (told := knote.filter.tell(states)):
                found.append(self._deliver(knote, told))
        return found

    def _deliver(self, knote: Knote, told: Told) -> Event:
        flags = knote.event.flags | told.flags
        if flags & darwin.EV_ONESHOT:
            self._drop(knote)
        elif flags & darwin.EV_DISPATCH:
            self._disable(knote)
        return replace(knote.event, flags=flags, fflags=told.fflags, data=told.data)

    # What happens to files

    def rearm(self, file: File) -> None:
        """It has room again, though the world has seen no change."""
        for knote in self._by_number.values():
            same = isinstance(knote.filter, Writable) and knote.filter.file is file
            if same and knote.enabled and knote.waits is not None and knote.states & CHANGES:
                self._events.modify(knote.waits, knote.states, knote.number)

    def forget(self, number: int) -> None:
        """That descriptor is closed: nothing waits for it any more."""
        for kind in BY_FILE:
            if knote := self._knotes.get((kind, number)):
                self._drop(knote)

    def close(self) -> None:
        for knote in self._by_number.values():
            release(knote)
        self._events.close()
        if self._changes is not None:
            self._changes.close()


def known(knote: Knote | None) -> Knote:
    if knote is None:
        raise failure(errno.ENOENT)
    return knote


def release(knote: Knote) -> None:
    knote.filter.close()
    if knote.twin is not None:
        knote.twin.close()
