"""Files and directories, and the descriptors that name them."""

from __future__ import annotations

import errno

from ..dialect import vector
from ..memory import READ, WRITE
from ..process import Process
from ..world import File, failure
from .table import Int, Long, Open, Path, Pointer, Size, Unsigned, call


def directory_of(process: Process, number: int, path: bytes) -> File | None:
    """What a relative path starts at; an absolute one starts nowhere else than at the root."""
    if number == process.dialect.here or path.startswith(b"/"):
        return None
    return process.descriptors[number].file


def not_negative(offset: int) -> int:
    if offset < 0:
        raise failure(errno.EINVAL)
    return offset


# Reading and writing


@call("pread64", "pread")
def pread(process: Process, file: Open, start: Pointer, size: Size, offset: Long) -> int:
    into = process.dialect.views(process.memory, start, size, WRITE)
    return file.read(into, not_negative(offset))


@call("write")
def write(process: Process, file: Open, start: Pointer, size: Size) -> int:
    data = process.dialect.views(process.memory, start, size, READ)
    return file.write(process.dialect.offered(file, data))


@call("writev")
def writev(process: Process, file: Open, start: Pointer, count: Unsigned) -> int:
    data = vector(process.dialect, process.memory, start, count)
    return file.write(process.dialect.offered(file, data))


@call("pwrite64", "pwrite")
def pwrite(process: Process, file: Open, start: Pointer, size: Size, offset: Long) -> int:
    data = process.dialect.views(process.memory, start, size, READ)
    return file.write(data, not_negative(offset))


# Names


@call("readlinkat")
def readlinkat(process: Process, directory: Int, path: Path, into: Pointer, size: Int) -> int:
    if size <= 0:
        raise failure(errno.EINVAL)
    target = process.world.read_link(directory_of(process, directory, path), path)[:size]
    process.memory.write(into, target)
    return len(target)


@call("faccessat")
def faccessat(process: Process, directory: Int, path: Path, mode: Int) -> int:
    process.world.access(directory_of(process, directory, path), path, mode)
    return 0


@call("unlinkat")
def unlinkat(process: Process, directory: Int, path: Path, flags: Int) -> int:
    start = directory_of(process, directory, path)
    remove_directory = bool(flags & process.dialect.remove_directory)
    process.world.unlink(start, path, is_directory=remove_directory)
    return 0


@call("chdir")
def chdir(process: Process, path: Path) -> int:
    process.world.change_directory(path)
    return 0


@call("fchdir")
def fchdir(process: Process, file: Open) -> int:
    file.enter()
    return 0


@call("umask")
def umask(process: Process, mask: Int) -> int:
    return process.world.umask(mask & 0o777)


# Descriptors


@call("dup")
def dup(process: Process, file: Open) -> int:
    return process.descriptors.add(file)


def write_pair(process: Process, into: int, ends: tuple[File, File], close_on_exec: bool) -> None:
    """Two new descriptors, stored as two ints."""
    for place, end in enumerate(ends):
        number = process.descriptors.add(end, close_on_exec=close_on_exec)
        process.memory.write(into + 4 * place, number.to_bytes(4, "little"))
