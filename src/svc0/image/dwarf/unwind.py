"""Unwinding: where a frame keeps what belongs to the caller (.debug_frame).

Only ``frame()`` moves the stack pointer, always in the same few instructions,
so what a debugger must know is read off the listing:

    paciasp                         from here on the return address is signed
    stp x29, x30, [sp, #-48]!       the caller's frame is 48 above sp, x29 and x30 are at sp
    mov x29, sp
    stp x19, x20, [sp, #16]         these are at sp + 16
    sub sp, sp, #32                 the caller's frame is 80 above sp
    …
    add sp, sp, #32
    ldp x19, x20, [sp, #16]
    ldp x29, x30, [sp], #48         all is as the caller had it, but for the signature
    autiasp                         and now that too

The caller's sp as it was before the call is the *frame address*; everything
counts from there.  What a call may change (x0 to x17) is declared lost, so that
a debugger does not show a callee's values in the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import pack
from typing import Final

from svc0.a64 import Routine, X, sp
from svc0.a64.listing import Instruction

from ..layout import Program
from .numbers import sized, sleb, uleb

__all__ = ["call_frames"]

SP, FRAME, RETURN_ADDRESS = 31, 29, 30
SLOT = 8

# DW_CFA_…: the two high bits are an opcode, or all are.
ADVANCE, OFFSET, RESTORE = 0x40, 0x80, 0xC0
ADVANCE_1, ADVANCE_2, UNDEFINED, DEF_CFA, DEF_CFA_OFFSET, NEGATE_SIGNED = 2, 3, 7, 12, 14, 0x2D

CIE: Final = 0xFFFF_FFFF
SCRATCH: Final = range(18)
CALLERS: Final = range(19, 29)


@dataclass
class Frame:
    """What is known of the stack at one instruction of a routine."""

    size: int = 0  # how far the frame address is above sp
    signed: bool = False
    kept: dict[int, int] = field(
        default_factory=dict[int, int]
    )  # register → below the frame address
    in_prologue: bool = False


def call_frames(program: Program) -> bytes:
    """The section: what all routines have in common, then what each does."""
    common = entry(
        pack("<IB", CIE, 4) + b"\0" + bytes([8, 0]) + uleb(4) + sleb(-SLOT) + uleb(RETURN_ADDRESS)
        + bytes([DEF_CFA]) + uleb(SP) + uleb(0)
        + b"".join(bytes([UNDEFINED, number]) for number in SCRATCH)
    )  # fmt: skip
    return common + b"".join(one(program, place) for place in program.listings)


def entry(content: bytes) -> bytes:
    """With its length, filled up (with 0, which does nothing) to a multiple of 8."""
    return sized(content + bytes(-(4 + len(content)) % 8))


def one(program: Program, routine: Routine) -> bytes:
    """The entry of one routine."""
    rules = pack("<IQQ", 0, program.addresses[routine], program.size(routine))
    if routine is program.entry and not routine.returns:
        rules += bytes([UNDEFINED, RETURN_ADDRESS])  # the kernel started it: nobody called
    frame, said = Frame(), 0
    for n, instruction in enumerate(program.listings[routine].instructions, 1):
        if change := step(frame, instruction):
            rules += advance(n - said) + change
            said = n
    return entry(rules)


def step(frame: Frame, instruction: Instruction) -> bytes:
    """Let an instruction change the frame; the rules that say how."""
    if instruction.name in ("paciasp", "autiasp"):
        frame.signed = not frame.signed
        return bytes([NEGATE_SIGNED])
    if instruction.sp:
        return move(frame, instruction)
    frame.in_prologue &= is_prologue(instruction)
    return keep(frame, instruction) if frame.in_prologue else b""


def move(frame: Frame, instruction: Instruction) -> bytes:
    """The stack pointer goes down into a frame, or up out of it."""
    frame.size -= instruction.sp
    rules = bytes([DEF_CFA_OFFSET]) + uleb(frame.size)
    if frame.size == 0:
        rules += bytes(RESTORE + number for number in frame.kept)
        frame.kept.clear()
    elif not frame.kept:
        frame.in_prologue = True
        return rules + kept_at(frame, (FRAME, RETURN_ADDRESS), frame.size)
    else:
        frame.in_prologue = False
    return rules


def is_prologue(instruction: Instruction) -> bool:
    """Whether it is one of those that follow one another at the start of a frame."""
    return instruction.name in ("mov", "stp", "str")


def keep(frame: Frame, instruction: Instruction) -> bytes:
    """A prologue's store of one or two of the caller's registers at ``[sp, 16]`` or above.

    The slots are the frame's own, so that what a body stores in its room is none of them.
    """
    *saved, memory = instruction.operands
    numbers = tuple(r.number for r in saved if isinstance(r, X) and r.number in CALLERS)
    slots = [[sp, at] for at in range(2 * SLOT, frame.size, SLOT)]
    if len(numbers) < len(saved) or frame.kept.keys() & set(numbers) or memory not in slots:
        return b""
    return kept_at(frame, numbers, frame.size - (2 + slots.index(memory)) * SLOT)


def kept_at(frame: Frame, numbers: tuple[int, ...], below: int) -> bytes:
    """Registers are stored one after another, the first so far below the frame address."""
    rules = b""
    for n, number in enumerate(numbers):
        frame.kept[number] = below - SLOT * n
        rules += bytes([OFFSET + number]) + uleb(frame.kept[number] // SLOT)
    return rules


def advance(instructions: int) -> bytes:
    """So many instructions further on."""
    if instructions < 0x40:
        return bytes([ADVANCE + instructions])
    if instructions < 0x100:
        return bytes([ADVANCE_1, instructions])
    return bytes([ADVANCE_2]) + pack("<H", instructions)
