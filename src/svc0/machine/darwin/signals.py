"""Signals: blocked, ignored, or counted by a kqueue.  A handler of the guest's is never entered."""

from __future__ import annotations

import errno

from .. import _darwin as darwin
from ..posix.table import Int, Pointer
from ..process import Process
from ..world import failure
from .buffers import MOST_SIGNALS, NEVER_BLOCKED, TO_HOST, host_signal, read_signals, write_signals
from .table import call


@call("sigprocmask")
def sigprocmask(process: Process, how: Int, new: Pointer, old: Pointer) -> int:
    world = process.world
    before = world.blocked
    if new:
        wanted = read_signals(process.memory, new)
        match how:
            case darwin.SIG_BLOCK:
                after = before | wanted
            case darwin.SIG_UNBLOCK:
                after = before - wanted
            case darwin.SIG_SETMASK:
                after = wanted
            case _:
                raise failure(errno.EINVAL)
        world.block(after)
    if old:
        write_signals(process.memory, old, before)
    return 0


@call("sigpending")
def sigpending(process: Process, into: Pointer) -> int:
    """What is ignored is never pending, blocked or not."""
    world = process.world
    kept = frozenset(number for number in world.pending if not world.ignores(number))
    write_signals(process.memory, into, kept)
    return 0


@call("sigaction")
def sigaction(process: Process, number: Int, new: Pointer, old: Pointer) -> int:
    if not 1 <= number < MOST_SIGNALS:
        raise failure(errno.EINVAL)
    world, signal = process.world, TO_HOST.get(number)
    before = darwin.SIG_IGN if signal and world.ignores(signal) else darwin.SIG_DFL
    if new:
        content = process.memory.read(new, darwin.SIGACTION_IN.size)
        handler, *_ = darwin.SIGACTION_IN.unpack(content)
        if number in NEVER_BLOCKED:
            raise failure(errno.EINVAL)
        if handler not in (darwin.SIG_DFL, darwin.SIG_IGN):
            process.complain(f"a handler for signal {number} is not emulated: answered EINVAL")
            raise failure(errno.EINVAL)
        if signal:
            world.ignore(signal, handler == darwin.SIG_IGN)
    if old:
        process.memory.write(old, darwin.SIGACTION_OUT.pack(before, 0, 0))
    return 0


@call("kill")
def kill(process: Process, target: Int, number: Int) -> int:
    if not 0 <= number < MOST_SIGNALS:
        raise failure(errno.EINVAL)
    process.world.kill(target, host_signal(number) if number else 0)
    return 0
