"""Signals from outside, read from a queue or doing what they do by default; children; and time."""

from __future__ import annotations

import signal
import subprocess

import pytest

from .guest import every_machine, finish, machine_named, run, start

READY = b"ready"


def until_ready(guest: subprocess.Popen[bytes]) -> None:
    assert guest.stdout is not None
    assert guest.stdout.read(len(READY)) == READY, finish(guest)


# Blocks the signals in x19, and reads them from descriptor 3.
QUEUE = """
    .macro queue_of signals
        adrp x20, memory
        ldr x9, =\\signals
        str x9, [x20]
        mov x0, #0          // SIG_BLOCK
        mov x1, x20
        add x2, x20, #8
        mov x3, #8
        system 135          // rt_sigprocmask
        expect 0
        mov x0, #-1
        mov x1, x20
        mov x2, #8
        ldr x3, =0x80800
        system 74           // signalfd4
        expect 3
    .endm

    .macro read_signal
        mov x0, #3
        add x1, x20, #256
        mov x2, #256
        system 63
    .endm

    .macro watch file
        mov w9, #1
        mov x10, #\\file
        str w9, [x20, #64]
        str x10, [x20, #72]
        mov x0, #4
        mov x1, #1
        mov x2, #\\file
        add x3, x20, #64
        system 21
        expect 0
    .endm

    .macro wait_for_events timeout
        mov x0, #4
        add x1, x20, #64
        mov x2, #8
        mov x3, #\\timeout
        mov x4, #0
        mov x5, #8
        system 22
    .endm
"""

USR1, TERM, CHLD = 1 << 9, 1 << 14, 1 << 16


@every_machine
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGUSR1])
def test_a_blocked_signal_is_an_event(name: str, sent: signal.Signals) -> None:
    source = f"""
    {QUEUE}
    _start:
        queue_of {USR1 | TERM}
        read_signal
        expect -11
        mov x0, #0
        system 20
        expect 4
        watch 3
        wait_for_events 0
        expect 0
        say "ready"
        wait_for_events -1
        expect 1
        ldr x0, [x20, #72]
        expect 3
        wait_for_events 0   // it stays, until it is read
        expect 1
        read_signal
        expect 128
        wait_for_events 0
        expect 0
        read_signal
        expect -11
        ldr w0, [x20, #256]
        system 94
    """
    with start(machine_named(name), source) as guest:
        until_ready(guest)
        guest.send_signal(sent)
        assert finish(guest).status == sent


@every_machine
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_is_not_blocked_kills(name: str, sent: signal.Signals) -> None:
    source = """
    _start:
        say "ready"
        adr x0, time
        mov x1, #0
        system 101          // nanosleep
        leave 0
    time:
        .quad 600, 0
    """
    with start(machine_named(name), source) as guest:
        until_ready(guest)
        guest.send_signal(sent)
        assert finish(guest).status == -sent


@every_machine
def test_a_busy_guest_can_be_killed(name: str) -> None:
    """There is no system call at which Python could notice."""
    with start(machine_named(name), '_start: say "ready"\n 4: b 4b') as guest:
        until_ready(guest)
        guest.terminate()
        assert finish(guest).status == -signal.SIGTERM


@every_machine
def test_a_signal_waits_until_it_is_unblocked(name: str) -> None:
    source = f"""
    {QUEUE}
    _start:
        queue_of {USR1}
        system 172          // getpid
        mov x1, #10
        system 129          // kill
        expect 0
        say "alive"
        mov x0, #1          // SIG_UNBLOCK
        mov x1, x20
        mov x2, #0
        mov x3, #8
        system 135
        leave 0
    """
    result = run(machine_named(name), source)
    assert (result.status, result.output) == (-signal.SIGUSR1, b"alive")


@every_machine
def test_an_ignored_signal_is_nothing(name: str) -> None:
    source = """
    _start:
        adrp x20, memory
        mov x9, #1
        str x9, [x20]       // SIG_IGN
        mov x0, #15
        mov x1, x20
        add x2, x20, #64
        mov x3, #8
        system 134          // rt_sigaction
        expect 0
        ldr x0, [x20, #64]
        expect 0
        system 172
        mov x1, #15
        system 129
        expect 0
        mov x0, #15
        mov x1, #0
        mov x2, x20
        mov x3, #8
        system 134
        ldr x0, [x20]
        expect 1
        leave 0
    """
    assert run(machine_named(name), source).status == 0


@every_machine
def test_waiting_for_a_signal(name: str) -> None:
    source = f"""
    {QUEUE}
    _start:
        queue_of {USR1}
        mov x0, x20
        mov x1, #0
        adr x2, soon
        mov x3, #8
        system 137          // rt_sigtimedwait
        expect -11
        system 172
        mov x1, x0
        mov x2, #10
        system 131          // tgkill
        expect 0
        mov x0, x20
        add x1, x20, #256
        mov x2, #0
        mov x3, #8
        system 137
        expect 10
        ldr w0, [x20, #256]
        expect 10
        leave 0
    soon:
        .quad 0, 1000000
    """
    assert run(machine_named(name), source).status == 0


FORK = """
    .macro fork
        mov x0, #17
        mov x1, #0
        mov x2, #0
        mov x3, #0
        mov x4, #0
        system 220
    .endm

    .macro wait_for_child
        mov x0, #-1
        add x1, x20, #128
        mov x2, #0
        mov x3, #0
        system 260
    .endm
"""


@every_machine
def test_a_child_has_its_own_memory_and_shares_what_is_shared(name: str) -> None:
    source = f"""
    {FORK}
    _start:
        adrp x20, memory
        mov x0, #0
        mov x1, #4096
        mov x2, #3
        mov x3, #0x21       // MAP_SHARED | MAP_ANONYMOUS
        mov x4, #-1
        mov x5, #0
        system 222          // mmap
        expect_more_than 0
        mov x21, x0
        fork
        cbnz x0, parent
        mov x9, #5
        str x9, [x20]
        str x9, [x21]
        leave 3
    parent:
        mov x22, x0
        wait_for_child
        cmp x0, x22
        b.ne wrong
        ldr w0, [x20, #128]
        expect 0x300
        ldr x0, [x20]
        expect 0
        ldr x0, [x21]
        expect 5
        wait_for_child
        expect -10          // ECHILD
        leave 0
    wrong:
        leave 99
    """
    assert run(machine_named(name), source).status == 0


@every_machine
def test_a_child_finds_its_number_where_the_c_library_wants_it(name: str) -> None:
    source = f"""
    {FORK}
    _start:
        adrp x20, memory
        ldr x0, =0x1200011  // CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD
        mov x1, #0
        mov x2, #0
        mov x3, #0
        mov x4, x20
        system 220
        cbnz x0, parent
        system 178          // gettid
        ldr w1, [x20]
        sub x0, x0, x1
        system 94
    parent:
        wait_for_child
        ldr w0, [x20, #128]
        expect 0
        ldr w0, [x20]
        expect 0
        leave 0
    """
    assert run(machine_named(name), source).status == 0


@every_machine
def test_the_end_of_a_child_is_an_event(name: str) -> None:
    source = f"""
    {QUEUE}
    {FORK}
    _start:
        queue_of {CHLD}
        mov x0, #0
        system 20
        expect 4
        watch 3
        fork
        cbnz x0, parent
        leave 3
    parent:
        wait_for_events -1
        expect 1
        read_signal
        expect 128
        ldr w0, [x20, #256]
        expect 17
        mov x0, #-1
        mov x1, #0
        mov x2, #1
        mov x3, #0
        system 260          // WNOHANG: it has ended
        expect_more_than 0
        leave 0
    """
    assert run(machine_named(name), source).status == 0


@every_machine
def test_a_signal_for_a_child_is_the_childs(name: str) -> None:
    """Both have the same queue, as descriptors go, and each reads its own signals from it."""
    source = f"""
    {QUEUE}
    {FORK}
    _start:
        queue_of {TERM}
        fork
        cbnz x0, parent
        mov x0, #0
        system 20
        expect 4
        watch 3
        wait_for_events -1
        expect 1
        read_signal
        expect 128
        leave 5
    parent:
        mov x21, x0
        mov x1, #15
        system 129
        expect 0
        wait_for_child
        ldr w0, [x20, #128]
        expect 0x500
        read_signal
        expect -11
        leave 0
    """
    assert run(machine_named(name), source).status == 0


@every_machine
def test_a_child_that_faults_is_killed(name: str) -> None:
    source = f"""
    {FORK}
    _start:
        adrp x20, memory
        fork
        cbnz x0, parent
        str xzr, [x0]
        leave 0
    parent:
        wait_for_child
        ldrb w0, [x20, #128]
        and x0, x0, #0x7f
        expect 11
        leave 6
    """
    result = run(machine_named(name), source)
    assert result.status == 6
    if name == "emulator":
        assert "SIGSEGV: write to 0x0, where there is no memory" in result.errors
        assert "Traceback" not in result.errors


@every_machine
def test_children_end_in_their_own_order(name: str) -> None:
    """Several at once, each through a pipe that the parent reads to its end."""
    source = f"""
    {FORK}
    _start:
        adrp x20, memory
        mov x0, x20
        mov x1, #0
        system 59           // pipe2
        expect 0
        mov x19, #4
    again:
        fork
        cbnz x0, parent
        mov x0, #4
        mov x1, x20
        mov x2, #1
        system 64
        leave 0
    parent:
        subs x19, x19, #1
        b.ne again
        mov x0, #4
        system 57
        mov x21, #0
    more:
        mov x0, #3
        mov x1, x20
        mov x2, #8
        system 63
        add x21, x21, x0
        cbnz x0, more
        mov x0, x21
        expect 4
        leave 0
    """
    assert run(machine_named(name), source).status == 0


@every_machine
def test_a_timer_is_an_event(name: str) -> None:
    source = f"""
    {QUEUE}
    _start:
        queue_of {USR1}
        mov x0, #0
        system 20
        expect 4
        mov x0, #1          // CLOCK_MONOTONIC
        mov x1, #0x800
        system 85           // timerfd_create
        expect 5
        watch 5
        wait_for_events 0
        expect 0
        mov x0, #5
        add x1, x20, #256
        mov x2, #8
        system 63
        expect -11
        mov x0, #5
        mov x1, #0
        adr x2, time
        add x3, x20, #256
        system 86           // timerfd_settime
        expect 0
        ldr x0, [x20, #272]
        expect 0
        wait_for_events -1
        expect 1
        ldr x0, [x20, #72]
        expect 5
        mov x0, #5
        add x1, x20, #256
        mov x2, #8
        system 63
        expect 8
        ldr x0, [x20, #256]
        expect 1
        wait_for_events 0
        expect 0
        mov x0, #5
        add x1, x20, #256
        system 87           // timerfd_gettime: it is disarmed
        ldp x0, x1, [x20, #272]
        orr x0, x0, x1
        expect 0
        leave 0
    time:
        .quad 0, 0, 0, 2000000
    """
    assert run(machine_named(name), source).status == 0


@every_machine
def test_poll(name: str) -> None:
    source = f"""
    {QUEUE}
    _start:
        queue_of {USR1}
        add x0, x20, #512
        mov x1, #0x800
        system 59
        expect 0
        adr x9, entries
        ldp x10, x11, [x9]
        stp x10, x11, [x20, #64]
        ldp x10, x11, [x9, #16]
        stp x10, x11, [x20, #80]
        add x0, x20, #64
        mov x1, #4
        adrp x2, soon
        add x2, x2, :lo12:soon
        mov x3, #0
        mov x4, #8
        system 73           // ppoll: the pipe can be written, and nothing else
        expect 1
        ldrh w0, [x20, #78]
        expect 4
        mov x0, #5
        mov x1, x20
        mov x2, #3
        system 64
        expect 3
        mov x0, #4
        mov x1, #0x541b
        add x2, x20, #256
        system 29           // ioctl(FIONREAD)
        expect 0
        ldr w0, [x20, #256]
        expect 3
        system 172
        mov x1, #10
        system 129
        expect 0
        add x0, x20, #64
        mov x1, #4
        mov x2, #0
        mov x3, #0
        mov x4, #8
        system 73
        expect 3
        ldrh w0, [x20, #70]
        expect 1
        ldrh w0, [x20, #86]
        expect 1
        leave 0
        .data               // where qemu-user can say how much was left
    soon:
        .quad 0, 1000000
        .text
    entries:
        .word 4, 1
        .word 5, 4
        .word 3, 1
        .word -1, 5
    """
    assert run(machine_named(name), source).status == 0


@every_machine
def test_a_counter(name: str) -> None:
    source = """
    _start:
        adrp x20, memory
        mov x0, #2
        ldr x1, =0x80800
        system 19           // eventfd2
        expect 3
        mov x9, #5
        str x9, [x20]
        mov x1, x20
        mov x2, #8
        system 64
        expect 8
        mov x0, #3
        mov x1, x20
        mov x2, #8
        system 63
        expect 8
        ldr x0, [x20]
        expect 7
        mov x0, #3
        mov x1, x20
        mov x2, #8
        system 63
        expect -11
        leave 0
    """
    assert run(machine_named(name), source).status == 0


@every_machine
def test_clocks_go_on(name: str) -> None:
    source = """
    _start:
        adrp x20, memory
        mov x0, #1
        mov x1, x20
        system 113          // clock_gettime
        expect 0
        mov x0, #1
        mov x1, #0
        adr x2, time
        mov x3, #0
        system 115          // clock_nanosleep
        expect 0
        mov x0, #1
        add x1, x20, #16
        system 113
        expect 0
        ldp x0, x1, [x20]
        ldp x2, x3, [x20, #16]
        ldr x9, =1000000000
        madd x0, x0, x9, x1
        madd x2, x2, x9, x3
        sub x0, x2, x0
        expect_more_than 1999999
        mov x0, #99
        mov x1, x20
        system 113
        expect -22
        leave 0
    time:
        .quad 0, 2000000
    """
    assert run(machine_named(name), source).status == 0
