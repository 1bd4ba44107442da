"""Mach-O: other people's tools read what was meant, and what is mapped runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Never
from uuid import UUID

import lief
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unicorn import UC_ARCH_ARM64, UC_HOOK_INTR, UC_MODE_ARM
from unicorn.arm64_const import UC_ARM64_REG_SP, UC_ARM64_REG_W0, UC_CPU_ARM64_MAX
from unicorn.unicorn import Uc

from svc0.a64 import *
from svc0.image.dwarf import debug_sections
from svc0.image.layout import Program, Spot, lay_out
from svc0.image.macho import BASE, HEADERS, executable, macho
from svc0.image.sources import source_path
from svc0.server.start import start
from tests.image import sample
from tests.image.images import OURS, server_whole, small, small_whole
from tests.image.macho import LC_MAIN, LC_UUID, PAGE, MachO
from tests.image.test_macho_dyld import DYLD
from tests.image.test_macho_kernel import KERNEL
from tests.image.test_signature import SIGNATURE
from tests.image.tools import ask, put

WHOLE = {"small": (sample.start, small_whole), "server": (start, server_whole)}
S_ATTR_DEBUG = 0x0200_0000
PROCESSOR = "--mattr=+v8.4a,+crc"


def laid_out(entry: Routine) -> Program:
    return lay_out(entry, "macos", headers=HEADERS, base=BASE)


@pytest.fixture(params=OURS)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Each of our executables, as a file."""
    return put(tmp_path, OURS[request.param]())


@pytest.fixture(params=WHOLE)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Program]:
    """Each that has symbols and debug information, and the program that it is of."""
    entry, make = WHOLE[request.param]
    return put(tmp_path, make()), laid_out(entry)


# --- what tools read ----------------------------------------------------------------


def test_lief_could_sign_it(image: Path) -> None:
    """``check_layout`` is what Apple's tools ask before they sign (cctools, checkout.c)."""
    binaries: Any = lief.MachO.parse(str(image))
    assert binaries.size == 1
    assert lief.MachO.check_layout(binaries) == (True, "")


def test_lief_reads_the_same(image: Path) -> None:
    binaries: Any = lief.MachO.parse(str(image))
    [binary], ours = binaries, MachO(image.read_bytes())
    assert binary.is_pie
    assert binary.has_code_signature
    assert [section.name for section in binary.sections] == [s.names[0] for s in ours.sections]
    assert binary.entrypoint == BASE + ours.one(LC_MAIN)["entryoff"]
    assert bytes(binary.uuid.uuid) == ours.one(LC_UUID).content[8:]
    assert [library.name for library in binary.libraries] == ["/usr/lib/libSystem.B.dylib"]
    for section in (section for section in ours.sections if section["offset"]):
        assert bytes(binary.get_section(section.names[0]).content) == ours.content(section)


def test_llvm_reads_every_load_command(image: Path) -> None:
    shown = ask("llvm-objdump", "--macho", "--private-headers", image)
    commands = MachO(image.read_bytes()).commands
    named = [name.removesuffix("_COMMAND") for name in re.findall(r"^ +cmd LC_(\w+)", shown, re.M)]
    assert named == [command.layout.name for command in commands]
    assert "malformed" not in shown


def test_llvm_reads_every_table(image: Path) -> None:
    """``ask`` fails on whatever is said to stderr."""
    shown = ask("llvm-readobj", "--file-headers", "--sections", "--symbols", "--macho-segment",
                "--macho-version-min", "--macho-dysymtab", "--macho-data-in-code",
                "--macho-indirect-symbols", "--macho-linker-options", image)  # fmt: skip
    assert "CPU_SUBTYPE_ARM64_ALL" in shown
    assert "Platform: macos" in shown
    assert "Version: 11.0" in shown


def test_nm_sees_symbols(whole: tuple[Path, Program]) -> None:
    """Routines are t, constants s, variables b; the entry alone is for others too."""
    path, program = whole
    seen = {
        (int(address, 16), name): kind
        for address, kind, name in (line.split() for line in ask("llvm-nm", path).splitlines())
    }
    expected = {
        (address, "_" + program.names[place]): "t" if isinstance(place, Routine)
        else "b" if isinstance(place, Bss) else "s"
        for place, address in program.addresses.items()
    }  # fmt: skip
    expected[program.addresses[program.entry], "_" + program.names[program.entry]] = "T"
    assert seen == expected


def test_disassembly_is_the_listing(whole: tuple[Path, Program], tmp_path: Path) -> None:
    """LLVM reads each instruction of the file as it reads our line for it; none is left out."""
    path, program = whole
    words = disassembled(path)
    assert len(words) == program.text.size // 4
    plain = [spot for spot in program.spots.values() if spot.instruction.to is None]
    source, listed = tmp_path / "listed.s", tmp_path / "listed.o"
    source.write_text("".join(spot.instruction.text + "\n" for spot in plain))
    target = "-triple=arm64-apple-macos11", PROCESSOR.removeprefix("-"), "-filetype=obj"
    assert ask("llvm-mc", *target, source, "-o", listed) == ""
    again = disassembled(listed)
    assert [words[spot.address] for spot in plain] == [again[4 * n] for n in range(len(plain))]
    for address, text in words.items():
        if (spot := program.spots.get(address)) is None:
            assert text in ("udf #0", "udf #0x0")
        elif spot.instruction.to is not None:
            assert leads(program, spot, text)


def disassembled(path: Path) -> dict[int, str]:
    """Every word of the text by its address."""
    shown = ask("llvm-objdump", "-d", "-z", "--no-show-raw-insn", PROCESSOR, path)
    lines = re.findall(r"^ *([0-9a-f]+): +\t(.*)$", shown, re.M)
    return {int(address, 16): text.replace("\t", " ") for address, text in lines}


def leads(program: Program, spot: Spot, text: str) -> bool:
    """Whether a line of the disassembly goes to what the instruction is about."""
    to, start = spot.instruction.to, program.addresses[spot.routine]
    target = start + 4 * (to.index or 0) if isinstance(to, Label) else program.addresses[to]  # pyright: ignore
    name, _, operands = text.partition(" ")
    number = int(re.findall(r"(?:#|, |^)(-?0x[0-9a-f]+|-?\d+)", operands)[-1], 0)
    wanted = {
        "adr": [target, target - spot.address],  # LLVM 22 says the one, LLVM 14 the other
        "adrp": [target & ~0xFFF],
        "add": [target & 0xFFF],
    }
    return number in wanted.get(name, [target])


# --- what a debugger reads ----------------------------------------------------------


def test_dwarfdump_has_no_complaint(whole: tuple[Path, Program]) -> None:
    shown = ask("llvm-dwarfdump", "--verify", whole[0])
    assert shown.rstrip().endswith("No errors.")


def test_symbolizer_knows_the_line_of_each_instruction(whole: tuple[Path, Program]) -> None:
    path, program = whole
    words = "--output-style=GNU", f"--obj={path}", *map(hex, program.spots)
    shown = ask("llvm-symbolizer", *words).splitlines()
    said = [(name, at.replace("./", "")) for name, at in zip(shown[::2], shown[1::2], strict=True)]
    assert said == [
        (program.names[spot.routine], f"{source_path(spot.routine)}:{spot.instruction.line}")
        for spot in program.spots.values()
    ]


def test_debug_sections_are_those_of_the_program(whole: tuple[Path, Program]) -> None:
    """With their names as Mach-O has them, where LLVM and LLDB look: in ``__DWARF``."""
    image = MachO(whole[0].read_bytes())
    found = {s.names[0]: image.content(s) for s in image.segment("__DWARF").sections}
    expected = debug_sections(whole[1])
    assert found == {"__" + name[1:]: content for name, content in expected.items()}
    assert {section["flags"] for section in image.segment("__DWARF").sections} == {S_ATTR_DEBUG}


def test_frames_are_read(whole: tuple[Path, Program]) -> None:
    path, program = whole
    shown = ask("llvm-dwarfdump", "--debug-frame", path)
    starts = re.findall(r"FDE cie=\w+ pc=([0-9a-f]+)", shown)
    assert {int(start, 16) for start in starts} == {program.addresses[r] for r in program.listings}


def test_both_files_are_one_program_for_a_debugger() -> None:
    """What is mapped to be used, and the UUID: LLDB takes the whole one for the stripped one."""
    stripped, whole = MachO(small()), MachO(small_whole())
    for name in ("__TEXT", "__DATA"):
        assert stripped.segment(name).values == whole.segment(name).values
    size = stripped.segment("__TEXT")["filesize"]
    assert stripped.file[HEADERS:size] == whole.file[HEADERS:size]
    assert stripped.one(LC_UUID).content == whole.one(LC_UUID).content
    assert stripped.one(LC_MAIN).content == whole.one(LC_MAIN).content


def test_other_programs_have_other_uuids() -> None:
    """They are marked as made from a hash (RFC 4122, version 5)."""
    uuids = {UUID(bytes=MachO(make()).one(LC_UUID).content[8:]) for make in OURS.values()}
    assert len(uuids) == 2
    assert {uuid.version for uuid in uuids} == {5}


def test_a_constant_may_change_before_the_file_is_written() -> None:
    """As settings do: the file is made of the program, and signed last."""
    program = laid_out(sample.start)
    constants, at = program.constants, program.addresses[sample.GREETING] - BASE
    content = constants.content[:at] + b"HELLO" + constants.content[at + 5 :]
    image = MachO(executable(replace(program, constants=replace(constants, content=content))))
    assert b"HELLO" in image.content(image.section("__const"))
    assert image.one(LC_UUID).content != MachO(small()).one(LC_UUID).content
    assert all(rule.is_kept(image) for rule in (*KERNEL, *DYLD, *SIGNATURE))


# --- the same source, the same bytes ------------------------------------------------


@pytest.mark.parametrize("strip", [True, False])
def test_same_again(strip: bool) -> None:
    assert macho(sample.start, strip=strip) == macho(sample.start, strip=strip)


def test_another_python_writes_the_same(tmp_path: Path) -> None:
    """In another folder, with other hashes of names, and with none of this one's caches."""
    root = Path(__file__).parents[2]
    program = (
        "import sys; from svc0.image.macho import macho; from tests.image import sample;"
        "sys.stdout.buffer.write(macho(sample.start, strip=False))"
    )
    for seed in ("1", "2"):
        surroundings = os.environ | {
            "PYTHONHASHSEED": seed, "PYTHONPATH": f"{root}/src:{root}", "TZ": f"UTC{seed}"
        }  # fmt: skip
        command = [sys.executable, "-B", "-c", program]
        done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True)
        assert done.stdout == small_whole(), done.stderr.decode()


def test_no_folder_of_this_machine_gets_in() -> None:
    image = small_whole()
    assert str(Path(__file__).parents[2]).encode() not in image
    assert b"tests/image/sample.py\0" in image
    assert b"/some/where\0" in macho(sample.start, strip=False, source_root="/some/where")


# --- what is mapped -----------------------------------------------------------------


@pytest.mark.parametrize("strip", [True, False])
def test_what_is_not_there_has_no_place(strip: bool) -> None:
    """A program without constants and variables, which keeps all rules as well."""

    @routine
    def nothing() -> Never:
        sample.leave_with(3)

    image = MachO(macho(nothing, strip=strip))
    assert image.sections[0].names[0] == "__text"
    assert "__DATA" not in [s.names[0] for s in image.segments]
    assert all(rule.is_kept(image) for rule in (*KERNEL, *DYLD, *SIGNATURE))
    assert run(image, slide=0) == 3


@pytest.mark.parametrize("slide", [0, 0x4000, 0x1234_4000, 0x7_FFFF_C000])
@pytest.mark.parametrize("make", [small, small_whole])
def test_runs_wherever_it_is_put(make: Callable[[], bytes], slide: int) -> None:
    """The sample finds everything, loaded as its load commands say."""
    assert run(MachO(make()), slide) == sample.OK


def run(image: MachO, slide: int) -> int:
    """The exit status: w0 at the first system call, from the entry on."""
    uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
    uc.ctl_set_cpu_model(UC_CPU_ARM64_MAX)
    for segment, content in image.memory:
        uc.mem_map(slide + segment["vmaddr"], -(-len(content) // PAGE) * PAGE, segment["initprot"])
        uc.mem_write(slide + segment["vmaddr"], content)
    stack = 0x10_0000
    uc.mem_map(stack, PAGE)
    uc.reg_write(UC_ARM64_REG_SP, stack + PAGE)
    uc.hook_add(UC_HOOK_INTR, lambda uc, number, data: uc.emu_stop())  # pyright: ignore
    entry = slide + image.segment("__TEXT")["vmaddr"] + image.one(LC_MAIN)["entryoff"]
    uc.emu_start(entry, 0, timeout=10_000_000)
    return uc.reg_read(UC_ARM64_REG_W0)


@settings(deadline=None, max_examples=30)
@given(
    contents=st.lists(st.tuples(st.binary(max_size=9000), st.integers(0, 12))),
    sizes=st.lists(st.tuples(st.integers(1, 40000), st.integers(0, 12))),
    strip=st.booleans(),
)
def test_everything_is_in_memory(
    contents: list[tuple[bytes, int]], sizes: list[tuple[int, int]], strip: bool
) -> None:
    places: list[Data | Bss] = [Data(content, align=1 << n) for content, n in contents]
    places += [Bss(size, align=1 << n) for size, n in sizes]

    @routine
    def mentions() -> Never:
        for place in places:
            adrp(x1, place)
        sample.leave_with(0)

    image = MachO(macho(mentions, strip=strip))
    assert all(rule.is_kept(image) for rule in (*KERNEL, *DYLD, *SIGNATURE))
    memory = [(segment["vmaddr"], content) for segment, content in image.memory]
    addresses = laid_out(mentions).addresses
    for place in places:
        address = addresses[place]
        [found] = [c[address - at :] for at, c in memory if at <= address < at + len(c)] or [b""]
        expected = bytes(place) if isinstance(place, Data) else bytes(len(place))
        assert found[: len(expected)] == expected
