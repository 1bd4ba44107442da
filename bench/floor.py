# pyright: reportReturnType=false
# ruff: noqa: F403, F405
"""The floor: a server that answers whatever it reads with the same bytes, by the same instruments.

It waits, receives and sends, three calls for a request, and reads nothing of it.  Under the same
qemu, on the same kernel, nothing that speaks HTTP can be quicker.  Its listener is opened by
whoever starts it.
"""

from typing import Never

from bench.costs import PAGE
from svc0.a64 import *
from svc0.image.elf import HEADERS, executable
from svc0.image.layout import lay_out
from svc0.kernel import calls
from svc0.kernel.constants import EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLLIN, MSG_NOSIGNAL
from svc0.kernel.structs import EpollEvent

LISTENER = 100
EVENTS_MAX = 64
ROOM = 16 * 1024

ANSWER = Data(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + PAGE)
EVENTS = Bss(EVENTS_MAX * EpollEvent.size)
INPUT = Bss(ROOM)


@routine
def start() -> Never:
    """Serve the clients of the listener, for ever."""
    poll, event, left, client = x19, x20, x21, x22
    old, following = label(), label()

    mov(w0, EPOLL_CLOEXEC)
    calls.epoll_create1()
    mov(poll, x0)
    mov(w1, LISTENER)
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
    cmp(client, LISTENER)
    b.ne(old)
    mov(w0, LISTENER)
    mov(x1, 0)
    mov(x2, 0)
    mov(w3, 0)
    calls.accept4()
    mov(w1, w0)
    mov(w0, poll.w)
    bl(watch)
    b(following)

    here(old)
    bl(serve)

    here(following)
    add(event, event, EpollEvent.size)
    sub(left, left, 1)
    b(again)


@routine
def watch(poll: w0, file: w1) -> None:
    """Wait for input on a descriptor from now on."""
    with frame(room=EpollEvent.size):
        mov(w2, file)
        mov(x3, sp)
        mov(w9, EPOLLIN)
        str_(w9, [x3, EpollEvent.events])
        str_(x2, [x3, EpollEvent.data])
        mov(w1, EPOLL_CTL_ADD)
        calls.epoll_ctl()
    ret()


@routine
def serve(client: x22) -> None:
    """Read what there is and answer it, or close."""
    gone = label()

    with frame() as leave:
        mov(w0, client.w)
        adr(x1, INPUT)
        mov(x2, ROOM)
        mov(w3, 0)
        mov(x4, 0)
        mov(x5, 0)
        calls.recvfrom()
        cmp(x0, 0)
        b.le(gone)
        mov(w0, client.w)
        adr(x1, ANSWER)
        mov(x2, len(ANSWER))
        mov(w3, MSG_NOSIGNAL)
        mov(x4, 0)
        mov(w5, 0)
        calls.sendto()
        b(leave)

        here(gone)
        mov(w0, client.w)
        calls.close()
    ret()


def image() -> bytes:
    """As an executable."""
    return executable(lay_out(start, "linux", headers=HEADERS))
