"""A kernel that opens files the way Linux does, or macOS: it follows links unless told not to."""

from __future__ import annotations

from collections.abc import Mapping

from svc0.a64 import either, platform
from svc0.kernel.constants import (
    O_CLOEXEC,
    O_DIRECTORY,
    O_NOCTTY,
    O_NOFOLLOW,
    O_NOFOLLOW_ANY,
    O_NONBLOCK,
    O_PATH,
    O_RESOLVE_BENEATH,
    O_SEARCH,
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

OUTSIDE = Directory({b"secret": SECRET})
"""What the root lies in."""

PATH_ROOM = either(linux=4096, macos=1024)
"""Bytes of a path that the kernel takes, its NUL among them."""

NOT_BENEATH = either(linux=Errno.EXDEV, macos=Errno.EACCES)


class Tree(Client):
    """A site below ROOT.

    ``trouble`` is -errno by the number of the call to openat or openat2.  An ``old`` kernel does
    not know O_RESOLVE_BENEATH, and says nothing about it.
    """

    def __init__(
        self, site: Directory, trouble: Mapping[int, int] | None = None, *, old: bool = False
    ) -> None:
        super().__init__(site)
        self.trouble = trouble or {}
        self.old = old
        self.flags: list[int] = []
        """Those of every call so far."""

    @property
    def opens(self) -> int:
        """How often something was to be opened."""
        return len(self.flags)

    def openat2(self, machine: Caller, directory: int, path: int, how: int, size: int) -> int:
        assert size == OpenHow.size
        flags, mode, resolve = (
            int.from_bytes(machine.read(how + field, 8), "little")
            for field in (OpenHow.flags, OpenHow.mode, OpenHow.resolve)
        )
        assert mode == 0, "nothing is made here"
        return self.open_at(
            directory,
            text(machine, path),
            flags,
            beneath=bool(resolve & RESOLVE_BENEATH),
            no_links=bool(resolve & RESOLVE_NO_SYMLINKS),
        )

    def openat(self, machine: Caller, directory: int, path: int, flags: int, mode: int) -> int:
        macos = platform() == "macos"
        return self.open_at(
            directory,
            text(machine, path),
            flags,
            beneath=macos and not self.old and bool(flags & O_RESOLVE_BENEATH),
            no_links=macos and bool(flags & O_NOFOLLOW_ANY),
        )

    def open_at(self, at: int, path: bytes, flags: int, *, beneath: bool, no_links: bool) -> int:
        self.flags.append(flags)
        assert flags & O_CLOEXEC
        if self.opens in self.trouble:
            return self.trouble[self.opens]
        start = self.site if at == ROOT else self.open[at]
        follow_last = not flags & O_NOFOLLOW
        found = resolve(start, path, beneath=beneath, no_links=no_links, follow_last=follow_last)
        found = found if isinstance(found, int) else permitted(found, flags)
        if isinstance(found, int):
            return found
        assert found is not SECRET, "a link was followed"
        number = max([ROOT, *self.open]) + 1
        self.open[number] = found
        return number

    def close(self, machine: Caller, file: int) -> int:
        assert file in self.open, f"{file} is not ours to close"
        return super().close(machine, file)


def resolve(
    start: Entry, path: bytes, *, beneath: bool, no_links: bool, follow_last: bool
) -> Entry | int:
    """What a path leads to, or -errno.

    Linux: path_resolution(7), openat2(2); macOS: xnu bsd/vfs/vfs_lookup.c.
    """
    if not path:
        return -Errno.ENOENT
    if len(path) >= PATH_ROOM:
        return -Errno.ENAMETOOLONG
    way = [OUTSIDE, start]
    names = path.split(b"/")
    for at, name in enumerate(names, 1):
        found = look_up(way[-1], name)
        if isinstance(found, int):
            return found
        if isinstance(found, Link) and (at < len(names) or follow_last or no_links):
            if no_links:
                return -Errno.ELOOP
            found = SECRET
        if name != b"..":
            way += [found] * (name != b".")
        elif len(way) > 2:
            way.pop()
        elif beneath:
            return -NOT_BENEATH
        else:
            way = [OUTSIDE]
    return way[-1]


def look_up(entry: Entry, name: bytes) -> Entry | int:
    """One component, or -errno."""
    if not isinstance(entry, Directory):
        return -Errno.ENOTDIR
    if entry.forbidden:
        return -Errno.EACCES
    if len(name) > 255:
        return -Errno.ENAMETOOLONG
    return entry if name in (b".", b"..") else entry.entries.get(name, -Errno.ENOENT)


def permitted(found: Entry, flags: int) -> Entry | int:
    """What was found if it may be opened so, else -errno."""
    linux = platform() == "linux"
    if isinstance(found, Link) and not (linux and flags & (O_PATH | O_DIRECTORY)):
        return -Errno.ELOOP
    if flags & O_DIRECTORY and not isinstance(found, Directory):
        return -Errno.ENOTDIR
    if linux and flags & O_PATH:
        return found
    if linux or flags & O_SEARCH != O_SEARCH:
        assert flags & O_NOCTTY
        assert flags & O_NONBLOCK or not isinstance(found, Fifo), "this would wait for ever"
    return -Errno.EACCES if getattr(found, "forbidden", False) else found
