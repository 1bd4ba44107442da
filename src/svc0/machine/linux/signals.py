"""Signals: blocked, ignored, or read from a queue.  A handler of the guest's is never entered."""

from __future__ import annotations

import errno

from .. import _linux as linux
from ..memory import WRITE
from ..posix.table import Int, Pointer, Size
from ..process import Process
from ..world import SignalQueue, failure
from .buffers import guest_signal, host_signal, read_signals, read_time, write_signals
from .table import call


@call("rt_sigprocmask")
def rt_sigprocmask(process: Process, how: Int, new: Pointer, old: Pointer, size: Size) -> int:
    world = process.world
    before = world.blocked
    wanted = read_signals(process.memory, new, size)
    if old:
        write_signals(process.memory, old, before)
    if wanted is not None:
        match how:
            case linux.SIG_BLOCK:
                world.block(before | wanted)
            case linux.SIG_UNBLOCK:
                world.block(before - wanted)
            case linux.SIG_SETMASK:
                world.block(wanted)
            case _:
                raise failure(errno.EINVAL)
    return 0


@call("rt_sigaction")
def rt_sigaction(process: Process, number: Int, new: Pointer, old: Pointer, size: Size) -> int:
    if size != linux.SIGSET_SIZE or not 1 <= number <= 64:
        raise failure(errno.EINVAL)
    world, signal = process.world, host_signal(number)
    before = linux.SIG_IGN if world.ignores(signal) else linux.SIG_DFL
    if new:
        content = process.memory.read(new, linux.SIGACTION.size)
        handler, *_ = linux.SIGACTION.unpack(content)
        if number in (linux.SIGNALS["SIGKILL"], linux.SIGNALS["SIGSTOP"]):
            raise failure(errno.EINVAL)
        if handler not in (linux.SIG_DFL, linux.SIG_IGN):
            process.complain(f"a handler for signal {number} is not emulated: answered ENOSYS")
            raise failure(errno.ENOSYS)
        world.ignore(signal, handler == linux.SIG_IGN)
    if old:
        process.memory.write(old, linux.SIGACTION.pack(before, 0, 0, 0))
    return 0


@call("rt_sigtimedwait")
def rt_sigtimedwait(
    process: Process, chosen: Pointer, info: Pointer, time: Pointer, size: Size
) -> int:
    wanted = read_signals(process.memory, chosen, size)
    if wanted is None:
        raise failure(errno.EFAULT)
    if info:
        process.memory.views(info, linux.SIGINFO.size, WRITE)
    signal = process.world.wait_signal(wanted, read_time(process.memory, time))
    number = guest_signal(signal)
    if info:
        process.memory.write(info, linux.SIGINFO.pack(number))
    return number


@call("signalfd4")
def signalfd4(process: Process, number: Int, chosen: Pointer, size: Size, flags: Int) -> int:
    wanted = read_signals(process.memory, chosen, size)
    if wanted is None:
        raise failure(errno.EINVAL)
    if number != -1:
        queue = process.descriptors[number].file
        if not isinstance(queue, SignalQueue):
            raise failure(errno.EINVAL)
        queue.choose(wanted)
        return number
    queue = process.world.signal_queue(wanted, blocking=not flags & linux.O_NONBLOCK)
    return process.descriptors.add(queue, close_on_exec=bool(flags & linux.O_CLOEXEC))


@call("kill")
def kill(process: Process, target: Int, number: Int) -> int:
    send(process, target, number)
    return 0


@call("tkill")
def tkill(process: Process, target: Int, number: Int) -> int:
    send(process, thread(target), number)
    return 0


@call("tgkill")
def tgkill(process: Process, group: Int, target: Int, number: Int) -> int:
    if thread(group) != thread(target):
        raise failure(errno.ESRCH)
    send(process, target, number)
    return 0


def thread(number: int) -> int:
    """A guest has one thread, whose number is that of its process."""
    if number <= 0:
        raise failure(errno.EINVAL)
    return number


def send(process: Process, target: int, number: int) -> None:
    if not 0 <= number <= 64:
        raise failure(errno.EINVAL)
    process.world.kill(target, host_signal(number))
