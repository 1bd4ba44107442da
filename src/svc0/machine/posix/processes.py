"""Processes: who they are, their end, their children, and what they may."""

from __future__ import annotations

import resource as resources
import struct
from typing import NoReturn

from ..process import Exit, Process
from .table import Int, Pointer, call

RLIMIT = struct.Struct("<QQ")
RUSAGE_SIZE = 144


@call("exit")
def leave(process: Process, status: Int) -> NoReturn:
    raise Exit(status & 0xFF)


@call("wait4")
def wait4(process: Process, child: Int, status: Pointer, options: Int, usage: Pointer) -> int:
    """WNOHANG is 1 everywhere, and the word that tells the end looks the same."""
    ended = process.world.wait_child(child, hang=not options & 1)
    if ended is None:
        return 0
    if status:
        signal = process.dialect.guest_signal(ended.signal)
        word = signal if ended.signal else ended.status << 8
        process.memory.write(status, word.to_bytes(4, "little"))
    if usage:
        process.memory.write(usage, bytes(RUSAGE_SIZE))
    return ended.process


@call("getpid")
def getpid(process: Process) -> int:
    return process.world.process()


@call("getppid")
def getppid(process: Process) -> int:
    return process.world.parent()


@call("getuid")
def getuid(process: Process) -> int:
    return process.world.identity()[0]


@call("geteuid")
def geteuid(process: Process) -> int:
    return process.world.identity()[1]


@call("getgid")
def getgid(process: Process) -> int:
    return process.world.identity()[2]


@call("getegid")
def getegid(process: Process) -> int:
    return process.world.identity()[3]


@call("getrlimit")
def getrlimit(process: Process, number: Int, into: Pointer) -> int:
    dialect = process.dialect
    pair = process.world.limit(dialect.limit(number))
    known = (dialect.infinity if value == resources.RLIM_INFINITY else value for value in pair)
    process.memory.write(into, RLIMIT.pack(*known))
    return 0


@call("setrlimit")
def setrlimit(process: Process, number: Int, start: Pointer) -> int:
    dialect = process.dialect
    soft, hard = (
        resources.RLIM_INFINITY if value == dialect.infinity else value
        for value in RLIMIT.unpack(process.memory.read(start, RLIMIT.size))
    )
    process.world.set_limit(dialect.limit(number), (soft, hard))
    return 0
