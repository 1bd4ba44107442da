"""ELF: other people's tools read what was meant, and a kernel's loader starts it."""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Never

import lief
import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.image.elf import HEADERS, elf
from svc0.image.layout import lay_out
from tests.image import sample
from tests.image.tools import ask, put, run, without_landing

READELF = "readelf"
PAGES = [[], ["-p", "4096"], ["-p", "16384"], ["-p", "65536"]]
PROCESSORS = [[], ["-cpu", "max"], ["-cpu", "cortex-a53"]]


@pytest.fixture(params=[True, False], ids=["stripped", "with sections"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The sample as a file."""
    return put(tmp_path, elf(sample.start, strip=request.param))


# --- what tools read ----------------------------------------------------------------


def test_readelf_sees_segments_and_rights(image: Path) -> None:
    shown = ask(READELF, "-lWn", image)
    loads = [line.split() for line in shown.splitlines() if line.strip().startswith("LOAD")]
    assert [" ".join(load[6:-1]) for load in loads] == ["R", "R E", "RW"]
    assert {load[-1] for load in loads} == {"0x10000"}
    assert "AArch64 feature: BTI, PAC" in shown
    assert "GNU_PROPERTY" in shown
    stack = next(line for line in shown.splitlines() if "GNU_STACK" in line)
    assert stack.split()[-2:] == ["RW", "0x10"]


def test_readelf_sees_symbols(tmp_path: Path) -> None:
    image = put(tmp_path, elf(sample.start, strip=False))
    program = lay_out(sample.start, headers=HEADERS)
    symbols = {
        fields[7]: (int(fields[1], 16), int(fields[2], 0), fields[3], fields[4])
        for line in ask(READELF, "-sW", image).splitlines()
        if len(fields := line.split()) == 8 and fields[0].rstrip(":").isdecimal()
    }
    for place, name in program.names.items():
        kind = "FUNC" if isinstance(place, Routine) else "OBJECT"
        binding = "GLOBAL" if place is sample.start else "LOCAL"
        assert symbols[name] == (program.addresses[place], program.size(place), kind, binding)
    assert symbols["tests/image/sample.py"][2] == "FILE"


def test_readelf_has_no_complaint(image: Path) -> None:
    """``ask`` fails on whatever is said to stderr."""
    assert ask(READELF, "--all", "--lint", "--wide", image)


def test_objdump_sees_instructions_and_traps(tmp_path: Path) -> None:
    """Nothing in .text is data: a word is an instruction of a routine, or ``udf #0``."""
    image = put(tmp_path, elf(sample.start, strip=False))
    program = lay_out(sample.start, headers=HEADERS)
    shown = ask("aarch64-linux-gnu-objdump", "-d", "-z", image)
    words = dict(re.findall(r"^ +([0-9a-f]+):\t[0-9a-f]{8} \t(.*)$", shown, re.MULTILINE))
    assert len(words) == program.text.size // 4
    for address, text in words.items():
        if int(address, 16) in program.spots:
            assert not text.startswith((".", "udf"))
        else:
            assert text.split() == ["udf", "#0"]


def test_lief_reads_the_same(image: Path) -> None:
    binary: Any = lief.parse(str(image))  # pyright: ignore[reportUnknownVariableType]
    program = lay_out(sample.start, headers=HEADERS)
    assert binary.header.file_type == lief.ELF.Header.FILE_TYPE.DYN
    assert not binary.has_interpreter
    assert binary.has_nx
    assert binary.entrypoint == program.addresses[sample.start]
    for segment in (program.text, program.constants):
        start = HEADERS if segment is program.constants else 0
        read = binary.get_content_from_virtual_address(
            segment.address + start, segment.size - start
        )
        assert bytes(read) == segment.content[start:]


def test_pyelftools_finds_every_section_in_its_segment() -> None:
    file: Any = ELFFile(io.BytesIO(elf(sample.start, strip=False)))
    mapped = [section for section in file.iter_sections() if section["sh_flags"] & 2]
    assert [s.name for s in mapped] == [".note.gnu.property", ".rodata", ".text", ".bss"]
    for section in mapped:
        assert any(segment.section_in_segment(section) for segment in file.iter_segments())


def test_same_again() -> None:
    for strip in (True, False):
        assert elf(sample.start, strip=strip) == elf(sample.start, strip=strip)


def test_no_folder_of_this_machine_gets_in() -> None:
    image = elf(sample.start, strip=False)
    assert str(Path(__file__).parents[2]).encode() not in image
    assert b"tests/image/sample.py\0" in image
    assert b"/some/where\0" in elf(sample.start, strip=False, source_root="/some/where")


def test_stripping_takes_away_only_sections() -> None:
    stripped, whole = elf(sample.start), elf(sample.start, strip=False)
    assert stripped[64:] == whole[64 : len(stripped)]
    assert stripped[:40] + stripped[48:58] == whole[:40] + whole[48:58]
    assert stripped[40:48] == bytes(8)  # where the section headers are
    assert stripped[60:64] == bytes(4)  # how many


def test_no_variables_no_segment(tmp_path: Path) -> None:
    @routine
    def nothing() -> Never:
        sample.leave_with(3)

    image = put(tmp_path, elf(nothing, strip=False))
    loads = [line for line in ask(READELF, "-lW", image).splitlines() if "LOAD" in line]
    assert len(loads) == 2
    assert ask(READELF, "--all", "--lint", "--wide", image)
    assert run(image).returncode == 3
    assert run(put(tmp_path, elf(nothing))).returncode == 3


# --- what a loader starts -----------------------------------------------------------


@pytest.mark.parametrize("pages", PAGES, ids=" ".join)
@pytest.mark.parametrize("processor", PROCESSORS, ids=" ".join)
def test_runs(image: Path, processor: Sequence[str], pages: Sequence[str]) -> None:
    done = run(image, *processor, *pages)
    assert done.returncode == sample.OK, done.stderr


def test_bti_is_enforced(tmp_path: Path) -> None:
    """The note is read: without a landing pad, an indirect call is the end under ``-cpu max``."""
    image = put(tmp_path, without_landing())
    assert run(image, "-cpu", "cortex-a53").returncode == sample.OK
    assert run(image, "-cpu", "max").returncode == -signal.SIGILL


# --- what it finds there ------------------------------------------------------------


@routine
def write(file: w0, content: x1, size: x2) -> x0:
    """What the kernel promises; never assembled."""


def dumper(places: Sequence[Data | Bss]) -> Routine:
    """A program that writes everything it has to its output."""

    @routine
    def dump() -> Never:
        for place in places:
            adrp(x1, place)
            add(x1, x1, lo12(place))
            mov(w0, 1)
            mov(x2, len(place))
            mov(x8, 64)
            svc(0, write, 0)
        sample.leave_with(0)

    return dump


@settings(deadline=None, max_examples=12)
@given(
    contents=st.lists(st.tuples(st.binary(max_size=5000), st.integers(0, 12))),
    sizes=st.lists(st.tuples(st.integers(1, 40000), st.integers(0, 12))),
    pages=st.sampled_from(PAGES),
)
def test_everything_is_in_memory(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[tuple[bytes, int]],
    sizes: list[tuple[int, int]],
    pages: list[str],
) -> None:
    places: list[Data | Bss] = [Data(content, align=1 << n) for content, n in contents]
    places += [Bss(size, align=1 << n) for size, n in sizes]
    image = put(tmp_path_factory.mktemp("dump"), elf(dumper(places)))
    expected = b"".join(bytes(p) if isinstance(p, Data) else bytes(len(p)) for p in places)
    assert run(image, *pages).stdout == expected
