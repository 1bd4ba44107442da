"""LLDB, the debugger of macOS, on the executable: lines, names and types, without a process.

It reads Mach-O wherever it runs.  What it asks a running process for, nobody here can start.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from svc0.a64 import Routine, W, X
from svc0.image.dwarf.locations import meanings
from svc0.image.layout import Program, lay_out
from svc0.image.macho import BASE, HEADERS
from svc0.server.start import start
from tests.image import sample
from tests.image.images import server_whole, small, small_whole
from tests.image.macho import LC_UUID, MachO
from tests.image.tools import put
from tests.tools import need_tool

SECONDS = 120
SOME = 500
"""How many instructions of the server are asked for: all of them would take a minute."""


def ask_lldb(image: Path, commands: list[str]) -> list[str]:
    """What it answers to each; what it says of itself at its start is not looked at."""
    words = [need_tool("lldb"), "--no-lldbinit", "--batch", str(image)]
    for command in commands:
        words += ["-o", command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS)
    answers = done.stdout.split("(lldb) ")[-len(commands) :]
    return [answer.partition("\n")[2] for answer in answers]


@pytest.fixture(
    params=[(sample.start, small_whole), (start, server_whole)], ids=["small", "server"]
)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Program]:
    entry, make = request.param
    return put(tmp_path, make()), lay_out(entry, "macos", headers=HEADERS, base=BASE)


def test_lines_and_names(whole: tuple[Path, Program]) -> None:
    """Of each instruction the routine, the line, and every name that has a value there."""
    path, program = whole
    spots = [*program.spots.values()]
    spots = spots[:: 1 + len(spots) // SOME]
    answers = ask_lldb(path, [f"image lookup -v -a {spot.address:#x}" for spot in spots])
    for spot, answer in zip(spots, answers, strict=True):
        distance = spot.address - program.addresses[spot.routine]
        where = program.names[spot.routine] + (f" + {distance}" if distance else "")
        assert f"`{where} at {spot.line}\n" in answer
        names = re.findall(r'Variable: .* name = "(\w+)", .*\bDW_OP_reg(\d+) ', answer)
        assert {(name, int(n)) for name, n in names} == in_registers(
            program, spot.routine, distance
        )


def in_registers(program: Program, routine: Routine, distance: int) -> set[tuple[str, int]]:
    """The names that have a value so far into a routine, and the numbers of their registers."""
    return {
        (name, register.number)
        for (name, _), stretches in meanings(program, routine).items()
        for first, end, register in stretches
        if 4 * first <= distance < 4 * end and isinstance(register, X | W)
    }


def test_types(tmp_path: Path) -> None:
    """Structs with their fields; sets of flags are types of their own."""
    [answer] = ask_lldb(put(tmp_path, small_whole()), ["image lookup -t Counter"])
    assert re.findall(r"^    (.*);$", answer, re.M) == [
        "unsigned long value",
        "Wants wants",
        "unsigned char title[5]",
        "unsigned short half",
        "Point places[2]",
    ]


def test_a_line_has_its_place(tmp_path: Path) -> None:
    """``break`` finds the instruction of a line of Python, and the first of a routine's body."""
    program = lay_out(sample.start, "macos", headers=HEADERS, base=BASE)
    line = next(s for s in program.spots.values() if s.instruction.text.startswith("ldrh"))
    file, number = line.line.split(":")
    by_line, by_name = ask_lldb(
        put(tmp_path, small_whole()),
        [f"breakpoint set -f {file} -l {number}", "breakpoint set -n square"],
    )
    assert f"address = {line.address:#018x}" in by_line
    assert "`square + " in by_name


def test_the_uuid_is_the_files(tmp_path: Path) -> None:
    """By which it finds the whole file of a stripped one."""
    [answer] = ask_lldb(put(tmp_path, small()), ["image list"])
    assert str(UUID(bytes=MachO(small_whole()).one(LC_UUID).content[8:])).upper() in answer
