"""What a guest may ask of this computer."""

from __future__ import annotations

import ctypes
import errno
import os
import resource as resources
import signal
import socket
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from ..world import (
    Changes,
    Counter,
    End,
    Ended,
    Events,
    File,
    SignalQueue,
    Socket,
    Status,
    Timer,
    Watches,
    World,
    failure,
)
from .events import SECOND, HostEvents, HostTimer, Waiting, number_of, poll
from .files import HostFile, status_of
from .names import open_below, rename_exclusively
from .processes import HostEnd
from .signals import Signals
from .sockets import HostSocket
from .watches import HostWatches, host_changes

# What sendfile says when it cannot, but reading and sending could.
CANNOT_SEND_FILE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK, errno.EOPNOTSUPP}
MOST_COPIED = 1 << 16


class HostWorld(World):
    """The real world.  There is one at a time in a process, since signals belong to the process."""

    def __init__(self) -> None:
        self._signals = Signals()
        self._waiting = Waiting(self._signals)
        self._forked = False
        self._chosen: frozenset[int] = frozenset()
        self._signals.begin()
        # A host that cannot suppress SIGPIPE for one call must not send it at all.
        if not hasattr(socket, "MSG_NOSIGNAL"):
            self._signals.ignore(signal.SIGPIPE, True)

    def standard(self) -> Sequence[File]:
        return [HostFile(number, borrowed=True) for number in range(3)]

    # Files

    def open(self, directory: File | None, path: bytes, flags: int, mode: int) -> File:
        return HostFile(os.open(path, flags, mode, dir_fd=place(directory)))

    def open_below(
        self, directory: File | None, path: bytes, flags: int, mode: int, *, links: bool, out: bool
    ) -> File:
        return HostFile(open_below(place(directory), path, flags, mode, links=links, out=out))

    def status(self, directory: File | None, path: bytes, *, follow: bool) -> Status:
        return status_of(os.stat(path, dir_fd=place(directory), follow_symlinks=follow))

    def access(self, directory: File | None, path: bytes, mode: int) -> None:
        os.stat(path, dir_fd=place(directory))  # says why, where os.access only says no
        if not os.access(path, mode, dir_fd=place(directory)):
            raise failure(errno.EACCES)

    def read_link(self, directory: File | None, path: bytes) -> bytes:
        return os.readlink(path, dir_fd=place(directory))

    def working_directory(self) -> bytes:
        return os.getcwdb()

    def change_directory(self, path: bytes) -> None:
        os.chdir(path)

    def unlink(self, directory: File | None, path: bytes, *, is_directory: bool) -> None:
        (os.rmdir if is_directory else os.unlink)(path, dir_fd=place(directory))

    def make_directory(self, directory: File | None, path: bytes, mode: int) -> None:
        os.mkdir(path, mode, dir_fd=place(directory))

    def rename(
        self, old: tuple[File | None, bytes], new: tuple[File | None, bytes], *, exclusive: bool
    ) -> None:
        start, end = place(old[0]), place(new[0])
        if exclusive:
            rename_exclusively(start, old[1], end, new[1])
        else:
            os.rename(old[1], new[1], src_dir_fd=start, dst_dir_fd=end)

    def umask(self, mask: int) -> int:
        return os.umask(mask)

    def send_file(self, out: File, source: File, offset: int | None, size: int) -> int:
        start = source.seek(0, os.SEEK_CUR) if offset is None else offset
        sent = self._send_file(out, source, start, size)
        if offset is None:
            source.seek(start + sent, os.SEEK_SET)
        return sent

    def _send_file(self, out: File, source: File, offset: int, size: int) -> int:
        try:
            return os.sendfile(number_of(out), number_of(source), offset, size)
        except OSError as error:
            if error.errno not in CANNOT_SEND_FILE:
                raise
        content = os.pread(number_of(source), min(size, MOST_COPIED), offset)
        return out.write([memoryview(content)]) if content else 0

    # What can be waited for

    def pipe(self, flags: int) -> tuple[File, File]:
        ends = os.pipe()
        for end in ends:
            os.set_blocking(end, not flags & os.O_NONBLOCK)
        return HostFile(ends[0]), HostFile(ends[1])

    def socket(self, family: int, kind: int, protocol: int, *, blocking: bool) -> Socket:
        return HostSocket(socket.socket(family, kind, protocol), blocking=blocking)

    def socket_pair(
        self, family: int, kind: int, protocol: int, *, blocking: bool
    ) -> tuple[Socket, Socket]:
        one, other = socket.socketpair(family, kind, protocol)
        return HostSocket(one, blocking=blocking), HostSocket(other, blocking=blocking)

    def events(self) -> Events:
        return HostEvents(self._waiting)

    def signal_queue(self, signals: frozenset[int], *, blocking: bool) -> SignalQueue:
        return self._signals.queue(signals, blocking=blocking)

    def timer(self, clock: int, *, blocking: bool) -> Timer:
        return HostTimer(self._waiting, clock, blocking=blocking)

    def counter(self, initial: int, flags: int) -> File:
        if sys.platform != "linux":
            raise failure(errno.ENOSYS)
        return HostFile(os.eventfd(initial, flags))

    def twin(self, file: File) -> File:
        return HostFile(os.dup(number_of(file)))

    def count_signal(self, signal: int) -> Counter:
        return self._signals.tally(signal)

    def end_of(self, process: int) -> End:
        return HostEnd(process)

    def watches(self, *, blocking: bool) -> Watches:
        return HostWatches(blocking=blocking)

    def changes(self) -> Changes:
        return host_changes()

    def poll(self, files: Sequence[tuple[File, int]], timeout: int | None) -> list[int]:
        numbers = [(number_of(file), states) for file, states in files]
        return poll(self._waiting, numbers, timeout)

    # Signals

    @property
    def blocked(self) -> frozenset[int]:
        return self._signals.blocked

    @property
    def pending(self) -> frozenset[int]:
        return self._signals.pending

    def block(self, signals: frozenset[int]) -> None:
        self._signals.block(signals)

    @contextmanager
    def blocking(self, signals: frozenset[int] | None) -> Generator[None, None, None]:
        before = self._signals.blocked
        if signals is not None:
            self._signals.block(signals)
        try:
            yield
        finally:
            if signals is not None:
                self._signals.block(before)

    def ignores(self, signal: int) -> bool:
        return signal in self._signals.ignored

    def ignore(self, signal: int, ignored: bool) -> None:
        self._signals.ignore(signal, ignored)

    def wait_signal(self, signals: frozenset[int], timeout: int | None) -> int:
        end = None if timeout is None else time.monotonic_ns() + timeout
        while not (taken := self._signals.take(signals, 1)):
            left = None if end is None else end - time.monotonic_ns()
            if left is not None and left <= 0:
                raise failure(errno.EAGAIN)
            self._signals.wait(None if left is None else left / SECOND)
        return taken[0]

    def kill(self, process: int, signal: int) -> None:
        os.kill(process, signal)

    # Processes

    def process(self) -> int:
        return os.getpid()

    def parent(self) -> int:
        return os.getppid()

    def identity(self) -> tuple[int, int, int, int]:
        return os.getuid(), os.geteuid(), os.getgid(), os.getegid()

    def fork(self) -> int:
        with self._signals.held():
            child = os.fork()
            if child == 0:
                self._forked = True
                self._signals.forked()
                for timer in self._waiting.timers:
                    timer.renew()
        return child

    def wait_child(self, process: int, *, hang: bool) -> Ended | None:
        child, status = os.waitpid(process, 0 if hang else os.WNOHANG)
        if child == 0:
            return None
        if os.WIFSIGNALED(status):
            return Ended(child, 0, os.WTERMSIG(status))
        return Ended(child, os.WEXITSTATUS(status), 0)

    def exit(self, status: int) -> NoReturn:
        os._exit(status)

    def end(self) -> None:
        self._signals.end()

    def die(self, signal: int) -> NoReturn:
        die(signal)

    @property
    def forked(self) -> bool:
        return self._forked

    def control(self, option: int, value: int, text: bytes) -> None:
        if sys.platform != "linux":
            return
        libc = ctypes.CDLL(None, use_errno=True)
        argument = ctypes.c_char_p(text) if text else ctypes.c_ulong(value)
        unused = ctypes.c_ulong(0)
        if libc.prctl(ctypes.c_int(option), argument, unused, unused, unused) < 0:
            raise failure(ctypes.get_errno())

    def limit(self, resource: int) -> tuple[int, int]:
        return resources.getrlimit(resource)

    def set_limit(self, resource: int, limits: tuple[int, int]) -> None:
        resources.setrlimit(resource, limits)

    def processors(self) -> frozenset[int]:
        return self._chosen or self._all_processors()

    def choose_processors(self, wanted: frozenset[int]) -> None:
        """Python itself stays where it was: the guest is alone in hearing of it."""
        chosen = wanted & self._all_processors()
        if not chosen:
            raise failure(errno.EINVAL)
        self._chosen = chosen

    def _all_processors(self) -> frozenset[int]:
        if sys.platform == "linux":
            return frozenset(os.sched_getaffinity(0))
        return frozenset(range(os.cpu_count() or 1))

    def node(self) -> tuple[str, str]:
        here = os.uname()
        return here.nodename, here.release

    def memory(self) -> int:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    # Time and chance

    def now(self, clock: int) -> int:
        return time.clock_gettime_ns(clock)

    def sleep(self, nanoseconds: int) -> None:
        time.sleep(nanoseconds / SECOND)

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def complain(self, line: str) -> None:
        os.write(2, f"svc0: {line}\n".encode())


def place(directory: File | None) -> int | None:
    """What `dir_fd` wants: the working directory is None."""
    return None if directory is None else number_of(directory)


def die(number: int) -> NoReturn:
    """Of this signal, so that whoever waits sees it; and Python leaves no core behind."""
    resources.setrlimit(resources.RLIMIT_CORE, (0, resources.getrlimit(resources.RLIMIT_CORE)[1]))
    if number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(128 + number)
