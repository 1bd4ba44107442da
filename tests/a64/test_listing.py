"""Listings: the same each time, soon enough, and the table in the manual is that of the rows."""

from __future__ import annotations

import importlib
import time
from typing import Any

from svc0.a64 import *

instructions: Any = importlib.import_module("tools.instructions")  # tests/ has tools of its own

LINES, SECONDS = 4000, 2.0
"""About as many instructions as a server has, and far more time than they take."""


@routine
def long(a: x0, data: x1) -> x0:
    """Every few instructions another kind."""
    total, byte = x9, w10
    mov(total, 0)
    for _ in range(LINES // 8):
        ldrb(byte, [data, 1])
        add(total, total, byte, uxtb())
        cmp(total, 4095)
        csel(total, total, a, Condition.lo)
        ubfx(x11, total, 3, 9)
        eor(total, total, x11, lsl(2))
        ld1(v0.b16, [data])
        cmeq(v0.b16, v0.b16, 0)
    mov(x0, total)
    ret()


def test_a_server_is_assembled_in_less_than_a_second() -> None:
    long.listing()
    start = time.process_time()
    page = long.listing()
    assert len(page.instructions) == LINES + 3
    assert time.process_time() - start < SECONDS


def test_it_is_the_same_each_time() -> None:
    def words() -> list[int]:
        return [i.encode(0, None) for i in long.listing().instructions]

    assert words() == words()


def test_a_listing_is_assembly() -> None:
    text = str(long.listing())
    assert text.startswith("long:\n    movz x9, #0\n    ldrb w10, [x1, #1]\n")


def test_no_names_but_those_of_assembly_are_exported() -> None:
    import svc0.a64

    exported = list(svc0.a64.__all__)
    assert len(exported) == len(set(exported))
    for name in ("memory", "system", "parts", "Any", "TypeVar", "Form", "Mnemonic", "annotations"):
        assert name not in exported


def test_the_table_of_instructions_is_current() -> None:
    assert instructions.PAGE.read_text() == instructions.page(), "run python -m tools.instructions"
