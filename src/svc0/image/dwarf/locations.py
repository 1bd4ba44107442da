"""Locations: which register a routine's name means, and at which instructions (.debug_loclists).

A name in a routine's Python is a register, and the assembler remembers the
names at each instruction.  The contract's proof knows which registers are set
there on every way.  Where both agree a debugger can print the name; elsewhere
it says <optimized out> rather than what happens to be in the register.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import TypeAlias

from svc0.a64 import Register, Routine, V, W, X
from svc0.a64 import contract as proof
from svc0.a64.listing import Listing
from svc0.a64.parts import read

from ..layout import Program
from .numbers import counted, uleb

__all__ = ["Name", "Stretch", "location_list", "meanings", "type_of"]

Name: TypeAlias = tuple[str, str]
"""What it is called, and its type: x, w or v."""

Stretch: TypeAlias = tuple[int, int, Register]
"""From an instruction to before another, a name means this register."""

START_LENGTH, END_OF_LIST = bytes([8]), bytes([0])
REGISTER, VECTOR_REGISTER = 0x50, 64  # DW_OP_reg0; the number of v0
REGISTER_X = 0x90  # DW_OP_regx: the number follows


def type_of(register: Register) -> str:
    """``x``, ``w`` or ``v``: the types of what registers hold."""
    return "w" if isinstance(register, W) else "x" if isinstance(register, X) else "v"


def meanings(program: Program, routine: Routine) -> dict[Name, list[Stretch]]:
    """Every name of a routine, parameters first, with the instructions where it has a value."""
    page = program.listings[routine]
    found: dict[Name, list[Stretch]] = {
        (name, type_of(register)): [] for name, register in routine.parameters.items()
    }
    for n, (instruction, sure) in enumerate(zip(page.instructions, surely(page), strict=True)):
        for name, register in instruction.names.items():
            if isinstance(register, X | W | V) and not read(register) & ~sure:
                extend(found.setdefault((name, type_of(register)), []), n, register)
    return found


def surely(page: Listing) -> list[int]:
    """The parts of registers that are set before each instruction, on every way to it."""
    return [state.sure if state else 0 for state in proof.Walk(page).before]


def extend(stretches: list[Stretch], n: int, register: Register) -> None:
    """Let the last stretch go on by an instruction, or begin another."""
    if stretches and stretches[-1][1:] == (n, register):
        stretches[-1] = (stretches[-1][0], n + 1, register)
    else:
        stretches.append((n, n + 1, register))


def location_list(start: int, stretches: Sequence[Stretch]) -> bytes:
    """The list of one name in a routine that starts at an address."""
    return (
        b"".join(
            START_LENGTH
            + pack("<Q", start + 4 * first)
            + uleb(4 * (end - first))
            + counted(in_register(register))
            for first, end, register in stretches
        )
        + END_OF_LIST
    )


def in_register(register: Register) -> bytes:
    """The expression that says: it is in this register."""
    if isinstance(register, V):
        return bytes([REGISTER_X]) + uleb(VECTOR_REGISTER + register.number)
    return bytes([REGISTER + register.number])
