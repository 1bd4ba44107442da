"""Files and directories, and the descriptors that name them."""

from __future__ import annotations

import errno
import os

from .. import _darwin as darwin
from ..dialect import vector
from ..memory import WRITE
from ..posix.files import directory_of, not_negative
from ..posix.table import Int, Long, Open, Path, Pointer, Size, Unsigned
from ..process import Process
from ..world import Entry, File, Socket, Status, failure
from .buffers import SECOND
from .dialect import queues_of
from .failures import DarwinError
from .kqueue import Kqueue
from .table import Two, call

OPEN_FLAGS = {guest: int(getattr(os, name, 0)) for name, guest in darwin.OPEN_FLAGS.items()}
# Where a directory is only a place to start from; without O_PATH, one can also be read.
SEARCH = int(getattr(os, "O_PATH", 0)) | os.O_DIRECTORY
WHENCE = {
    darwin.SEEK_SET: os.SEEK_SET,
    darwin.SEEK_CUR: os.SEEK_CUR,
    darwin.SEEK_END: os.SEEK_END,
    darwin.SEEK_HOLE: os.SEEK_HOLE,
    darwin.SEEK_DATA: os.SEEK_DATA,
}
FLAGS_FROM = 1024
LAST_OF_ALL = 1


def host_flags(flags: int) -> int:
    return sum(host for guest, host in OPEN_FLAGS.items() if flags & guest)


def guest_flags(flags: int) -> int:
    return sum(guest for guest, host in OPEN_FLAGS.items() if host and flags & host == host)


# Reading and writing


@call("read")
def read(process: Process, file: Open, start: Pointer, size: Size) -> int:
    return file.read(process.dialect.views(process.memory, start, size, WRITE))


@call("readv")
def readv(process: Process, file: Open, start: Pointer, count: Unsigned) -> int:
    return file.read(vector(process.dialect, process.memory, start, count, WRITE))


@call("lseek")
def lseek(process: Process, file: Open, offset: Long, whence: Int) -> int:
    if whence not in WHENCE:
        raise failure(errno.EINVAL)
    place = file.seek(offset, WHENCE[whence])
    if file.listing:
        file.position = place
    return place


@call("fsync", "fdatasync")
def fsync(process: Process, file: Open) -> int:
    file.sync()
    return 0


@call("ftruncate")
def ftruncate(process: Process, file: Open, size: Long) -> int:
    file.truncate(not_negative(size))
    return 0


@call("fchmod")
def fchmod(process: Process, file: Open, mode: Unsigned) -> int:
    file.change_mode(mode & 0o7777)
    return 0


# Names


@call("open")
def open_here(process: Process, path: Path, flags: Unsigned, mode: Unsigned) -> int:
    return open_at(process, darwin.AT_FDCWD, path, flags, mode)


@call("openat")
def openat(process: Process, directory: Int, path: Path, flags: Unsigned, mode: Unsigned) -> int:
    return open_at(process, directory, path, flags, mode)


def open_at(process: Process, directory: int, path: bytes, flags: int, mode: int) -> int:
    """The kernel ignores flags that it does not know; here they are refused, to be seen."""
    check_flags(process, flags)
    start = directory_of(process, directory, path)
    searching = flags & darwin.O_SEARCH == darwin.O_SEARCH
    wanted, mode = host_flags(flags) | (SEARCH if searching else 0), mode & 0o7777
    if flags & (darwin.O_NOFOLLOW_ANY | darwin.O_RESOLVE_BENEATH):
        links = not flags & darwin.O_NOFOLLOW_ANY
        out = not flags & darwin.O_RESOLVE_BENEATH
        file = process.world.open_below(start, path, wanted, mode, links=links, out=out)
    else:
        file = process.world.open(start, path, wanted, mode)
    return process.descriptors.add(file, close_on_exec=bool(flags & darwin.O_CLOEXEC))


def check_flags(process: Process, flags: int) -> None:
    unknown = flags & ~(sum(OPEN_FLAGS) | 1)
    executing = flags & darwin.O_EXEC and not flags & darwin.O_DIRECTORY
    if unknown or executing:
        process.complain(f"open with flags {flags:#x} is not emulated: answered EINVAL")
        raise failure(errno.EINVAL)
    if flags & 3 == 3 or (flags & darwin.O_CREAT and flags & darwin.O_DIRECTORY):
        raise failure(errno.EINVAL)


@call("fstat64")
def fstat(process: Process, file: Open, into: Pointer) -> int:
    process.memory.write(into, pack_status(file.status()))
    return 0


@call("stat64")
def stat(process: Process, path: Path, into: Pointer) -> int:
    process.memory.write(into, pack_status(process.world.status(None, path, follow=True)))
    return 0


@call("lstat64")
def lstat(process: Process, path: Path, into: Pointer) -> int:
    process.memory.write(into, pack_status(process.world.status(None, path, follow=False)))
    return 0


@call("fstatat64")
def fstatat(process: Process, directory: Int, path: Path, into: Pointer, flags: Int) -> int:
    if flags & ~(darwin.AT_SYMLINK_NOFOLLOW | darwin.AT_SYMLINK_NOFOLLOW_ANY):
        raise failure(errno.EINVAL)
    start = directory_of(process, directory, path)
    if flags & darwin.AT_SYMLINK_NOFOLLOW_ANY:
        look = int(getattr(os, "O_PATH", 0))
        file = process.world.open_below(start, path, look, 0, links=False, out=True)
        found = file.status()
        file.close()
    else:
        follow = not flags & darwin.AT_SYMLINK_NOFOLLOW
        found = process.world.status(start, path, follow=follow)
    process.memory.write(into, pack_status(found))
    return 0


def pack_status(found: Status) -> bytes:
    """Where nobody knows when a file was made, it was when it was last changed."""
    return darwin.STAT.pack(
        found.device & 0x7FFFFFFF,
        found.mode,
        found.links & 0xFFFF,
        found.inode,
        found.user,
        found.group,
        found.special & 0x7FFFFFFF,
        *divmod(found.accessed, SECOND),
        *divmod(found.modified, SECOND),
        *divmod(found.changed, SECOND),
        *divmod(found.modified, SECOND),
        found.size,
        found.blocks,
        found.block_size,
        0,
        0,
    )


@call("mkdirat")
def mkdirat(process: Process, directory: Int, path: Path, mode: Unsigned) -> int:
    start = directory_of(process, directory, path)
    process.world.make_directory(start, path, mode & 0o777)
    return 0


@call("unlinkat")
def unlinkat(process: Process, directory: Int, path: Path, flags: Int) -> int:
    if flags & ~darwin.AT_REMOVEDIR:
        raise failure(errno.EINVAL)
    start = directory_of(process, directory, path)
    try:
        process.world.unlink(start, path, is_directory=bool(flags))
    except IsADirectoryError:
        raise failure(errno.EPERM) from None
    return 0


@call("renameat")
def renameat(process: Process, start: Int, old: Path, end: Int, new: Path) -> int:
    return rename(process, (start, old), (end, new), exclusive=False)


@call("renameatx_np")
def renameatx_np(
    process: Process, start: Int, old: Path, end: Int, new: Path, flags: Unsigned
) -> int:
    if flags & ~darwin.RENAME_EXCL:
        process.complain(f"renameatx_np with flags {flags:#x} is not emulated: answered EINVAL")
        raise failure(errno.EINVAL)
    return rename(process, (start, old), (end, new), exclusive=bool(flags))


def rename(
    process: Process, old: tuple[int, bytes], new: tuple[int, bytes], *, exclusive: bool
) -> int:
    places = [(directory_of(process, number, path), path) for number, path in (old, new)]
    process.world.rename(places[0], places[1], exclusive=exclusive)
    return 0


@call("getdirentries64")
def getdirentries64(process: Process, file: Open, into: Pointer, size: Size, at: Pointer) -> int:
    """Names from where the last call ended; that place is the file's position."""
    memory = process.memory
    memory.views(into, size, WRITE)
    memory.views(at, 8, WRITE)
    if file.position == 0:
        file.listing = file.entries()
    before, room = file.position, size - 4 if size >= FLAGS_FROM else size
    content = take_entries(file, room)
    if not content and file.position < len(file.listing):
        raise failure(errno.EINVAL)
    memory.write(into, content)
    memory.write(at, before.to_bytes(8, "little"))
    if room < size:
        flags = LAST_OF_ALL if file.position == len(file.listing) else 0
        memory.write(into + room, flags.to_bytes(4, "little"))
    return len(content)


def take_entries(file: File, room: int) -> bytes:
    content = bytearray()
    for entry in file.listing[file.position :]:
        record = pack_entry(entry, file.position + 1)
        if len(content) + len(record) > room:
            break
        file.position += 1
        content += record
    return bytes(content)


def pack_entry(entry: Entry, place: int) -> bytes:
    length = -(-(darwin.DIRENT.size + len(entry.name) + 1) // 8) * 8
    fields = entry.inode, place, length, len(entry.name), entry.kind >> 12
    return (darwin.DIRENT.pack(*fields) + entry.name).ljust(length, b"\0")


# Descriptors


@call("close")
def close(process: Process, number: Int) -> int:
    close_number(process, number)
    return 0


def close_number(process: Process, number: int) -> None:
    """Its knotes go with a descriptor, even if the file stays open by another."""
    file = process.descriptors[number].file
    queues = queues_of(process)
    for queue in queues:
        queue.forget(number)
    process.descriptors.close(number)
    if not file.uses and isinstance(file, Kqueue):
        queues.remove(file)


@call("dup2")
def dup2(process: Process, old: Int, number: Int) -> int:
    file = process.descriptors[old].file
    if old == number:
        return number
    if number in process.descriptors:
        close_number(process, number)
    process.descriptors.replace(number, file, close_on_exec=False)
    return number


@call("pipe")
def pipe(process: Process) -> int:
    first, second = (process.descriptors.add(end) for end in process.world.pipe(0))
    return Two(first, second)


@call("fcntl")
def fcntl(process: Process, number: Int, command: Int, argument: Size) -> int:
    descriptor = process.descriptors[number]
    match command:
        case darwin.F_DUPFD | darwin.F_DUPFD_CLOEXEC:
            return process.descriptors.add(
                descriptor.file,
                close_on_exec=command == darwin.F_DUPFD_CLOEXEC,
                lowest=not_negative(argument if argument < process.descriptors.most else -1),
            )
        case darwin.F_GETFD:
            return darwin.FD_CLOEXEC if descriptor.close_on_exec else 0
        case darwin.F_SETFD:
            descriptor.close_on_exec = bool(argument & darwin.FD_CLOEXEC)
        case darwin.F_GETFL:
            return guest_flags(descriptor.file.flags())
        case darwin.F_SETFL:
            descriptor.file.set_flags(host_flags(argument))
        case darwin.F_GETPATH:
            path = descriptor.file.path()[: darwin.PATH_MAX - 1] + b"\0"
            process.memory.write(argument, path)
        case darwin.F_SETNOSIGPIPE | darwin.F_GETNOSIGPIPE:
            return no_signal(process, descriptor.file, command, argument)
        case _:
            process.complain(f"fcntl command {command} is not emulated: answered EINVAL")
            raise failure(errno.EINVAL)
    return 0


def no_signal(process: Process, file: File, command: int, argument: int) -> int:
    """Of a socket it is the same as SO_NOSIGPIPE; a pipe cannot be asked for it here."""
    if not isinstance(file, Socket):
        process.complain("F_SETNOSIGPIPE of a pipe is not emulated: answered ENOTSUP")
        raise DarwinError("ENOTSUP")
    if command == darwin.F_GETNOSIGPIPE:
        return int(file.quiet)
    file.quiet = bool(argument)
    return 0


@call("ioctl")
def ioctl(process: Process, file: Open, request: Unsigned, argument: Pointer) -> int:
    match request:
        case darwin.FIONREAD:
            process.memory.write(argument, file.waiting().to_bytes(4, "little"))
        case darwin.FIONBIO:
            wanted = process.memory.integer(argument, 4)
            flags = file.flags() & ~os.O_NONBLOCK
            file.set_flags(flags | (os.O_NONBLOCK if wanted else 0))
        case _:
            raise failure(errno.ENOTTY)
    return 0
