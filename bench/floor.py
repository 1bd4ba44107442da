# pyright: reportReturnType=false
# ruff: noqa: F403, F405
"""The floor: a server that answers whatever it reads with the same bytes, by the same instruments.

It waits, receives and sends, three calls for a request, and reads nothing of it.  Under the same
qemu, on the same kernel, nothing that speaks HTTP can be quicker.

What it sends is a file called `answer` where it is started, a head and a body, mapped at the start.
How it sends, and how it waits, can be chosen: so ways of the kernel are compared with nothing else
around them (alternatives.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Never

from svc0.a64 import *
from svc0.image.elf import HEADERS, executable
from svc0.image.layout import lay_out
from svc0.kernel import calls
from svc0.kernel.calls import SystemCall
from svc0.kernel.constants import (
    AF_INET,
    AT_FDCWD,
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLLIN,
    MAP_PRIVATE,
    MSG_MORE,
    MSG_NOSIGNAL,
    O_RDONLY,
    PROT_READ,
    SIG_IGN,
    SIGPIPE,
    SIGSET_SIZE,
    SO_REUSEADDR,
    SOCK_STREAM,
    SOL_SOCKET,
)
from svc0.kernel.structs import EpollEvent, IoVector, MessageHeader, SignalAction
from svc0.server.text import copy

EVENTS_MAX = 64
BACKLOG = 511
ROOM = 16 * 1024
INDEX = 612
COPY_MAX = 64 * 1024 + 512
EPOLLET = 1 << 31
MAP_POPULATE = 0x8000


def head(body: int) -> bytes:
    """What stands before a body of so many bytes: the fields that a file's answer has."""
    return (
        b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 14:00:00 GMT\r\nContent-Type: text/html\r\n"
        b'Content-Length: %d\r\nLast-Modified: Sun, 22 Nov 2026 13:00:00 GMT\r\nETag: "0123456789"'
        b"\r\n\r\n" % body
    )


def answer(body: int) -> bytes:
    """The content of the file `answer`."""
    return head(body) + b"x" * body


class Send(StrEnum):
    """How head and body are handed to the kernel."""

    ONE = "sendto, one buffer"
    COPIED = "head and body copied into one buffer, sendto"
    MESSAGE = "sendmsg, one piece"
    PIECES = "sendmsg, two pieces"
    VECTOR = "writev, two pieces"
    FILE = "sendto the head, sendfile the body"


class Wait(StrEnum):
    """How the server learns that there is something to read."""

    LEVEL = "epoll, level-triggered"
    EDGE = "epoll, edge-triggered"
    RING = "io_uring"


@dataclass(frozen=True)
class Floor:
    """One of them."""

    port: int
    body: int = INDEX
    send: Send = Send.ONE
    wait: Wait = Wait.LEVEL

    def image(self) -> bytes:
        """As an executable."""
        if self.wait is Wait.RING:
            from bench import ring

            return linked(ring.start(self))
        return linked(start(self))


def linked(entry: Routine) -> bytes:
    return executable(lay_out(entry, "linux", headers=HEADERS))


def call(number: int) -> Callable[[Callable[..., Any]], SystemCall]:
    """Declare a call of Linux that the server itself does not make."""
    return lambda body: SystemCall(body, {"linux": number})


@call(66)
def writev(file: w0, vectors: x1, count: x2) -> x0:
    """Write several pieces: how many bytes were taken."""


class InternetAddress(Struct, size=16):
    """struct sockaddr_in: port and address are big-endian."""

    family: u16
    port: u8 = array(2)
    address: u8 = array(4)


NAME = Data(b"answer\0")
ONE = Data((1).to_bytes(4, "little"))
EVENTS = Bss(EVENTS_MAX * EpollEvent.size)
INPUT = Bss(ROOM)
OUTPUT = Bss(COPY_MAX)
VECTORS = Bss(2 * IoVector.size)
MESSAGE = Bss(MessageHeader.size)


def local(port: int) -> Data:
    """127.0.0.1 and a port, as the kernel wants them."""
    return Data(
        AF_INET.to_bytes(2, "little") + port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
    )


def prepare(port: int) -> tuple[Routine, Routine]:
    """What every floor begins with: routines that open the listener, and the answer."""
    address = local(port)

    @routine
    def listen_here() -> x0:
        """A listener on the port; and a client that left shall not end the server."""
        listener = x19
        with frame(listener, room=SignalAction.size):
            mov(x9, SIG_IGN)
            stp(x9, xzr, [sp])
            stp(xzr, xzr, [sp, 16])
            mov(w0, SIGPIPE)
            mov(x1, sp)
            mov(x2, 0)
            mov(x3, SIGSET_SIZE)
            calls.rt_sigaction()

            mov(w0, AF_INET)
            mov(w1, SOCK_STREAM)
            mov(w2, 0)
            calls.socket()
            mov(listener, x0)
            mov(w1, SOL_SOCKET)
            mov(w2, SO_REUSEADDR)
            adr(x3, ONE)
            mov(w4, len(ONE))
            calls.setsockopt()
            mov(w0, listener.w)
            adr(x1, address)
            mov(w2, len(address))
            calls.bind()
            mov(w0, listener.w)
            mov(w1, BACKLOG)
            calls.listen()
            mov(x0, listener)
        ret()

    @routine
    def open_answer(size: x0) -> tuple[x0, x1]:
        """Where the answer of so many bytes is in memory, and its descriptor."""
        length, file = x19, x20
        with frame(length, file):
            mov(length, size)
            del size
            mov(w0, AT_FDCWD)
            adr(x1, NAME)
            mov(w2, O_RDONLY)
            mov(w3, 0)
            calls.openat()
            mov(file, x0)
            mov(x0, 0)
            mov(x1, length)
            mov(w2, PROT_READ)
            mov(w3, MAP_PRIVATE | MAP_POPULATE)
            mov(w4, file.w)
            mov(x5, 0)
            calls.mmap()
            mov(x1, file)
        ret()

    return listen_here, open_answer


def start(floor: Floor) -> Routine:
    """The first routine of a floor that waits with epoll."""
    listen_here, open_answer = prepare(floor.port)
    serve = serving(floor)
    how = EPOLLIN | (EPOLLET if floor.wait is Wait.EDGE else 0)

    @routine
    def watch(poll: w0, file: w1, how: w2) -> None:
        """Wait for input on a descriptor from now on."""
        with frame(room=EpollEvent.size):
            mov(x3, sp)
            mov(w9, file)
            str_(how, [x3, EpollEvent.events])
            str_(x9, [x3, EpollEvent.data])
            mov(w2, w9)
            mov(w1, EPOLL_CTL_ADD)
            calls.epoll_ctl()
        ret()

    @routine
    def start() -> Never:
        """Serve the clients of the port, for ever."""
        poll, event, left, client, data, file, listener = x19, x20, x21, x22, x23, x24, x25
        old, following = label(), label()

        bl(listen_here)
        mov(listener, x0)
        mov(x0, len(answer(floor.body)))
        bl(open_answer)
        mov(data, x0)
        mov(file, x1)
        lay_pieces(floor, data)
        mov(w0, EPOLL_CLOEXEC)
        calls.epoll_create1()
        mov(poll, x0)
        mov(w1, listener.w)
        mov(w2, EPOLLIN)
        bl(watch)

        wait = here()
        mov(w0, poll.w)
        adr(x1, EVENTS)
        mov(w2, EVENTS_MAX)
        mov(w3, -1)
        mov(x4, 0)
        mov(x5, 8)
        calls.epoll_pwait()
        adr(event, EVENTS)
        mov(left, x0)

        again = here()
        cmp(left, 0)
        b.le(wait)
        ldr(client, [event, EpollEvent.data])
        cmp(client, listener)
        b.ne(old)
        mov(w0, listener.w)
        mov(x1, 0)
        mov(x2, 0)
        mov(w3, 0)
        calls.accept4()
        mov(w1, w0)
        mov(w0, poll.w)
        mov(w2, how)
        bl(watch)
        b(following)

        here(old)
        bl(serve)

        here(following)
        add(event, event, EpollEvent.size)
        sub(left, left, 1)
        b(again)

    return start


def lay_pieces(floor: Floor, data: X) -> None:
    """Write: head and body, or both as one, where sendmsg and writev look.  Uses x9 to x11."""
    cut = len(head(floor.body))
    if floor.send is Send.MESSAGE:
        cut += floor.body
    adr(x9, VECTORS)
    mov(x10, cut)
    stp(data, x10, [x9])
    add(x11, data, x10)
    mov(x10, floor.body)
    stp(x11, x10, [x9, IoVector.size])
    adr(x10, MESSAGE)
    str_(x9, [x10, MessageHeader.vectors])
    mov(x9, 1 if floor.send is Send.MESSAGE else 2)
    str_(x9, [x10, MessageHeader.vectors_count])


def serving(floor: Floor) -> Routine:
    """The routine that answers."""

    @routine
    def serve(client: x22, data: x23, file: x24) -> None:
        """Read what there is and answer it, or close."""
        gone = label()

        with frame(room=16) as leave:
            mov(w0, client.w)
            adr(x1, INPUT)
            mov(x2, ROOM)
            mov(w3, 0)
            mov(x4, 0)
            mov(x5, 0)
            calls.recvfrom()
            cmp(x0, 0)
            b.le(gone)
            WAYS[floor.send](floor, client, data, file)
            b(leave)

            here(gone)
            mov(w0, client.w)
            calls.close()
        ret()

    return serve


def send_from(address: X, size: int, client: X, flags: int = MSG_NOSIGNAL) -> None:
    """Write: one sendto."""
    mov(x1, address)
    mov(w0, client.w)
    mov(x2, size)
    mov(w3, flags)
    mov(x4, 0)
    mov(w5, 0)
    calls.sendto()


def send_one(floor: Floor, client: X, data: X, file: X) -> None:
    send_from(data, len(answer(floor.body)), client)


def send_copied(floor: Floor, client: X, data: X, file: X) -> None:
    """Head and body, two copies as they would lie apart."""
    before = len(head(floor.body))
    adr(x0, OUTPUT)
    mov(x1, data)
    mov(x2, before)
    bl(copy)
    adr(x0, OUTPUT)
    add(x0, x0, before)
    add(x1, data, before)
    mov(x2, floor.body)
    bl(copy)
    adr(x9, OUTPUT)
    send_from(x9, before + floor.body, client)


def send_message(floor: Floor, client: X, data: X, file: X) -> None:
    mov(w0, client.w)
    adr(x1, MESSAGE)
    mov(w2, MSG_NOSIGNAL)
    calls.sendmsg()


def send_vector(floor: Floor, client: X, data: X, file: X) -> None:
    mov(w0, client.w)
    adr(x1, VECTORS)
    mov(x2, 2)
    writev()


def send_file(floor: Floor, client: X, data: X, file: X) -> None:
    before = len(head(floor.body))
    send_from(data, before, client, MSG_NOSIGNAL | MSG_MORE)
    mov(x9, before)
    str_(x9, [sp])
    mov(w0, client.w)
    mov(w1, file.w)
    mov(x2, sp)
    mov(x3, floor.body)
    calls.sendfile()


WAYS: dict[Send, Callable[[Floor, X, X, X], None]] = {
    Send.ONE: send_one,
    Send.COPIED: send_copied,
    Send.MESSAGE: send_message,
    Send.PIECES: send_message,
    Send.VECTOR: send_vector,
    Send.FILE: send_file,
}
