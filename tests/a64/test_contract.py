"""The contract checker finds each mistake that it is there for, and says where and what it is.

Each test is a routine with one mistake, and what has to be said about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntFlag
from typing import Any, Never, NoReturn

import pytest

from svc0.a64 import *
from svc0.a64.contract import check

HERE = r"test_contract\.py:\d+: "
MISTAKES: list[tuple[str, Callable[..., Any], str]] = []


def says(message: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What is said about the routine that follows: the instruction, and what is wrong with it."""

    def keep(body: Callable[..., Any]) -> Callable[..., Any]:
        MISTAKES.append((body.__name__, body, message))
        return body

    return keep


def complaints(body: Callable[..., Any]) -> str:
    """All that is said about a routine, at whatever moment."""
    try:
        return "\n".join(check(Routine(body).listing()))
    except AssemblyError as error:
        return str(error)


class Point(Struct):
    x: u32
    y: u64
    title: u8 = array(16)


class Bits(IntFlag):
    ONE = 1


@routine
def gives_w0(a: w0) -> w0:
    ret()


@routine
def gives_x0(a: x0) -> x0:
    ret()


@routine
def gives_nothing() -> None:
    ret()


@routine
def takes_pinned(a: x0, held: x28) -> x0:
    ret()


@routine
def gives_w19() -> w19:
    mov(w19, 1)
    ret()


@routine
def gives_flags_to_nobody(a: x0) -> None:
    cmp(a, 0)
    ret()


@routine
def never() -> Never:
    brk(1)


# --- registers and flags that nobody set ----------------------------------------------------------


@says(r"add x0, x0, x9: count \(x9\) is not set on every way to here")
def unset(a: x0) -> x0:
    count = x9
    add(a, a, count)
    ret()


@says(r"add x0, x0, x9: x9 is not set on every way to here")
def unset_on_one_way(a: x0) -> x0:
    done = label()
    cbz(a, done)
    mov(x9, 1)
    here(done)
    add(a, a, x9)
    ret()


@says(r"b\.eq done: the flags are not set on every way to here")
def unset_flags(a: x0) -> x0:
    done = label()
    b.eq(done)
    here(done)
    ret()


@says(r"mrs x0, nzcv: the flags are not set")
def flags_read_as_a_register() -> x0:
    mrs(x0, SystemRegister.nzcv)
    ret()


@says(r"adc x0, x0, x0: the flags are not set")
def carry_from_nowhere(a: x0) -> x0:
    adc(a, a, a)
    ret()


@says(r"add x0, x0, x0: a \(x0\) is not set on every way to here")
def half_taken_for_whole(a: w0) -> x0:
    add(a.x, a.x, a.x)
    ret()


@says(r"ldrb w0, \[x1, x0\]: index \(x0\) is not set")
def half_as_an_index(index: w0, base: x1) -> w0:
    ldrb(w0, [base, index.x])
    ret()


@says(r"cmeq v2\.16b, v0\.16b, v1\.16b: v1 is not set")
def unset_vector(a: v0) -> v0:
    cmeq(v2.b16, a.b16, v1.b16)
    mov(a.b16, v2.b16)
    ret()


@says(r"bsl v1\.16b, v0\.16b, v0\.16b: v1 is not set")
def unset_destination(a: v0) -> v0:
    bsl(v1.b16, a.b16, a.b16)
    mov(a.b16, v1.b16)
    ret()


@says(r"mov v1\.b\[3\], w0: v1 is not set")
def lane_of_nothing(a: w0) -> v1:
    mov(v1.b[3], a)
    ret()


@says(r"xtn2 v1\.16b, v0\.8h: v1 is not set")
def upper_half_of_nothing(a: v0) -> v1:
    xtn2(v1.b16, a.h8)
    ret()


@says(r"movk x0, #1, lsl #16: x0 is not set")
def keeps_nothing() -> x0:
    movk(x0, 1, lsl(16))
    ret()


@says(r"tbl v0\.16b, \{v1\.16b, v2\.16b\}, v0\.16b: v2 is not set")
def unset_in_a_list(a: v0, table: v1) -> v0:
    tbl(a.b16, (table.b16, v2.b16), a.b16)
    ret()


# --- calls ----------------------------------------------------------------------------------------


@says(r"add x0, x0, x9: x9 is not set")
def scratch_over_a_call(a: x0) -> x0:
    mov(x9, a)
    with frame():
        bl(gives_x0)
        add(x0, x0, x9)
    ret()


@says(r"add x0, x0, x0: a \(x0\) is not set")
def half_a_result(a: w0) -> x0:
    with frame():
        bl(gives_w0)
        add(x0, x0, x0)
    ret()


@says(r"add x0, x19, x19: x19 is not set")
def half_a_result_in_a_kept_register() -> x0:
    with frame(x19):
        mov(x19, 5)
        bl(gives_w19)
        add(x0, x19, x19)
    ret()


@says(r"b\.eq done: the flags are not set")
def flags_over_a_call(a: x0) -> None:
    done = label()
    with frame():
        cmp(a, 0)
        bl(gives_flags_to_nobody)
        b.eq(done)
        here(done)
    ret()


@says(r"mov v0\.16b, v16\.16b: v16 is not set")
def vector_over_a_call() -> v0:
    movi(v16.b16, 0)
    with frame():
        bl(gives_nothing)
        mov(v0.b16, v16.b16)
    ret()


@says(r"bl takes_pinned: x28 is not set")
def pinned_register_that_nobody_gave(a: x0) -> x0:
    with frame():
        bl(takes_pinned)
    ret()


@says(r"bl gives_x0: a \(x0\) is not set")
def parameter_of_half_a_width(a: w0) -> x0:
    with frame():
        bl(gives_x0)
    ret()


@says(r"bl gives_x0 would lose the return address; open a frame\(\) first")
def call_without_a_frame(a: x0) -> x0:
    bl(gives_x0)
    ret()


@says(r"blr gives_nothing would lose|bl gives_nothing would lose")
def call_through_without_a_frame(a: x0) -> None:
    blr(a, gives_nothing)
    ret()


@says(r"bl calls a @routine, not b'text'")
def call_of_data() -> None:
    with frame():
        bl(b"text")  # pyright: ignore[reportArgumentType]
    ret()


@says(r"test_contract\.py:\d+: tail_call_with_less promises x0, which gives_w0 does not leave")
def tail_call_with_less(a: w0) -> x0:
    b(gives_w0)


@says(r"gives_w19 changes x19, which tail_call_that_harms must keep for its caller")
def tail_call_that_harms() -> None:
    b(gives_w19)


@says(r"b gives_nothing inside of a frame\(\): leave it first")
def tail_call_in_a_frame() -> None:
    with frame():
        b(gives_nothing)
    ret()


@says(r"tail_call_that_returns never returns, but gives_nothing does")
def tail_call_that_returns() -> Never:
    b(gives_nothing)


@says(r"b gives_x0: x0 is not set")
def tail_call_without_its_parameter() -> x0:
    b(gives_x0)


@says(r"b\.eq goes to a label: put b\(gives_nothing\) or bl\(gives_nothing\) there")
def conditional_tail_call(a: x0) -> None:
    cmp(a, 0)
    b.eq(gives_nothing)  # pyright: ignore[reportArgumentType]
    ret()


@says(r"cbz goes to a label")
def compare_and_tail_call(a: x0) -> None:
    cbz(a, gives_nothing)  # pyright: ignore[reportArgumentType]
    ret()


@says(r"tbnz goes to a label")
def bit_and_tail_call(a: x0) -> None:
    tbnz(a, 3, gives_nothing)  # pyright: ignore[reportArgumentType]
    ret()


@says(r"a routine calls another with bl\(gives_nothing\), not gives_nothing\(\)")
def python_call() -> None:
    gives_nothing()
    ret()


# --- what belongs to the caller -------------------------------------------------------------------


@says(r"mov x19, x0: x19 belongs to the caller; save it in frame\(\)")
def harms_x19(a: x0) -> None:
    mov(x19, a)
    ret()


@says(r"add x20, x0, x0: x20 belongs to the caller")
def harms_x20_in_a_frame_for_x19(a: x0) -> None:
    with frame(x19):
        add(x20, a, a)
    ret()


@says(r"mov x19, x0: x19 belongs to the caller")
def harms_after_the_frame(a: x0) -> None:
    with frame(x19):
        mov(x19, a)
    mov(x19, x0)
    ret()


@says(r"ldadd x0, x21, \[x1\]: x21 belongs to the caller")
def harms_by_an_atomic(a: x0, at: x1) -> None:
    ldadd(a, x21, [at])
    ret()


@says(r"ldr x0, \[x28\], #8: x28 belongs to the caller")
def harms_by_stepping(base: x28) -> x0:
    ldr(x0, [base], 8)
    ret()


@says(r"movi v8\.16b, #0: v8 belongs to the caller; use v0 to v7 or v16 to v31")
def harms_v8() -> None:
    movi(v8.b16, 0)
    ret()


@says(r"ldr d15, \[x0\]: v15 belongs to the caller")
def harms_v15_by_a_load(a: x0) -> None:
    ldr(d15, [a])
    ret()


@says(r"ld1 \{v7\.16b, v8\.16b\}, \[x0\]: v8 belongs to the caller")
def harms_by_a_list(a: x0) -> None:
    ld1((v7.b16, v8.b16), [a])
    ret()


@says(r"mov x18, x0: x18 belongs to the platform")
def writes_x18(a: x0) -> None:
    mov(x18, a)
    ret()


@says(r"ldr x0, \[x18\]: x18 belongs to the platform")
def reads_x18() -> x0:
    ldr(x0, [x18])
    ret()


@says(r"add x0, x0, w18, uxtw: x18 belongs to the platform")
def reads_w18(a: x0) -> x0:
    add(a, a, w18, uxtw())
    ret()


@says(r"str x19, \[x0\]: x19 is not set")
def stores_what_is_the_callers(a: x0) -> None:
    str_(x19, [a])
    ret()


# --- the return address and the stack -------------------------------------------------------------


@says(r"ret: the return address was lost on some way to here")
def return_address_overwritten(a: x0) -> None:
    mov(x30, a)
    ret()


@says(r"ret: the return address was lost")
def return_address_loaded(a: x0) -> None:
    ldp(x9, x30, [a])
    ret()


@says(r"ret: the return address was lost")
def return_address_signed_by_hand() -> None:
    paciasp()
    ret()


@says(r"b gives_nothing: the return address was lost")
def return_address_lost_before_a_tail_call(a: x0) -> None:
    mov(x30, a)
    b(gives_nothing)


@says(r"mov x29, x0: x29 belongs to the frame\(\)")
def frame_pointer_moved(a: x0) -> None:
    with frame():
        mov(x29, a)
    ret()


@says(r"mov x29, x0: x29 belongs to the caller")
def frame_pointer_harmed(a: x0) -> None:
    mov(x29, a)
    ret()


@says(r"hint #25: the name of a hint that changes registers fits here, not 25")
def return_address_signed_by_number() -> None:
    hint(25)
    ret()


STACK = r"only frame\(\) moves the stack pointer"


@says(r"sub sp, sp, #16: " + STACK)
def stack_by_sub() -> None:
    sub(sp, sp, 16)
    ret()


@says(r"mov sp, x0: " + STACK)
def stack_by_mov(a: x0) -> None:
    mov(sp, a)
    ret()


@says(r"and sp, x0, #0xfffffffffffffff0: " + STACK)
def stack_by_and(a: x0) -> None:
    and_(sp, a, ~15)  # pyright: ignore[reportCallIssue, reportArgumentType]
    ret()


@says(r"stp x0, x1, \[sp, #-16\]!: " + STACK)
def stack_by_pre_index(a: x0, c: x1) -> None:
    stp(a, c, pre[sp, -16])
    ret()


@says(r"ldr x0, \[sp\], #16: " + STACK)
def stack_by_post_index() -> x0:
    ldr(x0, [sp], 16)
    ret()


@says(r"ld1 \{v0\.16b\}, \[sp\], x1: " + STACK)
def stack_by_register(by: x1) -> v0:
    ld1(v0.b16, [sp], by)
    ret()


@says(r"str x0, \[sp\]: the frame\(\) has 0 bytes of room, not 8")
def store_without_a_frame(a: x0) -> None:
    str_(a, [sp])
    ret()


@says(r"str x0, \[sp, #32\]: the frame\(\) has 32 bytes of room, not 40")
def store_into_what_is_kept(a: x0) -> None:
    with frame(x19, room=32):
        str_(a, [sp, 32])
    ret()


@says(r"stp x0, x1, \[sp, #8\]: the frame\(\) has 16 bytes of room, not 24")
def pair_beyond_the_room(a: x0, c: x1) -> None:
    with frame(room=16):
        stp(a, c, [sp, 8])
    ret()


@says(r"stur x0, \[sp, #-8\]: what is below sp may change at any time")
def store_below_the_stack(a: x0) -> None:
    with frame(room=16):
        stur(a, [sp, -8])
    ret()


@says(r"goes on with sp -16, where other ways have it \+0|goes on with sp \+0, where")
def out_of_a_frame_by_a_branch(a: x0) -> None:
    out = label()
    with frame():
        cbz(a, out)
    here(out)
    ret()


@says(r"goes on with sp \+0, where other ways have it -16|goes on with sp -16, where")
def into_a_frame_by_a_branch(a: x0) -> None:
    inside = label()
    cbz(a, inside)
    with frame():
        here(inside)
        nop()
    ret()


@says(r"ret inside of a frame\(\): branch to its label instead")
def ret_in_a_frame() -> None:
    with frame():
        ret()


@says(r"there is a frame\(\) already")
def frame_in_a_frame() -> None:
    with frame(), frame():
        nop()
    ret()


@says(r"frame\(x9\): only x19 to x28 need keeping")
def frame_for_scratch() -> None:
    with frame(x9):
        nop()
    ret()


@says(r"frame\(x19, x19\): once is enough")
def frame_twice_for_one() -> None:
    with frame(x19, x19):
        nop()
    ret()


@says(r"frame\(room=5000\): 0 to 4080 bytes fit")
def frame_too_large() -> None:
    with frame(room=5000):
        nop()
    ret()


# --- ways through ---------------------------------------------------------------------------------


@says(r"cbz x0, done: label done is never put down")
def label_never_put_down(a: x0) -> None:
    done = label()
    cbz(a, done)
    ret()


@says(r"label again is put down twice")
def label_put_down_twice(a: x0) -> None:
    again = here()
    cbz(a, again)
    here(again)
    ret()


@says(r"label done: nothing follows it")
def label_at_the_end(a: x0) -> None:
    done = label()
    cbz(a, done)
    ret()
    here(done)


foreign = Label()
foreign.name = "foreign"


@says(r"b foreign: label foreign is never put down")
def label_of_another() -> None:
    b(foreign)


@says(r"mov x0, x0: nothing gets here")
def unreachable(a: x0) -> x0:
    ret()
    mov(a, a)
    ret()


@says(r"nop : nothing gets here|nop: nothing gets here")
def unreachable_after_never() -> None:
    with frame():
        bl(never)
        nop()
    ret()


@says(r"add x0, x0, #1: runs off the end of the routine")
def no_end(a: x0) -> x0:
    add(a, a, 1)


@says(r"bl gives_x0: runs off the end of the routine")
def no_end_after_a_call(a: x0) -> Never:
    bl(gives_x0)


@says(r"empty is empty")
def empty() -> None: ...


@says(r"ret in returns_after_all, whose signature says that it never returns")
def returns_after_all() -> Never:
    ret()


@says(r"ret in returns_too, whose signature says that it never returns")
def returns_too() -> NoReturn:
    ret()


@says(r"ret: x1 is not set")
def result_not_set(a: x0) -> tuple[x0, x1]:
    ret()


@says(r"ret: a \(x0\) is not set")
def half_a_result_promised(a: w0) -> x0:
    ret()


@says(r"br x9: name the labels it may go to")
def jump_to_nowhere(a: x9) -> None:
    br(a)


@says(r"br x9: goes to case, which must begin with bti\.j\(\)")
def jump_without_a_pad(a: x9) -> None:
    case = label()
    br(a, case)
    here(case)
    ret()


@says(r"br x9: label case is never put down")
def jump_to_a_label_that_is_not_there(a: x9) -> None:
    case = label()
    br(a, case)


# --- names, fields and what cannot be encoded -----------------------------------------------------


@says(r"count and index are both register 9; del one of them")
def two_names(a: x0) -> None:
    count, index = x9, x9
    mov(count, a)
    mov(index, a)
    ret()


@says(r"count and half are both register 9")
def two_names_of_two_widths(a: x0) -> None:
    count, half = x9, w9
    mov(count, a)
    mov(half, 1)
    ret()


@says(r"chunk and lanes are both register 1")
def two_names_of_a_vector() -> None:
    chunk, lanes = v1, v1.b16
    movi(chunk.b16, 0)
    movi(lanes, 0)
    ret()


@says(r"ldr x0, \[x0, #0\]: this moves 8 bytes, but Point\.x has 4")
def field_too_narrow(a: x0) -> x0:
    ldr(a, [a, Point.x])
    ret()


@says(r"this moves 4 bytes, but Point\.y has 8")
def field_too_wide(a: x0) -> w0:
    ldr(w0, [a, Point.y])
    ret()


@says(r"this moves 1 bytes, but Point\.y has 8")
def byte_of_a_field(a: x0) -> w0:
    ldrb(w0, [a, Point.y])
    ret()


@says(r"ldp x1, x1, \[x0\]: Rt and Rt2 are both register 1, and what happens then is unpredictable")
def pair_into_one(a: x0) -> x1:
    ldp(x1, x1, [a])
    ret()


@says(r"ldr x0, \[x0\], #8: Rt and Rn are both register 0")
def base_stepped_and_loaded(a: x0) -> x0:
    ldr(a, [a], 8)
    ret()


@says(r"str x0, \[x0, #8\]!: Rt and Rn are both register 0")
def base_stepped_and_stored(a: x0) -> None:
    str_(a, pre[a, 8])
    ret()


@says(r"stxr w1, x1, \[x0\]: Rs and Rt are both register 1")
def status_into_the_data(a: x0, c: x1) -> w1:
    stxr(w1, c, [a])
    ret()


@says(r"stlxr w0, x1, \[x0\]: Rs and Rn are both register 0")
def status_into_the_address(a: x0, c: x1) -> w0:
    stlxr(w0, c, [a])
    ret()


@says(r"mov xzr, #1: a number goes to x0 to x30 or w0 to w30")
def number_to_zero() -> None:
    mov(xzr, 1)
    ret()


@says(r"msr ctr_el0, x0: nzcv, fpcr, fpsr, dit, ssbs or tpidr_el0 fits here, not ctr_el0")
def write_what_can_only_be_read(a: x0) -> None:
    msr(SystemRegister.ctr_el0, a)
    ret()


@says(r"add x0, x0, w1: no form takes these operands; there is add")
def widths_mixed(a: x0, c: w1) -> x0:
    add(a, a, c)  # the extension is missing
    ret()


# --- signatures -----------------------------------------------------------------------------------


@says(r"x18 is not for parameters")
def takes_x18(a: x18) -> None:
    ret()


@says(r"x30 is not for results")
def gives_x30() -> x30:
    ret()


@says(r"x1 and w1 in the parameters are one register")
def takes_one_twice(a: x1, c: w1) -> None:
    ret()


@says(r"<class 'int'> in the signature is no register")
def takes_an_int(a: int) -> None:
    ret()


@pytest.mark.parametrize(("name", "body", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_the_mistake_is_found(name: str, body: Callable[..., Any], message: str) -> None:
    said = complaints(body)
    pattern = message if message.startswith("test_contract") else HERE + "(.*: )?(" + message + ")"
    assert re.search(pattern, said), said or "nothing was said"


# --- and nothing else is --------------------------------------------------------------------------


@routine
def loop(a: x0, size: x1) -> tuple[x0, w1]:
    """Ways that meet, with everything set on all of them."""
    total, byte = x9, w10
    done = label()
    mov(total, 0)
    again = here()
    cbz(size, done)
    ldrb(byte, [a], 1)
    add(total, total, byte.x)
    sub(size, size, 1)
    b(again)
    here(done)
    mov(x0, total)
    mov(w1, 0)
    ret()


@routine
def framed(a: x0, held: x28) -> x0:
    """A call in a loop, and a way out of the middle."""
    count = x19
    with frame(count, x20, room=24) as leave:
        mov(count, 3)
        mov(x20, a)
        again = here()
        stp(count, x20, [sp])
        mov(x0, x20)
        bl(takes_pinned)
        tbnz(x0, 63, leave)
        ldr(x20, [sp, 8])
        subs(count, count, 1)
        b.ne(again)
        mov(x0, 0)
    ret()


@routine
def table(a: x0) -> x0:
    """A jump, whose labels have landing pads."""
    one, two = label(), label()
    adr(x9, one)
    br(x9, one, two)
    here(one)
    bti.j()
    ret()
    here(two)
    bti.jc()
    mov(x0, 2)
    ret()


@routine
def bytes_of_an_array(a: x0) -> x0:
    """An array of bytes is read as it suits."""
    ldr(x9, [a, Point.title])
    ldrb(w10, [a, Point.title])
    ldr(v0.q, [a, Point.title])
    add(x0, x9, x10)
    ret()


@routine
def gives_kept(a: x0) -> x27:
    """A result in a register that is the caller's otherwise."""
    mov(x27, a)
    ret()


@routine
def forever() -> Never:
    """It never returns, so nothing is anybody else's; the stack holds what the kernel put there."""
    ldr(x19, [sp, 8])
    mov(x29, 0)
    movi(v8.b16, 0)
    again = here()
    bl(gives_nothing)
    b(again)


@pytest.mark.parametrize("correct", [loop, framed, table, bytes_of_an_array, gives_kept, forever])
@pytest.mark.parametrize("platform", ["linux", "macos"])
def test_nothing_is_said_about_what_is_right(correct: Routine, platform: Any) -> None:
    assert check(correct.listing(platform)) == []


def test_all_mistakes_are_said_at_once() -> None:
    def two() -> x0:
        add(x0, x9, x10)
        b.eq(again := label())
        here(again)
        ret()

    assert len(complaints(two).splitlines()) == 3


def test_an_instruction_outside_of_a_routine_says_so() -> None:
    with pytest.raises(AssemblyError, match="an instruction was written outside of a @routine"):
        mov(x0, 1)
