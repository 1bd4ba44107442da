"""Notes: what a routine's source says of memory, for who watches it run; they write no instruction.

Some things about memory no instruction shows.  The sources say them where they happen:

    begins(x0, Buffer)            from here on x0 is that of a new Buffer; nothing in it is set
    ends(x9, Buffer)              what x9 points to is free; nobody may touch it any more
    within(x10, Workspace.log)    x10 points into this field, and must not leave it

``svc0.machine.sanitizer`` watches by them.  An image is the same, byte for byte, without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .listing import listing, where
from .registers import X
from .structs import Field, Struct

__all__ = ["begins", "ends", "within"]


@dataclass(frozen=True)
class Note:
    """Something that is true from here on."""

    register: X
    line: int


@dataclass(frozen=True)
class Begins(Note):
    """A new struct, at the address in the register."""

    kind: type[Struct]
    zeroed: bool


@dataclass(frozen=True)
class Ends(Note):
    """A struct that is no more; ``keeps`` are the fields of the free slot, ``links`` its pool's."""

    kind: type[Struct]
    keeps: tuple[Field, ...]
    links: tuple[Field, ...]


@dataclass(frozen=True)
class Within(Note):
    """A pointer to a field."""

    field: Field


def begins(register: X, kind: type[Struct], *, zeroed: bool = False) -> None:
    """From here on the register holds the address of a new struct: of zeros, or of nothing yet."""
    page = listing()
    page.note(Begins(register, where(page)[0], kind, zeroed))


def ends(
    register: X, kind: type[Struct], *, keeps: Iterable[Field] = (), links: Iterable[Field] = ()
) -> None:
    """From here on what the register holds the address of is free.

    The free slot has a meaning still in the fields that it ``keeps``, for everybody, and in those
    by which its pool ``links`` it, for the routines of the module that this is written in.
    """
    page = listing()
    page.note(Ends(register, where(page)[0], kind, tuple(keeps), tuple(links)))


def within(register: X, field: Field) -> None:
    """From here on the register points into a field of the struct it was calculated from.

    ``add(d, base, Buffer.input)`` says it by itself; this is for an address that took more.
    """
    page = listing()
    page.note(Within(register, where(page)[0], field.on(page.platform)))
