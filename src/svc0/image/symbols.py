"""Symbols: what lies at an address, in the words of the source.

A machine that stops has an address; a person wants the routine, the line of
Python and the instruction that line wrote.  ``Symbols(program).locate(address)``
says it in one line:

    text.py:41: parse_decimal+24: ldrb w11, [x0, x10]     in a routine
    CRLF+1                                                in data
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from svc0.a64 import Place, Routine

from .layout import Program, Spot

__all__ = ["Symbols"]


class Symbols:
    """The addresses of one program; ``bias`` is how far the kernel has moved it."""

    def __init__(self, program: Program, bias: int = 0) -> None:
        self.program, self.bias = program, bias
        self.places: list[Place] = list(program.names)
        self.starts = [program.addresses[place] for place in self.places]

    def spots(self) -> Iterator[Spot]:
        """Every instruction, in the order of addresses (as laid out, not as moved)."""
        yield from self.program.spots.values()

    def spot(self, address: int) -> Spot | None:
        """The instruction that an address is in."""
        return self.program.spots.get((address - self.bias) & ~3)

    def place(self, address: int) -> tuple[Place, int] | None:
        """The routine or data that an address is in, and how far in."""
        n = bisect_right(self.starts, address - self.bias) - 1
        if n < 0:
            return None
        place, distance = self.places[n], address - self.bias - self.starts[n]
        return (place, distance) if distance < self.program.size(place) else None

    def name(self, address: int) -> str | None:
        """``parse_decimal+24``"""
        found = self.place(address)
        if found is None:
            return None
        place, distance = found
        return self.program.names[place] + (f"+{distance}" if distance else "")

    def address(self, name: str) -> int:
        """Where the first place of that name is; KeyError if nothing is called so."""
        for place, called in self.program.names.items():
            if called == name:
                return self.program.addresses[place] + self.bias
        raise KeyError(name)

    def locate(self, address: int) -> str | None:
        """The line, the routine and the instruction at an address; the name, if data are there."""
        spot, name = self.spot(address), self.name(address)
        if spot is None:
            return name
        return f"{spot.line}: {name}: {spot.instruction.text}"

    def routines(self) -> Iterator[tuple[int, int, Routine]]:
        """Start, size and routine, in the order of addresses (as laid out, not as moved)."""
        for place, start in zip(self.places, self.starts, strict=True):
            if isinstance(place, Routine):
                yield start, self.program.size(place), place
