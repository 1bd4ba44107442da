"""Listeners: the sockets that clients connect to.

They are opened by the supervisor and belong to it, so a client that waits in
the queue of a worker that dies is served by the next one.

    Linux    one for each worker: they share the port (SO_REUSEPORT), and the kernel spreads
             clients over them
    macOS    one for all workers, since its kernel gives all clients to one of those that share;
             whoever is quicker takes the next client

Sharing would also let a second server on the same port start without a word,
so the port is first taken without sharing, which fails if anybody has it.  (On macOS only if they
have it at the same address: there another may have the port at all addresses, and we at one.)
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import (
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
from svc0.kernel.structs import SocketAddress

from .address import parse_address
from .options import OPTIONS, WORKERS_MAX, Options
from .terminal import length_of

BACKLOG = 4096
ONE = Data((1).to_bytes(4, "little"))
WITHOUT_A_WORD = ONE
"""So many seconds the kernel keeps a client to itself that has connected and sent nothing.

Most send their request right behind, and are taken together with it: one wake-up, not two.
"""


class Listening(Struct):
    """Where is listened, and by which sockets."""

    address: SocketAddress
    address_size: u32
    sockets: i32 = array(WORKERS_MAX)


LISTENING = Bss(Listening)
BAD_ADDRESS = -4096
"""What ``open_listeners`` leaves for text that is no address; no -errno is so low."""


@routine
def open_listeners(count: x0) -> x0:
    """Open so many listeners at the address of the options: 0, -errno, or BAD_ADDRESS."""
    many, first = x19, x20
    bad = label()

    with frame(many, first) as leave:
        mov(many, count)
        bl(read_address)
        tbnz(x0, 63, bad)
        mov(w0, 0)
        bl(bind_socket)
        tbnz(x0, 63, leave)
        mov(first, x0)
        bl(learn_address)
        tbnz(x0, 63, leave)
        mov(x0, first)
        mov(x1, many)
        bl(listen_for_all)
        b(leave)

        here(bad)
        mov(x0, BAD_ADDRESS)
    ret()


@routine
def listen_apart(bound: x0, count: x1) -> x0:
    """Let every worker have a listener, the first one this socket if it is alone: 0, or -errno."""
    many, next_one, first = x19, x20, x21
    alone = label()

    with frame(many, next_one, first) as leave:
        mov(first, bound)
        mov(many, count)
        mov(next_one, 0)
        cmp(many, 1)
        b.eq(alone)
        mov(w0, first.w)
        calls.close()

        again = here()
        mov(w0, 1)
        bl(bind_socket)
        tbnz(x0, 63, leave)
        mov(first, x0)

        here(alone)
        mov(w0, first.w)
        mov(w1, BACKLOG)
        calls.listen()
        tbnz(x0, 63, leave)
        adr(x9, LISTENING)
        add(x9, x9, Listening.sockets)
        str_(first.w, [x9, next_one, lsl(2)])
        add(next_one, next_one, 1)
        cmp(next_one, many)
        b.lo(again)
        mov(x0, 0)
    ret()


@routine
def listen_together(bound: x0, count: x1) -> x0:
    """Let this socket be the listener of every worker: 0, or -errno."""
    many, first = x19, x20

    with frame(many, first) as leave:
        mov(first, bound)
        mov(many, count)
        mov(w0, first.w)
        mov(w1, BACKLOG)
        calls.listen()
        tbnz(x0, 63, leave)
        adr(x9, LISTENING)
        add(x9, x9, Listening.sockets)

        again = here()
        str_(first.w, [x9], 4)
        subs(many, many, 1)
        b.ne(again)
        mov(x0, 0)
    ret()


listen_for_all = chosen(linux=listen_apart, macos=listen_together)


@routine
def read_address() -> x0:
    """Make a socket's address of the options' text and port: 0, or negative if the text is none."""
    with frame(x19) as leave:
        adr(x9, OPTIONS)
        ldr(x0, [x9, Options.address])
        mov(x19, x0)
        bl(length_of)
        mov(x1, x0)
        mov(x0, x19)
        adr(x2, LISTENING)
        bl(parse_address)
        tbnz(x0, 63, leave)
        adr(x9, LISTENING)
        str_(w0, [x9, Listening.address_size])
        adr(x10, OPTIONS)
        ldr(w10, [x10, Options.port])
        rev16(w10, w10)
        strh(w10, [x9, Listening.address.port])
        mov(x0, 0)
    ret()


assert Listening.address == 0


@routine
def open_linux_socket(family: w0) -> x0:
    """A stream socket that does not block and that no other program inherits; or -errno."""
    mov(w1, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
    mov(w2, 0)
    calls.socket()
    ret()


@routine
def open_macos_socket(family: w0) -> x0:
    """A stream socket that does not block and that no other program inherits; or -errno."""
    socket = x19

    with frame(socket) as leave:
        mov(w1, SOCK_STREAM)
        mov(w2, 0)
        calls.socket()
        tbnz(x0, 63, leave)
        mov(socket, x0)
        mov(w1, F_SETFL)
        mov(x2, O_NONBLOCK)
        calls.fcntl()
        mov(w0, socket.w)
        mov(w1, F_SETFD)
        mov(x2, FD_CLOEXEC)
        calls.fcntl()
        mov(x0, socket)
    ret()


open_socket = chosen(linux=open_linux_socket, macos=open_macos_socket)


@routine
def bind_socket(shared: w0) -> x0:
    """A socket with our address, on a port to be shared or not: a descriptor, or -errno.

    Its clients' sockets inherit from it that small answers leave at once (TCP_NODELAY).  On Linux a
    client is told of when there is something to read (TCP_DEFER_ACCEPT), or after WITHOUT_A_WORD; a
    kernel that has not this option is as good.
    """
    socket, share, result = x19, x20, x21
    unshared, failed = label(), label()

    with frame(socket, share, result) as leave:
        mov(share.w, shared)
        adr(x9, LISTENING)
        ldrb(w0, [x9, Listening.address.family])
        bl(open_socket)
        tbnz(x0, 63, leave)
        mov(socket, x0)
        if platform() == "linux":
            set_option(socket, IPPROTO_TCP, TCP_DEFER_ACCEPT, WITHOUT_A_WORD)
        set_option(socket, SOL_SOCKET, SO_REUSEADDR, ONE)
        tbnz(x0, 63, failed)
        set_option(socket, IPPROTO_TCP, TCP_NODELAY, ONE)
        tbnz(x0, 63, failed)
        cbz(share.w, unshared)
        set_option(socket, SOL_SOCKET, SO_REUSEPORT, ONE)
        tbnz(x0, 63, failed)

        here(unshared)
        mov(w0, socket.w)
        adr(x9, LISTENING)
        mov(x1, x9)
        ldr(w2, [x9, Listening.address_size])
        calls.bind()
        tbnz(x0, 63, failed)
        mov(x0, socket)
        b(leave)

        here(failed)
        mov(result, x0)
        mov(w0, socket.w)
        calls.close()
        mov(x0, result)
    ret()


def set_option(socket: X, level: int, option: int, value: Data) -> None:
    """Write: x0 = 0 when an option of a socket has a value now, or -errno."""
    mov(w0, socket.w)
    mov(w1, level)
    mov(w2, option)
    adr(x3, value)
    mov(w4, len(value))
    calls.setsockopt()


@routine
def learn_address(socket: x0) -> x0:
    """Ask which port a socket was given, for the case that it was asked for any: 0, or -errno."""
    with frame(room=16):
        mov(w9, SocketAddress.size)
        mov(x2, sp)
        str_(w9, [x2])
        adr(x1, LISTENING)
        calls.getsockname()
    ret()


@routine
def is_ipv6() -> w0:
    """1 if we listen on an IPv6 address, which a URL writes in brackets."""
    adr(x9, LISTENING)
    ldrb(w9, [x9, Listening.address.family])
    cmp(w9, AF_INET6)
    cset(w0, Condition.eq)
    ret()


# --- taking clients -----------------------------------------------------------------


@routine
def take_linux_client(listener: w0, address: x1) -> x0:
    """The next client: a socket that does not block, its address (SocketAddress) stored; -errno."""
    with frame(room=16):
        mov(x2, sp)
        mov(w9, SocketAddress.size)
        str_(w9, [x2])
        mov(w3, SOCK_NONBLOCK | SOCK_CLOEXEC)
        calls.accept4()
    ret()


@routine
def take_macos_client(listener: w0, address: x1) -> x0:
    """What ``take_linux_client`` does; the socket does not block because the listener does not.

    Of a client that has gone already the kernel may not know the address, and stores none.
    """
    socket = x19

    with frame(socket, room=16) as leave:
        strb(wzr, [address, SocketAddress.family])  # else it would be that of the client before
        mov(x2, sp)
        mov(w9, SocketAddress.size)
        str_(w9, [x2])
        calls.accept()
        tbnz(x0, 63, leave)
        mov(socket, x0)
        mov(w1, F_SETFD)
        mov(x2, FD_CLOEXEC)
        calls.fcntl()
        mov(x0, socket)
    ret()


take_client = chosen(linux=take_linux_client, macos=take_macos_client)


# --- the end ------------------------------------------------------------------------


@routine
def shut_listeners(count: x0) -> None:
    """Let no more clients connect, whoever else has the listeners open."""
    at, left = x19, x20

    with frame(at, left):
        mov(left, count)
        adr(at, LISTENING)
        add(at, at, Listening.sockets)

        again = here()
        ldr(w0, [at], 4)
        mov(w1, SHUT_RD)
        calls.shutdown()
        subs(left, left, 1)
        b.ne(again)
    ret()


@routine
def close_listener(count: x0) -> None:
    """Let no more clients connect once the workers have closed it too: Darwin shuts no listener."""
    adr(x9, LISTENING)
    ldr(w0, [x9, Listening.sockets[0]])
    calls.close()
    ret()


stop_listening = chosen(linux=shut_listeners, macos=close_listener)
