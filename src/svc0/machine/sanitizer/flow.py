"""Flow: what an instruction does to the pointers in registers, as a line of Python.

``t`` is a list of extents: what x0 to x30 and sp lead to, None for a number.  ``add x9, x0, #8`` is
``t[9] = t[0]``, so a stretch of instructions without loads and stores is a short Python function,
which is compiled once and costs what a few assignments do.

    mov, add and sub of a number, alignment     the same object
    add of a struct's field                     that field of it
    pointer + number, pointer - number          the same object
    table + what was loaded from it (Offsets)   the place that entry leads to
    pointer - pointer into the same object      a number
    adr, adrp, lo12                             the constant or variable
    anything else done to a pointer             a number; ``lost`` counts where that happened

Loads, stores, conditional selects, system calls and notes are not here: what they do depends on
what is in registers when they run (steps.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from svc0.a64 import SP, Extend, Field, Place, Shift, X, lo12
from svc0.a64.listing import Instruction

__all__ = ["NUMBER", "STACK", "Constants", "flow", "numbers", "slot"]

STACK = 31
NUMBER = 36
"""A place in the list that never holds a pointer."""

GENERAL = (1 << 31) - 1
UPPER = 32
ADDRESS_BITS = 0xFFFF_FFFF_F000
"""Bits of an address that say which page it is in."""

BRANCHES = ("b", "bl", "blr", "br", "ret", "cbz", "cbnz", "tbz", "tbnz")
SIGNING = ("pac", "aut", "xpac")

Constants = Callable[[object], str]
"""Gives a value a name that a line can use."""


def slot(register: object) -> int:
    """Where the list has a register; a w is a number, and so is zero."""
    if isinstance(register, SP):
        return STACK
    return register.number if isinstance(register, X) else NUMBER


def numbers(parts: int) -> list[int]:
    """The general registers of a set of parts."""
    return [n for n in range(31) if parts & GENERAL & 1 << n]


def sources(instruction: Instruction) -> list[int]:
    """The registers of which an instruction reads all, so that it may read an address."""
    return [n for n in numbers(instruction.reads) if instruction.reads >> n + UPPER & 1]


def flow(i: Instruction, constant: Constants) -> str:
    """The line for an instruction, or nothing where no register may change its object."""
    if i.name in BRANCHES or i.name.startswith("b."):
        return "t[30] = None" if i.name in ("bl", "blr") else ""
    if i.name.startswith(SIGNING):
        return ""
    written = numbers(i.writes | i.clobbers)
    special = SPECIAL.get(i.name)
    target = i.operands[0] if i.operands else None
    if special and isinstance(target, X | SP):
        line = special(i, i.operands, constant)
        if line is not None:
            return line
    if not written:
        return ""
    left = " = ".join(f"t[{n}]" for n in written)
    pointers = " or ".join(f"t[{n}]" for n in sources(i))
    return f"{left} = ({pointers}) and lost({constant(i)})" if pointers else f"{left} = None"


def move(i: Instruction, operands: tuple[Any, ...], _: Constants) -> str | None:
    """The other register's object."""
    d, n, *_rest = operands
    return f"t[{slot(d)}] = t[{slot(n)}]" if isinstance(n, X | SP) else None


def address(i: Instruction, operands: tuple[Any, ...], constant: Constants) -> str:
    """The place's object."""
    return f"t[{slot(operands[0])}] = {constant(i.to) if isinstance(i.to, Place) else None}"


def plus(i: Instruction, operands: tuple[Any, ...], constant: Constants) -> str | None:
    """The object of the one that is a pointer; with a field of it, that field."""
    d, n, m, *how = operands
    if isinstance(m, Field):
        return f"t[{slot(d)}] = t[{slot(n)}] and t[{slot(n)}].narrowed({constant(m)})"
    if isinstance(m, int | type(lo12(Place()))):
        return f"t[{slot(d)}] = t[{slot(n)}]"
    if not isinstance(n, X | SP):
        return None
    d, n, m = slot(d), slot(n), slot(m)
    if shifts(how):
        return f"t[{d}] = lost({constant(i)}) if t[{m}] else t[{n}]"
    both = f"total(t[{n}], t[{m}], {constant(i)}) if t[{n}] and t[{m}]"
    return f"t[{d}] = {both} else t[{n}] or t[{m}]"


def minus(i: Instruction, operands: tuple[Any, ...], constant: Constants) -> str | None:
    """The object of the first, or the distance of two pointers into the same object."""
    d, n, m, *how = operands
    if isinstance(m, int):
        return f"t[{slot(d)}] = t[{slot(n)}]"
    d, n, m = slot(d), slot(n), slot(m)
    if shifts(how):
        return f"t[{d}] = lost({constant(i)}) if t[{m}] else t[{n}]"
    return f"t[{d}] = distance(t[{n}], t[{m}], {constant(i)}) if t[{m}] else t[{n}]"


def shifts(how: list[Shift | Extend | None]) -> bool:
    """Whether the last operand is not taken as it is."""
    return any(isinstance(one, Shift | Extend) and one.amount for one in how)


def mask(i: Instruction, operands: tuple[Any, ...], _: Constants) -> str | None:
    """An address rounded down is an address still; where it lies in its page is a number."""
    d, n, bits = operands[:3]
    if not isinstance(bits, int):
        return None
    if bits & ADDRESS_BITS == ADDRESS_BITS:
        return f"t[{slot(d)}] = t[{slot(n)}]"
    return None if bits & ADDRESS_BITS else f"t[{slot(d)}] = None"


def round_down(i: Instruction, operands: tuple[Any, ...], constant: Constants) -> str:
    """An address rounded down is an address still."""
    d, n, m = map(slot, operands[:3])
    return f"t[{d}] = lost({constant(i)}) if t[{m}] else t[{n}]"


def multiply_add(i: Instruction, operands: tuple[Any, ...], constant: Constants) -> str:
    """A pointer and so many of something."""
    d, n, m, a = map(slot, operands)
    return f"t[{d}] = lost({constant(i)}) if t[{n}] or t[{m}] else t[{a}]"


SPECIAL: dict[str, Callable[[Instruction, tuple[Any, ...], Constants], str | None]] = {
    "mov": move,
    "adr": address,
    "adrp": address,
    "add": plus,
    "adds": plus,
    "sub": minus,
    "subs": minus,
    "and": mask,
    "bic": round_down,
    "madd": multiply_add,
}
