"""Files and directories, and the descriptors that name them."""

from __future__ import annotations

import errno
import os

from .. import _linux as linux
from ..dialect import vector
from ..memory import WRITE
from ..posix.files import directory_of, not_negative, write_pair
from ..posix.table import Int, Long, Open, Path, Pointer, Size, Unsigned
from ..process import Process
from ..world import File, SignalQueue, Socket, Status, Timer, failure
from .buffers import SECOND, guest_signal
from .table import call

# A host without one of them does without: O_PATH only wants less than O_RDONLY does.
OPEN_FLAGS = {guest: int(getattr(os, name, 0)) for name, guest in linux.OPEN_FLAGS.items()}


def host_flags(flags: int) -> int:
    return sum(host for guest, host in OPEN_FLAGS.items() if flags & guest)


def guest_flags(flags: int) -> int:
    return sum(guest for guest, host in OPEN_FLAGS.items() if host and flags & host == host)


# Reading and writing


def take(file: File, into: list[memoryview]) -> int:
    """Read from what is not bytes, but a queue of structs."""
    space = sum(map(len, into))
    if isinstance(file, SignalQueue):
        if space < linux.SIGNALFD_SIGINFO.size:
            raise failure(errno.EINVAL)
        taken = file.take(space // linux.SIGNALFD_SIGINFO.size)
        content = b"".join(linux.SIGNALFD_SIGINFO.pack(guest_signal(number)) for number in taken)
    elif isinstance(file, Timer):
        if space < 8:
            raise failure(errno.EINVAL)
        content = file.take().to_bytes(8, "little")
    else:
        return file.read(into)
    fill(into, content)
    return len(content)


def fill(into: list[memoryview], content: bytes) -> None:
    for view in into:
        part, content = content[: len(view)], content[len(view) :]
        view[: len(part)] = part


@call("read")
def read(process: Process, file: Open, start: Pointer, size: Size) -> int:
    return take(file, process.dialect.views(process.memory, start, size, WRITE))


@call("readv")
def readv(process: Process, file: Open, start: Pointer, count: Size) -> int:
    return take(file, vector(process.dialect, process.memory, start, count, WRITE))


@call("lseek")
def lseek(process: Process, file: Open, offset: Long, whence: Int) -> int:
    if not 0 <= whence <= 4:
        raise failure(errno.EINVAL)
    place = file.seek(offset, whence)
    if file.listing:
        file.position = place
    return place


@call("sendfile")
def sendfile(process: Process, out: Open, source: Open, place: Pointer, size: Size) -> int:
    offset = process.memory.integer(place, 8, signed=True) if place else None
    if offset is not None:
        process.memory.views(place, 8, WRITE)
        not_negative(offset)
    sent = process.world.send_file(out, source, offset, min(size, linux.MOST_BYTES))
    if offset is not None:
        process.memory.write(place, (offset + sent).to_bytes(8, "little"))
    return sent


# Names


@call("openat")
def openat(process: Process, directory: Int, path: Path, flags: Unsigned, mode: Unsigned) -> int:
    if flags & linux.OPEN_FLAGS["O_PATH"]:
        # All the others say something about an open file, and this will not be one.
        kept = ("O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
        flags &= sum(linux.OPEN_FLAGS[name] for name in kept)
    start = directory_of(process, directory, path)
    file = process.world.open(start, path, host_flags(flags), mode & 0o7777)
    return process.descriptors.add(file, close_on_exec=bool(flags & linux.O_CLOEXEC))


@call("newfstatat")
def newfstatat(process: Process, directory: Int, path: Path, into: Pointer, flags: Int) -> int:
    if not path and flags & linux.AT_EMPTY_PATH and directory != linux.AT_FDCWD:
        found = process.descriptors[directory].file.status()
    else:
        start = directory_of(process, directory, path)
        follow = not flags & linux.AT_SYMLINK_NOFOLLOW
        found = process.world.status(start, path, follow=follow)
    process.memory.write(into, pack_status(found))
    return 0


@call("fstat")
def fstat(process: Process, file: Open, into: Pointer) -> int:
    process.memory.write(into, pack_status(file.status()))
    return 0


def pack_status(found: Status) -> bytes:
    return linux.STAT.pack(
        found.device,
        found.inode,
        found.mode,
        found.links,
        found.user,
        found.group,
        found.special,
        0,
        found.size,
        found.block_size,
        0,
        found.blocks,
        *divmod(found.accessed, SECOND),
        *divmod(found.modified, SECOND),
        *divmod(found.changed, SECOND),
        0,
        0,
    )


@call("getdents64")
def getdents64(process: Process, file: Open, into: Pointer, size: Size) -> int:
    """Names from where the last call ended; that place is the file's position."""
    if file.position == 0:
        file.listing = file.entries()
    content = bytearray()
    process.memory.views(into, size, WRITE)
    for entry in file.listing[file.position :]:
        length = -(-(linux.DIRENT.size + len(entry.name) + 1) // 8) * 8
        if len(content) + length > size:
            if not content:
                raise failure(errno.EINVAL)
            break
        file.position += 1
        record = linux.DIRENT.pack(entry.inode, file.position, length, entry.kind >> 12)
        content += (record + entry.name).ljust(length, b"\0")
    process.memory.write(into, bytes(content))
    return len(content)


@call("getcwd")
def getcwd(process: Process, into: Pointer, size: Size) -> int:
    path = process.world.working_directory() + b"\0"
    if len(path) > size:
        raise failure(errno.ERANGE)
    process.memory.write(into, path)
    return len(path)


# Descriptors


@call("close")
def close(process: Process, number: Int) -> int:
    process.descriptors.close(number)
    return 0


@call("dup3")
def dup3(process: Process, old: Int, number: Int, flags: Int) -> int:
    file = process.descriptors[old].file
    if old == number or flags & ~linux.O_CLOEXEC:
        raise failure(errno.EINVAL)
    process.descriptors.replace(number, file, close_on_exec=bool(flags & linux.O_CLOEXEC))
    return number


@call("fcntl")
def fcntl(process: Process, number: Int, command: Int, argument: Size) -> int:
    descriptor = process.descriptors[number]
    match command:
        case linux.F_DUPFD | linux.F_DUPFD_CLOEXEC:
            return process.descriptors.add(
                descriptor.file,
                close_on_exec=command == linux.F_DUPFD_CLOEXEC,
                lowest=not_negative(argument if argument < process.descriptors.most else -1),
            )
        case linux.F_GETFD:
            return linux.FD_CLOEXEC if descriptor.close_on_exec else 0
        case linux.F_SETFD:
            descriptor.close_on_exec = bool(argument & linux.FD_CLOEXEC)
        case linux.F_GETFL:
            return guest_flags(descriptor.file.flags())
        case linux.F_SETFL:
            descriptor.file.set_flags(host_flags(argument))
        case _:
            raise failure(errno.EINVAL)
    return 0


@call("ioctl")
def ioctl(process: Process, file: Open, request: Unsigned, argument: Pointer) -> int:
    match request:
        case linux.FIONREAD:
            process.memory.write(argument, file.waiting().to_bytes(4, "little"))
        case linux.FIONBIO:
            wanted = process.memory.integer(argument, 4)
            flags = file.flags() & ~os.O_NONBLOCK
            file.set_flags(flags | (os.O_NONBLOCK if wanted else 0))
        case linux.SIOCOUTQ if isinstance(file, Socket):
            process.memory.write(argument, file.unsent().to_bytes(4, "little"))
        case _:
            raise failure(errno.ENOTTY)
    return 0


@call("pipe2")
def pipe2(process: Process, into: Pointer, flags: Int) -> int:
    process.memory.views(into, 8, WRITE)
    ends = process.world.pipe(host_flags(flags))
    write_pair(process, into, ends, bool(flags & linux.O_CLOEXEC))
    return 0
