"""The small calls of Linux that fit nowhere else."""

from __future__ import annotations

import errno

import pytest

from svc0.machine.descriptors import Descriptors
from svc0.machine.linux.personality import guest_error
from svc0.machine.world import File

from .guest import every_machine, machine_named, run


def test_errors_go_by_name() -> None:
    assert guest_error(errno.EAGAIN) == 11
    assert guest_error(errno.ECONNRESET) == 104
    assert guest_error(None) == 5
    assert guest_error(99999) == 5


@every_machine
def test_the_small_calls(name: str) -> None:
    source = """
    _start:
        adrp x20, memory
        mov x0, x20
        mov x1, #16
        mov x2, #0
        system 278          // getrandom
        expect 16
        mov x0, x20
        mov x1, #16
        mov x2, #99
        system 278
        expect -22
        mov x0, x20
        system 160          // uname
        expect 0
        ldr w0, [x20, #260]
        expect 0x63726161   // "aarc"
        mov x0, #0
        mov x1, #128
        mov x2, x20
        system 123          // sched_getaffinity
        expect_more_than 7
        ldr x0, [x20]
        expect_more_than 0
        ldr x21, [x20]
        neg x9, x21
        and x9, x9, x21
        str x9, [x20]       // the lowest of them
        mov x0, #0
        mov x1, #8
        mov x2, x20
        system 122          // sched_setaffinity
        expect 0
        mov x0, #0
        mov x1, #128
        add x2, x20, #16
        system 123
        expect_more_than 7
        ldr x0, [x20, #16]
        ldr x9, [x20]
        sub x0, x0, x9
        expect 0
        bic x9, x9, x9
        str x9, [x20]
        mov x0, #0
        mov x1, #8
        mov x2, x20
        system 122          // on none
        expect -22
        mov x0, #0x7FFFFFFF
        mov x1, #8
        mov x2, x20
        system 122          // of a process that is not there
        expect -3
        mov x0, #0
        mov x1, #7
        mov x2, #0
        mov x3, x20
        system 261          // prlimit64(RLIMIT_NOFILE)
        expect 0
        ldr x0, [x20]
        expect_more_than 2
        mov x0, #7
        add x1, x20, #16
        system 163          // getrlimit
        expect 0
        ldr x0, [x20, #16]
        ldr x1, [x20]
        sub x0, x0, x1
        expect 0
        mov x0, #38
        mov x1, #1
        mov x2, #0
        mov x3, #0
        mov x4, #0
        system 167          // prctl(PR_SET_NO_NEW_PRIVS)
        expect 0
        mov x0, #15
        adr x1, text
        system 167          // prctl(PR_SET_NAME)
        expect 0
        mov x0, #1
        mov x1, #9
        system 167          // prctl(PR_SET_PDEATHSIG)
        expect 0
        mov x0, #1
        mov x1, #999
        system 167
        expect -22
        mov x0, x20
        add x1, x20, #8
        mov x2, #0
        system 168          // getcpu
        expect 0
        mov x0, x20
        system 179          // sysinfo
        expect 0
        ldr x0, [x20, #32]
        expect_more_than 0x100000
        mov x0, #022
        system 166          // umask
        mov x0, #077
        system 166
        expect 022
        system 124          // sched_yield
        expect 0
        system 172
        mov x21, x0
        system 178
        sub x0, x0, x21
        expect 0
        mov x0, #99
        mov x1, #1
        system 129
        mov x0, #0
        mov x1, #65
        system 129
        expect -22
        mov x0, #1
        mov x1, #3
        system 25           // fcntl(F_GETFL)
        expect 1
        mov x0, #1
        mov x1, #4
        mov x2, #0x800
        system 25           // fcntl(F_SETFL, O_NONBLOCK)
        expect 0
        mov x0, #1
        mov x1, #3
        system 25
        expect 0x801
        leave 0
    text:
        .asciz "a name longer than the kernel keeps"
        .balign 4
    """
    result = run(machine_named(name), source)
    assert (result.status, result.errors) == (0, "")


def test_a_handler_is_refused_and_told() -> None:
    source = """
    _start:
        adrp x20, memory
        adr x9, _start
        str x9, [x20]
        mov x0, #15
        mov x1, x20
        mov x2, #0
        mov x3, #8
        system 134
        expect -38
        leave 0
    """
    result = run(machine_named("emulator"), source)
    assert result.status == 0
    assert result.errors == "svc0: a handler for signal 15 is not emulated: answered ENOSYS\n"


def test_descriptors_are_the_lowest_that_are_free() -> None:
    table = Descriptors(6)
    assert [table.add(File()) for _ in range(5)] == [0, 1, 2, 3, 4]
    table.close(1)
    table.close(3)
    assert table.add(File(), lowest=2) == 3
    assert table.add(File()) == 1
    assert table.add(File()) == 5
    with pytest.raises(OSError, match="Too many open files"):
        table.add(File())
    with pytest.raises(OSError, match="Bad file descriptor"):
        table.close(7)


def test_a_file_ends_with_its_last_descriptor() -> None:
    class Noisy(File):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    table, file = Descriptors(6), Noisy()
    table.add(file)
    table.add(file)
    table.replace(4, file, close_on_exec=True)
    table.close(0)
    table.close(4)
    assert file.closed == 0
    table.replace(1, File(), close_on_exec=False)
    assert file.closed == 1
