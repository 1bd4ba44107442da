"""Archives that a Linux kernel unpacks as its first file system (cpio, the `newc` form).

Each member is a header of 110 characters of hex, a name, and data, both padded to 4 bytes; the
member TRAILER!!! ends it.  The kernel's own words are in its documentation of early user space,
"initramfs buffer format".
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Cpio:
    """An archive in the making; names are without a leading slash."""

    parts: list[bytes] = field(default_factory=list[bytes])
    folders: set[str] = field(default_factory=set[str])

    def file(self, name: str, data: bytes, mode: int = 0o644, mtime: int = 0) -> None:
        self._parents(name)
        self._member(name, stat.S_IFREG | mode, data, mtime)

    def folder(self, name: str, mtime: int = 0) -> None:
        if name not in self.folders:
            self._parents(name)
            self.folders.add(name)
            self._member(name, stat.S_IFDIR | 0o755, mtime=mtime)

    def link(self, name: str, target: str) -> None:
        self._parents(name)
        self._member(name, stat.S_IFLNK | 0o777, os.fsencode(target))

    def device(self, name: str, major: int, minor: int) -> None:
        """A character device."""
        self._parents(name)
        self._member(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def tree(self, name: str, source: Path) -> None:
        """A folder with all that is in it; links stay links, times stay."""
        self.folder(name, int(source.stat().st_mtime))
        for path in sorted(source.iterdir()):
            inside = f"{name}/{path.name}"
            about = path.lstat()
            if path.is_symlink():
                self.link(inside, os.readlink(path))
            elif path.is_dir():
                self.tree(inside, path)
            elif path.is_file():
                mode = stat.S_IMODE(about.st_mode)
                self.file(inside, path.read_bytes(), mode, int(about.st_mtime))

    def __bytes__(self) -> bytes:
        return b"".join([*self.parts, _member(0, "TRAILER!!!", 0)])

    def _parents(self, name: str) -> None:
        if "/" in name:
            self.folder(name.rpartition("/")[0])

    def _member(
        self,
        name: str,
        mode: int,
        data: bytes = b"",
        mtime: int = 0,
        device: tuple[int, int] = (0, 0),
    ) -> None:
        self.parts.append(_member(len(self.parts) + 1, name, mode, data, mtime, device))


def _member(
    inode: int,
    name: str,
    mode: int,
    data: bytes = b"",
    mtime: int = 0,
    device: tuple[int, int] = (0, 0),
) -> bytes:
    bare = os.fsencode(name) + b"\0"
    owner, group, links = 0, 0, 2 if stat.S_ISDIR(mode) else 1
    numbers = [inode, mode, owner, group, links, mtime, len(data), 0, 0, *device, len(bare), 0]
    head = b"070701" + b"".join(b"%08X" % number for number in numbers)
    return _padded(head + bare) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
