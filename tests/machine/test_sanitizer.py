"""What the sanitizer finds, in which words; and what is no mistake, and is let be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from svc0.a64 import *
from svc0.kernel import calls
from svc0.machine.call import Caller, CallError, caller


class Inner(Struct):
    """A struct in another."""

    kind: u32
    room: u32


class Record(Struct):
    """What the routines here work on."""

    next: u64
    number: u32
    flag: u32
    inner: Inner
    letters: u8 = array(16)
    tail: u64


RECORD = Bss(Record, name="RECORD")
WORDS = Data(b"".join(n.to_bytes(8, "little") for n in range(4)), name="WORDS")
ENTRIES = Offsets([WORDS, Data(b"one", name="ONE")], name="ENTRIES")


def refused(routine: Routine, *arguments: Any, kind: type[Struct] | None = None) -> str:
    """What is said of a routine that is called with these."""
    with caller(routine) as machine:
        given = [
            machine.place(argument, kind=kind) if kind and isinstance(argument, bytes) else argument
            for argument in arguments
        ]
        with pytest.raises(CallError) as found:
            machine.call(*given, kernel=accepts)
    assert re.match(r"test_sanitizer\.py:\d+: \w+: ", str(found.value)), found.value
    return str(found.value)


def accepts(machine: Caller) -> None:
    """A kernel that reads what it is told to write somewhere."""
    machine.read(machine[x1], machine[x2])
    machine.answer(machine[x2])


# --- edges ------------------------------------------------------------------------------


def reading(size: int) -> Routine:
    """A routine that loads so many bytes at an offset."""
    load: dict[int, Callable[[], None]] = {
        1: lambda: ldrb(w0, [x0, x1]),
        2: lambda: ldrh(w0, [x0, x1]),
        4: lambda: ldr(w0, [x0, x1]),
        8: lambda: ldr(x0, [x0, x1]),
        16: lambda: ldr(q0, [x0, x1]),
    }

    @routine
    def read(text: x0, at: x1) -> None:
        load[size]()
        ret()

    return read


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16])
def test_edges(size: int) -> None:
    text = bytes(32)
    reading(size)(text, 32 - size)
    reading(size)(text, 0)
    assert "1 behind the end of text" in refused(reading(size), text, 32) or size > 1
    before = refused(reading(size), text, -size)
    assert f"reads {size if size < 16 else 8} byte" in before
    assert "before the start of text" in before


def test_some_of_it_lies_behind() -> None:
    said = refused(reading(8), bytes(32), 30)
    assert "reads 8 bytes of which 6 lie behind the end of text" in said


def test_a_pair_and_a_vector_are_judged_whole() -> None:
    @routine
    def pairs(text: x0) -> None:
        ldp(x9, x10, [text], 16)
        ldp(x9, x10, [text])
        ret()

    @routine
    def vectors(text: x0) -> None:
        ld1((v0.b16, v1.b16), [text], 32)
        ret()

    pairs(bytes(32))
    vectors(bytes(32))
    assert "reads 8 bytes 1 behind the end of text" in refused(pairs, bytes(24))
    assert "of which 7 lie behind the end of text" in refused(vectors, bytes(25))


def test_constants_and_variables_have_edges() -> None:
    @routine
    def word(number: x0) -> x0:
        adr(x9, WORDS)
        ldr(x0, [x9, number, lsl(3)])
        ret()

    @routine
    def variable(number: x0) -> x0:
        adr(x9, RECORD)
        ldr(x0, [x9, number])
        ret()

    assert word(3) == 3
    assert "8 bytes 1 behind the end of WORDS" in refused(word, 4)
    assert variable(0) == 0
    assert "behind the end of RECORD" in refused(variable, sizeof(Record))


def test_a_table_of_offsets_leads_to_places() -> None:
    @routine
    def entry(number: x0, at: x1) -> w0:
        adr(x9, ENTRIES)
        ldrsw(x10, [x9, number, lsl(2)])
        add(x10, x10, x9)
        ldrb(w0, [x10, at])
        ret()

    assert entry(1, 2) == ord("e")
    assert "1 behind the end of ONE" in refused(entry, 1, 3)
    assert "1 behind the end of WORDS" in refused(entry, 0, 32)


# --- fields -----------------------------------------------------------------------------


def test_a_field_has_edges_of_its_own() -> None:
    @routine
    def letter(record: x0, at: x1) -> w0:
        add(x9, record, Record.letters)
        ldrb(w0, [x9, at])
        ret()

    assert refused(letter, bytes(sizeof(Record)), 16, kind=Record).count(
        "reads 1 byte 1 behind the end of Record.letters of Record"
    )
    assert "1 before the start of Record.letters" in refused(
        letter, bytes(sizeof(Record)), -1, kind=Record
    )


def test_an_offset_that_is_a_number_reaches_on() -> None:
    @routine
    def letter(record: x0, at: x1) -> w0:
        add(x9, record, int(Record.letters))
        ldrb(w0, [x9, at])
        ret()

    with caller(letter) as machine:
        assert machine.call(machine.place(bytes(sizeof(Record)), kind=Record), 16) == 0


def test_a_note_says_what_an_address_is_within() -> None:
    @routine
    def letter(record: x0, at: x1) -> w0:
        mov(x9, int(Record.letters))
        add(x9, record, x9)
        within(x9, Record.letters)
        ldrb(w0, [x9, at])
        ret()

    assert "behind the end of Record.letters" in refused(
        letter, bytes(sizeof(Record)), 16, kind=Record
    )


def test_a_field_is_where_its_struct_begins() -> None:
    @routine
    def count(record: x0) -> w0:
        add(x9, record, 4)
        ldr(w0, [x9, Record.number])
        ret()

    said = refused(count, bytes(sizeof(Record)), kind=Record)
    assert "reads 4 bytes of Record.number, through an address +4 from the start of Record" in said


def test_a_struct_in_another() -> None:
    @routine
    def size(record: x0) -> w0:
        add(x9, record, Record.inner)
        ldr(w0, [x9, Inner.room])
        ldr(w0, [x9, 8])
        ret()

    assert "4 bytes 1 behind the end of Record.inner" in refused(
        size, bytes(sizeof(Record)), kind=Record
    )


# --- what was written ---------------------------------------------------------------------


def test_what_nobody_wrote() -> None:
    @routine
    def flag(record: x0) -> w0:
        begins(record, Record)
        str_(wzr, [record, Record.number])
        ldr(w9, [record, Record.number])
        ldr(w0, [record, Record.flag])
        ret()

    said = refused(flag, bytes(sizeof(Record)), kind=Record)
    assert "of which Record.flag of Record, which flag began (test_sanitizer.py:" in said
    assert said.count("was never written")


def test_a_room_begins_unwritten_and_ends_at_its_end() -> None:
    @routine
    def room(at: x0) -> x0:
        with frame(room=32):
            mov(x9, sp)
            str_(xzr, [x9, at])
            ldr(x0, [x9, 8])
        ret()

    assert room(8) == 0
    assert "of the room of room was never written" in refused(room, 0)
    assert "writes 8 bytes 1 behind the end of the room of room" in refused(room, 32)


def test_a_room_is_over_when_its_routine_returns() -> None:
    @routine
    def below() -> x0:
        with frame(room=16):
            str_(xzr, [sp])
            mov(x0, sp)
        ret()

    @routine
    def reader() -> x0:
        with frame():
            bl(below)
            ldr(x0, [x0])
        ret()

    assert "of the room of below, after returned" in refused(reader)


def test_zeroed_is_written() -> None:
    @routine
    def flag(record: x0) -> w0:
        begins(record, Record, zeroed=True)
        ldr(w0, [record, Record.flag])
        ret()

    with caller(flag) as machine:
        assert machine.call(machine.place(bytearray(sizeof(Record)), kind=Record)) == 0


# --- what is over -------------------------------------------------------------------------


@routine
def drop(record: x0) -> None:
    """Free a record, and keep it in a list."""
    str_(xzr, [record, Record.next])
    ends(record, Record, keeps=[Record.flag], links=[Record.next])
    ret()


def test_what_is_over_is_not_touched() -> None:
    @routine
    def late(record: x0) -> w0:
        with frame(x19):
            mov(x19, record)
            bl(drop)
            ldr(w0, [x19, Record.flag])
            ldr(w0, [x19, Record.number])
        ret()

    said = refused(late, bytes(sizeof(Record)), kind=Record)
    assert "of Record.number of Record, after drop ended it (test_sanitizer.py:" in said


def test_once_is_enough() -> None:
    @routine
    def twice(record: x0) -> None:
        with frame(x19):
            mov(x19, record)
            bl(drop)
            mov(x0, x19)
            bl(drop)
        ret()

    assert "ends Record again: drop ended it" in refused(twice, bytes(sizeof(Record)), kind=Record)


def test_a_pointer_to_what_was_there_before() -> None:
    @routine
    def stale(record: x0) -> w0:
        with frame(x19, x20):
            mov(x19, record)
            mov(x20, record)
            bl(drop)
            begins(x20, Record)
            str_(wzr, [x20, Record.number])
            ldr(w0, [x20, Record.number])
            ldr(w0, [x19, Record.number])
        ret()

    assert "after drop ended it" in refused(stale, bytes(sizeof(Record)), kind=Record)


# --- how pointers travel --------------------------------------------------------------------


def test_a_pointer_through_memory_is_the_same() -> None:
    @routine
    def through(text: x0, at: x1) -> w0:
        with frame(room=32):
            str_(text, [sp, 8])
            ldr(x10, [sp, 8])
            ldrb(w0, [x10, at])
        ret()

    assert through(b"abc", 2) == ord("c")
    assert "1 behind the end of text" in refused(through, b"abc", 3)


@pytest.mark.parametrize("which", [0, 1])
def test_a_choice_is_followed_by_what_was_chosen(which: int) -> None:
    @routine
    def either_of(one: x0, other: x1, which: x2, at: x3) -> w0:
        cmp(which, 0)
        csel(x9, one, other, Condition.eq)
        ldrb(w0, [x9, at])
        ret()

    assert either_of(b"ab", b"cd", which, 1) == b"bd"[which]
    name = ["one", "other"][which]
    assert f"1 behind the end of {name}" in refused(either_of, b"ab", b"cd", which, 2)


def test_a_distance_is_a_number() -> None:
    @routine
    def distance(text: x0) -> w0:
        add(x9, text, 2)
        sub(x9, x9, text)
        ldrb(w0, [text, x9])
        ret()

    with caller(distance) as machine:
        assert machine.sanitizer
        assert machine.call(b"abc") == ord("c")
        assert not machine.sanitizer.unfollowed


def test_what_cannot_be_followed_is_counted() -> None:
    @routine
    def packed(text: x0) -> w0:
        lsl(x9, text, 8)
        lsr(x9, x9, 8)
        ldrb(w0, [x9])
        ret()

    with caller(packed) as machine:
        assert machine.sanitizer
        assert machine.call(b"abc") == ord("a")
        assert machine.sanitizer.unfollowed == {
            ("packed", "lsl x9, x0, #8"): 1,
            ("packed", "ldrb w0, [x9]"): 1,
        }


def test_a_number_leads_nowhere() -> None:
    @routine
    def by_number() -> w0:
        mov(x9, 0x1234_5678)
        ldrb(w0, [x9])
        ret()

    assert "reads 1 byte at 0x12345678, where there is nothing" in refused(by_number)


# --- kernels --------------------------------------------------------------------------------


def test_a_kernel_reads_what_is_written_and_there() -> None:
    @routine
    def tell(size: x0) -> x0:
        with frame(room=16):
            str_(xzr, [sp])
            mov(x2, size)
            mov(x1, sp)
            mov(w0, 1)
            calls.write()
        ret()

    with caller(tell) as machine:
        assert machine.call(8, kernel=accepts) == 8
    assert "the kernel reads 9 bytes of which offset 8 of the room of tell" in refused(tell, 9)
    assert "the kernel reads 17 bytes of which 1 lie behind the end" in refused(tell, 17)


# --- notes -----------------------------------------------------------------------------------


def test_notes_write_nothing() -> None:
    @routine
    def noted(record: x0) -> None:
        begins(record, Record)
        within(record, Record.letters)
        ends(record, Record)
        ret()

    assert str(noted.listing()) == "noted:\n    ret"


def test_a_note_is_not_for_who_comes_by_a_label() -> None:
    @routine
    def muddled(record: x0) -> None:
        done = label()
        cbz(record, done)
        begins(record, Record)
        here(done)
        ret()

    with pytest.raises(AssemblyError, match="a note right before a label"):
        muddled.listing()


def test_a_note_stands_in_a_routine() -> None:
    with pytest.raises(AssemblyError, match="outside of a @routine"):
        begins(x0, Record)
