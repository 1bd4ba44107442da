"""Loads and stores, and addresses of places.

Brackets are memory: ``ldr(w0, [x1, 4])``; with a number after them the base is
stepped afterwards: ``ldrb(w0, [x1], 1)``; ``pre[sp, -16]`` steps it before.
What moves many vector registers at once, or takes them apart, is in simd.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar

from .mnemonic import NO_EFFECT, Effect, Form, Mnemonic, apart
from .operands import (
    Address,
    AddressOf,
    Before,
    General,
    Indexed,
    Memory,
    Number,
    Offset,
    Operand,
    PageOf,
    Prefetch,
    PreIndexed,
    Role,
    To,
    Wanted,
)
from .places import Label, Place
from .registers import WZR, ZR, B, D, H, Q, S, W, X, sp
from .vectors import Scalars

# fmt: off
__all__ = [
    "adr", "adrp", "ldnp", "ldp", "ldpsw", "ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "ldrsw", "ldur", "ldurb",
    "ldurh", "ldursb", "ldursh", "ldursw", "prfm", "prfum", "stnp", "stp", "str_", "strb", "strh", "stur", "sturb", "sturh",
]
# fmt: on

General_: TypeAlias = X | W | ZR | WZR
Scalar: TypeAlias = B | H | S | D | Q
T = TypeVar("T", X | ZR, W | WZR, S, D, Q)


def stepping(address: Address | PreIndexed, step: object) -> Effect:
    """What an address does to the stack pointer, for frame() to keep count."""
    if isinstance(address, PreIndexed):
        return Effect(sp=address.step) if address.base is sp else NO_EFFECT
    if isinstance(step, int) and address and address[0] is sp:
        return Effect(sp=step)
    return NO_EFFECT


# --- one register -------------------------------------------------------------------


def transfers(box: str, t: Operand, scale: int) -> Iterator[Form]:
    """The ways to an address, of ``1 << scale`` bytes; ``MM`` in the box is the manual's class of them."""
    width, step = 1 << scale, Number("simm9", -256, 255)
    finish = (
        apart("Rt Rn") if isinstance(t, General) else None
    )  # what the base would be is unpredictable
    yield Form(f"{box.replace('MM', '01')} imm12 Rn Rt", t, Offset(Number("imm12", 0, 4095 * width, width), width))  # fmt: skip
    yield Form(f"{box.replace('MM', '00')} 1 Rm option scaled 10 Rn Rt", t, Indexed(scale))
    yield Form(
        f"{box.replace('MM', '00')} 0 simm9 01 Rn Rt", t, Memory(step=True), step, finish=finish
    )
    yield Form(f"{box.replace('MM', '00')} 0 simm9 11 Rn Rt", t, Before(step), finish=finish)


def unscaled(box: str, t: Operand, scale: int) -> Iterator[Form]:
    """The way to an address at any distance from -256 to 255."""
    yield Form(f"{box.replace('MM', '00')} 0 simm9 00 Rn Rt", t, Offset(Number("simm9", -256, 255), 1 << scale))  # fmt: skip


class Transfer(Mnemonic):
    """Load or store one register."""

    def __call__(
        self, t: General_ | Scalar, address: Address | PreIndexed, step: int | None = None
    ) -> None:
        self.write(t, address, step, effect=stepping(address, step))


class TransferNarrow(Mnemonic):
    """Load or store the low byte or halfword of a general register."""

    def __call__(self, t: W | WZR, address: Address | PreIndexed, step: int | None = None) -> None:
        self.write(t, address, step, effect=stepping(address, step))


class TransferSigned(Mnemonic):
    """Load a byte or a halfword, and extend its sign."""

    def __call__(self, t: General_, address: Address | PreIndexed, step: int | None = None) -> None:
        self.write(t, address, step, effect=stepping(address, step))


class Load(Mnemonic):
    """Load all of a register; from a place within a megabyte, too."""

    def __call__(
        self,
        t: General_ | Scalar,
        address: Address | PreIndexed | Place | Label,
        step: int | None = None,
    ) -> None:
        if isinstance(address, Place | Label):
            return self.write(t, address)
        self.write(t, address, step, effect=stepping(address, step))


class LoadSignedWord(Mnemonic):
    """Load a word and extend its sign; from a place within a megabyte, too."""

    def __call__(
        self, t: X | ZR, address: Address | PreIndexed | Place | Label, step: int | None = None
    ) -> None:
        if isinstance(address, Place | Label):
            return self.write(t, address)
        self.write(t, address, step, effect=stepping(address, step))


class Unscaled(Mnemonic):
    """Load or store at any byte offset from -256 to 255."""

    def __call__(self, t: General_ | Scalar, address: Address) -> None:
        self.write(t, address)


Kinds: TypeAlias = Sequence[tuple[str, Operand, int]]

# The box of each, up to the address: size, 111, vector or not, MM for the way to the address, opc.
LOADS = [
    ("10 111 0 MM 01", General("Rt", 32, "w"), 2),
    ("11 111 0 MM 01", General("Rt", 64, "w"), 3),
    ("00 111 1 MM 01", Scalars("Rt", "b", "w"), 0),
    ("01 111 1 MM 01", Scalars("Rt", "h", "w"), 1),
    ("10 111 1 MM 01", Scalars("Rt", "s", "w"), 2),
    ("11 111 1 MM 01", Scalars("Rt", "d", "w"), 3),
    ("00 111 1 MM 11", Scalars("Rt", "q", "w"), 4),
]
STORES = [
    ("10 111 0 MM 00", General("Rt", 32, "r"), 2),
    ("11 111 0 MM 00", General("Rt", 64, "r"), 3),
    ("00 111 1 MM 00", Scalars("Rt", "b", "r"), 0),
    ("01 111 1 MM 00", Scalars("Rt", "h", "r"), 1),
    ("10 111 1 MM 00", Scalars("Rt", "s", "r"), 2),
    ("11 111 1 MM 00", Scalars("Rt", "d", "r"), 3),
    ("00 111 1 MM 10", Scalars("Rt", "q", "r"), 4),
]
LITERALS = [
    Form("00 011 0 00 simm19 Rt", General("Rt", 32, "w"), To("simm19")),
    Form("01 011 0 00 simm19 Rt", General("Rt", 64, "w"), To("simm19")),
    Form("00 011 1 00 simm19 Rt", Scalars("Rt", "s", "w"), To("simm19")),
    Form("01 011 1 00 simm19 Rt", Scalars("Rt", "d", "w"), To("simm19")),
    Form("10 011 1 00 simm19 Rt", Scalars("Rt", "q", "w"), To("simm19")),
]
LOAD_BYTE = [("00 111 0 MM 01", General("Rt", 32, "w"), 0)]
STORE_BYTE = [("00 111 0 MM 00", General("Rt", 32, "r"), 0)]
LOAD_HALFWORD = [("01 111 0 MM 01", General("Rt", 32, "w"), 1)]
STORE_HALFWORD = [("01 111 0 MM 00", General("Rt", 32, "r"), 1)]
LOAD_SIGNED_BYTE = [
    ("00 111 0 MM 11", General("Rt", 32, "w"), 0),
    ("00 111 0 MM 10", General("Rt", 64, "w"), 0),
]
LOAD_SIGNED_HALFWORD = [
    ("01 111 0 MM 11", General("Rt", 32, "w"), 1),
    ("01 111 0 MM 10", General("Rt", 64, "w"), 1),
]
LOAD_SIGNED_WORD = [("10 111 0 MM 10", General("Rt", 64, "w"), 2)]


def each_way(kinds: Kinds) -> list[Form]:
    """All ways to an address, for each kind of register."""
    return [form for kind in kinds for form in transfers(*kind)]


def any_distance(kinds: Kinds) -> list[Form]:
    """The unscaled way to an address, for each kind of register."""
    return [form for kind in kinds for form in unscaled(*kind)]


ldr, str_ = Load("ldr", each_way(LOADS) + LITERALS), Transfer("str", each_way(STORES))
ldrb, strb = TransferNarrow("ldrb", each_way(LOAD_BYTE)), TransferNarrow("strb", each_way(STORE_BYTE))  # fmt: skip
ldrh, strh = TransferNarrow("ldrh", each_way(LOAD_HALFWORD)), TransferNarrow("strh", each_way(STORE_HALFWORD))  # fmt: skip
ldrsb, ldrsh = TransferSigned("ldrsb", each_way(LOAD_SIGNED_BYTE)), TransferSigned("ldrsh", each_way(LOAD_SIGNED_HALFWORD))  # fmt: skip
ldrsw = LoadSignedWord("ldrsw", [*each_way(LOAD_SIGNED_WORD), Form("10 011 0 00 simm19 Rt", General("Rt", 64, "w"), To("simm19"))])  # fmt: skip

ldur, stur = Unscaled("ldur", any_distance(LOADS)), Unscaled("stur", any_distance(STORES))
ldurb, sturb = Unscaled("ldurb", any_distance(LOAD_BYTE)), Unscaled("sturb", any_distance(STORE_BYTE))  # fmt: skip
ldurh, sturh = Unscaled("ldurh", any_distance(LOAD_HALFWORD)), Unscaled("sturh", any_distance(STORE_HALFWORD))  # fmt: skip
ldursb, ldursh = Unscaled("ldursb", any_distance(LOAD_SIGNED_BYTE)), Unscaled("ldursh", any_distance(LOAD_SIGNED_HALFWORD))  # fmt: skip
ldursw = Unscaled("ldursw", any_distance(LOAD_SIGNED_WORD))


# --- two registers ------------------------------------------------------------------


def pair(load: int, *, steps: bool) -> Iterator[Form]:
    """The forms for each kind of two registers; ``MM`` is the way to the address."""
    role: Role = "w" if load else "r"
    for box, width, t, t2 in [
        (f"00 101 0 MM {load}", 4, General("Rt", 32, role), General("Rt2", 32, role)),
        (f"10 101 0 MM {load}", 8, General("Rt", 64, role), General("Rt2", 64, role)),
        (f"00 101 1 MM {load}", 4, Scalars("Rt", "s", role), Scalars("Rt2", "s", role)),
        (f"01 101 1 MM {load}", 8, Scalars("Rt", "d", role), Scalars("Rt2", "d", role)),
        (f"10 101 1 MM {load}", 16, Scalars("Rt", "q", role), Scalars("Rt2", "q", role)),
    ]:
        yield from pair_ways(box, width, t, t2, steps=steps)


def pair_ways(
    box: str, width: int, t: General | Scalars, t2: Operand, *, steps: bool
) -> Iterator[Form]:
    """The ways to the address of two registers."""
    offset = Number("simm7", -64 * width, 63 * width, width)
    twice = ("Rt Rt2",) if "w" in t.role else ()
    stepped = ("Rt Rn", "Rt2 Rn") if isinstance(t, General) else ()
    if not steps:
        yield Form(
            f"{box.replace('MM', '000')} simm7 Rt2 Rn Rt",
            t,
            t2,
            Offset(offset, width, 2),
            finish=apart(*twice),
        )
        return
    yield Form(
        f"{box.replace('MM', '010')} simm7 Rt2 Rn Rt",
        t,
        t2,
        Offset(offset, width, 2),
        finish=apart(*twice),
    )
    yield Form(
        f"{box.replace('MM', '001')} simm7 Rt2 Rn Rt",
        t,
        t2,
        Memory(step=True),
        offset,
        finish=apart(*twice, *stepped),
    )
    yield Form(
        f"{box.replace('MM', '011')} simm7 Rt2 Rn Rt",
        t,
        t2,
        Before(offset),
        finish=apart(*twice, *stepped),
    )


class Pair(Mnemonic):
    """Load or store two registers side by side."""

    def __call__(self, t: T, t2: T, address: Address | PreIndexed, step: int | None = None) -> None:
        self.write(t, t2, address, step, effect=stepping(address, step))


class PairOnce(Mnemonic):
    """Load or store two registers that will not be wanted again soon."""

    def __call__(self, t: T, t2: T, address: Address) -> None:
        self.write(t, t2, address)


ldp, stp = Pair("ldp", pair(1, steps=True)), Pair("stp", pair(0, steps=True))
ldnp, stnp = PairOnce("ldnp", pair(1, steps=False)), PairOnce("stnp", pair(0, steps=False))
ldpsw = Pair("ldpsw", pair_ways("01 101 0 MM 1", 4, General("Rt", 64, "w"), General("Rt2", 64, "w"), steps=True))  # fmt: skip


# --- addresses ----------------------------------------------------------------------


class AddressMnemonic(Mnemonic):
    """d = the address of a place within a megabyte."""

    forms = [Form("0 immlo2 10000 simm19 Rd", General("Rd", 64), AddressOf())]

    def __call__(self, d: X, place: Place | Label) -> None:
        self.write(d, place)


class PageMnemonic(AddressMnemonic):
    """d = the start of the page of 4 KiB that a place is in."""

    forms = [Form("1 immlo2 10000 simm19 Rd", General("Rd", 64), PageOf())]


adr, adrp = AddressMnemonic("adr"), PageMnemonic("adrp")


class PrefetchMemory(Mnemonic):
    """Tell the caches what will be wanted: ``prfm(Prefetch.pldl1keep, [x0])``."""

    def __call__(self, operation: Prefetch | int, address: Address | Place | Label) -> None:
        self.write(operation, address)


class PrefetchUnscaled(Mnemonic):
    """The same at any distance from -256 to 255."""

    forms = [Form("11 111 0 00 10 0 simm9 00 Rn Rt", Wanted(), Offset(Number("simm9", -256, 255)))]

    def __call__(self, operation: Prefetch | int, address: Address) -> None:
        self.write(operation, address)


prfm = PrefetchMemory("prfm", [
    Form("11 111 0 01 10 imm12 Rn Rt", Wanted(), Offset(Number("imm12", 0, 4095 << 3, 8))),
    Form("11 111 0 00 10 1 Rm option scaled 10 Rn Rt", Wanted(), Indexed(3)),
    Form("11 011 0 00 simm19 Rt", Wanted(), To("simm19")),
])  # fmt: skip
prfum = PrefetchUnscaled("prfum")
