"""Processes: how they are made, and what the system tells them of itself."""

from __future__ import annotations

import errno

from .. import _darwin as darwin
from ..memory import WRITE
from ..posix.table import Pointer, Size, Unsigned
from ..process import Process
from ..world import failure
from .dialect import queues_of
from .kqueue import Kqueue
from .table import Two, call

MOST_RANDOM = 256
LONGEST_NAME = 12


@call("fork")
def fork(process: Process) -> int:
    """The child has its own number in x0: who it is, x1 tells.  It has no kqueues."""
    child = process.world.fork()
    if child:
        return child
    for number in process.descriptors:
        if isinstance(process.descriptors[number].file, Kqueue):
            process.descriptors.close(number)
    queues_of(process).clear()
    return Two(process.world.process(), 1)


@call("issetugid")
def issetugid(process: Process) -> int:
    return 0


@call("getentropy")
def getentropy(process: Process, into: Pointer, size: Size) -> int:
    if size > MOST_RANDOM:
        raise failure(errno.EINVAL)
    process.memory.write(into, process.world.random(size))
    return 0


# What the system is


def facts(process: Process) -> dict[str, int | bytes]:
    """By name: integers of 4 bytes (hw.memsize: of 8), and strings."""
    processors = len(process.world.processors())
    node, _ = process.world.node()
    return {
        "hw.ncpu": processors,
        "hw.activecpu": processors,
        "hw.logicalcpu": processors,
        "hw.logicalcpu_max": processors,
        "hw.physicalcpu": processors,
        "hw.physicalcpu_max": processors,
        "hw.pagesize": process.memory.page,
        "hw.memsize": process.world.memory(),
        "hw.machine": b"arm64",
        "hw.byteorder": 1234,
        "kern.ostype": b"Darwin",
        "kern.osrelease": b"24.6.0",
        "kern.osproductversion": b"15.6",
        "kern.osversion": b"24G84",
        "kern.hostname": node.encode(),
        "kern.maxfilesperproc": 10240,
        "kern.ipc.somaxconn": 128,
    }


NUMBERED = {
    (darwin.CTL_KERN, 1): "kern.ostype",
    (darwin.CTL_KERN, 2): "kern.osrelease",
    (darwin.CTL_KERN, 10): "kern.hostname",
    (darwin.CTL_KERN, 29): "kern.maxfilesperproc",
    (darwin.CTL_KERN, 65): "kern.osversion",
    (darwin.CTL_HW, 1): "hw.machine",
    (darwin.CTL_HW, 3): "hw.ncpu",
    (darwin.CTL_HW, 7): "hw.pagesize",
    (darwin.CTL_HW, 24): "hw.memsize",
    (darwin.CTL_HW, 25): "hw.activecpu",
}


@call("sysctl")
def sysctl(
    process: Process,
    numbers: Pointer,
    count: Unsigned,
    old: Pointer,
    old_size: Pointer,
    new: Pointer,
    _new_size: Size,
) -> int:
    if not 1 < count <= LONGEST_NAME:
        raise failure(errno.EINVAL)
    content = process.memory.read(numbers, 4 * count)
    path = tuple(int.from_bytes(content[at : at + 4], "little") for at in range(0, 4 * count, 4))
    name = NUMBERED.get((path[0], path[1])) if count == 2 else None
    return tell(process, name or ".".join(map(str, path)), old, old_size, new)


@call("sysctlbyname")
def sysctlbyname(
    process: Process,
    name: Pointer,
    size: Size,
    old: Pointer,
    old_size: Pointer,
    new: Pointer,
    _new_size: Size,
) -> int:
    text = process.memory.read(name, min(size, 1024)).rstrip(b"\0")
    return tell(process, text.decode("latin-1"), old, old_size, new)


def tell(process: Process, name: str, old: int, old_size: int, new: int) -> int:
    """Without a place for the answer, how long it would be."""
    value = facts(process).get(name)
    if value is None:
        process.complain(f"sysctl {name} is not emulated: answered ENOENT")
        raise failure(errno.ENOENT)
    if new:
        raise failure(errno.EPERM)
    size = 8 if name == "hw.memsize" else 4
    content = value + b"\0" if isinstance(value, bytes) else value.to_bytes(size, "little")
    if old_size:
        room = process.memory.integer(old_size, 8)
        process.memory.views(old_size, 8, WRITE)
        process.memory.write(old_size, len(content).to_bytes(8, "little"))
        if old and room < len(content):
            raise failure(errno.ENOMEM)
        if old:
            process.memory.write(old, content)
    return 0
