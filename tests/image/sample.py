"""A small program with one of everything: frames, a macro, tables, variables, calls by address.

It ends with the exit status OK if every constant, distance and variable is what it should be.
"""

from enum import IntFlag
from typing import Never

from svc0.a64 import *

OK = 42


class Wants(IntFlag):
    """Flags that a debugger shows by their names."""

    HEAD = 1
    CLOSE = 4


class Point(Struct):
    """A struct inside of a struct."""

    x: i32
    y: i32


class Counter(Struct):
    """What COUNTER is, and then some."""

    value: u64
    wants: u8 = flags(Wants)
    title: u8 = array(5)
    half: u16
    places: Point = array(2)


GREETING = Data(b"hello", align=1, name="GREETING")
ODD = Data(b"\x05", align=1, name="ODD")
SQUARES = Data(b"".join((n * n).to_bytes(2, "little") for n in range(16)), align=64, name="SQUARES")
COUNTER = Bss(8, name="COUNTER")
RECORD = Bss(sizeof(Counter), name="RECORD")
POOL = Bss(3 << 20, align=4096, name="POOL")
NAMELESS = Data(b"nobody calls me")


@routine
def exit_group(status: w0) -> Never:
    """What the kernel promises; never assembled."""


def leave_with(status: int) -> None:
    """A macro: ends the process."""
    mov(w0, status)
    mov(x8, 94)
    svc(0, exit_group, 0)


@routine
def square(number: x0) -> x0:
    """The square of a number below 16, looked up."""
    table = x9

    with frame():
        adr(table, SQUARES)
        add(table, table, number)
        add(table, table, number)
        ldrh(w0, [table])

    ret()


@routine
def double(number: x0) -> x0:
    """Twice a number."""
    with frame():
        add(x0, number, number)

    ret()


FUNCTIONS = Offsets([square, double, GREETING], name="FUNCTIONS")


@routine
def through(which: x0, number: x1) -> x0:
    """Call a function of the table; keeps more than it needs, for the unwinder."""
    table, kept, odd, distance = x19, x20, x21, x9

    with frame(table, kept, odd, room=40):
        mov(kept, number)
        mov(odd, 7)
        str_(odd, [sp, 8])
        adr(table, FUNCTIONS)
        add(distance, table, which)
        ldrsw(distance, [distance])
        add(table, table, distance)
        mov(x0, kept)
        blr(table, like=square)

    ret()


@routine
def start() -> Never:
    """The first instruction."""
    value, counter = x19, x20
    bad = label()

    adr(counter, COUNTER)
    ldr(value, [counter])
    cbnz(value, bad)
    adrp(x9, POOL)
    add(x9, x9, lo12(POOL))
    ldr(x10, [x9])
    cbnz(x10, bad)
    mov(x0, 0)
    mov(x1, 6)
    bl(through)
    mov(value, x0)
    mov(x0, 4)
    mov(x1, 3)
    bl(through)
    add(value, value, x0)
    str_(value, [counter])
    ldr(x9, [counter])
    cmp(x9, OK)
    b.ne(bad)
    adr(x9, NAMELESS)
    ldrb(w9, [x9])
    cmp(w9, ord("n"))
    b.ne(bad)
    adr(counter, RECORD)
    str_(value, [counter, Counter.value])
    mov(w9, Wants.HEAD | Wants.CLOSE)
    strb(w9, [counter, Counter.wants])
    mov(w9, -7)
    str_(w9, [counter, 20])
    leave_with(OK)

    here(bad)
    leave_with(1)
