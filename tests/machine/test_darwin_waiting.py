"""Waiting, as a guest for macOS does it: kqueues of all kinds, select and poll."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from .darwin_guest import run, start, succeeds
from .guest import finish
from .test_signals import until_ready

# The queue is 3, changes are made at x20, and events come to x21.
KQUEUE = """
    .macro change ident, filter, flags, fflags=0, data=0, user=0
        mov x9, \\ident
        str x9, [x20]
        mov w9, #\\filter
        strh w9, [x20, #8]
        ldr w9, =\\flags
        strh w9, [x20, #10]
        ldr w9, =\\fflags
        str w9, [x20, #12]
        ldr x9, =\\data
        str x9, [x20, #16]
        ldr x9, =\\user
        str x9, [x20, #24]
    .endm

    .macro apply room=0
        mov x0, #3
        mov x1, x20
        mov x2, #1
        mov x3, x21
        mov x4, #\\room
        mov x5, #0
        system 363
    .endm

    .macro wait time, room=8        // milliseconds, or -1
        .if \\time < 0
            mov x5, #0
        .else
            ldr x9, =(\\time / 1000)
            ldr x10, =((\\time % 1000) * 1000000)
            add x5, x20, #64
            stp x9, x10, [x5]
        .endif
        mov x0, #3
        mov x1, #0
        mov x2, #0
        mov x3, x21
        mov x4, #\\room
        system 363
    .endm

    .macro got ident, filter, data, place=0     // and EV_EOF, ONESHOT, CLEAR in w12
        ldr x11, [x21, #(32 * \\place)]
        is x11, \\ident
        ldrsh x11, [x21, #(32 * \\place + 8)]
        is x11, \\filter
        ldr x11, [x21, #(32 * \\place + 16)]
        is x11, \\data
        ldrh w12, [x21, #(32 * \\place + 10)]
    .endm

    .macro flagged bits
        and w11, w12, #0x8000
        and w13, w12, #0x30
        orr w11, w11, w13
        is x11, \\bits
    .endm

    .macro begin
        here x20
        add x21, x20, #256
        system 362
        expect 3
    .endm

    .macro pair                     // 4 and 5
        add x3, x20, #128
        mov x0, #1
        mov x1, #1
        mov x2, #0
        system 135
        expect 0
    .endm

    .macro put file, text
        mov x0, #\\file
        path "\\text"
        mov x2, #(4f - 3f)
        b 5f
    3:  .ascii "\\text"
    4:  .balign 4
    5:  system 4
        works
    .endm

    .macro take file
        mov x0, #\\file
        add x1, x20, #512
        mov x2, #512
        system 3
        works
    .endm
"""
ADD, DELETE, ENABLE, DISABLE, ONESHOT, CLEAR, RECEIPT, DISPATCH = (1 << n for n in range(8))
READ, WRITE, PROC, SIGNAL, TIMER, USER = -1, -2, -5, -6, -7, -10


def guest(body: str) -> str:
    return f"{KQUEUE}\n_start:\n begin\n {body}\n leave 0"


def test_what_can_be_read() -> None:
    succeeds(
        guest(f"""
        pair
        change #4, {READ}, {ADD}, 0, 0, 0x123456789
        apply
        expect 0
        wait 0
        expect 0
        put 5, "hello"
        wait -1
        expect 1
        got 4, {READ}, 5
        flagged 0
        ldr x11, [x21, #24]
        is x11, 0x123456789
        wait 0                      // it stays
        expect 1
        take 4
        wait 0
        expect 0
        put 5, "xy"
        mov x0, #5
        system 6
        expect 0
        wait -1
        expect 1
        got 4, {READ}, 2
        flagged 0x8000
        """)
    )


def test_a_listener_tells_how_many_wait() -> None:
    source = f"""{KQUEUE}
    _start:
        begin
        mov x0, #2
        mov x1, #1
        mov x2, #0
        system 97
        expect 4
        mov x0, #4
        mov x1, #8
        system 106
        expect 0
        add x1, x20, #512
        mov w9, #16
        str w9, [x20, #504]
        mov x0, #4
        add x2, x20, #504
        system 32
        expect 0
        change #4, {READ}, {ADD}
        apply
        expect 0
        mov x0, #1
        add x1, x20, #514
        mov x2, #2
        system 4
        expect 2
        mov x0, #0
        add x1, x20, #600
        mov x2, #1
        system 3
        expect 1
        wait -1
        expect 1
        got 4, {READ}, 3
        leave 0
    """
    with start(source) as process:
        assert process.stdout is not None
        port = int.from_bytes(process.stdout.read(2), "big")
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        assert finish(process, b"!").status == 0
        for client in clients:
            client.close()


def test_what_can_be_written() -> None:
    succeeds(
        guest(f"""
        pair
        change #4, {WRITE}, {ADD}
        apply
        expect 0
        wait -1
        expect 1
        ldrsh x11, [x21, #8]
        is x11, {WRITE}
        ldr x11, [x21, #16]
        cmp x11, #2048
        cset x11, hi
        is x11, 1
        mov x0, #5
        system 6
        expect 0
        wait -1
        expect 1
        ldrh w12, [x21, #10]
        flagged 0x8000
        """)
    )


def test_both_ways_of_one_file() -> None:
    """Two knotes, each with its own flags."""
    succeeds(
        guest(f"""
        pair
        change #4, {READ}, {ADD | CLEAR}, 0, 0, 1
        apply
        expect 0
        change #4, {WRITE}, {ADD | CLEAR}, 0, 0, 2
        apply
        expect 0
        wait 0
        expect 1
        ldr x11, [x21, #24]
        is x11, 2
        wait 0
        expect 0                    // it was told, and nothing has changed
        put 5, "a"
        wait 0
        expect 1
        got 4, {READ}, 1
        flagged {CLEAR}
        wait 0
        expect 0
        put 5, "b"
        wait 0
        expect 1
        got 4, {READ}, 2
        change #4, {WRITE}, {DELETE}
        apply
        expect 0
        change #4, {WRITE}, {DELETE}
        apply
        fails 2
        """)
    )


def test_who_was_cut_short_is_told_once_more() -> None:
    """It looks like a socket that was full and has room again, be the event of an edge."""
    succeeds(
        guest(f"""
        pair
        mov x0, #4
        mov x1, #4
        mov x2, #4
        system 92
        expect 0
        change #4, {WRITE}, {ADD | CLEAR}
        apply
        expect 0
        wait 0
        expect 1
        wait 0
        expect 0
        mov x0, #4
        mov x1, x20
        ldr x2, =30000
        system 4
        expect 24571
        wait 0
        expect 1
        wait 0
        expect 0
        """)
    )


def test_disabled_and_enabled() -> None:
    """Adding what is there does not enable it; what is changed loses its data."""
    succeeds(
        guest(f"""
        pair
        put 5, "a"
        change #4, {READ}, {ADD | DISABLE}, 0, 0, 7
        apply
        expect 0
        wait 0
        expect 0
        change #4, {READ}, {ADD}, 0, 0, 7
        apply
        expect 0
        wait 0
        expect 0
        change #4, {READ}, {ENABLE}, 0, 0, 8
        apply
        expect 0
        wait 0
        expect 1
        ldr x11, [x21, #24]
        is x11, 8
        change #4, {READ}, {DISABLE}
        apply
        expect 0
        wait 0
        expect 0
        change #5, {READ}, {ENABLE}
        apply
        fails 2
        """)
    )


def test_once() -> None:
    succeeds(
        guest(f"""
        pair
        put 5, "a"
        change #4, {READ}, {ADD | ONESHOT}
        apply
        expect 0
        wait 0
        expect 1
        wait 0
        expect 0
        change #4, {READ}, {DELETE}
        apply
        fails 2
        change #4, {READ}, {ADD | DISPATCH}
        apply
        expect 0
        wait 0
        expect 1
        wait 0
        expect 0
        change #4, {READ}, {ENABLE}
        apply
        expect 0
        wait 0
        expect 1
        """)
    )


def test_changes_and_events_in_one_call() -> None:
    succeeds(
        guest(f"""
        pair
        put 5, "a"
        change #4, {READ}, {ADD}
        apply 1
        expect 1
        got 4, {READ}, 1
        """)
    )


def test_errors_are_events_where_there_is_room() -> None:
    succeeds(
        guest(f"""
        change #77, {READ}, {ADD}, 0, 0, 5
        apply
        fails 9
        apply 1
        expect 1
        got 77, {READ}, 9
        and w11, w12, #0x4000
        is x11, 0x4000
        ldr x11, [x21, #24]
        is x11, 5
        pair
        change #4, {READ}, {ADD | RECEIPT}
        apply 1
        expect 1                    // all is well, and nobody has waited
        got 4, {READ}, 0
        and w11, w12, #0x4000
        is x11, 0x4000
        change #4, {READ}, {ADD | RECEIPT}
        apply
        expect 0
        """)
    )


def test_a_closed_file_is_forgotten() -> None:
    """By its descriptor: another one of the same file does not count."""
    succeeds(
        guest(f"""
        pair
        put 5, "a"
        change #4, {READ}, {ADD}
        apply
        expect 0
        mov x0, #4
        system 41                   // dup
        expect 6
        change #6, {READ}, {ADD}
        apply
        expect 0
        wait 0
        expect 2
        mov x0, #4
        system 6
        expect 0
        wait 0
        expect 1
        got 6, {READ}, 1
        mov x0, #5
        mov x1, #6
        system 90                   // dup2
        expect 6
        wait 0
        expect 0
        """)
    )


def test_files_that_are_always_ready(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    succeeds(
        guest(f"""
        mov x0, #-2
        path "file"
        mov x2, #0
        system 463
        expect 4
        change #4, {READ}, {ADD}
        apply
        expect 0
        wait -1
        expect 1
        got 4, {READ}, 10
        take 4
        wait 0
        expect 0
        """),
        cwd=tmp_path,
    )


def test_a_pipe() -> None:
    succeeds(
        guest(f"""
        system 42
        works
        change #4, {READ}, {ADD}
        apply
        expect 0
        put 5, "abc"
        wait -1
        expect 1
        got 4, {READ}, 3
        take 4
        mov x0, #5
        system 6
        expect 0
        wait -1
        expect 1
        got 4, {READ}, 0
        flagged 0x8000
        """)
    )


def test_a_connection_that_was_reset() -> None:
    """The error is told, and the next call still fails with it."""
    source = f"""{KQUEUE}
    _start:
        begin
        mov x0, #2
        mov x1, #1
        mov x2, #0
        system 97
        expect 4
        mov x0, #4
        mov x1, #8
        system 106
        expect 0
        add x1, x20, #512
        mov w9, #16
        str w9, [x20, #504]
        mov x0, #4
        add x2, x20, #504
        system 32
        expect 0
        mov x0, #1
        add x1, x20, #514
        mov x2, #2
        system 4
        expect 2
        mov x0, #4
        mov x1, #0
        system 30
        expect 5
        change #5, {READ}, {ADD}
        apply
        expect 0
        wait -1
        expect 1
        got 5, {READ}, 0
        flagged 0x8000
        ldr w11, [x21, #12]
        is x11, 54                  // ECONNRESET
        mov x0, #5
        add x1, x20, #512
        mov x2, #10
        system 3
        fails 54
        leave 0
    """
    with start(source) as process:
        assert process.stdout is not None
        port = int.from_bytes(process.stdout.read(2), "big")
        with socket.create_connection(("127.0.0.1", port)) as client:
            linger = (1).to_bytes(4, "little") + bytes(4)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        found = finish(process)
        assert (found.status, found.errors) == (0, "")


# Timers


@pytest.mark.parametrize(
    ("notes", "data"), [(0, 400), (2, 400_000), (4, 400_000_000), (0x100, 9_600_000)]
)
def test_a_timer_repeats(notes: int, data: int) -> None:
    succeeds(
        guest(f"""
        change #99, {TIMER}, {ADD}, {notes}, {data}
        apply
        expect 0
        wait 0
        expect 0
        wait -1
        expect 1
        got 99, {TIMER}, 1
        flagged {CLEAR}
        wait 0
        expect 0
        wait 5000
        expect 1
        change #99, {TIMER}, {DELETE}
        apply
        expect 0
        wait 50
        expect 0
        """)
    )


def test_a_timer_counts() -> None:
    succeeds(
        guest(f"""
        change #1, {TIMER}, {ADD}, 0, 10
        apply
        expect 0
        add x4, x20, #64            // select, as a sleep
        ldr x9, =105000
        stp xzr, x9, [x4]
        mov x0, #0
        mov x1, #0
        mov x2, #0
        mov x3, #0
        system 93
        expect 0
        wait 0
        expect 1
        ldr x11, [x21, #16]
        cmp x11, #10
        cset x11, hs
        is x11, 1
        """)
    )


def test_a_timer_of_seconds_and_one_shot() -> None:
    before = time.monotonic()
    succeeds(
        guest(f"""
        change #1, {TIMER}, {ADD | ONESHOT}, 1, 1
        apply
        expect 0
        wait -1
        expect 1
        flagged 0
        wait 50
        expect 0
        """).replace("flagged 0\n", "")
    )
    assert time.monotonic() - before > 1


def test_a_timer_for_a_time_of_day() -> None:
    succeeds(
        guest(f"""
        change #1, {TIMER}, {ADD}, 9, 1000      // in 1970
        apply
        expect 0
        wait -1
        expect 1
        wait 20
        expect 0
        """)
    )


def test_a_timer_of_no_unit() -> None:
    succeeds(guest(f"change #1, {TIMER}, {ADD}, 3, 1\n apply\n fails 22"))


def test_a_timeout_that_is_none() -> None:
    succeeds(
        guest("""
        mov x9, #0
        ldr x10, =1000000000
        add x5, x20, #64
        stp x9, x10, [x5]
        mov x0, #3
        mov x2, #0
        mov x3, x21
        mov x4, #1
        system 363
        fails 22
        """)
    )


# Signals

BLOCKED = """
    ldr w9, =(1 << 29 | 1 << 14)        // SIGUSR1, SIGTERM
    str w9, [x20]
    mov x0, #1
    mov x1, x20
    mov x2, #0
    system 48
    expect 0
"""
IGNORED = """
    mov x9, #1
    stp x9, xzr, [x20]
    str xzr, [x20, #16]
    mov x0, #30
    mov x1, x20
    add x2, x20, #64
    system 46
    expect 0
    ldr x11, [x20, #64]
    is x11, 0
"""
KILL_ITSELF = """
    system 20
    works
    mov x1, #30
    mov x2, #1
    system 37
    expect 0
"""


@pytest.mark.parametrize("first", [BLOCKED, IGNORED])
def test_a_signal_is_counted(first: str) -> None:
    succeeds(
        guest(f"""
        {first}
        change #30, {SIGNAL}, {ADD}, 0, 0, 3
        apply
        expect 0
        {KILL_ITSELF}
        {KILL_ITSELF}
        wait -1
        expect 1
        got 30, {SIGNAL}, 2
        flagged {CLEAR}
        wait 0
        expect 0
        {KILL_ITSELF}
        wait -1
        expect 1
        got 30, {SIGNAL}, 1
        """)
    )


def test_a_signal_that_is_blocked_is_pending() -> None:
    """Counted or not; what is ignored is not."""
    pending = """
        mov x0, x20
        system 52                   // sigpending
        expect 0
        ldr w11, [x20]
    """
    body = f"""
        {BLOCKED}
        change #30, {SIGNAL}, {ADD}
        apply
        expect 0
        {pending}
        is x11, 0
        {KILL_ITSELF}
        {pending}
        is x11, 0x20000000
        wait 0
        expect 1
        {pending}
        is x11, 0x20000000
        {IGNORED}
        {pending}
        is x11, 0
        mov w9, #0                  // nothing is blocked any more, and it is ignored
        str w9, [x20]
        mov x0, #3
        mov x1, x20
        add x2, x20, #8
        system 48
        expect 0
        ldr w11, [x20, #8]
        is x11, {1 << 29 | 1 << 14}
    """
    succeeds(guest(body))


def test_what_was_blocked_is_delivered() -> None:
    body = f"""
        {BLOCKED}
        {KILL_ITSELF}
        mov w9, #0
        str w9, [x20]
        mov x0, #3
        mov x1, x20
        mov x2, #0
        system 48
    """
    assert run(guest(body)).status == -signal.SIGUSR1


def test_a_signal_from_outside_wakes() -> None:
    source = guest(f"""
        {BLOCKED}
        change #15, {SIGNAL}, {ADD}
        apply
        expect 0
        say "ready"
        wait -1
        expect 1
        got 15, {SIGNAL}, 1
    """)
    with start(source) as process:
        until_ready(process)
        process.terminate()
        assert finish(process).status == 0


def test_a_signal_that_nobody_minds_kills() -> None:
    with start(guest('say "ready"\n wait -1')) as process:
        until_ready(process)
        process.terminate()
        assert finish(process).status == -signal.SIGTERM


def test_a_handler_is_refused() -> None:
    body = """
        mov x9, #4096
        stp x9, xzr, [x20]
        mov x0, #30
        mov x1, x20
        mov x2, #0
        system 46
        fails 22
    """
    assert "a handler for signal 30 is not emulated" in run(guest(body)).errors


@pytest.mark.parametrize(("number", "error"), [(9, 22), (17, 22), (0, 22), (32, 22)])
def test_signals_that_nobody_ignores(number: int, error: int) -> None:
    body = f"""
        mov x9, #1
        stp x9, xzr, [x20]
        mov x0, #{number}
        mov x1, x20
        mov x2, #0
        system 46
        fails {error}
    """
    succeeds(guest(body))


# Processes

CHILD = """
    system 2                        // fork: who it is, x1 tells
    works
    cbz x1, parent
    {}
parent:
    mov x22, x0
"""


def test_the_end_of_a_child() -> None:
    child = CHILD.format("mov x0, #0\n add x1, x20, #600\n mov x2, #1\n system 3\n leave 7")
    source = guest(f"""
        {child}
        change x22, {PROC}, {ADD}, 0x84000000, 0, 9     // NOTE_EXIT, NOTE_EXITSTATUS
        apply
        expect 0
        wait 0
        expect 0
        say "ready"
        wait -1
        expect 1
        ldr x11, [x21]
        cmp x11, x22
        cset x11, eq
        is x11, 1
        ldr x11, [x21, #16]
        is x11, 0x700
        ldrh w12, [x21, #10]
        flagged 0x8030              // EV_EOF, EV_CLEAR, EV_ONESHOT
        wait 0
        expect 0
        change x22, {PROC}, {ADD}, 0x80000000
        apply
        fails 3                     // a zombie is nobody
        mov x0, x22
        mov x1, x20
        mov x2, #0
        mov x3, #0
        system 7
        works
        ldr w11, [x20]
        is x11, 0x700
        mov x0, #-1
        mov x2, #1
        system 7
        fails 10
    """)
    with start(source) as process:
        until_ready(process)
        found = finish(process, b"!")
        assert (found.status, found.errors) == (0, "")


def test_the_end_of_a_process_that_is_no_child() -> None:
    child = CHILD.format(f"""
        system 39                   // getppid
        mov x23, x0
        system 362
        expect 3
        change x23, {PROC}, {ADD}, 0x84000000
        apply
        fails 13                    // only a parent may know how
        change x23, {PROC}, {ADD}, 0x80000000
        apply
        expect 0
        say "ready"
        wait -1
        expect 1
        say "over"
        leave 0
    """)
    with start(guest(f"{child}\n mov x0, #0\n mov x1, x20\n mov x2, #1\n system 3")) as process:
        until_ready(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.stdout is not None
        assert process.stdout.read(4) == b"over"


def test_fork_tells_who_is_who() -> None:
    """The child has its own number in x0, and no kqueue."""
    child = CHILD.format("""
        mov x23, x0
        system 20
        cmp x0, x23
        cset x11, eq
        is x11, 1
        wait 0
        fails 9
        system 362
        expect 3
        leave 5
    """)
    succeeds(
        guest(f"""
        {child}
        mov x0, x22
        mov x1, x20
        mov x2, #0
        mov x3, #0
        system 7
        works
        ldr w11, [x20]
        is x11, 0x500
        wait 0                      // the parent's is still there
        expect 0
        """)
    )


def test_a_child_that_was_killed() -> None:
    child = CHILD.format("7: wait -1\n b 7b").replace("wait -1", "system 362\n wait -1")
    succeeds(
        guest(f"""
        {child}
        mov x0, x22
        mov x1, #10                 // SIGBUS, by Darwin's number
        mov x2, #1
        system 37
        expect 0
        mov x0, x22
        mov x1, x20
        mov x2, #0
        mov x3, #0
        system 7
        works
        ldr w11, [x20]
        is x11, 10
        """)
    )


# Events of the guest's own


def test_user_events() -> None:
    succeeds(
        guest(f"""
        change #5, {USER}, {ADD | CLEAR}, 1
        apply
        expect 0
        wait 0
        expect 0
        change #5, {USER}, 0, 0x81000002, 4         // NOTE_FFOR, NOTE_TRIGGER
        apply
        expect 0
        wait -1
        expect 1
        got 5, {USER}, 4
        ldr w11, [x21, #12]
        is x11, 3
        wait 0
        expect 0
        change #6, {USER}, {ADD}
        apply
        expect 0
        change #6, {USER}, 0, 0x1000000
        apply
        expect 0
        wait 0
        expect 1
        wait 0
        expect 1                    // without EV_CLEAR it stays
        change #5, {USER}, {DELETE}
        apply
        expect 0
        """)
    )


def test_kevent64() -> None:
    succeeds(
        guest(f"""
        pair
        put 5, "a"
        system 362
        expect 6
        change #4, {READ}, {ADD}, 0, 0, 7
        mov x9, #11
        mov x10, #12
        stp x9, x10, [x20, #32]
        mov x0, #6
        mov x1, x20
        mov x2, #1
        mov x3, x21
        mov x4, #1
        mov x5, #2                  // KEVENT_FLAG_ERROR_EVENTS
        mov x6, #0
        system 369
        expect 0
        mov x0, #6
        mov x1, #0
        mov x2, #0
        mov x3, x21
        mov x4, #1
        mov x5, #1                  // KEVENT_FLAG_IMMEDIATE
        mov x6, #0
        system 369
        expect 1
        got 4, {READ}, 1
        ldr x11, [x21, #40]
        is x11, 12
        mov x0, #6                  // not by both
        mov x1, #0
        mov x2, #0
        mov x3, x21
        mov x4, #1
        mov x5, #0
        system 363
        fails 22
        mov x0, #4
        mov x3, x21
        mov x4, #1
        system 363
        fails 9
        """)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (f"change #3, {READ}, 1", "a kqueue in a kqueue"),
        ("change #1, -3, 1", "kevent filter -3 is not emulated"),
        ("change #1, -4, 1, 0x100", "EVFILT_VNODE with 0x100 is not emulated"),
        (f"change #1, {PROC}, 1, 0x40000000", "EVFILT_PROC with 0x40000000 is not emulated"),
    ],
)
def test_what_is_not_emulated_is_said(change: str, words: str) -> None:
    found = run(guest(f"{change}\n apply\n fails 22"))
    assert found.status == 0
    assert words in found.errors


# The older ways


def test_select() -> None:
    succeeds(
        guest("""
        pair
        put 5, "a"
        mov w9, #0x30               // 4 and 5
        str w9, [x20]
        str w9, [x20, #4]
        str w9, [x20, #8]
        mov x0, #6
        mov x1, x20
        add x2, x20, #4
        add x3, x20, #8
        mov x4, #0
        system 93
        expect 3
        ldr w11, [x20]
        is x11, 0x10
        ldr w11, [x20, #4]
        is x11, 0x30
        ldr w11, [x20, #8]
        is x11, 0
        mov x0, #1025
        mov x1, #0
        system 93
        fails 22
        """)
    )


def test_poll() -> None:
    succeeds(
        guest("""
        pair
        put 5, "a"
        mov w9, #4
        mov w10, #1
        stp w9, w10, [x20]
        mov w9, #77
        stp w9, w10, [x20, #8]
        mov w9, #-1
        stp w9, w10, [x20, #16]
        mov x0, x20
        mov x1, #3
        mov x2, #-1
        system 230
        expect 2
        ldrh w11, [x20, #6]
        is x11, 1
        ldrh w11, [x20, #14]
        is x11, 0x20
        ldrh w11, [x20, #22]
        is x11, 0
        """)
    )
