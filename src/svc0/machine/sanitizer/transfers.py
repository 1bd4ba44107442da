"""Transfers: which bytes a load or a store moves, and between which registers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from svc0.a64 import SP, WZR, ZR, B, D, H, Q, S, W, X
from svc0.a64.listing import Instruction
from svc0.a64.operands import PreIndexed
from svc0.a64.registers import Lane, Vector

__all__ = ["Transfer", "is_atomic", "memory", "transfers"]

ATOMIC = (
    *("cas", "swp", "ldadd", "ldclr", "ldeor", "ldset", "ldsm", "ldum"),
    *("stadd", "stclr", "steor", "stset", "stsm", "stum", "stxr", "stlxr", "stxp", "stlxp"),
)
GENERAL = X | W | ZR | WZR


class Transfer(NamedTuple):
    """So many bytes, and the general register they are in; None for a vector's."""

    size: int
    register: X | W | ZR | WZR | None


def memory(i: Instruction) -> X | SP | None:
    """The register that holds the address, if an instruction loads or stores."""
    if i.name.startswith("prf"):  # it asks for bytes, and gets none
        return None
    for operand in i.operands:
        if isinstance(operand, PreIndexed):
            return operand.base
        if isinstance(operand, list):
            return cast("list[Any]", operand)[0]
    return None


def is_atomic(i: Instruction) -> bool:
    """Whether it may both load and store, or do neither."""
    return i.name.startswith(ATOMIC)


def transfers(i: Instruction) -> list[Transfer]:
    """What is moved, in the order of addresses."""
    moved: list[Transfer] = []
    for operand in i.operands:
        if isinstance(operand, list | PreIndexed):
            break
        if isinstance(operand, GENERAL):
            moved.append(Transfer(width(i.name, operand), operand))
        elif isinstance(operand, B | H | S | D | Q):
            moved.append(Transfer(operand.bits // 8, None))
        elif isinstance(operand, Vector | Lane | tuple):
            run = cast("Vector | Lane | tuple[Vector | Lane, ...]", operand)
            moved.append(Transfer(vectors(i.name, run), None))
    if is_atomic(i):
        whole = moved[-1].size * (2 if i.name.startswith(("casp", "stxp", "stlxp")) else 1)
        return [Transfer(whole, None)]
    return moved


def width(name: str, register: X | W | ZR | WZR) -> int:
    """How many bytes of a general register are moved."""
    if name.endswith("sw"):
        return 4
    if name.endswith("b"):
        return 1
    return 2 if name.endswith("h") else register.bits // 8


def vectors(name: str, operand: Vector | Lane | Iterable[Vector | Lane]) -> int:
    """How many bytes are moved between memory and all of these."""
    each = [operand] if isinstance(operand, Vector | Lane) else list(operand)
    one = name.endswith("r")  # ld1r and its kin: one element, to all of a register
    bits = sum(v.bits if one or isinstance(v, Lane) else v.bits * v.lanes for v in each)
    return bits // 8
