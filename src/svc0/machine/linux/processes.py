"""Processes: their end, their children, and what they may."""

from __future__ import annotations

import errno
import resource as resources
from typing import NoReturn

from .. import _linux as linux
from ..memory import WRITE
from ..process import Exit, Process
from ..world import failure
from .buffers import guest_signal
from .table import Int, Pointer, Size, Unsigned, call

LIMITS = {
    guest: int(getattr(resources, name))
    for name, guest in linux.LIMITS.items()
    if hasattr(resources, name)
}
# What the C library's fork adds: where the child shall keep its number.
FORK_MAY_ASK = linux.CLONE_CHILD_SETTID | linux.CLONE_CHILD_CLEARTID
PASSED_ON = {linux.PR_SET_PDEATHSIG, linux.PR_SET_NAME, linux.PR_SET_NO_NEW_PRIVS}


@call("exit", "exit_group")
def exit_group(process: Process, status: Int) -> NoReturn:
    raise Exit(status & 0xFF)


@call("clone")
def clone(
    process: Process, flags: Size, stack: Pointer, _parent: Pointer, _tls: Pointer, own: Pointer
) -> int:
    """Only what fork is: a copy of everything, and SIGCHLD at its end."""
    if flags & ~FORK_MAY_ASK != linux.SIGNALS["SIGCHLD"]:
        process.complain(f"clone with flags {flags:#x} is not emulated: answered ENOSYS")
        raise failure(errno.ENOSYS)
    child = process.world.fork()
    if child == 0:
        if stack:
            process.cpu.sp = stack
        if flags & linux.CLONE_CHILD_SETTID:
            number = process.world.process()
            process.memory.write(own, number.to_bytes(4, "little"))
    return child


@call("wait4")
def wait4(process: Process, child: Int, status: Pointer, options: Int, usage: Pointer) -> int:
    ended = process.world.wait_child(child, hang=not options & linux.WNOHANG)
    if ended is None:
        return 0
    if status:
        word = guest_signal(ended.signal) if ended.signal else ended.status << 8
        process.memory.write(status, word.to_bytes(4, "little"))
    if usage:
        process.memory.write(usage, bytes(linux.RUSAGE_SIZE))
    return ended.process


@call("prctl")
def prctl(process: Process, option: Int, argument: Size) -> int:
    if option in PASSED_ON:
        text = process.memory.string(argument)[:15] if option == linux.PR_SET_NAME else b""
        process.world.control(option, argument, text)
    elif option != linux.PR_SET_DUMPABLE:
        raise failure(errno.EINVAL)
    return 0


def limit(number: int) -> int:
    if number not in LIMITS:
        raise failure(errno.EINVAL)
    return LIMITS[number]


def give_limits(process: Process, number: int, into: int) -> None:
    pair = process.world.limit(limit(number))
    packed = linux.RLIMIT.pack(
        *(linux.INFINITY if value == resources.RLIM_INFINITY else value for value in pair)
    )
    process.memory.write(into, packed)


def take_limits(process: Process, number: int, start: int) -> None:
    soft, hard = (
        resources.RLIM_INFINITY if value == linux.INFINITY else value
        for value in linux.RLIMIT.unpack(process.memory.read(start, linux.RLIMIT.size))
    )
    process.world.set_limit(limit(number), (soft, hard))


@call("getrlimit")
def getrlimit(process: Process, number: Int, into: Pointer) -> int:
    give_limits(process, number, into)
    return 0


@call("setrlimit")
def setrlimit(process: Process, number: Int, start: Pointer) -> int:
    take_limits(process, number, start)
    return 0


@call("prlimit64")
def prlimit64(process: Process, target: Int, number: Int, new: Pointer, old: Pointer) -> int:
    if target not in (0, process.world.process()):
        raise failure(errno.EPERM)
    if old:
        give_limits(process, number, old)
    if new:
        take_limits(process, number, new)
    return 0


@call("sched_yield")
def sched_yield(process: Process) -> int:
    process.world.sleep(0)
    return 0


@call("sched_getaffinity")
def sched_getaffinity(process: Process, target: Int, size: Unsigned, into: Pointer) -> int:
    bits = sum(1 << number for number in process.world.processors())
    needed = -(-bits.bit_length() // 64) * 8
    if size < needed or size % 8:
        raise failure(errno.EINVAL)
    process.memory.write(into, bits.to_bytes(needed, "little"))
    return needed


@call("getcpu")
def getcpu(process: Process, processor: Pointer, node: Pointer) -> int:
    """Which one it is, nobody in Python knows; the first is always there."""
    for place in processor, node:
        if place:
            process.memory.views(place, 4, WRITE)[0][:] = bytes(4)
    return 0
