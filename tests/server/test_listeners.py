"""Listeners: which sockets there are at the end, and what is left when a call fails."""

from __future__ import annotations

import ipaddress
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import platform, sizeof
from svc0.kernel.constants import (
    AF_INET,
    AF_INET6,
    F_SETFD,
    F_SETFL,
    FD_CLOEXEC,
    IPPROTO_TCP,
    O_NONBLOCK,
    SHUT_RD,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_DEFER_ACCEPT,
    TCP_NODELAY,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import SocketAddress
from svc0.machine.call import ERRNO_MAX, Caller, caller
from svc0.server import listeners as under_test
from svc0.server.listeners import BACKLOG, BAD_ADDRESS, LISTENING, Listening, open_listeners
from svc0.server.options import OPTIONS, WORKERS_MAX, Options
from tests.server.kernel import Kernel
from tests.server.memory import Memory

FREE_PORT = 54321

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def packed(address: Address, port: int) -> bytes:
    """A socket's address as the platform has it, with zeros for a flow and a scope."""
    version4 = address.version == 4
    found = bytearray(16 if version4 else 28)
    found[int(SocketAddress.family)] = int(AF_INET if version4 else AF_INET6)
    found[SocketAddress.port : SocketAddress.port + 2] = port.to_bytes(2, "big")
    at = SocketAddress.ipv4 if version4 else SocketAddress.ipv6
    found[at : at + len(address.packed)] = address.packed
    return bytes(found)


class Sockets(Kernel):
    """Sockets with their options and addresses; the call of a number in ``trouble`` fails.

    ``fcntl`` is no call that could: the descriptor is there, and so is the flag.
    """

    def __init__(self, trouble: dict[int, int] | None = None) -> None:
        super().__init__()
        self.trouble = trouble or {}
        self.deferring: set[int] = set()
        """Those of whose clients nothing is heard before they have sent something."""
        self.waiting: set[int] = set()
        """Those that block."""
        self.inherited: set[int] = set()
        """Those that another program would have."""
        self.options: dict[int, set[tuple[int, int]]] = {}
        self.bound: dict[int, bytes] = {}
        self.listening: dict[int, int] = {}
        self.made = 0
        self.failed = False
        """A call has failed that matters."""

    def fails(self) -> int:
        failure = -self.trouble.get(len(self.names), 0)
        self.failed |= failure < 0
        return failure

    def socket(self, machine: Caller, family: int, kind: int, protocol: int) -> int:
        if failure := self.fails():
            return failure
        assert (family in (AF_INET, AF_INET6), protocol) == (True, 0)
        self.made += 1
        made = 10 + self.made
        self.options[made] = set()
        if platform() == "linux":
            assert kind == SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
        else:
            assert kind == SOCK_STREAM
            self.waiting.add(made)
            self.inherited.add(made)
        return made

    def fcntl(self, machine: Caller, file: int, command: int, argument: int) -> int:
        {
            (int(F_SETFL), int(O_NONBLOCK)): self.waiting,
            (int(F_SETFD), int(FD_CLOEXEC)): self.inherited,
        }[command, argument].remove(file)
        return 0

    def setsockopt(
        self, machine: Caller, socket: int, level: int, option: int, value: int, size: int
    ) -> int:
        assert size == 4
        number = int.from_bytes(machine.read(value, size), "little")
        assert number == 1
        if platform() == "linux" and (level, option) == (IPPROTO_TCP, TCP_DEFER_ACCEPT):
            if len(self.names) in self.trouble:
                return -Errno.ENOPROTOOPT
            self.deferring.add(socket)
            return 0
        if not self.fails():
            self.options[socket].add((level, option))
        return self.fails()

    def bind(self, machine: Caller, socket: int, address: int, size: int) -> int:
        if failure := self.fails():
            return failure
        content = machine.read(address, size)
        assert content[2:4] != b"\0\0" or not self.bound, "each would get a port of its own"
        for other, taken in self.bound.items():
            shared = (int(SOL_SOCKET), int(SO_REUSEPORT))
            both = shared in self.options[other] & self.options[socket]
            assert both or taken != content, "the port is not shared"
        self.bound[socket] = content
        return 0

    def getsockname(self, machine: Caller, socket: int, address: int, size: int) -> int:
        if failure := self.fails():
            return failure
        content = self.bound[socket]
        if content[2:4] == b"\0\0":
            content = content[:2] + FREE_PORT.to_bytes(2, "big") + content[4:]
        assert int.from_bytes(machine.read(size, 4), "little") >= len(content)
        machine.write(address, content)
        machine.write(size, len(content).to_bytes(4, "little"))
        return 0

    def listen(self, machine: Caller, socket: int, backlog: int) -> int:
        assert socket not in self.waiting | self.inherited
        assert platform() == "macos" or self.trouble or socket in self.deferring
        if not self.fails():
            self.listening[socket] = backlog
        return self.fails()

    def close(self, machine: Caller, file: int) -> int:
        del self.options[file]
        self.bound.pop(file, None)
        return 0


def set_options(machine: Caller, address: bytes, port: int) -> None:
    options = Memory(machine, Options, machine.address(OPTIONS))
    options[Options.address] = machine.place(address + b"\0")
    options[Options.port] = port


addresses = st.ip_addresses().filter(lambda address: getattr(address, "scope_id", None) is None)


@given(
    address=addresses,
    port=st.integers(0, 65535),
    count=st.sampled_from([1, 2, 3, WORKERS_MAX]),
)
def test_open_listeners(address: Address, port: int, count: int) -> None:
    """One for each worker, on the same port, and no other socket is left open.

    They are as many sockets on Linux, and one on macOS, which shares its port with nobody.
    """
    kernel = Sockets()
    with caller(open_listeners) as machine:
        set_options(machine, str(address).encode(), port)
        assert machine.call(count, kernel=kernel) == 0
        found = Memory(machine, Listening, machine.address(LISTENING))
        content = found.bytes(Listening.sockets, 4 * count)
        port_now = int.from_bytes(found.bytes(Listening.address.port), "big")
    sockets = [int.from_bytes(content[at : at + 4], "little") for at in range(0, 4 * count, 4)]
    apart = count if platform() == "linux" else 1
    assert kernel.listening == dict.fromkeys(sockets, BACKLOG)
    assert set(kernel.options) == set(sockets)
    assert len(kernel.options) == apart
    wanted = {(int(SOL_SOCKET), int(SO_REUSEADDR)), (IPPROTO_TCP, TCP_NODELAY)}
    if apart > 1:
        wanted.add((int(SOL_SOCKET), int(SO_REUSEPORT)))
    assert all(options == wanted for options in kernel.options.values())
    assert port_now == port or (port == 0 and port_now == FREE_PORT)
    for bound in kernel.bound.values():
        assert bound in (packed(address, port), packed(address, port_now))


CALLS_OF_TWO = 26
"""At least as many calls as two listeners take."""


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("at", range(1, CALLS_OF_TWO))
def test_the_error_of_any_call_is_told(count: int, at: int) -> None:
    kernel = Sockets({at: Errno.EADDRINUSE})
    with caller(open_listeners) as machine:
        set_options(machine, b"::", 0)
        result = machine.call(count, kernel=kernel)
    assert result == (-Errno.EADDRINUSE if kernel.failed else 0)


@pytest.mark.parametrize("address", [b"", b"localhost", b"1.2.3", b"1.2.3.4:80", b"[::1]", b":::"])
def test_what_is_no_address(address: bytes) -> None:
    kernel = Sockets()
    with caller(open_listeners) as machine:
        set_options(machine, address, 80)
        assert machine.call(1, kernel=kernel) == BAD_ADDRESS
    assert kernel.names == []
    assert BAD_ADDRESS < -ERRNO_MAX


@pytest.mark.parametrize("shared", [0, 1])
@pytest.mark.parametrize("at", range(1, 9))
def test_bind_socket_closes_what_it_cannot_bind(shared: int, at: int) -> None:
    kernel = Sockets({at: Errno.EACCES})
    with caller(under_test.bind_socket) as machine:
        found = Memory(machine, Listening, machine.address(LISTENING))
        found[Listening.address.family] = AF_INET
        found[Listening.address_size] = 16
        result = machine.call(shared, kernel=kernel)
    if kernel.failed:
        assert result == -Errno.EACCES
        assert not kernel.options
    else:
        assert set(kernel.options) == {result}


@pytest.mark.parametrize(("family", "expected"), [(AF_INET, 0), (AF_INET6, 1)])
def test_is_ipv6(family: int, expected: int) -> None:
    with caller(under_test.is_ipv6) as machine:
        found = Memory(machine, Listening, machine.address(LISTENING))
        found[Listening.address.family] = family
        assert machine.call() == expected


def is_address(words: str) -> bool:
    try:
        ipaddress.ip_address(words)
    except ValueError:
        return False
    return True


@given(
    address=addresses.map(str) | st.text("0123456789abcdef:. ", max_size=20),
    port=st.integers(0, 65535),
)
def test_read_address(address: str, port: int) -> None:
    """Python's ipaddress says what is one; the kernel is not asked."""
    with caller(under_test.read_address) as machine:
        set_options(machine, address.encode(), port)
        found = Memory(machine, Listening, machine.address(LISTENING))
        result = machine.call()
        size = found[Listening.address_size]
        content = machine.read(int(found) + Listening.address, size)
    if not is_address(address):
        assert result < 0
        return
    assert result == 0
    assert content == packed(ipaddress.ip_address(address), port)


@given(
    socket=st.integers(3, 2**31 - 1),
    address=addresses,
    port=st.integers(0, 65535),
    error=st.sampled_from([0, 0, Errno.ENOBUFS]),
)
def test_learn_address(
    socket: int,
    address: Address,
    port: int,
    error: int,
) -> None:
    """A port that was asked for stays; where any was, it is the one that was given."""
    kernel = Sockets({1: error})
    with caller(under_test.read_address) as reader:
        set_options(reader, str(address).encode(), port)
        assert reader.call() == 0
        before = reader.read(reader.address(LISTENING), Listening.size)
    size = 16 if address.version == 4 else 28
    kernel.bound[socket] = before[:size]
    with caller(under_test.learn_address) as machine:
        machine.write(machine.address(LISTENING), before)
        assert machine.call(socket, kernel=kernel) == -error
        after = machine.read(machine.address(LISTENING), Listening.size)
    told = port if port or error else FREE_PORT
    assert after == before[:2] + told.to_bytes(2, "big") + before[4:]
    assert kernel.names == ["getsockname"]


# --- taking clients -----------------------------------------------------------------


LISTENER, CLIENT = 5, 6


class Door(Sockets):
    """Where one client comes in, or an error (-errno) does."""

    def __init__(self, peer: bytes, error: int = 0) -> None:
        super().__init__()
        self.peer, self.error = peer, error

    def accept4(self, machine: Caller, socket: int, address: int, size: int, flags: int) -> int:
        assert flags == SOCK_NONBLOCK | SOCK_CLOEXEC
        return self.accept(machine, socket, address, size)

    def accept(self, machine: Caller, socket: int, address: int, size: int) -> int:
        """The socket does not block, because that was said or because the listener does not."""
        assert socket == LISTENER
        room = int.from_bytes(machine.read(size, 4), "little")
        assert room == sizeof(SocketAddress) >= len(self.peer)
        if self.error:
            return -self.error
        if platform() == "macos":
            self.inherited.add(CLIENT)
        machine.write(address, self.peer)
        machine.write(size, len(self.peer).to_bytes(4, "little"))
        return CLIENT


@given(address=addresses, port=st.integers(0, 65535))
def test_take_client(address: Address, port: int) -> None:
    kernel = Door(packed(address, port))
    peer = bytearray(random.randbytes(sizeof(SocketAddress)))
    with caller(under_test.take_client) as machine:
        assert machine.call(LISTENER, peer, kernel=kernel) == CLIENT
    assert peer.startswith(kernel.peer)
    assert kernel.inherited == set()


@pytest.mark.parametrize("error", [Errno.EAGAIN, Errno.EMFILE, Errno.ECONNABORTED])
def test_there_is_no_client(error: int) -> None:
    peer = bytearray(sizeof(SocketAddress))
    with caller(under_test.take_client) as machine:
        assert machine.call(LISTENER, peer, kernel=Door(b"", error)) == -error


@pytest.mark.platform("macos")
def test_a_client_of_whom_nothing_is_known_any_more() -> None:
    """It has gone already: its address is not that of the one before."""
    peer = bytearray(packed(ipaddress.ip_address("127.0.0.1"), 80).ljust(28, b"\0"))
    with caller(under_test.take_client) as machine:
        assert machine.call(LISTENER, peer, kernel=Door(b"")) == CLIENT
    assert peer[int(SocketAddress.family)] == 0


# --- the end ------------------------------------------------------------------------


class Closing(Kernel):
    """It knows which listeners are shut or closed."""

    def __init__(self) -> None:
        super().__init__()
        self.shut: list[int] = []
        self.closed: list[int] = []

    def shutdown(self, machine: Caller, socket: int, how: int) -> int:
        assert how == SHUT_RD
        self.shut.append(socket)
        return random.choice([0, -Errno.ENOTCONN])

    def close(self, machine: Caller, file: int) -> int:
        self.closed.append(file)
        return 0


@given(sockets=st.lists(st.integers(3, 2**31 - 1), min_size=1, max_size=WORKERS_MAX))
def test_stop_listening(sockets: list[int]) -> None:
    """On Linux each is shut, whoever else has it; on macOS the one there is is closed, once."""
    kernel = Closing()
    if platform() == "macos":
        sockets = sockets[:1] * len(sockets)
    with caller(under_test.stop_listening) as machine:
        listening = Memory(machine, Listening, machine.address(LISTENING))
        content = b"".join(socket.to_bytes(4, "little") for socket in sockets)
        listening[Listening.sockets] = content.ljust(4 * WORKERS_MAX, b"\x07")
        machine.call(len(sockets), kernel=kernel)
    if platform() == "linux":
        assert (kernel.shut, kernel.closed) == (sockets, [])
    else:
        assert (kernel.shut, kernel.closed) == ([], sockets[:1])
