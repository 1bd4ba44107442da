"""Waiting: kqueues, select and poll."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable
from dataclasses import replace

from .. import _darwin as darwin
from ..memory import WRITE, Memory
from ..posix.table import Int, Open, Pointer, Unsigned
from ..process import Process
from ..world import READABLE, WRITABLE, File, failure
from .buffers import host_signal, read_time, read_timeval
from .dialect import queues_of
from .failures import guest_error
from .filters import (
    NOTES,
    Event,
    Filter,
    ProcessEnd,
    Readable,
    Signal,
    Timer,
    User,
    Vnode,
    Writable,
    kind_of,
)
from .kqueue import Kqueue
from .table import call

MILLISECOND = 1_000_000
MOST_CHANGES = 1 << 20
MOST_SELECTED = 1024
# The states of poll that have one number everywhere; POLLNVAL has it too.
STATES, NOT_OPEN = 0x1F, 0x20
EXCEPTIONAL = 2
NEITHER = int(getattr(os, "O_PATH", 0))


@call("kqueue")
def kqueue(process: Process) -> int:
    made = Kqueue(process.world)
    number = process.descriptors.add(made, close_on_exec=True)
    queues_of(process).append(made)
    return number


@call("kevent")
def kevent(
    process: Process,
    file: Open,
    changes: Pointer,
    change_count: Int,
    into: Pointer,
    room: Int,
    timeout: Pointer,
) -> int:
    queue = queue_of(file, darwin.KEVENT)
    time = read_time(process.memory, timeout)
    return exchange(process, queue, darwin.KEVENT, (changes, change_count), (into, room), time)


@call("kevent64")
def kevent64(
    process: Process,
    file: Open,
    changes: Pointer,
    change_count: Int,
    into: Pointer,
    room: Int,
    flags: Unsigned,
    timeout: Pointer,
) -> int:
    queue = queue_of(file, darwin.KEVENT64)
    time = 0 if flags & darwin.KEVENT_FLAG_IMMEDIATE else read_time(process.memory, timeout)
    only_errors = bool(flags & darwin.KEVENT_FLAG_ERROR_EVENTS)
    places = (changes, change_count), (into, room)
    return exchange(process, queue, darwin.KEVENT64, *places, time, only_errors=only_errors)


def queue_of(file: File, kind: struct.Struct) -> Kqueue:
    """A kqueue is used by kevent or by kevent64, never by both."""
    if not isinstance(file, Kqueue):
        raise failure(errno.EBADF)
    if file.kind not in (None, kind.size):
        raise failure(errno.EINVAL)
    file.kind = kind.size
    return file


def exchange(
    process: Process,
    queue: Kqueue,
    layout: struct.Struct,
    changes: tuple[int, int],
    into: tuple[int, int],
    timeout: int | None,
    *,
    only_errors: bool = False,
) -> int:
    """Apply changes, then wait; but what a change has to say is told at once."""
    memory, (start, room) = process.memory, into
    room = max(0, room)
    memory.views(start, room * layout.size, WRITE)
    told: list[Event] = []
    for event in read_events(memory, layout, *changes):
        try:
            queue.change(event, lambda event: make_filter(process, queue, event))
        except OSError as error:
            if len(told) == room:
                raise
            told.append(
                replace(event, flags=event.flags | darwin.EV_ERROR, data=guest_error(error))
            )
        else:
            if event.flags & darwin.EV_RECEIPT and len(told) < room:
                told.append(replace(event, flags=event.flags | darwin.EV_ERROR, data=0))
    if not told and room and not only_errors:
        told = queue.wait(room, timeout)
    memory.write(start, b"".join(pack_event(layout, event) for event in told))
    return len(told)


def answer_to(change: Event, number: int) -> Event:
    """How it went; zero is well."""
    return replace(change, flags=change.flags | darwin.EV_ERROR, data=number)


def read_events(memory: Memory, layout: struct.Struct, start: int, count: int) -> list[Event]:
    if count > MOST_CHANGES:
        raise failure(errno.ENOMEM)
    content = memory.read(start, max(0, count) * layout.size)
    return [Event(*fields[:6], extra=tuple(fields[6:])) for fields in layout.iter_unpack(content)]


def pack_event(layout: struct.Struct, event: Event) -> bytes:
    common = event.ident, event.filter, event.flags, event.fflags, event.data, event.user
    return layout.pack(*common, *event.extra)


# What a new knote waits for


def make_filter(process: Process, queue: Kqueue, event: Event) -> Filter:
    if event.filter == darwin.EVFILT_VNODE:
        return Vnode(queue.changes(), file_to_watch(process, event), event)
    if event.filter not in FILTERS:
        process.complain(f"kevent filter {event.filter} is not emulated: answered EINVAL")
        raise failure(errno.EINVAL)
    return FILTERS[event.filter](process, event)


def file_of(process: Process, event: Event) -> File:
    file = process.descriptors[event.ident].file
    if isinstance(file, Kqueue) or event.fflags & darwin.NOTE_LOWAT:
        process.complain("a kqueue in a kqueue, and NOTE_LOWAT, are not emulated: answered EINVAL")
        raise failure(errno.EINVAL)
    return file


def file_to_watch(process: Process, event: Event) -> File:
    """What is no file has none of these events.  Of one that is open for neither reading nor
    writing the kernel may tell; nobody should count on it."""
    file = process.descriptors[event.ident].file
    if event.fflags & ~sum(NOTES.values()) or file.flags() & NEITHER:
        process.complain(f"EVFILT_VNODE with {event.fflags:#x} is not emulated: answered EINVAL")
        raise failure(errno.EINVAL)
    if stat.S_IFMT(kind_of(file)) not in (stat.S_IFREG, stat.S_IFDIR):
        raise failure(errno.EINVAL)
    return file


def make_signal(process: Process, event: Event) -> Filter:
    return Signal(process.world.count_signal(host_signal(event.ident)))


def make_end(process: Process, event: Event) -> Filter:
    if event.fflags & ~darwin.NOTE_EXITSTATUS != darwin.NOTE_EXIT:
        process.complain(f"EVFILT_PROC with {event.fflags:#x} is not emulated: answered EINVAL")
        raise failure(errno.EINVAL)
    return ProcessEnd(process.world.end_of(event.ident), event.fflags)


FILTERS: dict[int, Callable[[Process, Event], Filter]] = {
    darwin.EVFILT_READ: lambda process, event: Readable(file_of(process, event)),
    darwin.EVFILT_WRITE: lambda process, event: Writable(file_of(process, event)),
    darwin.EVFILT_TIMER: lambda process, event: Timer(process.world, event),
    darwin.EVFILT_SIGNAL: make_signal,
    darwin.EVFILT_PROC: make_end,
    darwin.EVFILT_USER: lambda process, event: User(event),
}


# The older ways


@call("select")
def select(
    process: Process,
    count: Int,
    readable: Pointer,
    writable: Pointer,
    exceptional: Pointer,
    timeout: Pointer,
) -> int:
    if not 0 <= count <= MOST_SELECTED:
        raise failure(errno.EINVAL)
    memory, time = process.memory, read_timeval(process.memory, timeout)
    wanted = {readable: READABLE, writable: WRITABLE, exceptional: EXCEPTIONAL}
    wanted.pop(0, None)
    size = -(-count // 32) * 4
    sets = {start: bits_of(memory.integer(start, size), count) for start in wanted}
    asked = [(number, start) for start, numbers in sets.items() for number in numbers]
    files = [(process.descriptors[number].file, wanted[start]) for number, start in asked]
    seen = process.world.poll(files, time)
    ready = [pair for pair, states in zip(asked, seen, strict=True) if states]
    for start in sets:
        bits = sum(1 << number for number, place in ready if place == start)
        memory.write(start, bits.to_bytes(size, "little"))
    return len(ready)


def bits_of(word: int, count: int) -> list[int]:
    return [number for number in range(count) if word >> number & 1]


@call("poll")
def poll(process: Process, start: Pointer, count: Unsigned, timeout: Int) -> int:
    """A descriptor that is not open is an answer here, not a failure."""
    memory, size = process.memory, darwin.POLLFD.size
    entries = list(darwin.POLLFD.iter_unpack(memory.read(start, count * size)))
    found = [NOT_OPEN if number >= 0 else 0 for number, _, _ in entries]
    there = [place for place, (number, _, _) in enumerate(entries) if number in process.descriptors]
    files = [(process.descriptors[entries[place][0]].file, entries[place][1]) for place in there]
    hurry = any(found[place] for place in range(len(found)) if place not in there)
    time = 0 if hurry else None if timeout < 0 else timeout * MILLISECOND
    seen = process.world.poll([(file, states & STATES) for file, states in files], time)
    for place, states in zip(there, seen, strict=True):
        found[place] = states
    for place, (number, states, _) in enumerate(entries):
        memory.write(start + place * size, darwin.POLLFD.pack(number, states, found[place]))
    return sum(map(bool, found))
