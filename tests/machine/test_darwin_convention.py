"""How Darwin is called: registers, carry, numbers; and the traps for who does not mind them.

Each trap has a guest that makes the mistake and is seen to fail, and one that does it right.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from svc0.machine.emulator import Emulator
from svc0.machine.errors import Fault

from .darwin_guest import packed, run, succeeds


def test_a_call_leaves_everything_but_x0_x1_and_x18() -> None:
    keep = "\n".join(f"mov x{n}, #{100 + n}" for n in [*range(2, 16), 17, *range(19, 31)])
    kept = "\n".join(f"is x{n}, {100 + n}" for n in [*range(2, 9), 17, *range(19, 31)])
    succeeds(f"""
    _start:
        {keep}
        movi v3.16b, #7
        mov x1, #1
        mov x18, #1
        mov x0, #-1
        cmn x0, #1              // zero and carry
        mov x16, #20            // getpid
        svc #0x80
        cset x11, eq            // zero is kept, carry is not
        cset x12, cs
        is x11, 1
        is x12, 0
        is x1, 0
        is x18, 0
        is x10, 110
        is x16, 20
        {kept}
        umov w9, v3.b[5]
        is x9, 7
        leave 0
    """)


def test_a_failure_has_carry_and_a_positive_number() -> None:
    succeeds("""
    _start:
        mov x0, #77
        mov x1, #5
        mov x18, #5
        cmn x1, #0              // carry is clear
        system 6                // close
        fails 9                 // EBADF
        is x18, 0
        leave 0
    """)


def test_the_immediate_means_nothing() -> None:
    succeeds("_start: mov x16, #20\n svc #0\n works\n svc #0x1234\n works\n leave 0")


def test_a_number_has_sixteen_bits() -> None:
    succeeds("_start: ldr x16, =0x7fff0014\n svc #0x80\n works\n leave 0")


def test_zero_is_an_indirect_call() -> None:
    said = succeeds("""
    _start:
        say ""
        mov x0, #4
        mov x2, x1
        mov x1, #1
        adr x2, text
        mov x3, #2
        system 0
        expect 2
        leave 0
    text: .ascii "ok"
        .balign 4
    """)
    assert said == b"ok"


def test_a_call_without_a_point_of_cancellation_is_the_same() -> None:
    said = succeeds("""
    _start:
        mov x0, #1
        adr x1, text
        mov x2, #2
        system 397
        expect 2
        leave 0
    text: .ascii "ok"
        .balign 4
    """)
    assert said == b"ok"


# Registers that do not outlive a call

COUNT_IN = """
_start:
    mov {0}, #5
    mov x20, #0
again:
    system 20                   // getpid
    add x20, x20, #1
    cmp x20, #50
    b.hi lost
    subs {0}, {0}, #1
    b.ne again
    is x20, 5
    leave 0
lost:
    leave 99
"""


@pytest.mark.parametrize("register", ["x1", "x18"])
def test_what_is_kept_in_a_register_that_is_lost(register: str) -> None:
    assert run(COUNT_IN.format(register)).status == 99
    assert run(COUNT_IN.format("x19")).status == 0


# Numbers that mean nothing

PROBE = """
_start:
    {}
    system 999
    fails 78                    // ENOSYS
    leave 0
"""
IGNORE = """
    here x21
    mov x9, #1
    str x9, [x21]               // SIG_IGN
    mov x0, #12                 // SIGSYS
    mov x1, x21
    mov x2, #0
    system 46
    expect 0
"""
BLOCK = """
    here x21
    mov w9, #0x800
    str w9, [x21]
    mov x0, #1
    mov x1, x21
    mov x2, #0
    system 48
    expect 0
"""


def test_a_number_that_means_nothing_kills() -> None:
    found = run(PROBE.format(""))
    assert found.status == -signal.SIGSYS
    assert "Darwin kills with SIGSYS: there is no call 999" in found.errors


@pytest.mark.parametrize("first", [IGNORE, BLOCK])
def test_who_asks_carefully_is_only_told(first: str) -> None:
    found = run(PROBE.format(first))
    assert (found.status, found.errors) == (
        0,
        "svc0: Darwin there is no call 999: answered ENOSYS\n",
    )


def test_a_call_that_is_only_not_emulated_is_named() -> None:
    process = Emulator().process(packed("_start: system 515"), ["guest"], {})
    with pytest.raises(Fault, match=r"call 515 \(ulock_wait\) is not emulated") as caught:
        process.run()
    assert caught.value.signal == signal.SIGSYS
    assert caught.value.instruction == 0xD4001001


# Counts that are short

PAIR = """
    here x21
    mov x0, #1
    mov x1, #1
    mov x2, #0
    mov x3, x21
    system 135                  // socketpair
    expect 0
    ldr w22, [x21]
    ldr w23, [x21, #4]
    mov x0, x22
    mov x1, #4                  // F_SETFL
    mov x2, #4                  // O_NONBLOCK
    system 92
    expect 0
"""
SEND_ONCE = f"""
_start:
    {PAIR}
    mov x0, x22
    mov x1, x21
    ldr x2, =60000
    {{}}
    expect 60000
    leave 0
"""
SEND_ALL = f"""
_start:
    {PAIR}
    mov x24, #0
    ldr x25, =60000
again:
    mov x0, x22
    mov x1, x21
    sub x2, x25, x24
    {{}}
    works
    add x24, x24, x0
    cmp x24, x25
    b.lo again
    is x24, 60000
    leave 0
"""
WRITE = "system 4"
SENDTO = "mov x3, #0\n mov x4, #0\n mov x5, #0\n system 133"


@pytest.mark.parametrize("send", [WRITE, SENDTO])
def test_who_trusts_that_all_was_taken(send: str) -> None:
    assert run(SEND_ONCE.format(send)).status == 3
    assert run(SEND_ALL.format(send)).status == 0


def test_a_socket_that_blocks_takes_everything() -> None:
    succeeds(SEND_ONCE.format("system 4").replace("mov x2, #4 ", "mov x2, #0 "))


FILE = """
    mov x0, #-2
    path "file"
    mov x2, #0x200              // O_CREAT
    orr x2, x2, #2
    mov x3, #0x1a4
    system 463
    works
    mov x24, x0
    ldr x1, =60000
    system 201                  // ftruncate
    expect 0
"""
SEND_FILE = """
    ldr x9, ={length}
    str x9, [x21, #8]
    mov x0, x24
    mov x1, x22
    mov x2, {offset}
    add x3, x21, #8
    mov x4, #0
    mov x5, #0
    system 337
"""


def test_who_trusts_that_all_of_a_file_went(tmp_path: Path) -> None:
    wrong = f"_start: {PAIR} {FILE} {SEND_FILE.format(length=0, offset='#0')} expect 0\n leave 0"
    assert run(wrong, cwd=tmp_path).status == 5
    right = f"""
    _start:
        {PAIR}
        {FILE}
        mov x25, #0
    again:
        {SEND_FILE.format(length=0, offset="x25")}
        ldr x9, [x21, #8]       // EAGAIN or not, so many went
        add x25, x25, x9
        b.cc done
        fails 35
        b again
    done:
        is x25, 60000
        leave 0
    """
    succeeds(right, cwd=tmp_path)


def test_everything_may_have_gone_and_eagain_be_said(tmp_path: Path) -> None:
    """The kernel looks for room before it looks for what is left."""
    succeeds(
        f"""
        _start:
            {PAIR}
            {FILE}
            {SEND_FILE.format(length=24571, offset="#0")}
            fails 35
            ldr x9, [x21, #8]
            is x9, 24571
            leave 0
        """,
        cwd=tmp_path,
    )


# Mach traps


def test_mach_traps() -> None:
    succeeds("""
    _start:
        here x21
        mov x1, #5
        system -3               // mach_absolute_time
        mov x22, x0
        is x1, 5                // only x0 is a result
        is x18, 0
        mov x0, x21
        system -89              // mach_timebase_info
        is x0, 0
        ldr x9, [x21]
        is x9, 0x30000007d      // 125 / 3
        mov x0, #1
        system -89
        is x0, 1                // KERN_INVALID_ADDRESS
        ldr x9, =240000         // 10 ms
        add x0, x22, x9
        system -90              // mach_wait_until
        is x0, 0
        system -3
        sub x9, x0, x22
        ldr x10, =240000
        cmp x9, x10
        cset x9, hs
        is x9, 1
        leave 0
    """)


def test_a_trap_that_is_not_there() -> None:
    assert "Mach trap -31 is not emulated" in run("_start: system -31").errors


def test_the_common_page() -> None:
    succeeds("""
    _start:
        ldr x11, =0xFFFFFC000
        ldrh w10, [x11, #0x1e]
        is x10, 3
        ldrb w10, [x11, #0x34]
        cmp x10, #0
        cset x10, ne
        is x10, 1
        ldrb w10, [x11, #0x90]
        is x10, 0               // the clock is not to be read here
        leave 0
    """)
