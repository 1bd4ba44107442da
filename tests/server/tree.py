"""A kernel that opens files the way Linux does: it follows links that it is not told not to."""

from __future__ import annotations

from collections.abc import Mapping

from svc0.kernel.constants import (
    O_CLOEXEC,
    O_DIRECTORY,
    O_NOCTTY,
    O_NOFOLLOW,
    O_NONBLOCK,
    O_PATH,
    RESOLVE_BENEATH,
    RESOLVE_NO_SYMLINKS,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import OpenHow
from svc0.machine.call import Caller
from tests.model.site import Directory, Entry, Fifo, File, Link
from tests.server.kernel import ROOT, Client, text

SECRET = File(b"what no client may see", 0)
"""Where every link leads."""


class Tree(Client):
    """A site below ROOT.  ``trouble`` is -errno by the number of the call to openat or openat2."""

    def __init__(self, site: Directory, trouble: Mapping[int, int] | None = None) -> None:
        super().__init__(site)
        self.trouble = trouble or {}
        self.opens = 0

    def openat2(self, machine: Caller, directory: int, path: int, how: int, size: int) -> int:
        assert size == OpenHow.size
        flags, mode, resolve = (
            int.from_bytes(machine.read(how + field, 8), "little")
            for field in (OpenHow.flags, OpenHow.mode, OpenHow.resolve)
        )
        assert mode == 0, "nothing is made here"
        assert resolve & RESOLVE_BENEATH
        return self.open_at(machine, directory, path, flags, resolve)

    def openat(self, machine: Caller, directory: int, path: int, flags: int, mode: int) -> int:
        return self.open_at(machine, directory, path, flags, 0)

    def open_at(self, machine: Caller, at: int, path: int, flags: int, resolve: int) -> int:
        self.opens += 1
        assert flags & O_CLOEXEC
        if self.opens in self.trouble:
            return self.trouble[self.opens]
        found = self.resolve(self.open.get(at, self.site), text(machine, path), flags, resolve)
        if isinstance(found, Errno):
            return -found
        assert found is not SECRET, "a link was followed"
        number = max([ROOT, *self.open]) + 1
        self.open[number] = found
        return number

    def resolve(self, entry: Entry, path: bytes, flags: int, resolve: int) -> Entry | Errno:
        """What a path leads to from an entry (path_resolution(7), open(2), openat2(2))."""
        if not path:
            return Errno.ENOENT
        *parents, last = path.split(b"/")
        for name in parents:
            found = look_up(entry, name)
            if isinstance(found, Link):
                found = Errno.ELOOP if resolve & RESOLVE_NO_SYMLINKS else SECRET
            if isinstance(found, Errno):
                return found
            entry = found
        found = look_up(entry, last)
        if isinstance(found, Link):
            if not flags & O_NOFOLLOW:
                return Errno.ELOOP if resolve & RESOLVE_NO_SYMLINKS else SECRET
            if not flags & (O_PATH | O_DIRECTORY):
                return Errno.ELOOP
        if isinstance(found, Errno):
            return found
        if flags & O_DIRECTORY and not isinstance(found, Directory):
            return Errno.ENOTDIR
        if flags & O_PATH:
            return found
        assert flags & O_NOCTTY
        assert flags & O_NONBLOCK or not isinstance(found, Fifo), "this would wait for ever"
        return Errno.EACCES if getattr(found, "forbidden", False) else found

    def close(self, machine: Caller, file: int) -> int:
        assert file in self.open, f"{file} is not ours to close"
        return super().close(machine, file)


def look_up(entry: Entry, name: bytes) -> Entry | Errno:
    """One component."""
    if not isinstance(entry, Directory):
        return Errno.ENOTDIR
    if entry.forbidden:
        return Errno.EACCES
    if len(name) > 255:
        return Errno.ENAMETOOLONG
    return entry if name == b"." else entry.entries.get(name, Errno.ENOENT)
