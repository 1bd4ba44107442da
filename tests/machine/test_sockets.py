"""Sockets: a guest that echoes, and Python that talks to it."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from .guest import PATIENCE, every_machine, finish, machine_named, run, start

# The address of the listener is the guest's first output; then it echoes to one client at a time,
# until one says "q".
ECHO = """
    .macro wait_for_events
        mov x0, #4
        add x1, x20, #64
        mov x2, #8
        mov x3, #-1
        mov x4, #0
        mov x5, #8
        system 22           // epoll_pwait
    .endm

    // One client at a time: meanwhile the listener is watched for nothing.
    .macro watch_listener states
        ldr x9, =0x1234567890abcdef
        mov w10, #\\states
        str w10, [x20, #64]
        str x9, [x20, #72]
        mov x0, #4
        mov x1, #3
        mov x2, #3
        add x3, x20, #64
        system 21           // epoll_ctl(MOD)
        expect 0
    .endm

    _start:
        adrp x20, memory
        mov x0, #{family}
        ldr x1, =0x80801    // SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
        mov x2, #0
        system 198          // socket
        expect 3
        mov w9, #1
        str w9, [x20]
        mov x1, #1
        mov x2, #2
        mov x3, x20
        mov x4, #4
        system 208          // setsockopt(SO_REUSEADDR)
        expect 0
        mov x0, #3
        adr x1, address
        mov x2, #{size}
        system 200          // bind
        expect 0
        mov x0, #3
        mov x1, #128
        system 201          // listen
        expect 0
        mov w9, #{size}
        str w9, [x20]
        mov x0, #3
        add x1, x20, #16
        mov x2, x20
        system 204          // getsockname
        expect 0
        mov x0, #0
        system 20           // epoll_create1
        expect 4
        ldr x9, =0x1234567890abcdef
        mov w10, #1
        str w10, [x20, #64]
        str x9, [x20, #72]
        mov x1, #1
        mov x2, #3
        add x3, x20, #64
        system 21           // epoll_ctl(ADD)
        expect 0
        mov x0, #4
        mov x1, #1
        mov x2, #3
        add x3, x20, #64
        system 21
        expect -17          // EEXIST
        mov x0, #1
        add x1, x20, #16
        mov x2, #{size}
        system 64           // the address
    next:
        wait_for_events
        expect 1
        ldr w0, [x20, #64]
        expect 1
        ldr x0, [x20, #72]
        expect 0x1234567890abcdef
        mov w9, #{size}
        str w9, [x20]
        mov x0, #3
        add x1, x20, #16
        mov x2, x20
        ldr x3, =0x80800
        system 242          // accept4
        expect 5
        ldrh w0, [x20, #16]
        expect {family}
        ldr w0, [x20]
        expect {size}
        watch_listener 0
        mov x0, #5
        add x1, x20, #256
        mov x2, #64
        mov x3, #0
        mov x4, #0
        mov x5, #0
        system 207          // recvfrom: the client waits for us
        expect -11
        mov x9, #5
        mov w10, #0x2001    // EPOLLIN | EPOLLRDHUP
        str w10, [x20, #64]
        str x9, [x20, #72]
        mov x0, #4
        mov x1, #1
        mov x2, #5
        add x3, x20, #64
        system 21
        expect 0
        mov x0, #5
        say_to "hello"
    more:
        wait_for_events
        expect 1
        ldr x0, [x20, #72]
        expect 5
        mov x0, #5
        add x1, x20, #256
        mov x2, #64
        mov x3, #2          // MSG_PEEK
        mov x4, #0
        mov x5, #0
        system 207
        mov x21, x0
        mov x0, #5
        add x1, x20, #256
        mov x2, #64
        mov x3, #0x40       // MSG_DONTWAIT
        mov x4, #0
        mov x5, #0
        system 207
        cmp x0, x21
        b.ne wrong
        cbz x0, over
        mov x2, x0
        mov x0, #5
        add x1, x20, #256
        ldr x3, =0xc000     // MSG_NOSIGNAL | MSG_MORE
        mov x4, #0
        mov x5, #0
        system 206          // sendto
        cmp x0, x21
        b.ne wrong
        mov w9, #1
        str w9, [x20]
        mov x0, #5
        mov x1, #6
        mov x2, #1
        mov x3, x20
        mov x4, #4
        system 208          // setsockopt(TCP_NODELAY)
        expect 0
        ldrb w9, [x20, #256]
        cmp w9, #'q'
        b.ne more
        mov x0, #5
        mov x1, #1
        system 210          // shutdown
        leave 0
    over:
        ldr w0, [x20, #64]
        expect 0x2001
        mov x0, #5
        system 57
        expect 0
        watch_listener 1
        b next
    wrong:
        leave 99
    address:
        {address}
        .balign 4
"""

SAY_TO = """
    .macro say_to text
        adr x1, 1f
        b 2f
    1:  .ascii "\\text"
    3:  .balign 4
    2:  mov x2, #(3b - 1b)
        mov x3, #0
        mov x4, #0
        mov x5, #0
        system 206
    .endm
"""

ADDRESSES = {
    socket.AF_INET: (2, 16, ".hword 2, 0\n .byte 127, 0, 0, 1\n .quad 0"),
    socket.AF_INET6: (10, 28, ".hword 10, 0\n .word 0\n .quad 0\n .byte 0,0,0,0,0,0,0,1\n .word 0"),
}


def echo(family: socket.AddressFamily) -> str:
    number, size, address = ADDRESSES[family]
    return SAY_TO + ECHO.format(family=number, size=size, address=address)


def connect(family: socket.AddressFamily, guest: subprocess.Popen[bytes]) -> tuple[str, int]:
    """Where the guest says it listens."""
    assert guest.stdout is not None
    told = guest.stdout.read(ADDRESSES[family][1])
    assert len(told) == ADDRESSES[family][1], finish(guest)
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    return host, int.from_bytes(told[2:4], "big")


@every_machine
@pytest.mark.parametrize("family", list(ADDRESSES))
def test_echo(name: str, family: socket.AddressFamily) -> None:
    if family == socket.AF_INET6 and not socket.has_ipv6:
        pytest.skip("this host has no IPv6")
    with start(machine_named(name), echo(family)) as guest:
        address = connect(family, guest)
        with socket.create_connection(address, PATIENCE) as client:
            assert receive(client, 5) == b"hello"
            for text in b"one", b"two, which is longer":
                client.sendall(text)
                assert receive(client, len(text)) == text
        with socket.create_connection(address, PATIENCE) as client:
            assert receive(client, 5) == b"hello"
            client.sendall(b"quit")
            assert receive(client, 5) == b"quit"
        result = finish(guest)
    assert (result.status, result.errors) == (0, "")


def receive(client: socket.socket, size: int) -> bytes:
    """So many bytes, or all up to the end."""
    found = b""
    while len(found) < size and (piece := client.recv(size - len(found))):
        found += piece
    return found


@every_machine
def test_unix_sockets(name: str, tmp_path: Path) -> None:
    source = """
    _start:
        adrp x20, memory
        mov x0, #1
        mov x1, #1
        mov x2, #0
        system 198
        expect 3
        adr x1, address
        mov x2, #9
        system 200          // bind
        expect 0
        mov x0, #3
        mov x1, #1
        system 201
        expect 0
        mov x0, #1
        mov x1, #1
        mov x2, #0
        system 198
        expect 4
        adr x1, address
        mov x2, #9
        system 203          // connect
        expect 0
        mov x0, #3
        mov x1, #0
        mov x2, #0
        system 202          // accept
        expect 5
        mov w9, #100
        str w9, [x20]
        mov x0, #4
        add x1, x20, #16
        mov x2, x20
        system 205          // getpeername
        expect 0
        ldr w0, [x20]
        expect 9
        mov x0, #1
        add x1, x20, #18
        mov x2, #7
        system 64
        mov x0, #3
        adr x1, address
        mov x2, #9
        system 203
        expect -22          // it listens
        leave 0
    address:
        .hword 1
        .asciz "socket"
        .balign 4
    """
    result = run(machine_named(name), source, cwd=tmp_path)
    assert (result.status, result.output) == (0, b"socket\0")
    assert (tmp_path / "socket").is_socket()


@every_machine
def test_messages_over_a_pair(name: str) -> None:
    source = """
    _start:
        adrp x20, memory
        mov x0, #1
        mov x1, #2          // SOCK_DGRAM
        mov x2, #0
        mov x3, x20
        system 199          // socketpair
        expect 0
        ldr x0, [x20]
        expect 0x400000003
        add x21, x20, #64   // an iovec of two parts
        adr x9, text
        mov x10, #3
        stp x9, x10, [x21]
        add x9, x9, #3
        stp x9, x10, [x21, #16]
        add x22, x20, #128  // a msghdr
        mov x9, #2
        stp x21, x9, [x22, #16]
        mov x0, #3
        mov x1, x22
        mov x2, #0
        system 211          // sendmsg
        expect 6
        add x9, x20, #512
        mov x10, #2
        stp x9, x10, [x21]
        add x9, x9, #2
        stp x9, x10, [x21, #16]
        mov x0, #4
        mov x1, x22
        mov x2, #0
        system 212          // recvmsg, with too little room
        expect 4
        ldr w0, [x22, #48]
        expect 0x20         // MSG_TRUNC
        mov x0, #1
        add x1, x20, #512
        mov x2, #4
        system 64
        mov x0, #4
        mov x1, #1
        system 210
        expect 0
        mov w9, #4
        str w9, [x20]
        mov x0, #4
        mov x1, #1
        mov x2, #3
        add x3, x20, #16
        mov x4, x20
        system 209          // getsockopt(SO_TYPE)
        expect 0
        ldr w0, [x20, #16]
        expect 2
        mov x0, #4
        mov x1, #1
        mov x2, #9999
        mov x3, x20
        mov x4, #4
        system 208
        expect -92          // ENOPROTOOPT
        leave 0
    text:
        .ascii "abcdef"
        .balign 4
    """
    result = run(machine_named(name), source)
    assert (result.status, result.output) == (0, b"abcd")


@every_machine
def test_a_message_in_many_places(name: str) -> None:
    """It is taken as far as there is room, and from the first place on."""
    source = """
        .macro message count, flags
            ldr x9, =\\count
            stp x21, x9, [x22, #16]
            mov x0, #3
            mov x1, x22
            ldr x2, =\\flags
            system 211      // sendmsg
        .endm
        .macro ask_unsent
            mov x0, #3
            mov x1, #0x5411
            add x2, x20, #32
            system 29       // ioctl(SIOCOUTQ)
            expect 0
            ldr w0, [x20, #32]
        .endm
    _start:
        adrp x20, memory
        mov x0, #1
        ldr x1, =0x801      // SOCK_STREAM | SOCK_NONBLOCK
        mov x2, #0
        mov x3, x20
        system 199          // socketpair
        expect 0
        add x21, x20, #1, lsl #12
        add x22, x20, #128  // a msghdr
        mov x9, #0x4241
        str x9, [x20, #64]
        add x9, x20, #64
        mov x10, #1
        stp x9, x10, [x21]
        stp xzr, xzr, [x21, #16]
        add x9, x9, #1
        stp x9, x10, [x21, #32]
        message 3, 0xC000   // MSG_NOSIGNAL | MSG_MORE
        expect 2
        ask_unsent
        expect_more_than 0  // what it takes in memory, for this family
        mov x0, #4
        mov x1, x20
        mov x2, #100
        system 63
        expect 2
        ask_unsent
        expect 0
        ldrh w0, [x20]
        expect 0x4241
        message 0, 0
        expect 0
        message 1025, 0
        expect -90          // EMSGSIZE
        stp xzr, x10, [x21]
        message 1, 0
        expect -14
        mov x9, x21         // 1024 times all of the memory
        add x11, x21, #4, lsl #12
        mov x10, #49152
    1:  stp x20, x10, [x9], #16
        cmp x9, x11
        b.ne 1b
        message 1024, 0x4000
        expect_more_than 0
        cmp x0, #12, lsl #12
        cset x0, hs
        expect 1            // the first place, and more
        message 1024, 0x4000
        expect -11
        mov x0, #4
        system 57
        message 1, 0x4000
        expect -32
        leave 0
    """
    result = run(machine_named(name), source)
    assert (result.status, result.errors) == (0, "")


@every_machine
def test_a_closed_peer_is_a_signal_or_an_error(name: str) -> None:
    source = """
    _start:
        adrp x20, memory
        mov x0, #1
        mov x1, #1
        mov x2, #0
        mov x3, x20
        system 199
        mov x0, #4
        system 57
        mov x0, #3
        mov x1, x20
        mov x2, #1
        mov x3, #0x4000     // MSG_NOSIGNAL
        mov x4, #0
        mov x5, #0
        system 206
        expect -32          // EPIPE
        mov x0, #3
        mov x1, x20
        mov x2, #1
        system 64           // SIGPIPE
        leave 0
    """
    assert run(machine_named(name), source).status == -13
