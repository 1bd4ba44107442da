"""Loads and stores of general registers, and addresses of places.

Brackets are memory: ``ldr(w0, [x1, 4])``; with a number after them the base is
stepped afterwards: ``ldrb(w0, [x1], 1)``; ``pre[sp, -16]`` steps it before.
"""

from __future__ import annotations

from .errors import AssemblyError
from .listing import listing
from .mnemonic import NO_EFFECT, Effect, Form, Mnemonic
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
    PreIndexed,
    Role,
    To,
)
from .places import Label, Place
from .registers import SP, WZR, ZR, W, X

# fmt: off
__all__ = [
    "adr", "adrp", "ldnp", "ldp", "ldpsw", "ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "ldrsw", "ldur", "ldurb",
    "ldurh", "ldursb", "ldursh", "ldursw", "prfm", "stnp", "stp", "str_", "strb", "strh", "stur", "sturb", "sturh",
]
# fmt: on

Data = X | W | ZR | WZR


def stepping(address: Address | PreIndexed, step: int | None) -> Effect:
    """What an address does to the stack pointer, which only frame() may move."""
    base = address.base if isinstance(address, PreIndexed) else address[0]
    if not isinstance(base, SP) or (step is None and not isinstance(address, PreIndexed)):
        return NO_EFFECT
    if not listing().moving_sp:
        raise AssemblyError("only frame() moves the stack pointer")
    return Effect(sp=address.step if isinstance(address, PreIndexed) else step or 0)


class Transfer(Mnemonic):
    """Load or store one register: of ``1 << size`` bytes, into or from ``bits`` bits."""

    def __init__(self, name: str, *, size: int, opc: int, literal: int | None = None, bits: tuple[int, ...] = (32,)) -> None:
        self.forms = []
        role: Role = "r" if opc == 0 else "w"
        for width in bits:
            # What a load of all of a register moves depends on the register: size 2 or 3.
            scale = size if size >= 0 else (2 if width == 32 else 3)
            # Sign extension to 32 bits is opc 3, to 64 bits opc 2.
            kind = 3 if opc == 2 and width == 32 else opc
            box, t = f"{scale:02b} 111 0 {{}} {kind:02b}", General("Rt", width, role)
            self.forms += [
                Form(box.format("01") + " imm12 Rn Rt", t, Offset(Number("imm12", 0, 4095 << scale, 1 << scale), 1 << scale)),
                Form(box.format("00") + " 1 Rm option scaled 10 Rn Rt", t, Indexed(scale)),
                Form(box.format("00") + " 0 simm9 01 Rn Rt", t, Memory(step=True), Number("simm9", -256, 255)),
                Form(box.format("00") + " 0 simm9 11 Rn Rt", t, Before(Number("simm9", -256, 255))),
            ]  # fmt: skip
            if literal is not None:
                word = literal + (width == 64 and name == "ldr")
                self.forms.append(Form(f"{word:02b} 011000 simm19 Rt", t, To("simm19")))
        super().__init__(name)

    def move(self, t: object, address: Address | PreIndexed | Place | Label, step: int | None) -> None:
        if isinstance(address, Place | Label):
            return self.write(t, address)
        self.write(t, address, step, effect=stepping(address, step))


class TransferAny(Transfer):
    """Load or store a register of either width."""

    def __call__(self, t: Data, address: Address | PreIndexed | Place, step: int | None = None) -> None:
        self.move(t, address, step)


class TransferNarrow(Transfer):
    """Load or store the low byte or halfword of a register."""

    def __call__(self, t: W | WZR, address: Address | PreIndexed, step: int | None = None) -> None:
        self.move(t, address, step)


class TransferSigned(Transfer):
    """Load a word and extend its sign."""

    def __call__(self, t: X | ZR, address: Address | PreIndexed | Place, step: int | None = None) -> None:
        self.move(t, address, step)


ALL, BOTH = -1, (32, 64)

ldrb, strb = TransferNarrow("ldrb", size=0, opc=1), TransferNarrow("strb", size=0, opc=0)
ldrh, strh = TransferNarrow("ldrh", size=1, opc=1), TransferNarrow("strh", size=1, opc=0)
ldrsb, ldrsh = TransferAny("ldrsb", size=0, opc=2, bits=BOTH), TransferAny("ldrsh", size=1, opc=2, bits=BOTH)
ldrsw = TransferSigned("ldrsw", size=2, opc=2, bits=(64,), literal=2)


class Unscaled(Mnemonic):
    """Load or store at any byte offset from -256 to 255."""

    def __init__(self, name: str, *, size: int, opc: int, bits: tuple[int, ...] = (32,)) -> None:
        self.forms = []
        role: Role = "r" if opc == 0 else "w"
        for width in bits:
            scale = size if size >= 0 else (2 if width == 32 else 3)
            kind = 3 if opc == 2 and width == 32 else opc
            self.forms.append(Form(f"{scale:02b} 111 0 00 {kind:02b} 0 simm9 00 Rn Rt", General("Rt", width, role), Offset(Number("simm9", -256, 255), 1 << scale)))  # fmt: skip
        super().__init__(name)

    def __call__(self, t: Data, address: Address) -> None:
        self.write(t, address)


ldurb, sturb = Unscaled("ldurb", size=0, opc=1), Unscaled("sturb", size=0, opc=0)
ldurh, sturh = Unscaled("ldurh", size=1, opc=1), Unscaled("sturh", size=1, opc=0)
ldursb, ldursh = Unscaled("ldursb", size=0, opc=2, bits=BOTH), Unscaled("ldursh", size=1, opc=2, bits=BOTH)
ldursw = Unscaled("ldursw", size=2, opc=2, bits=(64,))


def pair_forms(box: str, t: Operand, t2: Operand, width: int, *, steps: bool = True) -> list[Form]:
    """The forms of a pair of registers of so many bytes; ``MM`` in the box is the addressing mode."""
    offset = Number("simm7", -64 * width, 63 * width, width)
    tail = "simm7 Rt2 Rn Rt"
    forms = [Form(f"{box.replace('MM', '10')} {tail}", t, t2, Offset(offset, width))]
    if steps:
        forms += [
            Form(f"{box.replace('MM', '01')} {tail}", t, t2, Memory(step=True), offset),
            Form(f"{box.replace('MM', '11')} {tail}", t, t2, Before(offset)),
        ]
    return forms


class Pair(Mnemonic):
    """Load or store two registers side by side."""

    def __init__(self, name: str, *, load: int, signed: bool = False) -> None:
        role: Role = "w" if load else "r"
        self.forms = []
        for bits in (64,) if signed else BOTH:
            t, t2 = General("Rt", bits, role), General("Rt2", bits, role)
            opc, width = ("01", 4) if signed else (("00", 4) if bits == 32 else ("10", 8))
            self.forms += pair_forms(f"{opc} 101 0 0 MM {load}", t, t2, width)
        super().__init__(name)

    def __call__(self, t: X | W | ZR | WZR, t2: X | W | ZR | WZR, address: Address | PreIndexed, step: int | None = None) -> None:
        self.write(t, t2, address, step, effect=stepping(address, step))


class PairOnce(Mnemonic):
    """Load or store two registers that will not be wanted again soon."""

    def __init__(self, name: str, *, load: int) -> None:
        role: Role = "w" if load else "r"
        self.forms = []
        for bits, opc, width in (32, "00", 4), (64, "10", 8):
            t, t2 = General("Rt", bits, role), General("Rt2", bits, role)
            self.forms += pair_forms(f"{opc} 101 0 0 00 {load}", t, t2, width, steps=False)
        super().__init__(name)

    def __call__(self, t: Data, t2: Data, address: Address) -> None:
        self.write(t, t2, address)


stnp, ldnp, ldpsw = PairOnce("stnp", load=0), PairOnce("ldnp", load=1), Pair("ldpsw", load=1, signed=True)


class AddressMnemonic(Mnemonic):
    """d = the address of a place within a megabyte."""

    forms = [Form("0 immlo2 10000 simm19 Rd", General("Rd", 64), AddressOf())]

    def __call__(self, d: X, place: Place | Label) -> None:
        self.write(d, place)


class PageMnemonic(AddressMnemonic):
    """d = the start of the page of 4 KiB that a place is in."""

    forms = [Form("1 immlo2 10000 simm19 Rd", General("Rd", 64), PageOf())]


adr, adrp = AddressMnemonic("adr"), PageMnemonic("adrp")


class Prefetch(Mnemonic):
    """Tell the caches what will be wanted; the first operand is the manual's prfop, 0 is PLDL1KEEP."""

    forms = [Form("11 111 0 01 10 imm12 Rn imm5", Number("imm5", 0, 31), Offset(Number("imm12", 0, 4095 << 3, 8)))]  # fmt: skip

    def __call__(self, operation: int, address: Address) -> None:
        self.write(operation, address)


prfm = Prefetch("prfm")
ldr, str_ = TransferAny("ldr", size=ALL, opc=1, bits=BOTH, literal=0), TransferAny("str", size=ALL, opc=0, bits=BOTH)
ldur, stur = Unscaled("ldur", size=ALL, opc=1, bits=BOTH), Unscaled("stur", size=ALL, opc=0, bits=BOTH)
ldp, stp = Pair("ldp", load=1), Pair("stp", load=0)
