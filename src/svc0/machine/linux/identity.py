"""Who and where: numbers of processes and users, the names of this computer, and chance."""

from __future__ import annotations

import errno

from .. import _linux as linux
from ..posix.table import Pointer, Size, Unsigned
from ..process import Process
from ..world import failure
from .buffers import SECOND
from .clocks import host_clock
from .table import call

MONOTONIC = 1


@call("gettid", "set_tid_address")
def gettid(process: Process) -> int:
    """A guest has one thread, whose number is that of its process."""
    return process.world.process()


@call("set_robust_list")
def set_robust_list(process: Process) -> int:
    """It matters when a thread dies holding a lock, and a guest has no second one to notice."""
    return 0


@call("uname")
def uname(process: Process, into: Pointer) -> int:
    node, release = process.world.node()
    names = "Linux", node, release, "#1 svc0", "aarch64", ""
    size = linux.UTSNAME_FIELD
    packed = b"".join(name.encode()[: size - 1].ljust(size, b"\0") for name in names)
    process.memory.write(into, packed)
    return 0


@call("sysinfo")
def sysinfo(process: Process, into: Pointer) -> int:
    uptime = process.world.now(host_clock(MONOTONIC)) // SECOND
    memory = process.world.memory()
    numbers = (uptime, 0, 0, 0, memory, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1)
    process.memory.write(into, linux.SYSINFO.pack(*numbers))
    return 0


@call("getrandom")
def getrandom(process: Process, into: Pointer, size: Size, flags: Unsigned) -> int:
    if flags & ~linux.GRND_FLAGS:
        raise failure(errno.EINVAL)
    size = min(size, linux.MOST_BYTES >> 8)
    process.memory.write(into, process.world.random(size))
    return size
