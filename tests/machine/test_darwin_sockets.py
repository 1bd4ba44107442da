"""Sockets, as a guest for macOS sees them: over the host's own."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from .darwin_guest import run, start, succeeds
from .guest import finish

SOCKETS = """
    .macro open_socket family, kind=1
        mov x0, #\\family
        mov x1, #\\kind
        mov x2, #0
        system 97
    .endm

    .macro name_of call, file, into, size=128
        mov w9, #\\size
        str w9, [\\into, #-8]
        mov x0, \\file
        mov x1, \\into
        sub x2, \\into, #8
        system \\call
    .endm

    .macro set_option file, level, name, value
        ldr x9, =\\value
        str x9, [x20]
        mov x0, \\file
        ldr x1, =\\level
        ldr x2, =\\name
        mov x3, x20
        mov x4, #4
        system 105
    .endm

    .macro get_option file, level, name
        mov x9, #8
        str x9, [x20, #8]
        str xzr, [x20]
        mov x0, \\file
        ldr x1, =\\level
        ldr x2, =\\name
        mov x3, x20
        add x4, x20, #8
        system 118
    .endm

    .macro pair
        mov x0, #1
        mov x1, #1
        mov x2, #0
        mov x3, x20
        system 135
        expect 0
    .endm

    .macro listening            // on 3, its address at x21
        open_socket 2
        expect 3
        mov w9, #0x0200
        str w9, [x21]
        mov w9, #0x0000007f
        movk w9, #0x0100, lsl #16
        str w9, [x21, #4]
        mov x0, #3
        mov x1, x21
        mov x2, #16
        system 104
        expect 0
        mov x0, #3
        mov x1, #-1
        system 106
        expect 0
        name_of 32, #3, x21
        expect 0
    .endm

    .macro connected            // 4 to 3, and 5 is what 3 accepted
        listening
        open_socket 2
        expect 4
        mov x0, #4
        mov x1, x21
        mov x2, #16
        system 98
        expect 0
        add x22, x21, #256
        name_of 30, #3, x22
        expect 5
    .endm

    .macro begin
        here x20
        add x21, x20, #128
    .endm
"""
NOT_BLOCKING = "mov x0, #3\n mov x1, #4\n mov x2, #4\n system 92\n expect 0"


def guest(body: str) -> str:
    return f"{SOCKETS}\n_start:\n begin\n {body}\n leave 0"


def test_an_address_has_its_length() -> None:
    succeeds(
        guest("""
        listening
        ldrb w11, [x21]
        is x11, 16
        ldrb w11, [x21, #1]
        is x11, 2
        ldrh w11, [x21, #2]
        cmp w11, #0
        cset x11, ne
        is x11, 1
        ldr w11, [x21, #-8]
        is x11, 16
        name_of 32, #3, x21, 3      // cut, but its length is told
        expect 0
        ldr w11, [x21, #-8]
        is x11, 16
        """)
    )


def test_an_address_of_linux_is_refused() -> None:
    """Its family would be the length, and no family would follow."""
    succeeds(
        guest("""
        open_socket 2
        expect 3
        mov w9, #0x0002
        str w9, [x21]
        mov x0, #3
        mov x1, x21
        mov x2, #16
        system 104
        fails 47
        mov x0, #3
        mov x1, x21
        mov x2, #1
        system 104
        fails 22
        mov x0, #3
        mov x1, x21
        mov x2, #300
        system 104
        fails 63
        """)
    )


def test_ipv6_has_number_30() -> None:
    succeeds(
        guest("""
        open_socket 10
        fails 47
        open_socket 30
        expect 3
        set_option #3, 41, 27, 1    // IPV6_V6ONLY
        expect 0
        ldr w9, =0x1e1c
        str w9, [x21]
        mov w9, #0x01000000
        str w9, [x21, #20]
        mov x0, #3
        mov x1, x21
        mov x2, #28
        system 104
        expect 0
        name_of 32, #3, x21
        expect 0
        ldrh w11, [x21]
        is x11, 0x1e1c
        ldr w11, [x21, #-8]
        is x11, 28
        """)
    )


def test_a_type_has_no_flags() -> None:
    succeeds(guest("open_socket 2, 0x801\n fails 41\n open_socket 2, 2\n expect 3"))


def test_a_conversation() -> None:
    succeeds(
        guest("""
        connected
        ldrh w11, [x22]
        is x11, 0x0210
        mov x0, #5
        mov x1, #1
        system 92
        expect 0                    // not close-on-exec
        name_of 31, #4, x22
        expect 0
        ldr x11, [x22]
        ldr x12, [x21]
        cmp x11, x12
        cset x11, eq
        is x11, 1
        mov x0, #4
        path "question"
        mov x2, #8
        mov x3, #0
        mov x4, #0
        mov x5, #0
        system 133
        expect 8
        mov x0, #5
        mov x1, x22
        mov x2, #100
        mov x3, #2                  // MSG_PEEK
        mov x4, #0
        mov x5, #0
        system 29
        expect 8
        mov x0, #5
        mov x1, x22
        mov x2, #100
        mov x3, #0x80               // MSG_DONTWAIT
        mov x4, #0
        mov x5, #0
        system 29
        expect 8
        mov x0, #5
        mov x1, x22
        mov x2, #100
        mov x3, #0x80
        mov x4, #0
        mov x5, #0
        system 29
        fails 35
        mov x0, #4
        mov x1, #1
        system 134                  // shutdown
        expect 0
        mov x0, #5
        mov x1, x22
        mov x2, #100
        system 3
        expect 0
        mov x0, #5
        path "x"
        mov x2, #1
        mov x3, #0x4000             // MSG_NOSIGNAL of Linux
        mov x4, #0
        mov x5, #0
        system 133
        fails 102
        """)
    )


@pytest.mark.parametrize(("first", "flags"), [("", 2), (NOT_BLOCKING, 6)])
def test_what_is_accepted_blocks_as_its_listener(first: str, flags: int) -> None:
    wait = "mov x0, #3\n mov x1, #0\n mov x2, #0"
    succeeds(
        guest(f"""
        listening
        {first}
        open_socket 2
        expect 4
        mov x0, #4
        mov x1, x21
        mov x2, #16
        system 98
        expect 0
        {wait}
        system 30
        expect 5
        mov x0, #5
        mov x1, #3
        mov x2, #0
        system 92
        expect {flags}
        """)
    )


def test_nobody_to_accept() -> None:
    succeeds(
        guest(
            f"listening\n {NOT_BLOCKING}\n mov x0, #3\n mov x1, #0\n mov x2, #0\n"
            "system 30\n fails 35"
        )
    )


def test_options() -> None:
    succeeds(
        guest("""
        .macro is_option file, level, name, value
            get_option \\file, \\level, \\name
            expect 0
            ldr w11, [x20]
            is x11, \\value
            ldr w11, [x20, #8]
            is x11, 4
        .endm
        listening
        is_option #3, 0xffff, 2, 2          // SO_ACCEPTCONN is told as its own bit
        set_option #3, 0xffff, 4, 1         // so is SO_REUSEADDR
        expect 0
        is_option #3, 0xffff, 4, 4
        set_option #3, 6, 1, 1              // TCP_NODELAY
        expect 0
        is_option #3, 6, 1, 4
        set_option #3, 6, 0x201, 16384      // TCP_NOTSENT_LOWAT
        expect 0
        is_option #3, 6, 0x201, 16384
        set_option #3, 0xffff, 0x1022, 1    // SO_NOSIGPIPE
        expect 0
        is_option #3, 0xffff, 0x1022, 1
        set_option #3, 0xffff, 0x1001, 32768
        expect 0
        is_option #3, 0xffff, 0x1001, 32768
        is_option #3, 0xffff, 0x1008, 1     // SO_TYPE
        is_option #3, 0xffff, 0x1007, 0     // SO_ERROR
        is_option #3, 0xffff, 0x1020, 0     // SO_NREAD
        is_option #3, 0xffff, 0x1024, 0     // SO_NWRITE
        set_option #3, 6, 0x10, 60          // TCP_KEEPALIVE
        expect 0
        is_option #3, 6, 0x10, 60
        mov x9, #1
        movk x9, #250, lsl #32              // SO_LINGER, in ticks
        str x9, [x20]
        mov x0, #3
        ldr x1, =0xffff
        mov x2, #0x80
        mov x3, x20
        mov x4, #8
        system 105
        expect 0
        mov x0, #3
        ldr x1, =0xffff
        mov x2, #4
        mov x3, x20
        mov x4, #3
        system 105
        fails 22
        """)
    )


def test_an_option_that_is_not_emulated_is_said() -> None:
    found = run(guest("open_socket 2\n expect 3\n set_option #3, 6, 4, 1\n fails 42"))
    assert found.status == 0
    assert "socket option 0x6, 0x4 is not emulated" in found.errors


def test_an_error_is_told_by_its_number() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = socket.htons(taken.getsockname()[1])
        succeeds(
            guest(f"""
            open_socket 2
            expect 3
            {NOT_BLOCKING}
            ldr w9, ={port << 16 | 0x200}
            str w9, [x21]
            ldr w9, =0x0100007f
            str w9, [x21, #4]
            mov x0, #3
            mov x1, x21
            mov x2, #16
            system 98
            cset x11, cs
            is x11, 1
            is x0, 36                   // EINPROGRESS
            add x22, x20, #256
            mov w9, #3                  // poll: until it is known
            mov w10, #4
            stp w9, w10, [x22]
            mov x0, x22
            mov x1, #1
            mov x2, #-1
            system 230
            expect 1
            get_option #3, 0xffff, 0x1007
            expect 0
            ldr w11, [x20]
            is x11, 61                  // ECONNREFUSED
            """)
        )


def test_a_connection_that_is_over_has_no_options() -> None:
    """As accept may give one whose client has given up meanwhile."""
    succeeds(
        guest("""
        connected
        set_option #5, 6, 1, 1
        expect 0
        mov x0, #4
        system 6
        expect 0
        set_option #5, 6, 1, 1      // shut one way is not over
        expect 0
        name_of 31, #5, x22
        expect 0
        mov x0, #5
        mov x1, #1
        system 134
        expect 0
        set_option #5, 6, 1, 1
        fails 22
        name_of 31, #5, x22
        fails 22
        """)
    )


# SIGPIPE

BROKEN = """
    pair
    mov x0, #4
    system 6
    expect 0
"""
WRITE = 'mov x0, #3\n path "x"\n mov x2, #1\n system 4\n fails 32'
SEND = 'mov x0, #3\n path "x"\n mov x2, #1\n ldr x3, ={}\n mov x4, #0\n system 133\n fails 32'
NO_SIGNAL = "set_option #3, 0xffff, 0x1022, 1\n expect 0"
BY_CONTROL = "mov x0, #3\n mov x1, #73\n mov x2, #1\n system 92\n expect 0"
IGNORED = """
    mov x9, #1
    stp x9, xzr, [x20]
    str xzr, [x20, #16]
    mov x0, #13
    mov x1, x20
    mov x2, #0
    system 46
    expect 0
"""


@pytest.mark.parametrize("send", [WRITE, SEND.format(0)])
def test_writing_to_nobody_kills(send: str) -> None:
    assert run(guest(f"{BROKEN} {send}")).status == -signal.SIGPIPE


@pytest.mark.parametrize(
    ("first", "send"),
    [
        ("", SEND.format(0x80000)),
        (NO_SIGNAL, WRITE),
        (NO_SIGNAL, SEND.format(0)),
        (BY_CONTROL, WRITE),
        (IGNORED, WRITE),
    ],
)
def test_unless_it_shall_not(first: str, send: str) -> None:
    succeeds(guest(f"{BROKEN} {first}\n {send}"))


def test_what_is_accepted_signals_as_its_listener() -> None:
    succeeds(
        guest("""
        listening
        set_option #3, 0xffff, 0x1022, 1
        expect 0
        open_socket 2
        expect 4
        mov x0, #4
        mov x1, x21
        mov x2, #16
        system 98
        expect 0
        mov x0, #3
        mov x1, #0
        system 30
        expect 5
        get_option #5, 0xffff, 0x1022
        expect 0
        ldr w11, [x20]
        is x11, 1
        """)
    )


# Messages


def test_messages() -> None:
    succeeds(
        guest("""
        pair
        add x11, x20, #512          // iovec: "abc" and "de"
        adr x12, text
        mov x13, #3
        stp x12, x13, [x11]
        add x12, x12, #3
        mov x13, #2
        stp x12, x13, [x11, #16]
        add x14, x20, #256          // msghdr
        str x11, [x14, #16]
        mov w13, #2
        str w13, [x14, #24]
        mov x0, #3
        mov x1, x14
        mov x2, #0
        system 28                   // sendmsg
        expect 5
        add x11, x20, #512
        add x12, x20, #1024
        mov x13, #4
        stp x12, x13, [x11]
        mov w13, #1
        str w13, [x14, #24]
        mov x0, #4
        mov x1, x14
        mov x2, #0
        system 27                   // recvmsg
        expect 4
        ldr w11, [x20, #1024]
        is x11, 0x64636261
        mov w13, #1025
        str w13, [x14, #24]
        mov x0, #4
        mov x1, x14
        mov x2, #0
        system 27
        fails 40
        str wzr, [x14, #24]
        mov x0, #3
        mov x1, x14
        mov x2, #0
        system 28                   // of nothing, not even of no bytes
        fails 40
        b over
    text: .ascii "abcdef"
        .balign 4
    over:
        """)
    )


def test_a_message_in_many_places() -> None:
    """A socket that does not block takes little of it; who wants no SIGPIPE gets none."""
    succeeds(
        guest("""
        pair
        mov x0, #3
        mov x1, #4
        mov x2, #4
        system 92                   // fcntl(F_SETFL, O_NONBLOCK)
        expect 0
        add x11, x20, #512          // iovec: 1024 times the same
        add x12, x11, #4, lsl #12
        mov x13, #49152
    fill:
        stp x20, x13, [x11], #16
        cmp x11, x12
        b.ne fill
        add x14, x20, #256          // msghdr
        add x11, x20, #512
        str x11, [x14, #16]
        mov w13, #1024
        str w13, [x14, #24]
        mov x0, #3
        mov x1, x14
        mov x2, #0x80000            // MSG_NOSIGNAL
        system 28
        expect 24571
        mov w13, #1025
        str w13, [x14, #24]
        mov x0, #3
        mov x1, x14
        mov x2, #0
        system 28
        fails 40
        mov w13, #1
        str w13, [x14, #24]
    more:
        mov x0, #3
        mov x1, x14
        mov x2, #0x80000
        system 28
        b.cc more
        fails 35
        get_option #3, 0xffff, 0x1024   // SO_NWRITE
        expect 0
        ldr w11, [x20]
        cmp x11, #0
        cset x11, ne
        is x11, 1
        mov x0, #4
        system 6
        mov x0, #3
        mov x1, x14
        mov x2, #0x80000
        system 28
        fails 32
        """)
    )


# Files

SEND_FILE = """
    .macro send_file source, out, offset, length, headers=0, flags=0
        ldr x9, =\\length
        str x9, [x20, #64]
        mov x0, #\\source
        mov x1, #\\out
        mov x2, #\\offset
        add x3, x20, #64
        mov x4, #\\headers
        mov x5, #\\flags
        system 337
    .endm
    .macro sent count
        ldr x11, [x20, #64]
        is x11, \\count
    .endm
    pair
    mov x0, #-2
    path "file"
    mov x2, #0
    system 463
    expect 5
"""


def test_a_file_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    succeeds(
        guest(f"""
        {SEND_FILE}
        send_file 5, 3, 2, 3
        expect 0
        sent 3
        send_file 5, 3, 8, 0        // to its end
        expect 0
        sent 2
        send_file 5, 3, 8, 100
        expect 0
        sent 2
        send_file 5, 3, 10, 0       // behind its end
        expect 0
        sent 0
        send_file 5, 3, -1, 7
        fails 22
        sent 0
        send_file 5, 3, 0, 7, 0, 1
        fails 22
        sent 0
        send_file 3, 4, 0, 7        // not a regular file
        fails 45
        sent 0
        send_file 5, 5, 0, 7
        fails 38
        send_file 77, 3, 0, 7
        fails 9
        add x22, x20, #512
        mov x0, #4
        mov x1, x22
        mov x2, #100
        system 3
        expect 7
        ldr x11, [x22]
        is x11, 0x39383938343332
        mov x0, #5                  // its own place has not moved
        mov x1, #0
        mov x2, #1
        system 199
        expect 0
        """),
        cwd=tmp_path,
    )


def test_a_file_is_sent_with_something_around_it(tmp_path: Path) -> None:
    """What comes before counts as sent."""
    (tmp_path / "file").write_bytes(b"0123456789")
    succeeds(
        guest(f"""
        {SEND_FILE}
        add x11, x20, #256          // iovec, of the four bytes at 320
        add x12, x20, #320
        mov x13, #4
        stp x12, x13, [x11]
        ldr w12, =0x2e2e2e2e
        str w12, [x20, #320]
        add x14, x20, #384          // sf_hdtr
        mov w13, #1
        str x11, [x14]
        str w13, [x14, #8]
        str x11, [x14, #16]
        str w13, [x14, #24]
        ldr x9, =6
        str x9, [x20, #64]
        mov x0, #5
        mov x1, #3
        mov x2, #1
        add x3, x20, #64
        mov x4, x14
        mov x5, #0
        system 337
        expect 0
        sent 10
        add x22, x20, #512
        mov x0, #4
        mov x1, x22
        mov x2, #100
        system 3
        expect 10
        ldr x11, [x22]
        is x11, 0x2e2e32312e2e2e2e
        """),
        cwd=tmp_path,
    )


def test_sending_a_file_to_nobody_is_no_signal(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    succeeds(
        guest(f"""
        {SEND_FILE}
        mov x0, #4
        system 6
        expect 0
        send_file 5, 3, 0, 0
        fails 32
        sent 0
        """),
        cwd=tmp_path,
    )


def test_a_client_from_outside() -> None:
    """The sockets are this computer's."""
    source = guest("""
        listening
        mov x0, #1
        add x1, x21, #2
        mov x2, #2
        system 4
        expect 2
        mov x0, #3
        mov x1, #0
        system 30
        expect 4
        mov x0, #4
        path "hello"
        mov x2, #5
        system 4
        expect 5
    """)
    with start(source) as process:
        assert process.stdout is not None
        port = int.from_bytes(process.stdout.read(2), "big")
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert client.recv(10) == b"hello"
        assert finish(process).status == 0
