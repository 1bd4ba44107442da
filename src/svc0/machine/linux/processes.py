"""Processes: how they are made, and what only Linux tells or lets them do."""

from __future__ import annotations

import errno
from typing import NoReturn

from .. import _linux as linux
from ..memory import WRITE
from ..posix.processes import getrlimit, leave, setrlimit
from ..posix.table import Int, Pointer, Size, Unsigned
from ..process import Process
from ..world import failure
from .table import call

# What the C library's fork adds: where the child shall keep its number.
FORK_MAY_ASK = linux.CLONE_CHILD_SETTID | linux.CLONE_CHILD_CLEARTID
PASSED_ON = {linux.PR_SET_PDEATHSIG, linux.PR_SET_NAME, linux.PR_SET_NO_NEW_PRIVS}


@call("exit_group")
def exit_group(process: Process, status: Int) -> NoReturn:
    """There is one thread."""
    leave(process, status)


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


@call("prctl")
def prctl(process: Process, option: Int, argument: Size) -> int:
    if option in PASSED_ON:
        text = process.memory.string(argument)[:15] if option == linux.PR_SET_NAME else b""
        process.world.control(option, argument, text)
    elif option != linux.PR_SET_DUMPABLE:
        raise failure(errno.EINVAL)
    return 0


@call("prlimit64")
def prlimit64(process: Process, target: Int, number: Int, new: Pointer, old: Pointer) -> int:
    if target not in (0, process.world.process()):
        raise failure(errno.EPERM)
    if old:
        getrlimit(process, number, old)
    if new:
        setrlimit(process, number, new)
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


@call("sched_setaffinity")
def sched_setaffinity(process: Process, target: Int, size: Unsigned, start: Pointer) -> int:
    """The host runs it where it likes, but from then on this is what sched_getaffinity tells."""
    if target not in (0, process.world.process()):
        raise failure(errno.ESRCH)
    bits = process.memory.integer(start, min(size, linux.CPUS_MAX // 8))
    process.world.choose_processors(
        frozenset(number for number in range(bits.bit_length()) if bits >> number & 1)
    )
    return 0


@call("getcpu")
def getcpu(process: Process, processor: Pointer, node: Pointer) -> int:
    """Which one it is, nobody in Python knows; the first is always there."""
    for place in processor, node:
        if place:
            process.memory.views(place, 4, WRITE)[0][:] = bytes(4)
    return 0
