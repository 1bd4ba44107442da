"""Waiting: epoll, poll, timers and counters."""

from __future__ import annotations

import errno
import os

from .. import _linux as linux
from ..memory import WRITE
from ..posix.table import Int, Open, Pointer, Size, Unsigned
from ..process import Process
from ..world import Events, File, Timer, failure
from .buffers import SECOND, nanoseconds, read_signals, read_time
from .clocks import host_clock
from .table import call

# IN, PRI, OUT, ERR and HUP have one number everywhere, and Linux's others only Linux has.
MILLISECOND = 1_000_000
MOST_EVENTS = (1 << 31) // linux.EPOLL_EVENT.size


def events_of(file: File) -> Events:
    if not isinstance(file, Events):
        raise failure(errno.EINVAL)
    return file


@call("epoll_create1")
def epoll_create1(process: Process, flags: Int) -> int:
    if flags & ~linux.O_CLOEXEC:
        raise failure(errno.EINVAL)
    return process.descriptors.add(process.world.events(), close_on_exec=bool(flags))


@call("epoll_ctl")
def epoll_ctl(process: Process, epoll: Open, operation: Int, file: Open, event: Pointer) -> int:
    events = events_of(epoll)
    if operation == linux.EPOLL_CTL_DEL:
        events.remove(file)
        return 0
    # Four bytes between the two mean nothing, and need not be set.
    states = process.memory.integer(event, 4)
    data = process.memory.integer(event + linux.EPOLL_EVENT.size - 8, 8)
    if file is events:
        raise failure(errno.EINVAL)
    if operation == linux.EPOLL_CTL_ADD:
        events.add(file, states, data)
    elif operation == linux.EPOLL_CTL_MOD:
        events.modify(file, states, data)
    else:
        raise failure(errno.EINVAL)
    return 0


@call("epoll_pwait")
def epoll_pwait(
    process: Process,
    epoll: Open,
    into: Pointer,
    most: Int,
    timeout: Int,
    mask: Pointer,
    mask_size: Size,
) -> int:
    events, memory = events_of(epoll), process.memory
    if not 0 < most <= MOST_EVENTS:
        raise failure(errno.EINVAL)
    memory.views(into, most * linux.EPOLL_EVENT.size, WRITE)
    with process.world.blocking(read_signals(memory, mask, mask_size)):
        found = events.wait(most, None if timeout < 0 else timeout * MILLISECOND)
    packed = [linux.EPOLL_EVENT.pack(states, 0, data) for states, data in found]
    memory.write(into, b"".join(packed))
    return len(found)


@call("ppoll")
def ppoll(
    process: Process, start: Pointer, count: Unsigned, time: Pointer, mask: Pointer, mask_size: Size
) -> int:
    memory = process.memory
    content = memory.read(start, count * linux.POLLFD.size)
    entries = list(linux.POLLFD.iter_unpack(content))
    asked = [(number, states) for number, states, _ in entries if number >= 0]
    files = [(process.descriptors[number].file, states) for number, states in asked]
    with process.world.blocking(read_signals(memory, mask, mask_size)):
        answers = iter(process.world.poll(files, read_time(memory, time)))
    found = [next(answers) if number >= 0 else 0 for number, _, _ in entries]
    for place, ((number, states, _), seen) in enumerate(zip(entries, found, strict=True)):
        packed = linux.POLLFD.pack(number, states, seen)
        memory.write(start + place * linux.POLLFD.size, packed)
    return sum(map(bool, found))


@call("timerfd_create")
def timerfd_create(process: Process, clock: Int, flags: Int) -> int:
    timer = process.world.timer(host_clock(clock), blocking=not flags & linux.O_NONBLOCK)
    return process.descriptors.add(timer, close_on_exec=bool(flags & linux.O_CLOEXEC))


def timer_of(file: File) -> Timer:
    if not isinstance(file, Timer):
        raise failure(errno.EINVAL)
    return file


def pack_timer(left: tuple[int, int]) -> bytes:
    first, interval = left
    return linux.ITIMERSPEC.pack(*divmod(interval, SECOND), *divmod(first, SECOND))


@call("timerfd_settime")
def timerfd_settime(process: Process, file: Open, flags: Int, new: Pointer, old: Pointer) -> int:
    words = linux.ITIMERSPEC.unpack(process.memory.read(new, linux.ITIMERSPEC.size))
    interval, first = nanoseconds(*words[:2]), nanoseconds(*words[2:])
    if old:
        process.memory.views(old, linux.ITIMERSPEC.size, WRITE)
    absolute = bool(flags & linux.TIMER_ABSTIME)
    before = timer_of(file).set(first, interval, absolute=absolute)
    if old:
        process.memory.write(old, pack_timer(before))
    return 0


@call("timerfd_gettime")
def timerfd_gettime(process: Process, file: Open, into: Pointer) -> int:
    process.memory.write(into, pack_timer(timer_of(file).remaining()))
    return 0


@call("eventfd2")
def eventfd2(process: Process, initial: Unsigned, flags: Int) -> int:
    """The counter's flags are those of open, and one of its own."""
    semaphore = flags & 1
    nonblocking = os.O_NONBLOCK if flags & linux.O_NONBLOCK else 0
    counter = process.world.counter(initial, semaphore | nonblocking)
    return process.descriptors.add(counter, close_on_exec=bool(flags & linux.O_CLOEXEC))
