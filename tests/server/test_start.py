"""The start: what a process prepares, what it says, and how it ends where it cannot serve."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import Bss, Struct
from svc0.kernel.constants import (
    AF_INET,
    AF_INET6,
    AT_FDCWD,
    O_CLOEXEC,
    O_DIRECTORY,
    O_PATH,
    RLIMIT_NOFILE,
    SIG_IGN,
    SIGPIPE,
    SIGSET_SIZE,
)
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import start as under_test
from svc0.server.listeners import BAD_ADDRESS, LISTENING, Listening
from svc0.server.options import OPTIONS, WORKERS_MAX, Options
from svc0.server.start import CPUS_MAX
from svc0.server.terminal import LINE_MAX, REASONS
from tests.server.kernel import text
from tests.server.memory import Memory
from tests.server.process import Ended, Process


def in_image(machine: Caller, kind: type[Struct], place: Bss) -> Memory:
    return Memory(machine, kind, machine.address(place))


class Limits(Process):
    """A process with a soft and a hard limit of descriptors; asking for them may fail."""

    def __init__(self, soft: int, hard: int, error: int = 0) -> None:
        super().__init__()
        self.limit, self.error = (soft, hard), error
        self.ignored: list[int] = []

    def rt_sigaction(
        self, machine: Caller, signal: int, action: int, old: int, mask_size: int
    ) -> int:
        assert (old, mask_size) == (0, SIGSET_SIZE)
        assert int.from_bytes(machine.read(action, 32), "little") == SIG_IGN
        self.ignored.append(signal)
        return 0

    def prlimit64(self, machine: Caller, process: int, resource: int, new: int, old: int) -> int:
        assert (process, resource) == (0, RLIMIT_NOFILE)
        if self.error:
            return -self.error
        if old:
            machine.write(old, b"".join(number.to_bytes(8, "little") for number in self.limit))
        if new:
            content = machine.read(new, 16)
            soft, hard = (int.from_bytes(content[at : at + 8], "little") for at in (0, 8))
            assert hard == self.limit[1], "the hard limit stays"
            self.limit = soft, hard
        return 0


@pytest.mark.parametrize(("soft", "hard"), [(1024, 524288), (10, 10), (1024, 2**64 - 1)])
@pytest.mark.parametrize("error", [0, Errno.EPERM, Errno.ENOSYS])
def test_prepare_process(soft: int, hard: int, error: int) -> None:
    kernel = Limits(soft, hard, error)
    with caller(under_test.prepare_process) as machine:
        machine.call(kernel=kernel)
    assert kernel.ignored == [SIGPIPE]
    assert kernel.limit == (soft if error else hard, hard)


class Disk(Process):
    """A process that opens its root."""

    def __init__(self, result: int) -> None:
        super().__init__()
        self.result = result
        self.path = b""

    def openat(self, machine: Caller, directory: int, path: int, flags: int, mode: int) -> int:
        assert directory == AT_FDCWD % 2**32
        assert flags == O_PATH | O_DIRECTORY | O_CLOEXEC
        self.path = text(machine, path)
        return self.result


def test_open_root() -> None:
    kernel = Disk(5)
    with caller(under_test.open_root) as machine:
        in_image(machine, Options, OPTIONS)[Options.root] = machine.place(b"/srv/www\0")
        assert machine.call(kernel=kernel) == 5
    assert (kernel.path, kernel.said) == (b"/srv/www", [])


@pytest.mark.parametrize("error", [Errno.ENOENT, Errno.ENOTDIR, Errno.EACCES, Errno.EIO])
def test_there_is_no_root(error: Errno) -> None:
    kernel = Disk(-error)
    with caller(under_test.open_root) as machine:
        in_image(machine, Options, OPTIONS)[Options.root] = machine.place(b"/srv/www\0")
        with pytest.raises(Ended) as ended:
            machine.call(kernel=kernel)
    reason = REASONS.get(error, f"error {error.value}")
    assert ended.value.status == 1
    assert kernel.said == [(2, f"svc0: cannot serve /srv/www: {reason}\n".encode())]


class Cpus(Process):
    """A process that may run on some CPUs; the kernel writes as many words as it has use for."""

    def __init__(self, cpus: set[int], size: int) -> None:
        super().__init__()
        self.mask, self.size = sum(1 << cpu for cpu in cpus), size

    def sched_getaffinity(self, machine: Caller, process: int, size: int, mask: int) -> int:
        assert process == 0
        if self.size > size:
            return -Errno.EINVAL
        machine.write(mask, self.mask.to_bytes(self.size, "little"))
        return self.size


@given(
    cpus=st.sets(st.integers(0, CPUS_MAX - 1), max_size=100),
    more=st.integers(0, 3),
    asked=st.sampled_from([0, 0, 1, 64, 65, 2**32 - 1]),
)
def test_count_workers(cpus: set[int], more: int, asked: int) -> None:
    size = min((max(cpus, default=0) // 64 + 1 + more) * 8, CPUS_MAX // 8)
    kernel = Cpus(cpus, size)
    with caller(under_test.count_workers) as machine:
        in_image(machine, Options, OPTIONS)[Options.workers] = asked
        count = machine.call(kernel=kernel)
    assert count == min(asked or len(cpus) or 1, WORKERS_MAX)
    assert bool(kernel.names) == (not asked)


def test_a_kernel_with_more_cpus_than_are_counted() -> None:
    with caller(under_test.count_workers) as machine:
        assert machine.call(kernel=Cpus({0, 1}, CPUS_MAX // 8 + 8)) == 1


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
    known = {-number: words for number, words in REASONS.items()}
    known |= {BAD_ADDRESS: "that is not an IPv4 or IPv6 address", -Errno.EIO: "error 5"}
    assert ended.value.status == 1
    expected = f"svc0: cannot listen on 127.0.0.1 port 8080: {known[error]}\n"
    assert kernel.said == [(2, expected.encode())]


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


names = st.text("a/ é", max_size=20) | st.sampled_from(["x" * LINE_MAX, "y" * (LINE_MAX - 30)])


@given(root=names, error=st.sampled_from(list(Errno)))
def test_no_root(root: str, error: Errno) -> None:
    """One line, however long the name is."""
    kernel = Process()
    with caller(under_test.no_root) as machine:
        in_image(machine, Options, OPTIONS)[Options.root] = machine.place(root.encode() + b"\0")
        with pytest.raises(Ended) as ended:
            machine.call(-error, kernel=kernel)
    reason = REASONS.get(error, f"error {error.value}")
    assert ended.value.status == 1
    line = f"svc0: cannot serve {root}: {reason}".encode()[:LINE_MAX]
    assert kernel.said == [(2, line + b"\n")]


@given(
    address=names,
    port=st.integers(0, 65535),
    error=st.sampled_from([BAD_ADDRESS, *(-error for error in Errno)]),
)
def test_not_listening(address: str, port: int, error: int) -> None:
    kernel = Process()
    with caller(under_test.not_listening) as machine:
        options = in_image(machine, Options, OPTIONS)
        options[Options.address] = machine.place(address.encode() + b"\0")
        options[Options.port] = port
        with pytest.raises(Ended) as ended:
            machine.call(error, kernel=kernel)
    if error == BAD_ADDRESS:
        reason = "that is not an IPv4 or IPv6 address"
    else:
        reason = REASONS.get(Errno(-error), f"error {-error}")
    assert ended.value.status == 1
    line = f"svc0: cannot listen on {address} port {port}: {reason}".encode()[:LINE_MAX]
    assert kernel.said == [(2, line + b"\n")]
