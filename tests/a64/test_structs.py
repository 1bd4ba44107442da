"""Structs: where fields lie, what they are called, and what is refused."""

from __future__ import annotations

from enum import IntFlag

import pytest

from svc0.a64 import *
from svc0.a64.platforms import on


class Wants(IntFlag):
    CLOSE = 1
    UPGRADE = 128


class Point(Struct):
    x: u8
    y: u32


class Line(Struct):
    colour: u16
    start: Point
    ends: Point = array(3)
    wants: u8 = flags(Wants)
    title: u8 = array(5)
    length: u64


class Stat(Struct, size=128):
    mode: u32 = at(16)
    bytes: u64 = at(48)


def test_each_field_lies_at_the_next_multiple_of_its_width() -> None:
    assert (int(Point.x), int(Point.y), Point.size, Point.alignment) == (0, 4, 8, 4)
    assert (int(Line.colour), int(Line.start), int(Line.ends), int(Line.wants)) == (0, 4, 12, 36)
    assert (int(Line.title), int(Line.length), Line.size, Line.alignment) == (37, 48, 56, 8)


def test_a_struct_inside_of_a_struct_counts_from_the_outer_start() -> None:
    assert (int(Line.start.y), Line.start.y.width, repr(Line.start.y)) == (8, 4, "Line.start.y")
    assert isinstance(Line.start.y, u32)


def test_arrays_have_elements() -> None:
    assert (int(Line.ends[2]), repr(Line.ends[2])) == (28, "Line.ends[2]")
    assert (int(Line.ends[2].y), repr(Line.ends[2].y)) == (32, "Line.ends[2].y")
    assert (int(Line.title[4]), Line.title[4].width, Line.title[4].count) == (41, 1, 1)
    for index in (-1, 3):
        with pytest.raises(IndexError, match=rf"Line\.ends has 3, and no \[{index}\]"):
            Line.ends[index]


def test_a_kernel_says_where_fields_lie() -> None:
    assert (int(Stat.mode), int(Stat.bytes), Stat.size) == (16, 48, 128)


def test_fields_of_platforms_are_told_apart() -> None:
    """Each of them is a number only in a scope; as keys they are not the same one outside of it."""

    class Theirs(Struct, size=32):
        first: u16 = at(either(linux=4, macos=16))
        second: u16 = at(either(linux=8, macos=4))

    assert len({Theirs.first: 1, Theirs.second: 2}) == 2
    with on("linux"):
        assert Theirs.first == 4 != Theirs.second
    with on("macos"):
        assert Theirs.second == 4 != Theirs.first


def test_sizes() -> None:
    assert (sizeof(Line), sizeof(Line.ends), sizeof(Line.title), sizeof(Line.length)) == (
        56,
        24,
        5,
        8,
    )


def test_flags_have_numbers_of_bits() -> None:
    assert (Line.wants.values, bit(Wants.UPGRADE)) == (Wants, 7)
    with pytest.raises(AssertionError, match="is not one bit"):
        bit(Wants.CLOSE | Wants.UPGRADE)


def test_flags_without_room_are_refused() -> None:
    class Many(IntFlag):
        NINTH = 256

    with pytest.raises(AssertionError, match=r"Narrow\.wants has no room for Many"):

        class Narrow(Struct):  # pyright: ignore[reportUnusedClass]
            wants: u8 = flags(Many)


def test_fields_that_overlap_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"Bad\.y overlaps Bad\.x"):

        class Bad(Struct):  # pyright: ignore[reportUnusedClass]
            x: u64
            y: u8 = at(7)


def test_what_is_larger_than_it_may_be_is_refused() -> None:
    with pytest.raises(AssertionError, match="Bad takes 16 bytes, more than 8"):

        class Bad(Struct, size=8):  # pyright: ignore[reportUnusedClass]
            x: u64
            y: u64


def test_what_is_no_field_is_refused() -> None:
    with pytest.raises(
        AssertionError, match=r"Bad\.x: u8 to u64, i16 to i64 or a Struct fits, not"
    ):

        class Bad(Struct):  # pyright: ignore[reportUnusedClass]
            x: int


def test_an_array_of_nothing_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"Bad\.x: an array of 0 is nothing"):

        class Bad(Struct):  # pyright: ignore[reportUnusedClass]
            x: u8 = array(0)


@routine
def moves_fields(line: x0) -> w0:
    """Fields of the right width are offsets, nested and counted ones too."""
    ldrh(w9, [line, Line.colour])
    ldr(w10, [line, Line.ends[1].y])
    ldrb(w11, [line, Line.title[2]])
    ldr(x12, [line, Line.length])
    ldur(x13, [line, Line.start])
    strb(w11, [line, Line.wants])
    ldr(w0, [line, Line.start.y])
    ret()


def test_fields_are_offsets() -> None:
    text = [i.text for i in moves_fields.listing().instructions]
    assert text[:2] == ["ldrh w9, [x0, #0]", "ldr w10, [x0, #24]"]
    assert text[2:4] == ["ldrb w11, [x0, #39]", "ldr x12, [x0, #48]"]


TABLE = Data(b"123")
ROOM = Bss(64)
WAYS = Offsets([moves_fields, TABLE])
HIDDEN = [Data(b"x")]


@routine
def takes_addresses() -> x0:
    """Constants are called what the module calls them."""
    adr(x0, TABLE)
    adrp(x0, ROOM)
    add(x0, x0, lo12(ROOM))
    adr(x0, WAYS)
    adr(x0, HIDDEN[0])
    ret()


def test_places_are_called_what_the_module_calls_them() -> None:
    text = [i.text for i in takes_addresses.listing().instructions]
    assert text[:-1] == [
        "adr x0, TABLE",
        "adrp x0, ROOM",
        "add x0, x0, :lo12:ROOM",
        "adr x0, WAYS",
        "adr x0, 1 bytes of data",
    ]
    assert repr(TABLE) == "TABLE"


def test_alignment_is_a_power_of_two() -> None:
    for make in (lambda: Data(b"", align=3), lambda: Bss(8, align=12), lambda: Data(b"", align=0)):
        with pytest.raises(AssertionError, match="alignment is a power of two"):
            make()
    with pytest.raises(AssertionError, match="memory that is not there has no address"):
        Bss(0)
