"""Parts: sets of registers and flags as integers, the alphabet of the contract checker.

A bit is one thing an instruction can set or need: the low half of a general
register (bit n), its upper half (bit 32 + n), a vector register (bit 64 + n),
the flags, and two facts about a routine that no register shows: that x30 still
holds the address to return to, and that the stack pointer was moved.
"""

from __future__ import annotations

from . import registers
from .registers import SP, WSP, Part, Register, V, W, X

NOTHING = 0
FLAGS = 1 << 96
RETURN_ADDRESS = 1 << 97
STACK = 1 << 98
"""That the stack pointer is moved: it is always set, and only frame() writes it."""

UPPER = 32
VECTOR = 64


def read(*registers: Register) -> int:
    """What reading registers needs: all of an x, the low half of a w."""
    parts = 0
    for register in registers:
        if isinstance(register, X):
            parts |= (1 << UPPER | 1) << register.number
        elif isinstance(register, W):
            parts |= 1 << register.number
        elif isinstance(register, V | Part):
            parts |= 1 << VECTOR + register.number
    return parts


def written(*registers: Register) -> int:
    """What writing them sets: setting a low half clears the upper one."""
    parts = 0
    for register in registers:
        if isinstance(register, X | W):
            parts |= (1 << UPPER | 1) << register.number
        elif isinstance(register, V | Part):
            parts |= 1 << VECTOR + register.number
        elif isinstance(register, SP | WSP):
            parts |= STACK
    return parts


def names(parts: int) -> list[str]:
    """The registers of a set, as x9, w9 (only the low half), v0, the flags.

    >>> names(read(registers.x9, registers.w1) | FLAGS)
    ['w1', 'x9', 'the flags']
    """
    found: list[str] = []
    for n in range(31):
        if parts >> n + UPPER & 1:
            found.append(f"x{n}")
        elif parts >> n & 1:
            found.append(f"w{n}")
    found += [f"v{n}" for n in range(32) if parts >> n + VECTOR & 1]
    return found + (["the flags"] if parts & FLAGS else [])


# AAPCS64: what a call may change, and what it must leave as it was.  Of v8 to v15 a routine must
# keep the low 64 bits, which is more trouble than eight registers are worth: here they are not to
# be touched.
SCRATCH = written(*registers.XS[:18], *registers.VS[:8], *registers.VS[16:]) | FLAGS
KEPT = written(*registers.XS[19:30])
KEPT_VECTORS = written(*registers.VS[8:16])
PLATFORM = written(registers.x18)
