"""The start: what a process prepares, what it says, and how it ends where it cannot serve."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import Bss, Struct, either
from svc0.kernel.constants import (
    AF_INET,
    AF_INET6,
    AT_FDCWD,
    O_CLOEXEC,
    O_DIRECTORY,
    O_PATH,
    O_SEARCH,
)
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import start as under_test
from svc0.server.listeners import BAD_ADDRESS, LISTENING, Listening
from svc0.server.options import OPTIONS, VERSION, WORKERS_MAX, Options
from svc0.server.terminal import LINE_MAX, REASONS
from tests.server.kernel import text
from tests.server.memory import Memory
from tests.server.process import Ended, Process, reason, words


def in_image(machine: Caller, kind: type[Struct], place: Bss) -> Memory:
    return Memory(machine, kind, machine.address(place))


@pytest.mark.platform("macos")
def test_dyld_says_where_the_arguments_are() -> None:
    """On Linux they are on the stack, for whole executables to find (tests/system)."""
    kernel = Process()
    with caller(under_test.start) as machine:
        places = [machine.place(word + b"\0") for word in (b"server", b"-V")]
        with pytest.raises(Ended) as ended:
            machine.call(len(places), words(*places, 0), kernel=kernel)
    assert ended.value.status == 0
    assert kernel.said == [(1, f"svc0 {VERSION}\n".encode())]


class Beginning(Process):
    """A process that is given all it asks for, up to the queue of its signals."""

    def succeed(self, machine: Caller, *arguments: int) -> int:
        return 0

    sigaction = setsockopt = fcntl = bind = getsockname = listen = succeed

    def getrlimit(self, machine: Caller, resource: int, limit: int) -> int:
        return -Errno.EPERM

    def openat(self, machine: Caller, *arguments: int) -> int:
        return 5

    def socket(self, machine: Caller, *arguments: int) -> int:
        return 7

    def kqueue(self, machine: Caller) -> int:
        return -Errno.EMFILE


@pytest.mark.platform("macos")
def test_start() -> None:
    """What can go wrong is tried before anybody is told that something is served."""
    kernel = Beginning()
    with caller(under_test.start) as machine:
        places = [machine.place(word + b"\0") for word in (b"server", b"-w2", b"-r/srv")]
        with pytest.raises(Ended) as ended:
            machine.call(len(places), words(*places, 0), kernel=kernel)
    assert ended.value.status == 1
    served, failed = (line for _, line in kernel.said)
    assert served.startswith(b"svc0: serving /srv at http://")
    assert failed.startswith(b"svc0: cannot start workers: ")
    asked = [name for name in kernel.names if name not in ("setsockopt", "fcntl")]
    assert asked == [
        *[
            "sigaction",
            "sigaction",
            "getrlimit",
            "openat",
            "socket",
            "bind",
            "getsockname",
            "listen",
        ],
        *["write", "kqueue", "write", "exit"],
    ]


class Disk(Process):
    """A process that opens its root."""

    def __init__(self, result: int) -> None:
        super().__init__()
        self.result = result
        self.path = b""

    def openat(self, machine: Caller, directory: int, path: int, flags: int, mode: int) -> int:
        assert directory == int(AT_FDCWD) % 2**32
        assert mode == 0
        assert flags == either(linux=O_PATH | O_DIRECTORY, macos=O_SEARCH) | O_CLOEXEC
        self.path = text(machine, path)
        return self.result


def test_open_root() -> None:
    kernel = Disk(5)
    with caller(under_test.open_root) as machine:
        in_image(machine, Options, OPTIONS)[Options.root] = machine.place(b"/srv/www\0")
        assert machine.call(kernel=kernel) == 5
    assert (kernel.path, kernel.said) == (b"/srv/www", [])


@pytest.mark.parametrize("error", [Errno.ENOENT, Errno.ENOTDIR, Errno.EACCES, Errno.EIO])
def test_there_is_no_root(error: int) -> None:
    kernel = Disk(-error)
    with caller(under_test.open_root) as machine:
        in_image(machine, Options, OPTIONS)[Options.root] = machine.place(b"/srv/www\0")
        with pytest.raises(Ended) as ended:
            machine.call(kernel=kernel)
    assert ended.value.status == 1
    assert kernel.said == [(2, f"svc0: cannot serve /srv/www: {reason(error)}\n".encode())]


class Cpus(Process):
    """A process that may run on so many CPUs, or on nobody knows how many."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def sched_getaffinity(self, machine: Caller, process: int, size: int, mask: int) -> int:
        machine.write(mask, ((1 << self.count) - 1).to_bytes(size, "little"))
        return size if self.count else -Errno.EINVAL

    def sysctl(self, machine: Caller, name: int, parts: int, old: int, *others: int) -> int:
        machine.write(old, self.count.to_bytes(4, "little"))
        return 0 if self.count else -Errno.ENOENT


@given(cpus=st.integers(0, 200), asked=st.sampled_from([0, 0, 1, 64, 65, 2**32 - 1]))
def test_count_workers(cpus: int, asked: int) -> None:
    kernel = Cpus(cpus)
    with caller(under_test.count_workers) as machine:
        in_image(machine, Options, OPTIONS)[Options.workers] = asked
        count = machine.call(kernel=kernel)
    assert count == min(asked or cpus or 1, WORKERS_MAX)
    assert bool(kernel.names) == (not asked)


@pytest.mark.parametrize("error", [BAD_ADDRESS, -Errno.EADDRINUSE, -Errno.EACCES, -Errno.EIO])
def test_check_listeners(error: int) -> None:
    kernel = Process()
    with caller(under_test.check_listeners) as machine:
        options = in_image(machine, Options, OPTIONS)
        options[Options.address] = machine.place(b"127.0.0.1\0")
        options[Options.port] = 8080
        machine.call(0, kernel=kernel)
        assert kernel.said == []
        with pytest.raises(Ended) as ended:
            machine.call(error, kernel=kernel)
    assert ended.value.status == 1
    [(file, line)] = kernel.said
    assert file == 2
    assert line.startswith(b"svc0: cannot listen on 127.0.0.1 port 8080: ")


addresses = st.ip_addresses().filter(lambda address: getattr(address, "scope_id", None) is None)


@given(
    address=addresses,
    port=st.integers(0, 65535),
    root=st.text("a/ é", max_size=20) | st.just("x" * 3000),
)
def test_greet(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, root: str
) -> None:
    """One line with a URL in it, which a person can click."""
    kernel = Process()
    with caller(under_test.greet) as machine:
        in_image(machine, Options, OPTIONS)[Options.root] = machine.place(root.encode() + b"\0")
        listening = in_image(machine, Listening, LISTENING)
        version4 = address.version == 4
        listening[Listening.address.family] = AF_INET if version4 else AF_INET6
        listening[Listening.address.ipv4 if version4 else Listening.address.ipv6] = address.packed
        listening[Listening.address.port] = port.to_bytes(2, "big")
        machine.call(kernel=kernel)
    [(file, line)] = kernel.said
    assert file == 2
    assert line.endswith(b"\n")
    if len(root) < 1000:
        before, _, url = line.decode().rstrip("\n").rpartition(" at ")
        host, _, said_port = url.removeprefix("http://").removesuffix("/").rpartition(":")
        assert before == f"svc0: serving {root}"
        assert int(said_port) == port
        assert host.startswith("[") == (not version4)
        assert ipaddress.ip_address(host.strip("[]")) == address


errors = st.integers(1, 110) | st.sampled_from(list(REASONS))
names = st.text("a/ é", max_size=20) | st.sampled_from(["x" * LINE_MAX, "y" * (LINE_MAX - 30)])


@given(root=names, error=errors)
def test_no_root(root: str, error: int) -> None:
    """One line, however long the name is."""
    kernel = Process()
    with caller(under_test.no_root) as machine:
        in_image(machine, Options, OPTIONS)[Options.root] = machine.place(root.encode() + b"\0")
        with pytest.raises(Ended) as ended:
            machine.call(-error, kernel=kernel)
    assert ended.value.status == 1
    line = f"svc0: cannot serve {root}: {reason(error)}".encode()[:LINE_MAX]
    assert kernel.said == [(2, line + b"\n")]


@given(
    address=names,
    port=st.integers(0, 65535),
    error=errors.map(lambda error: -error) | st.just(BAD_ADDRESS),
)
def test_not_listening(address: str, port: int, error: int) -> None:
    """What is no address is said to be none; of all else the kernel's reason is told."""
    kernel = Process()
    with caller(under_test.not_listening) as machine:
        options = in_image(machine, Options, OPTIONS)
        options[Options.address] = machine.place(address.encode() + b"\0")
        options[Options.port] = port
        with pytest.raises(Ended) as ended:
            machine.call(error, kernel=kernel)
    why = "that is not an IPv4 or IPv6 address" if error == BAD_ADDRESS else reason(-error)
    assert ended.value.status == 1
    line = f"svc0: cannot listen on {address} port {port}: {why}".encode()[:LINE_MAX]
    assert kernel.said == [(2, line + b"\n")]
