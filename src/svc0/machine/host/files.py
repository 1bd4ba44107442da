"""Files, directories and pipes: anything that is a descriptor of the host."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import stat
import termios
from collections.abc import Sequence

from ..world import Buffers, Entry, File, Status, failure


def status_of(found: os.stat_result) -> Status:
    return Status(
        device=found.st_dev,
        inode=found.st_ino,
        mode=found.st_mode,
        links=found.st_nlink,
        user=found.st_uid,
        group=found.st_gid,
        special=found.st_rdev,
        size=found.st_size,
        block_size=found.st_blksize,
        blocks=found.st_blocks,
        accessed=found.st_atime_ns,
        modified=found.st_mtime_ns,
        changed=found.st_ctime_ns,
    )


class HostFile(File):
    """A descriptor of the host, which may be one of ours or one that Python was started with."""

    def __init__(self, number: int, *, borrowed: bool = False) -> None:
        self.number = number
        self._borrowed = borrowed

    def close(self) -> None:
        if self._borrowed:
            # The number must stay taken, or Python's next file would become its standard output;
            # but whoever is at the other end must see that nobody writes any more.
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, self.number)
            os.close(nothing)
        else:
            os.close(self.number)

    def read(self, into: Buffers, offset: int | None = None) -> int:
        if offset is None:
            return os.readv(self.number, into)
        return os.preadv(self.number, into, offset)

    def write(self, data: Buffers, offset: int | None = None) -> int:
        if offset is None:
            return os.writev(self.number, data)
        return os.pwritev(self.number, data, offset)

    def seek(self, offset: int, whence: int) -> int:
        return os.lseek(self.number, offset, whence)

    def status(self) -> Status:
        return status_of(os.fstat(self.number))

    def entries(self) -> Sequence[Entry]:
        here = os.fstat(self.number)
        if not stat.S_ISDIR(here.st_mode):
            raise failure(errno.ENOTDIR)
        above = os.stat("..", dir_fd=self.number)
        found = [Entry(b".", here.st_ino, stat.S_IFDIR), Entry(b"..", above.st_ino, stat.S_IFDIR)]
        with os.scandir(self.number) as entries:
            for entry in entries:
                found.append(Entry(os.fsencode(entry.name), entry.inode(), kind_of(entry)))
        return found

    def enter(self) -> None:
        os.fchdir(self.number)

    def flags(self) -> int:
        return fcntl.fcntl(self.number, fcntl.F_GETFL)

    def set_flags(self, flags: int) -> None:
        fcntl.fcntl(self.number, fcntl.F_SETFL, flags)

    def waiting(self) -> int:
        answer = array.array("i", [0])
        fcntl.ioctl(self.number, termios.FIONREAD, answer)
        return answer[0]

    def sync(self) -> None:
        os.fsync(self.number)

    def truncate(self, size: int) -> None:
        os.ftruncate(self.number, size)

    def change_mode(self, mode: int) -> None:
        os.fchmod(self.number, mode)

    def path(self) -> bytes:
        if hasattr(fcntl, "F_GETPATH"):
            return fcntl.fcntl(self.number, fcntl.F_GETPATH, bytes(1024)).partition(b"\0")[0]
        return os.readlink(b"/proc/self/fd/%d" % self.number)


def kind_of(entry: os.DirEntry[str]) -> int:
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    return stat.S_IFREG if entry.is_file(follow_symlinks=False) else 0


class Flag(HostFile):
    """Something that is readable or not, as Python decides: a pipe with one byte in it or none.

    A process that was forked has its own: the numbers stay, since what waits on them knows only
    those.
    """

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        super().__init__(reader)
        os.set_blocking(reader, False)
        os.set_blocking(self._writer, False)
        self._raised = False

    def show(self, raised: bool) -> None:
        if raised != self._raised:
            self._raised = raised
            if raised:
                os.write(self._writer, b"!")
            else:
                os.read(self.number, 1)

    @property
    def writer(self) -> int:
        return self._writer

    def renew(self) -> None:
        """After a fork: the same numbers, but a pipe that no other process has."""
        reader, writer = os.pipe()
        for new, old in (reader, self.number), (writer, self._writer):
            os.dup2(new, old, inheritable=False)
            os.set_blocking(old, False)
            os.close(new)
        raised, self._raised = self._raised, False
        self.show(raised)

    def close(self) -> None:
        super().close()
        os.close(self._writer)
