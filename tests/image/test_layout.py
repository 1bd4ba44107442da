"""Layout: everything is at its address, and every distance leads there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.a64 import AssemblyError
from svc0.image.elf import HEADERS
from svc0.image.layout import (
    PAGE_MACOS,
    PAGE_MAX,
    PAGE_MIN,
    ROUTINE_ALIGN,
    Program,
    Segment,
    lay_out,
)
from tests.image import sample

MEGABYTE = 1 << 20

some = settings(deadline=None, max_examples=40)

alignments = st.integers(0, 12).map(lambda n: 1 << n)


@st.composite
def data(draw: st.DrawFn) -> Data:
    return Data(draw(st.binary(max_size=300)), align=draw(alignments))


@st.composite
def variables(draw: st.DrawFn) -> Bss:
    return Bss(draw(st.integers(1, 3 * MEGABYTE)), align=draw(alignments))


def taker(number: int, places: list[Place]) -> Routine:
    """A routine that takes the address of everything it is told."""

    @routine
    def take() -> None:
        with frame():
            for place in places:
                adrp(x9, place)
                add(x9, x9, lo12(place))
        ret()

    take.name = f"take_{number}"
    return take


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Routines that mention data, tables and each other, as they come."""
    places: list[Place] = [
        *draw(st.lists(data(), max_size=6)),
        *draw(st.lists(variables(), max_size=4)),
    ]
    for number in range(draw(st.integers(0, 6))):
        some = draw(st.lists(st.sampled_from(places), max_size=4)) if places else []
        places.append(taker(number, some) if draw(st.booleans()) else Offsets(some))
    headers = draw(st.sampled_from([0, HEADERS]))
    base = draw(st.sampled_from([0, 16 * PAGE_MAX]))
    platform: Platform = draw(st.sampled_from(["linux", "macos"]))
    return lay_out(taker(99, places), platform, headers=headers, base=base)


def content_at(program: Program, address: int, size: int) -> bytes:
    """What is in memory at the start."""
    for segment in program.segments:
        if address in segment:
            start = address - segment.address
            return segment.content.ljust(segment.size, b"\0")[start : start + size]
    assert size == 0, "outside of every segment"
    return b""


@some
@given(program=programs())
def test_data_are_at_their_addresses(program: Program) -> None:
    for place, address in program.addresses.items():
        if isinstance(place, Data):
            assert content_at(program, address, len(place)) == bytes(place)
        elif isinstance(place, Bss):
            assert content_at(program, address, 64).strip(b"\0") == b""
        elif isinstance(place, Offsets):
            for n, target in enumerate(place.places):
                entry = content_at(program, address + 4 * n, 4)
                distance = int.from_bytes(entry, "little", signed=True)
                assert address + distance == program.addresses[target]


@some
@given(program=programs())
def test_places_are_aligned_and_apart(program: Program) -> None:
    end = 0
    for place in program.names:
        address = program.addresses[place]
        align = ROUTINE_ALIGN if isinstance(place, Routine) else getattr(place, "align", 1)
        assert address % align == 0
        assert address >= end
        end = address + program.size(place)


def apart(one: Segment, other: Segment, page: int) -> bool:
    """Whether no page of so many bytes belongs to both, in memory, nor one of 4 KiB in the file."""

    def pages(start: int, size: int, page: int) -> set[int]:
        return set(range(start // page, -(-(start + size) // page)))

    memory = pages(one.address, one.size, page) & pages(other.address, other.size, page)
    file = pages(one.offset, len(one.content), PAGE_MIN)
    return not memory and not file & pages(other.offset, len(other.content), PAGE_MIN)


@some
@given(program=programs())
def test_segments_share_no_page(program: Program) -> None:
    constants, text, zeros = program.segments
    linux = program.platform == "linux"
    assert apart(constants, text, PAGE_MAX if linux else PAGE_MIN)
    assert apart(text, zeros, PAGE_MAX if linux else PAGE_MACOS)
    assert apart(constants, zeros, PAGE_MAX if linux else PAGE_MACOS)
    assert zeros.address % (PAGE_MAX if linux else PAGE_MACOS) == 0


@some
@given(program=programs())
def test_places_in_the_file_follow_from_addresses(program: Program) -> None:
    """On Linux as far as pages go; on macOS constants and text are one piece."""
    constants, text, _ = program.segments
    for segment in (constants, text):
        assert len(segment.content) == segment.size
        distance = segment.address - segment.offset
        if program.platform == "macos":
            assert distance == constants.address
        else:
            assert distance % PAGE_MAX == 0


@some
@given(program=programs())
def test_text_is_instructions_and_traps(program: Program) -> None:
    text, instructions = program.text, 0
    for at in range(0, text.size, 4):
        if text.address + at in program.spots:
            instructions += 1
            assert text.content[at : at + 4] != bytes(4)
        else:
            assert text.content[at : at + 4] == bytes(4)  # udf #0
    assert instructions == len(program.spots)
    assert all(text.address + at in program.spots for at in (0, text.size - 4))


@some
@given(program=programs())
def test_again_is_the_same(program: Program) -> None:
    headers = HEADERS if program.constants.size >= HEADERS else 0
    again = [lay_out(program.entry, program.platform, headers=headers) for _ in range(2)]
    assert again[0].text == again[1].text
    assert again[0].constants == again[1].constants
    assert list(again[0].addresses.items()) == list(again[1].addresses.items())


@pytest.mark.parametrize("platform", ["linux", "macos"])
def test_large_variables_do_not_push_small_ones_out_of_reach(platform: Platform) -> None:
    small, large = Bss(8), Bss(64 * MEGABYTE)

    @routine
    def near() -> None:
        adrp(x9, large)
        adr(x10, small)
        ret()

    program = lay_out(near, platform)
    assert program.addresses[small] < program.addresses[large]


# --- mistakes ---------------------------------------------------------------------


def refused(entry: Routine) -> str:
    """The complaint, after the file and the line."""
    with pytest.raises(AssemblyError) as caught:
        lay_out(entry)
    file, line, message = str(caught.value).split(":", 2)
    assert file == Path(__file__).name
    assert line.isdecimal()
    return message.strip()


def test_adr_out_of_reach_says_what_to_write() -> None:
    pool, last = Bss(2 * MEGABYTE, name="POOL"), Bss(2 * MEGABYTE, name="LAST")

    @routine
    def far() -> None:
        adr(x8, pool)
        adr(x9, last)
        ret()

    assert re.fullmatch(
        r"adr x9, LAST: LAST is \+\d+ bytes away; 1048576 is the most: "
        r"write adrp\(d, LAST\) and add\(d, d, lo12\(LAST\)\), which reach 4 GiB",
        refused(far),
    )


def test_one_routine_does_not_hide_another() -> None:
    @routine
    def first() -> None:
        mov(x19, 1)
        ret()

    @routine
    def second() -> None:
        mov(x20, 1)
        ret()

    @routine
    def both() -> None:
        with frame():
            bl(first)
            bl(second)
        ret()

    message = refused(both)
    assert "x19 belongs to the caller" in message
    assert "x20 belongs to the caller" in message


def test_every_branch_out_of_reach_is_reported() -> None:
    @routine
    def long(number: x0) -> None:
        done = label()
        tbz(number, 0, done)
        tbz(number, 1, done)
        for _ in range(9000):
            add(number, number, 1)
        here(done)
        ret()

    message = refused(long)
    assert "done is +" in message
    assert "branch over a b(done) on the opposite condition" in message
    assert len(message.splitlines()) == 2


def test_a_called_address_needs_a_landing() -> None:
    @routine
    def leaf() -> None:
        ret()

    table = Offsets([leaf])

    @routine
    def caller() -> None:
        adr(x9, table)
        ret()

    assert (
        refused(caller) == "leaf: its address is taken, so it must begin with bti.c() or a frame()"
    )


def test_a_jump_needs_a_landing() -> None:
    @routine
    def jump(where: x0) -> None:
        there = label()
        br(where, there)
        here(there)
        ret()

    assert refused(jump) == "br x0: goes to there, which must begin with bti.j()"


def test_alignment_beyond_a_page_is_refused() -> None:
    with pytest.raises(AssemblyError, match="aligned to 65536, but kernels move images by pages"):
        lay_out(taker(0, [Bss(8, align=65536, name="POOL")]))


def test_what_is_nameless_gets_a_name() -> None:
    names = lay_out(sample.start).names
    assert names[sample.start] == "start"
    assert names[sample.GREETING] == "GREETING"
    assert names[sample.NAMELESS] == "NAMELESS"
    nobodys = [Data(b"1"), Data(b"2"), Bss(8), Offsets([])]
    program = lay_out(taker(0, [*nobodys, sample.GREETING]))
    called = [program.names[place] for place in nobodys]
    assert called == ["data.1", "data.2", "bss.1", "offsets.1"]
