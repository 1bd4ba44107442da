"""Mnemonics: names for rows of the manual, each row a diagram and its operands.

A *form* is a diagram with the operands that fill it; a *row* is a form with the
bits that tell one mnemonic from another of its shape put in.  A mnemonic called
with operands looks for the row whose operands take them, encodes them at once,
so that what does not fit is refused at its line, and writes the instruction to
the open listing.  From the rows come the tests against other assemblers and the
table in the manual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from . import parts
from .encoding import Diagram
from .errors import AssemblyError, EncodingError
from .listing import Instruction, listing, where
from .operands import Fields, Operand, To, show
from .places import Label, Place, name_places
from .platforms import settled
from .registers import x30

MNEMONICS: dict[str, Mnemonic] = {}
"""Every mnemonic by its name in the manual, for tests and documentation."""


@dataclass(frozen=True)
class Effect:
    """What an instruction does beyond what its operands say."""

    reads: int = parts.NOTHING
    writes: int = parts.NOTHING
    clobbers: int = parts.NOTHING
    also: tuple[Label, ...] = ()
    ends: bool = False
    sp: int = 0


NO_EFFECT = Effect()


class Form:
    """A diagram, the operands that fill it, and what it does to the flags.

    Where operands decide bits together (the place and the width of a bit field), ``finish`` makes the diagram's
    fields of what the operands gave.
    """

    def __init__(
        self,
        diagram: str,
        *operands: Operand,
        reads: int = parts.NOTHING,
        writes: int = parts.NOTHING,
        finish: Callable[[Fields], Fields] | None = None,
    ) -> None:
        self.diagram, self.operands = diagram, operands
        self.reads, self.writes, self.finish = reads, writes, finish


def sizes(form: Callable[[int], Form]) -> list[Form]:
    """The same form for 32 and for 64 bits; ``sf`` in its diagram is filled in."""
    forms: list[Form] = []
    for bits in (32, 64):
        made = form(bits)
        diagram = " ".join(
            str(int(bits == 64)) if token in ("sf", "N=sf") else token
            for token in made.diagram.split()
        )
        made.diagram = diagram
        forms.append(made)
    return forms


def apart(*pairs: str) -> Callable[[Fields], Fields]:
    """A ``finish`` that refuses the same register in two fields, where a processor may do anything."""
    fields_of = [tuple(pair.split()) for pair in pairs]

    def finish(fields: Fields) -> Fields:
        for one, other in fields_of:
            number = fields[one]
            if number == fields[other] and not (other == "Rn" and number == 31):
                raise EncodingError(
                    f"{one} and {other} are both register {number}, and what happens then is unpredictable"
                )
        return fields

    return finish


class Row:
    """One encoding of one mnemonic: what the manual gives a box to."""

    def __init__(self, form: Form, bits: dict[str, int]) -> None:
        self.diagram = Diagram(form.diagram)
        self.operands = form.operands
        self.bits = {name: bit for name, bit in bits.items() if name in self.diagram.fields}
        self.reads, self.writes, self.finish = form.reads, form.writes, form.finish
        if "cond" in self.diagram.fields:
            self.reads |= parts.FLAGS
        if self.bits.get("S"):
            self.writes |= parts.FLAGS
        self.least = max((n for n, o in enumerate(self.operands, 1) if not o.optional), default=0)
        self.place = next((o for o in form.operands if isinstance(o, To)), None)

    def takes(self, values: tuple[Any, ...]) -> bool:
        """Whether the values are of the kinds that stand here, whatever their size."""
        if not self.least <= len(values) <= len(self.operands):
            return False
        for operand, value in zip(self.operands, values, strict=False):
            if value is None:
                if not operand.optional:
                    return False
            elif not operand.takes(value):
                return False
        return True

    def fill(self, values: tuple[Any, ...]) -> dict[str, int]:
        """The fields of the diagram; EncodingError says which operand does not fit.

        Operands may give more than the diagram has: what ``finish`` makes fields of, and what they must agree on.
        """
        fields = dict(self.bits)
        padded = values + (None,) * (len(self.operands) - len(values))
        for operand, value in zip(self.operands, padded, strict=True):
            for name, number in operand.fields(value).items():
                if fields.get(name, number) != number:
                    raise EncodingError(
                        f"{operand.show(value)} does not go with the other operands"
                    )
                fields[name] = number
        if self.finish:
            fields = self.finish(fields)
        return {name: fields[name] for name in self.diagram.fields if name in fields}

    def reach(self, address: int, target: int, to: Place | Label) -> dict[str, int]:
        """The fields that lead from an address to another."""
        assert self.place, "only rows with a place are reached from"
        return self.place.reach(address, target, to)

    def show(self, name: str, values: tuple[Any, ...]) -> str:
        """As the manual's assembly language writes it."""
        shown = (
            operand.show(value)
            for operand, value in zip(self.operands, values, strict=False)
            if value is not None
        )
        return f"{name} {', '.join(shown)}".rstrip()

    @property
    def syntax(self) -> str:
        """The operands as the manual names them."""
        return ", ".join(operand.syntax for operand in self.operands)

    def examples(self, random: Random) -> Iterator[tuple[Any, ...]]:
        """Operands that fit, without end: each operand's extremes first."""
        operands = [operand.examples(random) for operand in self.operands]
        while True:
            values = tuple(next(examples) for examples in operands)
            try:
                self.fill(values)
            except AssemblyError:
                continue  # each fits, but not with the others
            yield values


class Mnemonic:
    """A name, and its rows; shapes derive from it and give the call its types."""

    forms: Iterable[Form] = ()

    def __init__(self, name: str, forms: Iterable[Form] | None = None, /, **bits: int) -> None:
        self.name = name
        self.rows = [Row(form, bits) for form in (self.forms if forms is None else forms)]
        assert name not in MNEMONICS, f"{name} is there twice"
        MNEMONICS[name] = self

    def write(self, *values: Any, effect: Effect = NO_EFFECT) -> None:
        """Write one instruction into the open listing."""
        page = listing()
        line, names = where(page)
        values = tuple(settled(value, page.platform) for value in values)
        while values and values[-1] is None:
            values = values[:-1]
        row, fields = self.choose(values)
        to: Place | Label | None = None
        reads, writes = row.reads | effect.reads, row.writes | effect.writes
        for operand, value in zip(row.operands, values, strict=False):
            reads |= operand.reads(value)
            writes |= operand.writes(value)
            if isinstance(operand, To):
                to = operand.place(value)
                if not to.name:
                    name_places([cast("Place", to)], page.routine.body.__globals__)
        if to is None:
            self.encodes(row, fields, values)
        clobbers = effect.clobbers
        if page.moving_sp:  # a frame keeps and gives back what it need not know
            unknown = (parts.KEPT | parts.written(x30)) & ~page.given
            reads, clobbers, writes = (
                reads & ~unknown,
                clobbers | writes & unknown,
                writes & ~unknown,
            )
        page.write(
            Instruction(
                self.name, row, values, fields, reads, writes, clobbers, to,
                effect.also, effect.ends, effect.sp, line, names,
            )
        )  # fmt: skip

    def choose(self, values: tuple[Any, ...]) -> tuple[Row, dict[str, int]]:
        """The first row that these operands fit, and what they fill in."""
        refusal: AssemblyError | None = None
        for row in self.rows:
            if row.takes(values):
                try:
                    return row, row.fill(values)
                except AssemblyError as error:
                    refusal = refusal or error
        written = f"{self.name} {', '.join(map(show, values))}".rstrip()
        if refusal:
            raise type(refusal)(f"{written}: {refusal}")
        fits = "; ".join(f"{self.name} {row.syntax}" for row in self.rows)
        raise EncodingError(f"{written}: no form takes these operands; there is {fits}")

    def encodes(self, row: Row, fields: dict[str, int], values: tuple[Any, ...]) -> None:
        """Refuse now what has no room, while the traceback still points at the line."""
        try:
            row.diagram.encode(fields)
        except EncodingError as error:
            raise EncodingError(f"{row.show(self.name, values)}: {error}") from None

    def __repr__(self) -> str:
        return self.name
