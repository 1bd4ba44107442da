"""Operands: what may stand at each place of an instruction, and which bits it becomes.

An ``Operand`` is one place in a form.  It takes values of one kind, turns a
value into fields of the diagram, says what it does to registers, shows the
value as the manual's assembly language does, and makes up examples of itself,
from which the tests build the instructions they compare with other assemblers.

Roles follow the manual's letters: a field called ``Rd`` is written, the other
``R…`` are read; where that is not so (what a load does to ``Rt``, what ``bfi``
keeps of ``Rd``) the form says ``"w"``, ``"r"`` or ``"rw"``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import Any, Literal, TypeVar, cast

from . import parts
from .encoding import bitmask_fields
from .errors import AssemblyError, EncodingError
from .places import Label, Place
from .registers import (
    SP,
    WS,
    WZR,
    XS,
    ZR,
    Register,
    W,
    X,
    sp,
    wsp,
    wzr,
    xzr,
)
from .structs import Field

# fmt: off
__all__ = [
    "Address", "Condition", "Extend", "PreIndexed", "Prefetch", "Shift", "lo12", "pre",
]
# fmt: on

Role = Literal["", "r", "w", "rw"]
Fields = dict[str, int]
R = TypeVar("R", W, X)


class Word(IntEnum):
    """A number that the manual's assembly language has a word for."""


class Operand:
    """One place in a form; ``syntax`` is how the manual writes it."""

    syntax = ""
    optional = False

    def takes(self, value: object) -> bool:
        """Whether a value is of this kind, whether or not it has an encoding."""
        raise NotImplementedError

    def fields(self, value: Any) -> Fields:
        """The fields of the diagram; EncodingError says what would fit."""
        raise NotImplementedError

    def reads(self, value: Any) -> int:
        return parts.NOTHING

    def writes(self, value: Any) -> int:
        return parts.NOTHING

    def on_stack(self, value: Any) -> Iterable[tuple[int, int]]:
        """Which bytes at sp it reaches, from and to, as far as that is known."""
        return ()

    def show(self, value: Any) -> str:
        return show(value)

    @staticmethod
    def refuse(fits: str, value: object) -> EncodingError:
        """What to raise for a value without an encoding."""
        return EncodingError(f"{fits} fits here, not {value}")

    def examples(self, random: Random) -> Iterator[object]:
        """Without end: first the extremes, then random ones."""
        raise NotImplementedError

    def wrong(self, random: Random) -> Iterator[object]:
        """Values of this kind that have no encoding, for the tests of what is refused."""
        yield from ()


def listed(items: Iterable[str]) -> str:
    """Choices in words: ``b, h or s``."""
    *some, last = items
    return f"{', '.join(some)} or {last}" if some else last


def show(value: object) -> str:
    """An operand as the manual's assembly language writes it."""
    if isinstance(value, Word):
        return value.name
    if isinstance(value, bool | int):
        return f"#{int(value)}"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(show, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return f"[{inside}]" if isinstance(value, list) else f"{{{inside}}}"
    return repr(value)


# --- registers ----------------------------------------------------------------


class General(Operand):
    """A general register of one width; number 31 is the stack pointer, or the zero register."""

    def __init__(
        self,
        field: str,
        bits: int,
        role: Role = "",
        *,
        stack: bool = False,
        zero: bool = True,
    ) -> None:
        self.field, self.bits, self.stack = field, bits, stack
        self.role = role or ("w" if field == "Rd" else "r")
        self.kind: type[Register] = X if bits == 64 else W
        self.last = (sp if bits == 64 else wsp) if stack else (xzr if bits == 64 else wzr)
        self.zero = zero or stack
        letter, other = "X" if bits == 64 else "W", "SP" if bits == 64 else "WSP"
        self.syntax = f"<{letter}{field[1:]}{'|' + other if stack else ''}>"

    def takes(self, value: object) -> bool:
        return isinstance(value, self.kind) or value is self.last

    def fields(self, value: Register) -> Fields:
        if value is self.last and not self.zero:
            raise EncodingError(f"a register that is not {value} fits here")
        return {self.field: value.number}

    def reads(self, value: Register) -> int:
        return parts.read(value) if "r" in self.role else parts.NOTHING

    def writes(self, value: Register) -> int:
        return parts.written(value) if "w" in self.role else parts.NOTHING

    def examples(self, random: Random) -> Iterator[object]:
        registers = [r for r in (XS if self.bits == 64 else WS) if r.number != 18]
        yield from (registers[0], registers[-1])
        if self.zero:
            yield self.last
        while True:
            yield self.last if self.zero and random.random() < 0.2 else random.choice(registers)

    def wrong(self, random: Random) -> Iterator[object]:
        if not self.zero:
            yield self.last


# --- numbers ------------------------------------------------------------------


class Number(Operand):
    """A number between two limits, in steps; ``bits`` are where it goes."""

    def __init__(
        self, field: str, low: int, high: int, step: int = 1, *, default: int | None = None
    ) -> None:
        self.field, self.low, self.high, self.step, self.default = field, low, high, step, default
        self.optional = default is not None
        self.syntax = f"#<{field.rstrip('0123456789')}>"

    def takes(self, value: object) -> bool:
        return isinstance(value, int) or (self.optional and value is None)

    def fields(self, value: int | None) -> Fields:
        value = self.default if value is None else value
        assert value is not None
        if not self.low <= value <= self.high or (value - self.low) % self.step:
            steps = f"a multiple of {self.step} from " if self.step > 1 else ""
            raise EncodingError(f"{steps}{self.low} to {self.high} fits here, not {value}")
        return self.place(value // self.step)

    def place(self, value: int) -> Fields:
        return {self.field: value}

    def examples(self, random: Random) -> Iterator[object]:
        yield from (self.low, self.high, self.low + self.step)
        while True:
            yield random.randrange(self.low, self.high + 1, self.step)

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (self.low - self.step, self.high + self.step)
        if self.step > 1:
            yield self.low + 1


class Complement(Number):
    """A number kept as some other number minus it: shifts to the left, widths of bit fields."""

    def __init__(self, low: int, high: int, place: Callable[[int], Fields], name: str) -> None:
        super().__init__(name, low, high)
        self._place = place

    def place(self, value: int) -> Fields:
        return self._place(value)


class ShiftedNumber(Operand):
    """12 bits, or 12 bits above 12 zeros: ``4095`` and ``0x7ff000`` fit."""

    syntax = "#<imm>"

    def takes(self, value: object) -> bool:
        return isinstance(value, int)

    def fields(self, value: int) -> Fields:
        if 0 <= value < 1 << 12:
            return {"sh": 0, "imm12": value}
        if 0 <= value < 1 << 24 and value % (1 << 12) == 0:
            return {"sh": 1, "imm12": value >> 12}
        raise EncodingError(
            f"0 to 4095, or a multiple of 4096 up to 0xfff000, fits here, not {value}"
        )

    def examples(self, random: Random) -> Iterator[object]:
        yield from (0, 1, 4095, 4096, 0xFFF000)
        while True:
            yield random.randrange(1 << 12) << random.choice((0, 12))

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (-1, 4097, 1 << 24)


class Bitmask(Operand):
    """A run of ones, rotated, and repeated to fill the register: what logical instructions take."""

    def __init__(self, bits: int) -> None:
        self.bits, self.syntax = bits, "#<bitmask>"

    def takes(self, value: object) -> bool:
        return isinstance(value, int)

    def fields(self, value: int) -> Fields:
        fits = -(1 << self.bits - 1) <= value < 1 << self.bits
        if fits and (fields := bitmask_fields(value, self.bits)):
            return fields
        raise EncodingError(
            f"a rotated run of ones, repeated to fill {self.bits} bits, fits here, not {value:#x}"
        )

    def show(self, value: int) -> str:
        return f"#{value & (1 << self.bits) - 1:#x}"

    def examples(self, random: Random) -> Iterator[object]:
        yield from (
            1,
            (1 << self.bits) - 2,
            1 << self.bits - 1,
            0x55555555 | 0x55555555 << self.bits - 32,
        )
        sizes = [size for size in (2, 4, 8, 16, 32, 64) if size <= self.bits]
        while True:
            size = random.choice(sizes)
            element, turn = (1 << random.randrange(1, size)) - 1, random.randrange(size)
            element = (element << turn | element >> size - turn) & (1 << size) - 1
            yield sum(element << at for at in range(0, self.bits, size))

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (0, (1 << self.bits) - 1, 5, 0x1234, 1 << self.bits)


# --- shifts and extensions ----------------------------------------------------


@dataclass(frozen=True)
class Shift:
    """How the last register is shifted before it is used: ``lsl(3)``."""

    kind: str
    amount: int

    def __repr__(self) -> str:
        return f"{self.kind} #{self.amount}"


@dataclass(frozen=True)
class Extend:
    """How the last register is extended, and then shifted left: ``uxtw(3)``."""

    kind: str
    amount: int | None = None

    def __repr__(self) -> str:
        return self.kind if self.amount is None else f"{self.kind} #{self.amount}"


SHIFTS = ("lsl", "lsr", "asr", "ror")
EXTENDS = ("uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx")


class Shifted(Operand):
    """The shift of a register operand; none is ``lsl(0)``."""

    optional = True

    def __init__(self, bits: int, kinds: int = 3) -> None:
        self.bits, self.kinds = bits, SHIFTS[:kinds]
        self.syntax = f"{{{'|'.join(self.kinds)} #<0-{bits - 1}>}}"

    def takes(self, value: object) -> bool:
        return value is None or isinstance(value, Shift)

    def fields(self, value: Shift | None) -> Fields:
        if value is None:
            return {"shift": 0, "imm6": 0}
        if value.kind not in self.kinds or not 0 <= value.amount < self.bits:
            raise EncodingError(
                f"{', '.join(self.kinds)} by 0 to {self.bits - 1} fits here, not {value}"
            )
        return {"shift": SHIFTS.index(value.kind), "imm6": value.amount}

    def examples(self, random: Random) -> Iterator[object]:
        yield from (None, Shift("lsl", self.bits - 1), Shift(self.kinds[-1], 1))
        while True:
            yield Shift(random.choice(self.kinds), random.randrange(1, self.bits))

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (Shift("lsl", self.bits), Shift("lsl", -1))
        if len(self.kinds) < 4:
            yield Shift("ror", 1)


class Extended(Operand):
    """The extension of a register operand, from one half (``w``) or from all of it."""

    def __init__(self, bits: int) -> None:
        self.bits, self.optional = bits, False
        self.kinds = ("uxtx", "sxtx") if bits == 64 else tuple(k for k in EXTENDS if k[-1] != "x")
        self.syntax = f"{'|'.join(self.kinds)} {{#<0-4>}}"

    def takes(self, value: object) -> bool:
        return isinstance(value, Extend) or (self.optional and value is None)

    def fields(self, value: Extend) -> Fields:
        amount = value.amount or 0
        if value.kind not in self.kinds or not 0 <= amount <= 4:
            raise EncodingError(f"{', '.join(self.kinds)} by 0 to 4 fits here, not {value}")
        return {"option": EXTENDS.index(value.kind), "imm3": amount}

    def examples(self, random: Random) -> Iterator[object]:
        yield from (Extend(kind) for kind in self.kinds)
        while True:
            yield Extend(random.choice(self.kinds), random.randrange(1, 5))

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (Extend(self.kinds[0], 5), Extend("uxtw" if self.bits == 64 else "uxtx", 0))


class Stacked(Operand):
    """The left shift in a sum with the stack pointer, where there is no shifted form."""

    optional = True
    syntax = "{lsl #<0-4>}"

    def __init__(self, bits: int) -> None:
        self.option = 3 if bits == 64 else 2

    def takes(self, value: object) -> bool:
        return value is None or (isinstance(value, Shift) and value.kind == "lsl")

    def fields(self, value: Shift | None) -> Fields:
        amount = value.amount if value else 0
        if not 0 <= amount <= 4:
            raise EncodingError(f"lsl by 0 to 4 fits here, not {value}")
        return {"option": self.option, "imm3": amount}

    def examples(self, random: Random) -> Iterator[object]:
        yield None
        while True:
            yield Shift("lsl", random.randrange(1, 5))

    def wrong(self, random: Random) -> Iterator[object]:
        yield Shift("lsl", 5)


class MoveShift(Operand):
    """Which halfword a wide move sets: ``lsl(16)``."""

    optional = True

    def __init__(self, bits: int) -> None:
        self.bits, self.syntax = bits, f"{{lsl #<0-{bits - 16}>}}"

    def takes(self, value: object) -> bool:
        return value is None or isinstance(value, Shift)

    def fields(self, value: Shift | None) -> Fields:
        if value is None:
            return {"hw": 0}
        if value.kind != "lsl" or value.amount not in range(0, self.bits, 16):
            raise EncodingError(
                f"lsl by a multiple of 16 up to {self.bits - 16} fits here, not {value}"
            )
        return {"hw": value.amount // 16}

    def examples(self, random: Random) -> Iterator[object]:
        yield None
        while True:
            yield Shift("lsl", random.randrange(16, self.bits, 16))

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (Shift("lsl", 8), Shift("lsl", self.bits), Shift("lsr", 16))


# --- conditions ---------------------------------------------------------------


class Condition(Word):
    """What ``cmp(n, m)`` may have found: unsigned hs, lo, hi, ls; signed ge, lt, gt, le."""

    eq = 0
    ne = 1
    hs = 2
    lo = 3
    mi = 4
    pl = 5
    vs = 6
    vc = 7
    hi = 8
    ls = 9
    ge = 10
    lt = 11
    gt = 12
    le = 13
    al = 14
    nv = 15
    cs = hs
    cc = lo

    @property
    def opposite(self) -> Condition:
        """What holds when this does not."""
        return Condition(self ^ 1)


class When(Operand):
    """A condition; some aliases encode its opposite, which ``al`` and ``nv`` do not have."""

    def __init__(self, *, inverted: bool = False) -> None:
        self.inverted, self.syntax = inverted, "<cond>"

    def takes(self, value: object) -> bool:
        return isinstance(value, Condition)

    def fields(self, value: Condition) -> Fields:
        if self.inverted and value >= Condition.al:
            raise EncodingError(f"a condition with an opposite fits here, not {value.name}")
        return {"cond": value.opposite if self.inverted else value}

    def examples(self, random: Random) -> Iterator[object]:
        conditions = list(Condition)[: 14 if self.inverted else 16]
        yield from conditions
        while True:
            yield random.choice(conditions)

    def wrong(self, random: Random) -> Iterator[object]:
        if self.inverted:
            yield from (Condition.al, Condition.nv)


# --- prefetching ----------------------------------------------------------------


class Prefetch(Word):
    """What will be wanted: data to load (pld) or store (pst), or instructions (pli); how near."""

    pldl1keep = 0
    pldl1strm = 1
    pldl2keep = 2
    pldl2strm = 3
    pldl3keep = 4
    pldl3strm = 5
    plil1keep = 8
    plil1strm = 9
    plil2keep = 10
    plil2strm = 11
    plil3keep = 12
    plil3strm = 13
    pstl1keep = 16
    pstl1strm = 17
    pstl2keep = 18
    pstl2strm = 19
    pstl3keep = 20
    pstl3strm = 21


class Wanted(Operand):
    """What a prefetch is about: a name, or a number for those without."""

    syntax = "(<prfop>|#<imm5>)"

    def takes(self, value: object) -> bool:
        return isinstance(value, int)

    def fields(self, value: int) -> Fields:
        if not 0 <= value < 32:
            raise self.refuse("a Prefetch, or 0 to 31,", value)
        return {"Rt": value}

    def examples(self, random: Random) -> Iterator[object]:
        while True:
            yield from Prefetch
            yield random.choice((6, 7, 14, 15, 22, 31))

    def wrong(self, random: Random) -> Iterator[object]:
        yield from (-1, 32)


# --- memory -------------------------------------------------------------------

Address = list[Any]


@dataclass(frozen=True)
class PreIndexed:
    """An address that is stepped before it is used: ``pre[sp, -16]``."""

    base: X | SP
    step: int

    def __repr__(self) -> str:
        return f"[{self.base}, #{self.step}]!"


class Pre:
    """``pre[x0, 16]`` is the manual's ``[x0, #16]!``."""

    def __getitem__(self, address: tuple[X | SP, int]) -> PreIndexed:
        return PreIndexed(*address)


pre = Pre()


class Memory(Operand):
    """``[base]``, and what all addresses share: the base is read, and is never half a register."""

    syntax = "[<Xn|SP>]"

    def __init__(self, *, step: bool = False) -> None:
        self.base, self.step = General("Rn", 64, "rw" if step else "r", stack=True), step

    def takes(self, value: object) -> bool:
        if not isinstance(value, list):
            return False
        address = cast("Address", value)
        return len(address) == 1 and self.base.takes(address[0])

    def fields(self, value: Address) -> Fields:
        return self.base.fields(value[0])

    def reads(self, value: Address) -> int:
        return self.base.reads(value[0])

    def writes(self, value: Address) -> int:
        return self.base.writes(value[0])

    def on_stack(self, value: Address) -> Iterable[tuple[int, int]]:
        return ((0, 1),) if value[0] is sp else ()

    def examples(self, random: Random) -> Iterator[object]:
        return ([base] for base in self.base.examples(random))


class Offset(Memory):
    """``[base, offset]``; a struct's field as the offset must be as wide as what is moved.

    ``width`` is how many bytes each register moves, where that matters, and ``count`` how many
    registers do.
    """

    def __init__(self, offset: Number, width: int | None = None, count: int = 1) -> None:
        super().__init__()
        self.offset, self.width, self.count = offset, width, count
        self.syntax = f"[<Xn|SP>{{, {offset.syntax}}}]"

    def takes(self, value: object) -> bool:
        if not isinstance(value, list):
            return False
        address = cast("Address", value)
        if not 1 <= len(address) <= 2 or not self.base.takes(address[0]):
            return False
        return len(address) == 1 or isinstance(address[1], int)

    def fields(self, value: Address) -> Fields:
        offset = value[1] if len(value) == 2 else 0
        if self.width and isinstance(offset, Field) and not holds(offset, self.width):
            raise AssemblyError(f"this moves {self.width} bytes, but {offset!r} has {offset.width}")
        return super().fields(value) | self.offset.fields(int(offset))

    def on_stack(self, value: Address) -> Iterable[tuple[int, int]]:
        if value[0] is not sp:
            return ()
        first = int(value[1]) if len(value) == 2 else 0
        return ((first, first + (self.width or 1) * self.count),)

    def examples(self, random: Random) -> Iterator[object]:
        offsets = self.offset.examples(random)
        for base in self.base.examples(random):
            yield [base, next(offsets)]

    def wrong(self, random: Random) -> Iterator[object]:
        return ([sp, offset] for offset in self.offset.wrong(random))


def holds(field: Field, width: int) -> bool:
    """Whether so many bytes are what a field is made of: one of it, or several of an array."""
    if field.count > 1:
        return width % field.width == 0 and width <= field.size if field.width else True
    return field.width in (0, width)


class Before(Operand):
    """``[base, offset]!``: the base is stepped first."""

    def __init__(self, offset: Number) -> None:
        self.base = General("Rn", 64, "rw", stack=True)
        self.offset, self.syntax = offset, f"[<Xn|SP>, {offset.syntax}]!"

    def takes(self, value: object) -> bool:
        return isinstance(value, PreIndexed)

    def fields(self, value: PreIndexed) -> Fields:
        return self.base.fields(value.base) | self.offset.fields(value.step)

    def reads(self, value: PreIndexed) -> int:
        return self.base.reads(value.base)

    def writes(self, value: PreIndexed) -> int:
        return self.base.writes(value.base)

    def examples(self, random: Random) -> Iterator[object]:
        offsets = self.offset.examples(random)
        for base in self.base.examples(random):
            yield PreIndexed(base, next(offsets))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def wrong(self, random: Random) -> Iterator[object]:
        return (PreIndexed(XS[0], offset) for offset in self.offset.wrong(random))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Indexed(Memory):
    """``[base, index]``, the index an x, or a w extended; scaled by the size of what is moved."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.syntax = f"[<Xn|SP>, (<Wm>|<Xm>){{, uxtw|sxtw|lsl|sxtx {{#0|#{scale}}}}}]"

    def takes(self, value: object) -> bool:
        if not isinstance(value, list):
            return False
        address = cast("Address", value)
        return (
            2 <= len(address) <= 3
            and self.base.takes(address[0])
            and isinstance(address[1], X | W | ZR | WZR)
        )

    def fields(self, value: Address) -> Fields:
        index, how = value[1], value[2] if len(value) == 3 else None
        narrow = isinstance(index, W | WZR)
        kinds = ("uxtw", "sxtw") if narrow else ("lsl", "sxtx")
        kind = how.kind if how else None
        if kind not in (kinds if narrow else (*kinds, None)):
            raise EncodingError(f"{' or '.join(kinds)} fits an index in {index}, not {how}")
        amount = how.amount if how else None
        if amount not in (None, 0, self.scale):
            raise EncodingError(f"a shift by 0 or {self.scale} fits here, not {amount}")
        option = 3 if kind in ("lsl", None) else EXTENDS.index(str(kind))
        scaled = amount is not None and amount == self.scale
        return super().fields(value) | {"Rm": index.number, "option": option, "scaled": scaled}

    def reads(self, value: Address) -> int:
        return super().reads(value) | parts.read(value[1])

    def examples(self, random: Random) -> Iterator[object]:
        bases, xs, ws = (
            o.examples(random) for o in (self.base, General("Rm", 64), General("Rm", 32))
        )
        while True:
            yield [next(bases), next(xs)]
            yield [next(bases), next(xs), Shift("lsl", self.scale)]
            yield [next(bases), next(xs), Extend("sxtx", random.choice((None, self.scale)))]
            yield [next(bases), next(ws), Extend("uxtw", random.choice((None, self.scale)))]
            yield [next(bases), next(ws), Extend("sxtw", random.choice((None, self.scale)))]

    def wrong(self, random: Random) -> Iterator[object]:
        yield [XS[0], XS[1], Shift("lsl", self.scale + 1)]
        yield [XS[0], XS[1], Shift("lsr", self.scale)]
        yield [XS[0], XS[1], Extend("uxtw")]
        yield [XS[0], WS[1]]


# --- places -------------------------------------------------------------------


class To(Operand):
    """A place to branch to, or whose address is taken, as a distance from the instruction."""

    def __init__(self, field: str, step: int = 4) -> None:
        self.field, self.step, self.syntax = field, step, "<label>"
        self.bits = int(field.removeprefix("simm").removeprefix("imm"))

    def takes(self, value: object) -> bool:
        return isinstance(value, Label | Place)

    def place(self, value: Any) -> Place | Label:
        """What the operand is the place of."""
        return value

    def fields(self, value: Place | Label) -> Fields:
        return {}  # known when everything has its address

    def reach(self, address: int, target: int, to: Place | Label) -> Fields:
        """The fields that lead from an address to another."""
        distance = target - address
        if distance % self.step:
            raise EncodingError(f"{to} is not at a multiple of {self.step} from here")
        distance //= self.step
        if not -(1 << self.bits - 1) <= distance < 1 << self.bits - 1:
            most = (1 << self.bits - 1) * self.step
            raise EncodingError(f"{to} is {target - address:+} bytes away; {most} is the most")
        return {self.field: distance}

    def show(self, value: Place | Label) -> str:
        return repr(value)

    def examples(self, random: Random) -> Iterator[object]:
        while True:
            yield Label()

    def distances(self, random: Random) -> Iterator[int]:
        """Without end, in bytes: how far a place may be, first the farthest."""
        far = (1 << self.bits - 1) * self.step
        yield from (-far, far - self.step, 0, self.step)
        while True:
            yield random.randrange(-far, far, self.step)


class AddressOf(To):
    """A place within a megabyte: its distance in bytes, in two fields."""

    def __init__(self) -> None:
        super().__init__("simm21", step=1)

    def reach(self, address: int, target: int, to: Place | Label) -> Fields:
        distance = super().reach(address, target, to)["simm21"]
        return {"immlo2": distance & 3, "simm19": distance >> 2}


class PageOf(AddressOf):
    """The page of 4 KiB that a place is in, within 4 GiB."""

    def reach(self, address: int, target: int, to: Place | Label) -> Fields:
        return super().reach(address >> 12, target >> 12, to)

    def distances(self, random: Random) -> Iterator[int]:
        return (distance << 12 for distance in super().distances(random))


@dataclass(frozen=True)
class LowBits:
    """``lo12(PLACE)``: where a place lies in its page, to add to what ``adrp`` gives."""

    of: Place

    def __repr__(self) -> str:
        return f":lo12:{self.of}"


def lo12(place: Place) -> LowBits:
    """Where a place lies in its page of 4 KiB."""
    return LowBits(place)


class InPage(To):
    """The low 12 bits of an address."""

    def __init__(self) -> None:
        super().__init__("imm12", step=1)
        self.syntax = ":lo12:<label>"

    def takes(self, value: object) -> bool:
        return isinstance(value, LowBits)

    def place(self, value: LowBits) -> Place:
        return value.of

    def reach(self, address: int, target: int, to: Place | Label) -> Fields:
        return {"imm12": target & 0xFFF}

    def examples(self, random: Random) -> Iterator[object]:
        while True:
            yield LowBits(Place())

    def distances(self, random: Random) -> Iterator[int]:
        while True:
            yield random.randrange(1 << 32)
