"""Watching files and directories: inotify, where the host has it too."""

from __future__ import annotations

import errno

from .. import _linux as linux
from ..posix.table import Int, Open, Path, Unsigned
from ..process import Process
from ..world import File, Watches, failure
from .table import call

# How a path says that it means an open file.
BY_DESCRIPTOR = b"/proc/self/fd/"


@call("inotify_init1")
def inotify_init1(process: Process, flags: Int) -> int:
    if flags & ~(linux.O_NONBLOCK | linux.O_CLOEXEC):
        raise failure(errno.EINVAL)
    watches = process.world.watches(blocking=not flags & linux.O_NONBLOCK)
    return process.descriptors.add(watches, close_on_exec=bool(flags & linux.O_CLOEXEC))


def watches_of(file: File) -> Watches:
    if not isinstance(file, Watches):
        raise failure(errno.EINVAL)
    return file


@call("inotify_add_watch")
def inotify_add_watch(process: Process, file: Open, path: Path, mask: Unsigned) -> int:
    return watches_of(file).watch(meant(process, path), mask)


@call("inotify_rm_watch")
def inotify_rm_watch(process: Process, file: Open, watch: Int) -> int:
    watches_of(file).forget(watch)
    return 0


def meant(process: Process, path: bytes) -> File | bytes:
    """The guest's number of an open file is not the host's."""
    number = path.removeprefix(BY_DESCRIPTOR)
    if number == path:
        return path
    if not number.isdigit() or int(number) not in process.descriptors:
        raise failure(errno.ENOENT)
    return process.descriptors[int(number)].file
