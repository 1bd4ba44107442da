"""Vector operands: registers seen as rows of elements, single elements, scalars and lists.

An arrangement says how many elements of how many bits: ``v0.b16`` is v0.16b.  In the
diagrams it is two fields, ``size`` (of an element) and ``Q`` (all of the register, or
half); operands that must be arranged alike give the same two, and those of a row
that widens or narrows give ``size`` as the manual counts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any

from . import parts
from .errors import EncodingError
from .operands import Fields, Number, Operand, Role, Shift, listed
from .registers import VS, B, D, H, Lane, Part, Q, S, V, Vector

B_ONLY, BH, BHS = "b8 b16", "b8 b16 h4 h8", "b8 b16 h4 h8 s2 s4"
HS, BHSD = "h4 h8 s2 s4", "b8 b16 h4 h8 s2 s4 d2"
NARROW = ("b8 h4 s2", "b16 h8 s4")
"""The narrow side of a row that widens: the lower half; for names that end in 2, the upper half."""
WIDE = "h8 s4 d2"

SCALARS: dict[str, type[Part]] = {"b": B, "h": H, "s": S, "d": D, "q": Q}
BITS = {"b": 8, "h": 16, "s": 32, "d": 64, "q": 128}


def size_of(bits: int) -> int:
    """The manual's size of an element: 0 for bytes to 3 for doublewords, and 4."""
    return bits.bit_length() - 4


class OfVectors(Operand):
    """What all vector operands share: a field for the register, and a role."""

    def __init__(self, field: str, role: Role = "") -> None:
        self.field = field
        self.role = role or ("w" if field == "Rd" else "r")

    def registers(self, value: Any) -> Iterable[V]:
        """The vector registers that a value names."""
        raise NotImplementedError

    def reads(self, value: Any) -> int:
        return parts.read(*self.registers(value)) if "r" in self.role else parts.NOTHING

    def writes(self, value: Any) -> int:
        return parts.written(*self.registers(value)) if "w" in self.role else parts.NOTHING


class Vectors(OfVectors):
    """A vector register in one of some arrangements.

    ``up=1`` where elements are twice what ``size`` says, ``half=False`` where Q is about other
    operands, ``alike=False`` where nothing needs to agree with them.
    """

    def __init__(
        self,
        field: str,
        arrangements: str,
        role: Role = "",
        *,
        up: int = 0,
        half: bool = True,
        alike: bool = True,
    ) -> None:
        super().__init__(field, role)
        self.names, self.up, self.half = arrangements.split(), up, half
        self.alike = alike
        self.syntax = f"<V{field[1:]}>.<{'|'.join(f'{a[1:]}{a[0]}' for a in self.names)}>"

    def takes(self, value: object) -> bool:
        return isinstance(value, Vector)

    def registers(self, value: Vector) -> Iterable[V]:
        return (value.register,)

    def fields(self, value: Vector) -> Fields:
        if value.name not in self.names:
            raise EncodingError(f"{listed(f'.{a}' for a in self.names)} fits here, not {value!r}")
        if not self.alike:
            return {self.field: value.register.number}
        fields = {self.field: value.register.number, "size": size_of(value.bits) - self.up}
        if self.half:
            fields["Q"] = int(value.lanes * value.bits == 128)
        return fields

    def examples(self, random: Random) -> Iterator[object]:
        for register in most(VS, random):
            for name in self.names:  # in step with the other operands of the row
                yield getattr(register, name)
                register = random.choice(VS)

    def wrong(self, random: Random) -> Iterator[object]:
        for name in ("b8", "b16", "h4", "h8", "s2", "s4", "d1", "d2"):
            if name not in self.names:
                yield getattr(VS[1], name)


def most(registers: list[Any], random: Random) -> Iterator[Any]:
    """Without end: the first and the last register, then random ones."""
    yield from (registers[0], registers[-1])
    while True:
        yield random.choice(registers)


class Scalars(OfVectors):
    """The low bits of a vector register, of one of some widths."""

    def __init__(
        self, field: str, kinds: str, role: Role = "", *, up: int = 0, alike: bool = True
    ) -> None:
        super().__init__(field, role)
        self.kinds, self.up, self.alike = kinds.split(), up, alike
        self.syntax = f"<{'|'.join(kind.upper() for kind in dict.fromkeys(self.kinds))}{field[1:]}>"

    def takes(self, value: object) -> bool:
        return isinstance(value, Part)

    def registers(self, value: Part) -> Iterable[V]:
        return (value.v,)

    def fields(self, value: Part) -> Fields:
        if value.__name__[0] not in self.kinds:
            fits = listed(dict.fromkeys(kind.upper() for kind in self.kinds))
            raise EncodingError(f"{fits} fits here, not {value!r}")
        if not self.alike:
            return {self.field: value.number}
        return {self.field: value.number, "size": size_of(value.bits) - self.up}

    def examples(self, random: Random) -> Iterator[object]:
        for register in most(VS, random):
            for kind in self.kinds:
                yield getattr(register, kind)
                register = random.choice(VS)

    def wrong(self, random: Random) -> Iterator[object]:
        for kind in "bhsdq":
            if kind not in self.kinds:
                yield getattr(VS[1], kind)


class Element(OfVectors):
    """One element of a vector register; ``place`` makes fields of its size and its index."""

    def __init__(
        self, field: str, kinds: str, place: Callable[[int, int], Fields], role: Role = ""
    ) -> None:
        super().__init__(field, role)
        self.kinds, self.place = kinds.split(), place
        self.syntax = f"<V{field[1:]}>.<{'|'.join(self.kinds)}>[<index>]"

    def takes(self, value: object) -> bool:
        return isinstance(value, Lane)

    def registers(self, value: Lane) -> Iterable[V]:
        return (value.register,)

    def fields(self, value: Lane) -> Fields:
        if value.kind not in self.kinds:
            raise EncodingError(f"{listed(f'.{k}[…]' for k in self.kinds)} fits here, not {value}")
        last = 128 // value.bits - 1
        if not 0 <= value.index <= last:
            raise EncodingError(f"{value.register} has .{value.kind}[0] to [{last}], not {value}")
        size = size_of(value.bits)
        return {self.field: value.register.number, "size": size} | self.place(size, value.index)

    def examples(self, random: Random) -> Iterator[object]:
        for register in most(VS, random):
            for kind in self.kinds:
                last = 128 // BITS[kind] - 1
                index = random.choice((0, last, random.randint(0, last)))
                yield getattr(register, kind)[index]
                register = random.choice(VS)

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (v[128 // v.bits] for v in (getattr(VS[1], kind) for kind in self.kinds))
        yield from (getattr(VS[1], kind)[-1] for kind in self.kinds)
        yield from (getattr(VS[1], kind)[0] for kind in "bhsd" if kind not in self.kinds)


def imm5_of(size: int, index: int) -> Fields:
    """An element as imm5: the index, a one, and as many zeros as the size."""
    return {"imm5": (index << 1 | 1) << size}


def imm4_of(size: int, index: int) -> Fields:
    """An element as imm4: the index, and as many zeros as the size."""
    return {"imm4": index << size}


class Run(OfVectors):
    """Registers one after the other, arranged alike: ``(v0.b16, v1.b16)``; one may stand alone."""

    def __init__(self, field: str, count: int, arrangements: str, role: Role = "") -> None:
        super().__init__(field, role)
        self.count, self.names = count, arrangements.split()
        shape = "|".join(f"{a[1:]}{a[0]}" for a in self.names)
        self.syntax = (
            "{" + ", ".join(f"<V{field[1:]}{n or ''}>.<{shape}>" for n in range(count)) + "}"
        )

    def takes(self, value: object) -> bool:
        items = as_list(value)
        return len(items) == self.count and all(isinstance(item, Vector) for item in items)

    def registers(self, value: Vector | tuple[Vector, ...]) -> Iterable[V]:
        return (item.register for item in as_list(value))

    def fields(self, value: Vector | tuple[Vector, ...]) -> Fields:
        items = as_list(value)
        first = items[0]
        if first.name not in self.names:
            raise EncodingError(f"{listed(f'.{a}' for a in self.names)} fits here, not {first!r}")
        follows_on(items, [getattr(r, first.name) for r in after(first.register, self.count)])
        return {
            self.field: first.register.number,
            "size": size_of(first.bits),
            **self.shape(first),
        }

    def shape(self, first: Vector) -> Fields:
        """Which half of the registers is meant, and how many bytes all of them are."""
        return {"Q": int(first.name in FULL), "bytes": self.count * first.lanes * first.bits // 8}

    def show(self, value: Vector | tuple[Vector, ...]) -> str:
        return "{" + ", ".join(map(repr, as_list(value))) + "}"

    def examples(self, random: Random) -> Iterator[object]:
        for register in most(VS, random):
            for name in self.names:
                items = tuple(getattr(r, name) for r in after(register, self.count))
                yield items if self.count > 1 or random.random() < 0.5 else items[0]
                register = random.choice(VS)

    def wrong(self, random: Random) -> Iterator[object]:
        name = self.names[0]
        if self.count > 1:
            yield (getattr(VS[0], name), *(getattr(VS[9], name) for _ in range(self.count - 1)))
            yield (VS[0].b8, *(r.b16 for r in after(VS[1], self.count - 1)))
        for other in ("b8", "h4", "d1"):
            if other not in self.names:
                yield tuple(getattr(r, other) for r in after(VS[0], self.count))


FULL = ("b16", "h8", "s4", "d2")


class Table(Run):
    """The registers that ``tbl`` looks its bytes up in: always whole ones."""

    def __init__(self, count: int) -> None:
        super().__init__("Rn", count, "b16")

    def fields(self, value: Vector | tuple[Vector, ...]) -> Fields:
        return {self.field: super().fields(value)[self.field]}


class ElementRun(OfVectors):
    """The same element of registers one after the other: ``(v0.b[3], v1.b[3])``."""

    def __init__(self, field: str, count: int, bits: int, role: Role) -> None:
        super().__init__(field, role)
        self.count, self.bits, self.kind = count, bits, "bhsd"[size_of(bits)]
        names = ", ".join(f"<V{field[1:]}{n or ''}>.{self.kind}" for n in range(count))
        self.syntax = f"{{{names}}}[<index>]"

    def takes(self, value: object) -> bool:
        items = as_list(value)
        return len(items) == self.count and all(
            isinstance(item, Lane) and item.bits == self.bits for item in items
        )

    def registers(self, value: Lane | tuple[Lane, ...]) -> Iterable[V]:
        return (item.register for item in as_list(value))

    def fields(self, value: Lane | tuple[Lane, ...]) -> Fields:
        items = as_list(value)
        first, last = items[0], 128 // self.bits - 1
        if not 0 <= first.index <= last:
            raise EncodingError(f"{first.register} has .{self.kind}[0] to [{last}], not {first}")
        row = after(first.register, self.count)
        follows_on(items, [Lane(register, self.bits, first.index) for register in row])
        # The index lies in Q, S and size, from the top down: bytes need all four bits.
        index = first.index << size_of(self.bits)
        fields = {self.field: first.register.number, "bytes": self.count * self.bits // 8}
        fields |= {"Q": index >> 3, "S": index >> 2 & 1}
        return fields | {"size": index & 3, "size1": index >> 1 & 1}

    def show(self, value: Lane | tuple[Lane, ...]) -> str:
        items = as_list(value)
        names = ", ".join(f"{item.register}.{self.kind}" for item in items)
        return f"{{{names}}}[{items[0].index}]"

    def examples(self, random: Random) -> Iterator[object]:
        last = 128 // self.bits - 1
        for register in most(VS, random):
            index = random.choice((0, last, random.randint(0, last)))
            items = tuple(Lane(r, self.bits, index) for r in after(register, self.count))
            yield items if self.count > 1 else items[0]

    def wrong(self, random: Random) -> Iterator[object]:
        for index in (-1, 128 // self.bits):
            yield tuple(Lane(r, self.bits, index) for r in after(VS[3], self.count))
        if self.count > 1:
            yield tuple(Lane(VS[3], self.bits, 0) for _ in range(self.count))


def as_list(value: Any) -> tuple[Any, ...]:
    """A list of registers, of which one may be written without its parentheses."""
    return value if isinstance(value, tuple) else (value,)  # pyright: ignore[reportUnknownVariableType]


def after(register: V, count: int) -> list[V]:
    """So many registers from one on; after v31 comes v0."""
    return [VS[(register.number + n) % 32] for n in range(count)]


def follows_on(items: Iterable[object], expected: list[Any]) -> None:
    """Refuse a list whose registers do not follow each other."""
    if list(items) != expected:
        raise EncodingError(
            f"registers one after the other fit here: {listed(map(repr, expected))}"
        )


class Bytes(Number):
    """How far a structure load steps on: exactly the bytes that it moves."""

    def __init__(self, choices: Iterable[int]) -> None:
        self.choices = sorted(set(choices))
        super().__init__("bytes", 1, 64)
        self.syntax = f"#<{'|'.join(map(str, self.choices))}>"

    def examples(self, random: Random) -> Iterator[object]:
        while True:
            yield random.choice(self.choices)

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (0, -8, 5, 128)


class ByElement(Number):
    """A shift by a number: left by 0 to bits - 1 of an element, right by 1 to bits."""

    def __init__(self, arrangements: str, *, right: bool = False) -> None:
        self.widths = [BITS[name[0]] for name in arrangements.split()]
        self.right = right
        super().__init__("shift", int(right), max(self.widths) - (not right))

    def examples(self, random: Random) -> Iterator[object]:
        while True:
            for bits in self.widths:
                last = bits - (not self.right)
                yield random.choice((self.low, last, random.randint(self.low, last)))


def immh_and_immb(fields: Fields) -> Fields:
    """The element's bits plus a left shift."""
    bits, shift = 8 << fields["size"], fields["shift"]
    if shift >= bits:
        raise EncodingError(f"0 to {bits - 1} fits here, not {shift}")
    return fields | {"immh4": bits + shift >> 3, "immb3": shift & 7}


def immh_and_immb_right(fields: Fields) -> Fields:
    """Twice the element's bits minus a right shift."""
    bits, shift = 8 << fields["size"], fields["shift"]
    if shift > bits:
        raise EncodingError(f"1 to {bits} fits here, not {shift}")
    return fields | {"immh4": 2 * bits - shift >> 3, "immb3": -shift & 7}


class Byte(Number):
    """Eight bits, which lie in two fields."""

    def __init__(self) -> None:
        super().__init__("imm8", 0, 255)

    def place(self, value: int) -> Fields:
        return {"abc3": value >> 5, "defgh5": value & 31}


class ByteMask(Operand):
    """64 bits, each byte of which is 0 or 0xff."""

    syntax = "#<imm64>"

    def takes(self, value: object) -> bool:
        return isinstance(value, int)

    def fields(self, value: int) -> Fields:
        content = (value % (1 << 64)).to_bytes(8, "big")
        if not -(1 << 63) <= value < 1 << 64 or set(content) - {0, 0xFF}:
            raise EncodingError(f"64 bits whose bytes are 0x00 or 0xff fit here, not {value:#x}")
        bits = sum((byte & 1) << 7 - n for n, byte in enumerate(content))
        return {"abc3": bits >> 5, "defgh5": bits & 31}

    def show(self, value: int) -> str:
        return f"#{value % (1 << 64):#x}"

    def examples(self, random: Random) -> Iterator[object]:
        yield from (0, (1 << 64) - 1, 0xFF, 0xFF << 56)
        while True:
            yield int.from_bytes(random.choices((0, 0xFF), k=8), "big")

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (1, 0xFE, 0x1FF, 1 << 64)


class ByteShift(Operand):
    """Where the byte of a modified immediate lies: ``lsl(8)``; with ``msl`` ones follow it."""

    def __init__(self, kind: str, amounts: Iterable[int], place: Callable[[int], Fields]) -> None:
        self.kind, self.amounts, self.place = kind, list(amounts), place
        self.optional = kind == "lsl"
        choices = f"{kind} #<{'|'.join(map(str, self.amounts))}>"
        self.syntax = f"{{{choices}}}" if self.optional else choices

    def takes(self, value: object) -> bool:
        if value is None:
            return self.optional
        return isinstance(value, Shift) and (value.kind == "msl") == (self.kind == "msl")

    def fields(self, value: Shift | None) -> Fields:
        kind, amount = (value.kind, value.amount) if value else (self.kind, 0)
        if kind != self.kind or amount not in self.amounts:
            raise EncodingError(
                f"{self.kind} by {listed(map(str, self.amounts))} fits here, not {value}"
            )
        return self.place(self.amounts.index(amount))

    def examples(self, random: Random) -> Iterator[object]:
        if self.optional:
            yield None
        while True:
            yield Shift(self.kind, random.choice([n for n in self.amounts if n]))

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (Shift(self.kind, 32), Shift(self.kind, 4))
        if self.kind == "lsl":
            yield Shift("lsr", 8)


class Zero(Number):
    """The number zero, which some comparisons have instead of a register."""

    def __init__(self) -> None:
        super().__init__("zero", 0, 0)
        self.syntax = "#0"
