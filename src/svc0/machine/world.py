"""The world: what a kernel does, without how a guest asks for it.

A personality has decoded the registers and structs; here everything is Python's own: paths are
bytes, flags are those of `os`, `socket` and `signal`, addresses are what `socket` takes, times are
nanoseconds, buffers are views of the guest's memory, and what fails is an `OSError`.  `host`
answers with the real thing; a simulation can answer from memory.

A `File` here is an *open file description*: several descriptors may name it, and it ends with the
last. It refuses what it is not for, in the words of the kernel; each kind overrides what it can do.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

Buffers: TypeAlias = Sequence[memoryview]
# What the socket module gives and takes: a path, or a host and port with what IPv6 adds to them.
Address: TypeAlias = bytes | tuple[str, int] | tuple[str, int, int, int]
# States of a file that `Events` waits for: numbers that poll has everywhere, and two of epoll's.
READABLE, WRITABLE, FAILED, HUNG_UP, PEER_SHUT, CHANGES = 1, 4, 8, 16, 0x2000, 1 << 31
# What `Changes` tells of a file, several at once; ALTERED is what stat tells.
DELETED, WRITTEN, EXTENDED, ALTERED, LINKED, RENAMED, REVOKED = (1 << n for n in range(7))


def failure(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@dataclass(frozen=True)
class Status:
    """What stat tells, times in nanoseconds."""

    device: int
    inode: int
    mode: int
    links: int
    user: int
    group: int
    special: int
    size: int
    block_size: int
    blocks: int
    accessed: int
    modified: int
    changed: int


@dataclass(frozen=True)
class Entry:
    """A name in a directory; `kind` is the file type bits of a mode, zero if unknown."""

    name: bytes
    inode: int
    kind: int


@dataclass(frozen=True)
class Ended:
    """A child that is no more: how it exited, or the signal that killed it."""

    process: int
    status: int
    signal: int


class File:
    """An open file description."""

    uses = 0
    # How far a directory has been read, and what was in it when that began.
    position = 0
    listing: Sequence[Entry] = ()

    def close(self) -> None:
        """Nobody names it any more."""

    def read(self, into: Buffers, offset: int | None = None) -> int:
        raise failure(errno.EINVAL if offset is None else errno.ESPIPE)

    def write(self, data: Buffers, offset: int | None = None) -> int:
        raise failure(errno.EINVAL if offset is None else errno.ESPIPE)

    def seek(self, offset: int, whence: int) -> int:
        raise failure(errno.ESPIPE)

    def status(self) -> Status:
        raise failure(errno.EBADF)

    def entries(self) -> Sequence[Entry]:
        """Everything in a directory, as it is now."""
        raise failure(errno.ENOTDIR)

    def enter(self) -> None:
        """Make it the working directory."""
        raise failure(errno.ENOTDIR)

    def flags(self) -> int:
        return os.O_RDWR

    def set_flags(self, flags: int) -> None:
        """Change O_NONBLOCK and O_APPEND; the other bits of `flags` mean nothing."""

    def waiting(self) -> int:
        """How many bytes could be read at once."""
        raise failure(errno.ENOTTY)

    def sync(self) -> None:
        raise failure(errno.EINVAL)

    def truncate(self, size: int) -> None:
        raise failure(errno.EINVAL)

    def change_mode(self, mode: int) -> None:
        raise failure(errno.EINVAL)

    def path(self) -> bytes:
        """A name by which it can be opened again."""
        raise failure(errno.EBADF)


class Socket(File, ABC):
    """One end of a conversation, or what waits for them."""

    family: int
    # Whether writing to an end that nobody reads is only an error, and no SIGPIPE.
    quiet = False
    # Whether it came from `accept`, and so was connected from the beginning.
    accepted = False

    @abstractmethod
    def bind(self, address: Address) -> None: ...
    @abstractmethod
    def listen(self, backlog: int) -> None: ...
    @abstractmethod
    def accept(self, *, blocking: bool) -> tuple[Socket, Address]: ...
    @abstractmethod
    def connect(self, address: Address) -> None: ...
    @abstractmethod
    def name(self) -> Address: ...
    @abstractmethod
    def peer(self) -> Address: ...
    @abstractmethod
    def option(self, level: int, name: int, size: int) -> bytes: ...
    @abstractmethod
    def set_option(self, level: int, name: int, value: bytes) -> None: ...
    @abstractmethod
    def error(self) -> int:
        """What has gone wrong since the last call, as the host numbers it; the next call fails
        with it all the same."""

    @abstractmethod
    def listening(self) -> int | None:
        """How many connections wait to be accepted, at least; None if it does not listen."""

    @abstractmethod
    def room(self) -> int:
        """About how many bytes can be sent at once."""

    @abstractmethod
    def unsent(self) -> int:
        """How many bytes were sent that the other end has not taken."""

    @abstractmethod
    def shutdown(self, how: int) -> None: ...
    @abstractmethod
    def send(self, data: Buffers, flags: int, address: Address | None) -> int: ...
    @abstractmethod
    def receive(self, into: Buffers, flags: int) -> tuple[int, int, Address | None]:
        """How many bytes, what the kernel says of them (MSG_TRUNC and so on), and who sent them."""


class Events(File, ABC):
    """What epoll is: files, and which of their states are waited for."""

    @abstractmethod
    def add(self, file: File, states: int, data: int) -> None: ...
    @abstractmethod
    def modify(self, file: File, states: int, data: int) -> None: ...
    @abstractmethod
    def remove(self, file: File) -> None: ...
    @abstractmethod
    def wait(self, most: int, timeout: int | None) -> list[tuple[int, int]]:
        """Pairs of (states, data)."""


class SignalQueue(File, ABC):
    """Blocked signals, read instead of delivered."""

    @abstractmethod
    def choose(self, signals: frozenset[int]) -> None: ...
    @abstractmethod
    def take(self, most: int) -> list[int]:
        """At least one, or EAGAIN."""


class Timer(File, ABC):
    """Ticks that can be waited for."""

    @abstractmethod
    def set(self, first: int, interval: int, *, absolute: bool) -> tuple[int, int]:
        """Zero for `first` disarms; the result is what was left before, and its interval."""

    @abstractmethod
    def remaining(self) -> tuple[int, int]: ...
    @abstractmethod
    def take(self) -> int:
        """How often it has expired since the last time, at least once, or EAGAIN."""


class Counter(File, ABC):
    """Signals that have come, whatever became of them; readable while there are some."""

    @abstractmethod
    def take(self) -> int:
        """How many since the last time."""


class End(File, ABC):
    """The end of some process, which need not be a child; readable from then on."""

    child: bool

    @abstractmethod
    def ended(self) -> Ended | None:
        """How it ended, if it was a child and nobody has asked with `wait_child`."""


class Watches(File, ABC):
    """What inotify is: files that are watched, and what became of them, as bytes to be read."""

    @abstractmethod
    def watch(self, target: File | bytes, mask: int) -> int:
        """Watch what is open, or what a path names, for what Linux means by the mask."""

    @abstractmethod
    def forget(self, watch: int) -> None: ...


class Changes(File, ABC):
    """What becomes of open files, each with a number; readable when there is something to take."""

    @abstractmethod
    def watch(self, file: File) -> int: ...
    @abstractmethod
    def forget(self, number: int) -> None: ...
    @abstractmethod
    def take(self) -> list[tuple[int, int]]:
        """Of each file that it happened to: its number, and DELETED, WRITTEN and so on."""


class World(ABC):
    """One process's view of everything that is not its own memory."""

    @abstractmethod
    def standard(self) -> Sequence[File]:
        """Input, output and errors."""

    # Files

    @abstractmethod
    def open(self, directory: File | None, path: bytes, flags: int, mode: int) -> File: ...
    @abstractmethod
    def open_below(
        self, directory: File | None, path: bytes, flags: int, mode: int, *, links: bool, out: bool
    ) -> File:
        """The same by a path of which some are refused: with a symbolic link in it (ELOOP), unless
        `links`; that leads above where it starts (EACCES), unless `out`."""

    @abstractmethod
    def status(self, directory: File | None, path: bytes, *, follow: bool) -> Status: ...
    @abstractmethod
    def access(self, directory: File | None, path: bytes, mode: int) -> None: ...
    @abstractmethod
    def read_link(self, directory: File | None, path: bytes) -> bytes: ...
    @abstractmethod
    def working_directory(self) -> bytes: ...
    @abstractmethod
    def change_directory(self, path: bytes) -> None: ...
    @abstractmethod
    def unlink(self, directory: File | None, path: bytes, *, is_directory: bool) -> None: ...
    @abstractmethod
    def make_directory(self, directory: File | None, path: bytes, mode: int) -> None: ...
    @abstractmethod
    def rename(
        self, old: tuple[File | None, bytes], new: tuple[File | None, bytes], *, exclusive: bool
    ) -> None:
        """`exclusive`: EEXIST if the new name is taken."""

    @abstractmethod
    def umask(self, mask: int) -> int: ...
    @abstractmethod
    def send_file(self, out: File, source: File, offset: int | None, size: int) -> int: ...

    # What can be waited for

    @abstractmethod
    def pipe(self, flags: int) -> tuple[File, File]: ...
    @abstractmethod
    def socket(self, family: int, kind: int, protocol: int, *, blocking: bool) -> Socket: ...
    @abstractmethod
    def socket_pair(
        self, family: int, kind: int, protocol: int, *, blocking: bool
    ) -> tuple[Socket, Socket]: ...
    @abstractmethod
    def events(self) -> Events: ...
    @abstractmethod
    def signal_queue(self, signals: frozenset[int], *, blocking: bool) -> SignalQueue: ...
    @abstractmethod
    def timer(self, clock: int, *, blocking: bool) -> Timer: ...
    @abstractmethod
    def counter(self, initial: int, flags: int) -> File: ...
    @abstractmethod
    def twin(self, file: File) -> File:
        """The same open file, to be waited for a second time in the same `Events`."""

    @abstractmethod
    def count_signal(self, signal: int) -> Counter: ...
    @abstractmethod
    def end_of(self, process: int) -> End:
        """ESRCH if it has ended already."""

    @abstractmethod
    def watches(self, *, blocking: bool) -> Watches:
        """ENOSYS where there is no inotify."""

    @abstractmethod
    def changes(self) -> Changes: ...
    @abstractmethod
    def poll(self, files: Sequence[tuple[File, int]], timeout: int | None) -> list[int]:
        """The states of each file, in their order."""

    # Signals

    @property
    @abstractmethod
    def blocked(self) -> frozenset[int]: ...
    @property
    @abstractmethod
    def pending(self) -> frozenset[int]:
        """Those that have come while they were blocked."""

    @abstractmethod
    def block(self, signals: frozenset[int]) -> None:
        """Exactly these are blocked from now on; one that waited and no longer is, is delivered."""

    @abstractmethod
    def blocking(self, signals: frozenset[int] | None) -> AbstractContextManager[None]:
        """Block exactly these for a while; None changes nothing."""

    @abstractmethod
    def ignores(self, signal: int) -> bool: ...
    @abstractmethod
    def ignore(self, signal: int, ignored: bool) -> None: ...
    @abstractmethod
    def wait_signal(self, signals: frozenset[int], timeout: int | None) -> int: ...
    @abstractmethod
    def kill(self, process: int, signal: int) -> None: ...

    # Processes

    @abstractmethod
    def process(self) -> int: ...
    @abstractmethod
    def parent(self) -> int: ...
    @abstractmethod
    def identity(self) -> tuple[int, int, int, int]:
        """User, effective user, group, effective group."""

    @abstractmethod
    def fork(self) -> int: ...
    @property
    @abstractmethod
    def forked(self) -> bool:
        """This process was made by the guest: nobody waits for the Python in it."""

    @abstractmethod
    def wait_child(self, process: int, *, hang: bool) -> Ended | None: ...
    @abstractmethod
    def exit(self, status: int) -> NoReturn:
        """End a process that was forked; the first one returns to whoever ran it."""
        raise NotImplementedError

    @abstractmethod
    def end(self) -> None:
        """The guest is no more: leave Python as it was found."""

    @abstractmethod
    def die(self, signal: int) -> NoReturn:
        """End this process as a signal does that nobody catches."""
        raise NotImplementedError

    @abstractmethod
    def control(self, option: int, value: int, text: bytes) -> None:
        """What prctl is asked for, as far as it can be had."""

    @abstractmethod
    def limit(self, resource: int) -> tuple[int, int]: ...
    @abstractmethod
    def set_limit(self, resource: int, limits: tuple[int, int]) -> None: ...
    @abstractmethod
    def processors(self) -> frozenset[int]: ...
    @abstractmethod
    def choose_processors(self, wanted: frozenset[int]) -> None:
        """Run on those of them that there are, or EINVAL; `processors` are these from then on."""

    @abstractmethod
    def node(self) -> tuple[str, str]:
        """This computer's name, and the release of its kernel."""

    @abstractmethod
    def memory(self) -> int:
        """How many bytes of it the computer has."""

    # Time and chance

    @abstractmethod
    def now(self, clock: int) -> int: ...
    @abstractmethod
    def sleep(self, nanoseconds: int) -> None: ...
    @abstractmethod
    def random(self, size: int) -> bytes: ...
    @abstractmethod
    def complain(self, line: str) -> None:
        """Tell whoever runs the machine, not the guest."""
