"""Watching files: the host's inotify as a guest for Linux asks for it, and what becomes of files
that are open, as kqueues tell it.

The latter is inotify too on Linux, which tells other things, and less: that a directory is no more
it says only when nobody has it open any longer, so the one that it is in is watched besides.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import stat
import struct
import sys
from dataclasses import dataclass
from itertools import count
from typing import Any

from ..world import (
    ALTERED,
    DELETED,
    EXTENDED,
    LINKED,
    RENAMED,
    REVOKED,
    WRITTEN,
    Buffers,
    Changes,
    File,
    Watches,
    failure,
)
from .events import number_of
from .files import HostFile

EVENT = struct.Struct("=iIII")
ROOM = 1 << 16
IN_MODIFY, IN_ATTRIB, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE = 0x2, 0x4, 0x40, 0x80, 0x100
IN_DELETE, IN_MOVE_SELF, IN_UNMOUNT, IN_Q_OVERFLOW = 0x200, 0x800, 0x2000, 0x4000
IN_IS_DIRECTORY = 0x4000_0000
MADE_OR_GONE, MOVED = IN_CREATE | IN_DELETE, IN_MOVED_FROM | IN_MOVED_TO
EVERYTHING = IN_MODIFY | IN_ATTRIB | MADE_OR_GONE | MOVED | IN_MOVE_SELF


def inotify(name: str, *arguments: Any) -> int:
    """A call of the host's, which Python does not have."""
    if sys.platform != "linux":
        raise failure(errno.ENOSYS)
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc[f"inotify_{name}"](*arguments)
    if result < 0:
        raise failure(ctypes.get_errno())
    return result


class HostWatches(HostFile, Watches):
    """An inotify of the host's; what is read of it needs no translation."""

    def __init__(self, *, blocking: bool) -> None:
        flags = os.O_CLOEXEC | (0 if blocking else os.O_NONBLOCK)
        super().__init__(inotify("init1", flags))

    def watch(self, target: File | bytes, mask: int) -> int:
        path = way_to(target) if isinstance(target, File) else target
        return inotify("add_watch", self.number, path, ctypes.c_uint32(mask))

    def forget(self, watch: int) -> None:
        inotify("rm_watch", self.number, watch)

    def read(self, into: Buffers, offset: int | None = None) -> int:
        """As one piece, wherever it goes: an event is not cut."""
        if offset is not None:
            return super().read(into, offset)
        content = os.read(self.number, sum(map(len, into)))
        place = 0
        for view in into:
            part = content[place : place + len(view)]
            view[: len(part)] = part
            place += len(part)
        return len(content)


def way_to(file: File) -> bytes:
    """A path that leads to an open file, and to no other."""
    return b"/proc/self/fd/%d" % number_of(file)


@dataclass
class Watched:
    """An open file, inotify's number for it, and for the directory that a directory is in."""

    file: File
    own: int
    above: int
    is_directory: bool
    links: int
    size: int


class InotifyChanges(HostFile, Changes):
    """By inotify.  One of these tells of all that its owner watches: there may be few of them."""

    def __init__(self) -> None:
        self._watches = HostWatches(blocking=False)
        super().__init__(self._watches.number)
        self._watched: dict[int, Watched] = {}
        self._numbers = count(1)

    def watch(self, file: File) -> int:
        found, own = file.status(), self._watches.watch(file, EVERYTHING)
        is_directory = stat.S_ISDIR(found.mode)
        above = self._watch_above(file) if is_directory else -1
        number = next(self._numbers)
        self._watched[number] = Watched(file, own, above, is_directory, found.links, found.size)
        return number

    def forget(self, number: int) -> None:
        gone = self._watched.pop(number)
        kept = {watch for each in self._watched.values() for watch in (each.own, each.above)}
        for watch in {gone.own, gone.above} - kept - {-1}:
            with contextlib.suppress(OSError):  # what is no more is not watched either
                self._watches.forget(watch)

    def take(self) -> list[tuple[int, int]]:
        told: dict[int, int] = {}
        for watch, mask, named in self._events():
            for number, watched in self._watched.items():
                told[number] = told.get(number, 0) | self._meaning(watched, watch, mask, named)
        return [(number, changes) for number, changes in told.items() if changes]

    def _watch_above(self, file: File) -> int:
        """It may be that nobody may look there; then less is told."""
        try:
            there = HostFile(os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=number_of(file)))
        except OSError:
            return -1
        try:
            return self._watches.watch(there, EVERYTHING)
        except OSError:
            return -1
        finally:
            there.close()

    def _events(self) -> list[tuple[int, int, bool]]:
        """All that there are: the watch, what happened, and whether to a name in a directory."""
        found: list[tuple[int, int, bool]] = []
        while True:
            try:
                content = os.read(self.number, ROOM)
            except BlockingIOError:
                return found
            place = 0
            while place < len(content):
                watch, mask, _, size = EVENT.unpack_from(content, place)
                found.append((watch, mask, size > 0))
                place += EVENT.size + size

    def _meaning(self, watched: Watched, watch: int, mask: int, named: bool) -> int:
        if mask & IN_Q_OVERFLOW:
            return WRITTEN | ALTERED  # more has happened than anybody can say
        changes = 0
        if watch == watched.own and named:
            changes |= WRITTEN if mask & (MADE_OR_GONE | MOVED) else 0
            changes |= LINKED if mask & MADE_OR_GONE and mask & IN_IS_DIRECTORY else 0
        elif watch == watched.own:
            changes |= self._own_meaning(watched, mask)
        if watch == watched.above and watched.links and not watched.file.status().links:
            watched.links = 0
            changes |= DELETED | LINKED
        return changes

    def _own_meaning(self, watched: Watched, mask: int) -> int:
        """What happened to the file itself; a name less is told as its end, as Darwin does."""
        found = watched.file.status()
        changes = RENAMED if mask & IN_MOVE_SELF else 0
        changes |= REVOKED if mask & IN_UNMOUNT else 0
        if mask & IN_MODIFY:
            changes |= WRITTEN
            changes |= EXTENDED if found.size > watched.size else 0
            changes |= ALTERED if found.size < watched.size else 0
            watched.size = found.size
        if mask & IN_ATTRIB and (watched.is_directory or found.links == watched.links):
            changes |= ALTERED
        elif mask & IN_ATTRIB:
            changes |= LINKED | (DELETED if found.links < watched.links else 0)
            watched.links = found.links
        return changes

    def close(self) -> None:
        self._watches.close()


if sys.platform == "darwin":
    MEANINGS = {
        select.KQ_NOTE_DELETE: DELETED,
        select.KQ_NOTE_WRITE: WRITTEN,
        select.KQ_NOTE_EXTEND: EXTENDED,
        select.KQ_NOTE_ATTRIB: ALTERED,
        select.KQ_NOTE_LINK: LINKED,
        select.KQ_NOTE_RENAME: RENAMED,
        select.KQ_NOTE_REVOKE: REVOKED,
    }

    class KqueueChanges(HostFile, Changes):
        """By a kqueue of the host's, which can itself be waited for."""

        def __init__(self) -> None:
            self._queue = select.kqueue()
            super().__init__(self._queue.fileno())

        def watch(self, file: File) -> int:
            number = number_of(file)
            flags = select.KQ_EV_ADD | select.KQ_EV_CLEAR
            self._change(number, flags, sum(MEANINGS))
            return number

        def forget(self, number: int) -> None:
            self._change(number, select.KQ_EV_DELETE, 0)

        def take(self) -> list[tuple[int, int]]:
            return [
                (event.ident, sum(MEANINGS.get(1 << bit, 0) for bit in bits(event.fflags)))
                for event in self._queue.control(None, ROOM // 64, 0)
            ]

        def close(self) -> None:
            with contextlib.suppress(OSError):  # a process that was forked does not have it
                self._queue.close()

        def _change(self, number: int, flags: int, notes: int) -> None:
            change = select.kevent(number, select.KQ_FILTER_VNODE, flags, notes)
            self._queue.control([change], 0)

    def bits(word: int) -> list[int]:
        return [bit for bit in range(word.bit_length()) if word >> bit & 1]


def host_changes() -> Changes:
    """What this host has for it, or ENOSYS."""
    if sys.platform == "darwin":
        return KqueueChanges()
    return InotifyChanges()
