"""DWARF: others' readers find the line of every instruction, every name, and every frame."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.locationlists import LocationParser
from elftools.elf.elffile import ELFFile

from svc0.a64 import *
from svc0.image.dwarf import debug_sections
from svc0.image.dwarf.locations import meanings
from svc0.image.dwarf.numbers import sleb, uleb
from svc0.image.elf import HEADERS, elf
from svc0.image.layout import Program, lay_out
from svc0.image.sources import by_source, source_path
from svc0.server.text import parse_decimal
from tests.image import sample
from tests.image.tools import ask, put


@pytest.fixture(scope="module")
def program() -> Program:
    return lay_out(sample.start, headers=HEADERS)


@pytest.fixture(scope="module")
def dwarf() -> DWARFInfo:
    return ELFFile(io.BytesIO(elf(sample.start, strip=False))).get_dwarf_info()  # pyright: ignore


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return put(tmp_path, elf(sample.start, strip=False))


def line_of_each(rows: list[tuple[int, int | None]]) -> dict[int, int]:
    """From rows where the line changes (None ends a sequence), the line of each instruction."""
    lines: dict[int, int] = {}
    for (address, line), (following, _) in pairwise(rows):
        if line is not None:
            lines |= dict.fromkeys(range(address, following, 4), line)
    return lines


def expected_lines(program: Program) -> dict[int, int]:
    return {address: spot.instruction.line for address, spot in program.spots.items()}


# --- lines --------------------------------------------------------------------------


def test_readelf_knows_the_line_of_each_instruction(image: Path, program: Program) -> None:
    shown = ask("readelf", "--debug-dump=decodedline", image)
    rows = re.findall(r"^tests/image/sample\.py +(\d+|-) +0x([0-9a-f]+)", shown, re.MULTILINE)
    lines = line_of_each([(int(at, 16), None if n == "-" else int(n)) for n, at in rows])
    assert lines == expected_lines(program)


def test_pyelftools_knows_the_line_of_each_instruction(dwarf: Any, program: Program) -> None:
    rows: list[tuple[int, int | None]] = []
    for unit in dwarf.iter_CUs():
        for entry in dwarf.line_program_for_CU(unit).get_entries():
            if entry.state:
                state = entry.state
                rows.append((state.address, None if state.end_sequence else state.line))
    assert line_of_each(rows) == expected_lines(program)


def test_addr2line_names_routine_and_line(image: Path, program: Program) -> None:
    addresses = [*map(hex, program.spots)]
    shown = ask("aarch64-linux-gnu-addr2line", "-f", "-e", image, *addresses).splitlines()
    said = [(name, at.rpartition("/")[2]) for name, at in zip(shown[::2], shown[1::2], strict=True)]
    assert said == [(program.names[spot.routine], spot.line) for spot in program.spots.values()]


def test_far_lines_and_long_stretches() -> None:
    """Every way to encode a row: near, far, backwards, after many instructions of one line."""

    @routine
    def odd(number: x0) -> None:
        def many() -> None:
            for _ in range(300):
                add(number, number, 1)

        nop()
        # ten lines without an instruction
        #
        #
        #
        #
        #
        #
        #
        #
        nop()
        for _ in range(3):
            nop()
            # fifteen lines to go back over
            #
            #
            #
            #
            #
            #
            #
            #
            #
            #
            #
            #
            #
            nop()
        many()
        ret()

    program = lay_out(odd, headers=HEADERS)
    file: Any = ELFFile(io.BytesIO(elf(odd, strip=False)))
    test_pyelftools_knows_the_line_of_each_instruction(file.get_dwarf_info(), program)


# --- entries ------------------------------------------------------------------------


def test_llvm_has_no_complaint(image: Path) -> None:
    assert ask("llvm-dwarfdump", "--verify", image).rstrip().endswith("No errors.")


def test_routines_are_where_they_are(dwarf: Any, program: Program) -> None:
    found = {
        die.attributes["DW_AT_name"].value.decode(): (
            die.attributes["DW_AT_low_pc"].value,
            die.attributes["DW_AT_high_pc"].value,
            die.attributes["DW_AT_decl_line"].value,
            "DW_AT_noreturn" in die.attributes,
        )
        for unit in dwarf.iter_CUs()
        for die in unit.iter_DIEs()
        if die.tag == "DW_TAG_subprogram"
    }
    assert found == {
        program.names[r]: (
            program.addresses[r],
            program.size(r),
            r.body.__code__.co_firstlineno,
            not r.returns,
        )
        for r in program.listings
    }


def test_names_are_in_their_registers(dwarf: Any, program: Program) -> None:
    parser: Any = LocationParser(dwarf.location_lists())
    for unit in dwarf.iter_CUs():
        for die in unit.iter_DIEs():
            if die.tag != "DW_TAG_subprogram":
                continue
            name = die.attributes["DW_AT_name"].value.decode()
            entry = next(r for r in program.listings if program.names[r] == name)
            start = program.addresses[entry]
            expected = {
                called: [(start + 4 * a, start + 4 * b, 0x50 + r.number) for a, b, r in stretches]
                for (called, _), stretches in meanings(program, entry).items()
            }
            found = {
                child.attributes["DW_AT_name"].value.decode(): [
                    (place.begin_offset, place.end_offset, place.loc_expr[0])
                    for place in parser.parse_from_attribute(
                        child.attributes["DW_AT_location"], 5, child
                    )
                ]
                for child in die.iter_children()
            }
            assert found == expected


def test_a_name_has_a_value_only_where_it_is_set() -> None:
    program = lay_out(parse_decimal)
    code = program.listings[parse_decimal].instructions
    stretches = {name: places for (name, _), places in meanings(program, parse_decimal).items()}
    assert list(stretches)[:2] == ["text", "length"]
    assert stretches["text"][0][0] == 0
    assert code[stretches["ten"][0][0] - 1].text == "movz x12, #10"
    assert code[stretches["digit"][0][0] - 1].text == "ldrb w11, [x0, x10]"
    for places in stretches.values():
        assert all(start < end for start, end, _ in places)


# --- frames -------------------------------------------------------------------------


def test_frames_say_where_everything_is_kept(dwarf: Any, program: Program) -> None:
    """In the middle of ``through``: 48 bytes of registers and 48 of room below the caller's sp."""
    frames = {
        entry["initial_location"]: entry.get_decoded().table
        for entry in dwarf.CFI_entries()
        if "initial_location" in entry.header
    }
    start = program.addresses[sample.through]
    table = {row["pc"] - start: row for row in frames[start]}
    body = max(pc for pc in table if pc <= 32)
    assert (table[body]["cfa"].reg, table[body]["cfa"].offset) == (31, 96)
    kept = {n: table[body][n].arg for n in (29, 30, 19, 20, 21)}
    assert kept == {29: -48, 30: -40, 19: -32, 20: -24, 21: -16}
    last = table[max(table)]
    assert last["cfa"].offset == 0


def test_readelf_reads_the_frames(image: Path) -> None:
    shown = ask("readelf", "--debug-dump=frames", image)
    assert shown.count(" FDE ") == 4
    assert "DW_CFA_AARCH64_negate_ra_state" in shown


# --- the small parts ----------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 300, 16384, 2**32, 2**63])
def test_numbers_come_back(value: int) -> None:
    def unsigned(content: bytes) -> int:
        return sum((byte & 0x7F) << 7 * n for n, byte in enumerate(content))

    assert unsigned(uleb(value)) == value
    for signed in (value, -value, value - 1):
        content = sleb(signed)
        read = unsigned(content) - (content[-1] >> 6 & 1) * (1 << 7 * len(content))
        assert read == signed


def test_sources_are_called_what_imports_call_them() -> None:
    assert source_path(parse_decimal) == "svc0/server/text.py"
    assert source_path(sample.start) == "tests/image/sample.py"
    assert list(by_source(lay_out(sample.start))) == ["tests/image/sample.py"]


def test_sections_are_the_same_again(program: Program) -> None:
    assert debug_sections(program) == debug_sections(program)
