"""A kernel that does what a test wants: it takes little, fails often, and trusts nobody."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable

from svc0.a64 import W, X, platform, sizeof
from svc0.a64.registers import XS
from svc0.kernel.calls import CALLS
from svc0.kernel.constants import (
    EPOLL_CTL_MOD,
    EPOLLIN,
    EPOLLOUT,
    EV_ADD,
    EV_DELETE,
    EVFILT_READ,
    EVFILT_WRITE,
    MSG_MORE,
    MSG_NOSIGNAL,
    O_NOFOLLOW_ANY,
    O_RESOLVE_BENEATH,
    RESOLVE_BENEATH,
    RESOLVE_NO_SYMLINKS,
    S_IFDIR,
    S_IFREG,
    SHUT_WR,
    SIOCOUTQ,
    SO_NWRITE,
    SOL_SOCKET,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import (
    EpollEvent,
    InotifyEvent,
    IoVector,
    MessageHeader,
    OpenHow,
    Stat,
)
from svc0.machine.call import Caller
from tests.model.site import Directory, Entry, File, Link
from tests.server.memory import Memory
from tests.server.notes import Note, read_notes

POLLER, ROOT, SOCKET, STDOUT = 3, 4, 7, 1
S_IFIFO = 0o010000


class Kernel:
    """Each call goes to the method of its name, with the machine and the call's arguments.

    What it returns is the result; two are those of a call that has two.  Every register that a
    call may lose is lost.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        """The calls that were made, in order."""

    def __call__(self, machine: Caller) -> None:
        call = CALLS[machine.program.platform][machine.number]
        arguments: list[int] = []
        for register in call.parameters.values():
            assert isinstance(register, W | X)
            value = machine[register.x if isinstance(register, W) else register]
            arguments.append(value % (1 << register.bits))
        self.names.append(call.name)
        result: int | tuple[int, int] = getattr(self, call.name)(machine, *arguments)
        for lost in (1, 8, 16):
            machine[XS[lost]] = random.getrandbits(64)
        machine.answer(*(result if isinstance(result, tuple) else (result,)))


class Client(Kernel):
    """The kernel as one connection sees it: a client's bytes, a site, and a poller.

    ``pieces`` is what reads find: bytes, empty ones at the end of input, or -errno; nothing is
    EAGAIN.  ``takes`` is what writes to the socket do: how many bytes are taken at most, or -errno;
    behind its end everything is taken.  ``gives`` is the same for reads of files by ``pread``.
    """

    def __init__(
        self,
        site: Directory,
        pieces: Iterable[bytes | int] = (),
        takes: Iterable[int] = (),
        gives: Iterable[int] = (),
    ) -> None:
        super().__init__()
        self.site = site
        self.pieces, self.takes, self.gives = deque(pieces), deque(takes), deque(gives)
        self.sent, self.log = bytearray(), bytearray()
        self.open: dict[int, Entry] = {}
        self.waits = "input"
        """What the poller is asked to tell of: "input" or "output"."""
        self.changes: list[tuple[str, int]] = []
        """What it was asked for so far, each with the data that its events shall carry."""
        self.shut = False
        self.more = False
        """The last bytes were sent with the word that more will follow."""
        self.unsent: int | None = 0
        """How many bytes it holds for the client; None, and it does not say."""

    @property
    def readable(self) -> bool:
        return bool(self.pieces)

    def recvfrom(
        self, machine: Caller, socket: int, data: int, size: int, flags: int, *nobody: int
    ) -> int:
        assert (socket, flags, nobody) == (SOCKET, 0, (0, 0))
        assert size > 0, "no room is not the end of input"
        if not self.pieces:
            return -Errno.EAGAIN
        piece = self.pieces.popleft()
        if isinstance(piece, int):
            return piece
        if not piece:
            self.pieces.appendleft(piece)  # the end stays the end
        if len(piece) > size:
            self.pieces.appendleft(piece[size:])
        machine.write(data, piece[:size])
        return min(len(piece), size)

    def take(self, size: int) -> int:
        """How much of so many bytes the client takes, or -errno."""
        assert size > 0, "nothing is sent with a call"
        assert not self.shut, "nothing is sent behind the end"
        taken = self.takes.popleft() if self.takes else size
        return min(taken, size)

    def sendto(
        self, machine: Caller, socket: int, data: int, size: int, flags: int, *nobody: int
    ) -> int:
        assert nobody == (0, 0)
        return self.hand_over(machine, socket, machine.read(data, size), flags)

    def sendmsg(self, machine: Caller, socket: int, header: int, flags: int) -> int:
        return self.hand_over(machine, socket, gathered(machine, header), flags)

    def hand_over(self, machine: Caller, socket: int, content: bytes, flags: int) -> int:
        assert socket == SOCKET
        more = MSG_MORE if machine.program.platform == "linux" else 0
        assert flags & ~more == MSG_NOSIGNAL, "a client that is gone must not kill the worker"
        taken = self.take(len(content))
        self.sent += content[: max(taken, 0)]
        self.more = bool(flags & more)
        return taken

    def ioctl(self, machine: Caller, socket: int, request: int, answer: int) -> int:
        assert (socket, request) == (SOCKET, SIOCOUTQ)
        if self.unsent is None:
            return -Errno.EINVAL
        machine.write(answer, self.unsent.to_bytes(4, "little"))
        return 0

    def getsockopt(
        self, machine: Caller, socket: int, level: int, option: int, answer: int, size: int
    ) -> int:
        assert (socket, level, option) == (SOCKET, SOL_SOCKET, SO_NWRITE)
        assert int.from_bytes(machine.read(size, 4), "little") == 4
        if self.unsent is None:
            return -Errno.EINVAL
        machine.write(answer, self.unsent.to_bytes(4, "little"))
        return 0

    def pread(self, machine: Caller, file: int, data: int, size: int, offset: int) -> int:
        """Not more than the file has from there, and perhaps less than that."""
        entry = self.open[file]
        assert isinstance(entry, File)
        assert size > 0, "no room is not the end of a file"
        assert offset < 1 << 63
        most = self.gives.popleft() if self.gives else size
        if most < 0:
            return most
        content = entry.content[offset : offset + min(most, size)]
        machine.write(data, content)
        return len(content)

    def sendfile(self, machine: Caller, out: int, file: int, offset: int, count: int) -> int:
        start = int.from_bytes(machine.read(offset, 8), "little")
        taken = self.send_part(out, file, start, count)
        if taken > 0:
            machine.write(offset, (start + taken).to_bytes(8, "little"))
        return taken

    def sendfile_counted(
        self, machine: Caller, file: int, out: int, offset: int, count: int, *nothing: int
    ) -> int:
        """Darwin's: how much it was is told in memory, and a part is an error besides.

        What fails for good tells nothing: there the count is still what was asked for.
        """
        assert nothing == (0, 0)
        wanted = int.from_bytes(machine.read(count, 8), "little")
        assert wanted > 0, "none means all of the file"
        taken = self.send_part(out, file, offset, wanted)
        if taken >= 0 or taken in (-Errno.EAGAIN, -Errno.EINTR):
            machine.write(count, max(taken, 0).to_bytes(8, "little"))
        if taken < 0:
            return taken
        return -Errno.EAGAIN if 0 < taken < self.wanted else 0

    def send_part(self, out: int, file: int, start: int, count: int) -> int:
        """How many bytes of a file the client takes, 0 at its end, or -errno."""
        assert out == SOCKET
        entry = self.open[file]
        assert isinstance(entry, File)
        content = entry.content[start : start + count]
        self.wanted = len(content)
        if not content:
            return 0
        taken = self.take(len(content))
        if taken > 0:
            self.sent += content[:taken]
            self.more = False
        return taken

    def openat2(self, machine: Caller, directory: int, path: int, how: int, size: int) -> int:
        assert (directory, size) == (ROOT, OpenHow.size)
        resolve = int.from_bytes(machine.read(how + OpenHow.resolve, 8), "little")
        assert resolve & RESOLVE_BENEATH
        assert resolve & RESOLVE_NO_SYMLINKS
        return self.open_path(text(machine, path))

    def openat(self, machine: Caller, directory: int, path: int, flags: int, mode: int) -> int:
        """Where this is the call for paths, its flags say what openat2 is told."""
        assert (directory, mode) == (ROOT, 0)
        assert flags & O_RESOLVE_BENEATH
        assert flags & O_NOFOLLOW_ANY
        return self.open_path(text(machine, path))

    def open_path(self, path: bytes) -> int:
        """A descriptor for what a path names, or -errno."""
        found = self.look_up(path)
        if isinstance(found, int):
            return found
        number = max(self.open, default=100) + 1
        self.open[number] = found
        return number

    def look_up(self, path: bytes) -> Entry | int:
        """What a path names, or -errno."""
        assert path, "the empty path names nothing"
        assert not path.startswith(b"/"), "this path is not relative"
        entry: Entry = self.site
        *parents, last = [b"."] if path == b"." else path.split(b"/")
        for name in [*parents, last] if last else [*parents, b"."]:
            if isinstance(entry, Link):
                return -Errno.ELOOP
            if not isinstance(entry, Directory):
                return -Errno.ENOTDIR
            if len(name) > 255:
                return -Errno.ENAMETOOLONG
            assert name not in (b"", b".."), path
            if name != b".":
                if name not in entry.entries:
                    return -Errno.ENOENT
                entry = entry.entries[name]
        if isinstance(entry, Link):
            return -Errno.ELOOP
        return -Errno.EACCES if getattr(entry, "forbidden", False) else entry

    def fstat(self, machine: Caller, file: int, stat: int) -> int:
        content, mtime, kind = b"", 0, S_IFIFO
        match self.open[file]:
            case File(content, mtime):
                kind = S_IFREG
            case Directory():
                kind = S_IFDIR
            case _:
                pass
        machine.write(stat, bytes(sizeof(Stat)))
        found = Memory(machine, Stat, stat)
        found[Stat.mode] = kind | 0o644
        found[Stat.file_size] = len(content)
        found[Stat.modified.seconds] = mtime // 10**9
        found[Stat.modified.nanoseconds] = mtime % 10**9
        found[Stat.changed.seconds] = mtime // 10**9
        found[Stat.changed.nanoseconds] = mtime % 10**9
        return 0

    def close(self, machine: Caller, file: int) -> int:
        del self.open[file]
        return 0

    def shutdown(self, machine: Caller, socket: int, how: int) -> int:
        assert (socket, how) == (SOCKET, SHUT_WR)
        assert not self.shut, "the end is said once"
        self.shut = True
        return 0

    def epoll_ctl(
        self, machine: Caller, epoll: int, operation: int, socket: int, event: int
    ) -> int:
        assert (epoll, operation, socket) == (POLLER, EPOLL_CTL_MOD, SOCKET)
        events = int.from_bytes(machine.read(event + EpollEvent.events, 4), "little")
        data = int.from_bytes(machine.read(event + EpollEvent.data, 8), "little")
        self.wait_for({int(EPOLLIN): "input", int(EPOLLOUT): "output"}[events], data)
        return 0

    def kevent(
        self, machine: Caller, queue: int, changes: int, count: int, events: int, *wait: int
    ) -> int:
        """Another kind of event is waited for, and the one before no more."""
        assert (queue, count, events, wait) == (POLLER, 2, 0, (0, 0))
        add, drop = read_notes(machine, changes, count)
        kinds = {int(EVFILT_READ): "input", int(EVFILT_WRITE): "output"}
        assert drop == Note(SOCKET, drop.filter, EV_DELETE)
        assert kinds[drop.filter] == self.waits, "only what is waited for can be deleted"
        assert add == Note(SOCKET, add.filter, EV_ADD, udata=add.udata)
        self.wait_for(kinds[add.filter], add.udata)
        return 0

    def wait_for(self, what: str, data: int) -> None:
        assert what != self.waits, "these events are asked for already"
        self.waits = what
        self.changes.append((what, data))

    def write(self, machine: Caller, file: int, data: int, size: int) -> int:
        assert file == STDOUT
        self.log += machine.read(data, size)
        return size


VECTORS_MAX = 1024
"""More pieces than that a message must not have (UIO_MAXIOV on Linux and on macOS)."""


def gathered(machine: Caller, header: int) -> bytes:
    """What a struct msghdr is about, read as a kernel reads it: nobody's address, no control."""

    def word(at: int, size: int = 8) -> int:
        return int.from_bytes(machine.read(at, size), "little")

    assert word(header + MessageHeader.address) == 0, "it goes where the socket is connected to"
    assert word(header + MessageHeader.address_size, 4) == 0
    assert word(header + MessageHeader.control) == word(header + MessageHeader.control_size) == 0
    start, count = word(header + MessageHeader.vectors), word(header + MessageHeader.vectors_count)
    assert 0 < count <= VECTORS_MAX
    content = bytearray()
    for at in range(start, start + count * IoVector.size, IoVector.size):
        base, length = word(at + IoVector.base), word(at + IoVector.length)
        content += machine.read(base, length, found_at=at + IoVector.base) if length else b""
    return bytes(content)


def told_by_inotify(watch: int, mask: int, name: bytes = b"") -> bytes:
    """A struct inotify_event; a name has at least one NUL behind it, and fills its words."""
    room = -(-(len(name) + 1) // InotifyEvent.size) * InotifyEvent.size if name else 0
    numbers = watch.to_bytes(4, "little", signed=True) + int(mask).to_bytes(4, "little")
    return numbers + bytes(4) + room.to_bytes(4, "little") + name.ljust(room, b"\0")


def family_bytes(family: int, length: int = 0) -> bytes:
    """How a sockaddr begins: on macOS with a length, which the kernel fills in and nobody reads."""
    return bytes([int(family), 0] if platform() == "linux" else [length, int(family)])


def text(machine: Caller, address: int) -> bytes:
    """The bytes from an address up to a NUL."""
    content = bytearray()
    while (byte := machine.read(address + len(content), 1)) != b"\0":
        content += byte
    return bytes(content)
