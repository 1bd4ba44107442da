"""Encodings: the bit diagrams of the Arm manual, as strings.

``Diagram("sf op S 100010 sh imm12 Rn Rd")`` is the box the manual draws for ADD
(immediate), from bit 31 down.  Digits are fixed bits; a name is a field, and
says how wide it is: ``R…`` is the number of a register, trailing digits count
bits, WIDTHS has the rest, and anything else is one bit.  ``simm…`` is signed.
"""

from __future__ import annotations

from .errors import EncodingError

WIDTHS = {"cond": 4, "shift": 2, "size": 2, "opc": 2, "hw": 2, "option": 3, "cmode": 4}


class Diagram:
    """The 32 bits of one encoding: fixed ones, and fields by name."""

    def __init__(self, text: str) -> None:
        self.text, self.fixed = text, 0
        self.fields: dict[str, tuple[int, int]] = {}  # name: lowest bit, width
        low = 32
        for token in text.split():
            low -= width_of(token)
            if token.isdigit():
                self.fixed |= int(token, 2) << low
            else:
                assert token not in self.fields, f"{text!r} draws {token} twice"
                self.fields[token] = low, width_of(token)
        assert low == 0, f"{text!r} draws {32 - low} bits"
        self.limits = [
            (name, low, *limits(name, width)) for name, (low, width) in self.fields.items()
        ]

    def encode(self, values: dict[str, int]) -> int:
        """The 32 bits, or EncodingError if a value has no room in its field."""
        assert values.keys() == self.fields.keys(), f"{self.text!r} given {values}"
        word = self.fixed
        for name, low, least, most in self.limits:
            value = values[name]
            if not least <= value <= most:
                raise EncodingError(f"{name} holds {least} to {most}, not {value}")
            word |= (value & most - least) << low
        return word

    def __repr__(self) -> str:
        return f"Diagram({self.text!r})"


def limits(name: str, width: int) -> tuple[int, int]:
    """The least and the most that a field holds."""
    half = 1 << (width - 1) if name.startswith("simm") else 0
    return -half, (1 << width) - 1 - half


def width_of(token: str) -> int:
    """How many bits a token of a diagram stands for."""
    if token.isdigit():
        return len(token)
    if token.startswith("R"):
        return 5
    digits = token.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return int(digits) if digits.isdigit() else WIDTHS.get(token, 1)


def bitmask_fields(value: int, bits: int) -> dict[str, int] | None:
    """N, immr6 and imms6 of a logical instruction's immediate; None if it is not one.

    Such a number repeats an element of 2 to 64 bits, which is a run of ones
    rotated right (Arm manual, DecodeBitMasks).
    """
    value &= (1 << bits) - 1
    if value in (0, (1 << bits) - 1):
        return None
    size = bits
    while size > 2:
        half = size // 2
        if value & (1 << half) - 1 != value >> half & (1 << half) - 1:
            break
        size = half
    element = value & (1 << size) - 1
    for rotation in range(size):  # turn it left until the run of ones lies at the bottom
        turned = (element << rotation | element >> size - rotation) & (1 << size) - 1
        if turned & turned + 1 == 0:
            ones = turned.bit_count()
            imms = (~(size * 2 - 1) & 0x3F) | ones - 1
            return {"N": int(size == 64), "immr6": rotation, "imms6": imms}
    return None
