"""Frames: the only way to move the stack pointer, and so to keep a register.

``with frame(x19, x20, room=32) as leave:`` is a prologue, an epilogue and the
label between them, so that sp balances by construction:

    sp → room …                       [sp, 0] to [sp, room)
         x29, x30                     the caller's frame, the return address (signed, with PAC)
         x19, x20, …                  what is kept for the caller

The prologue's ``paciasp`` signs the return address, and is a landing pad for
indirect calls under BTI; on a CPU that knows neither it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from . import parts
from .errors import AssemblyError
from .integer import add, mov, sub
from .listing import here, label, listing
from .memory import ldp, ldr, stp, str_
from .mnemonic import Effect
from .operands import pre
from .places import Label
from .registers import X, sp, x29, x30
from .system import autiasp, paciasp

__all__ = ["frame"]

ROOM_MAX = 4080
"""Bytes of room in a frame: what one instruction can subtract, and less than a guard page."""


@contextmanager
def frame(*saved: X, room: int = 0) -> Generator[Label]:
    """Keep the return address and some of the caller's registers; sp points at the room (bytes).

    The value is the way out: ``b(leave)`` from anywhere inside puts everything
    back and carries on after the ``with``.  Raises AssemblyError for a frame
    inside of a frame, and for registers that need no keeping.
    """
    page, leave = listing(), label()
    if page.framed:
        raise AssemblyError("there is a frame() already: name all registers in the first")
    for register in saved:
        if not parts.written(register) & parts.KEPT or register is x29:
            raise AssemblyError(f"frame({register}): only x19 to x28 need keeping")
        if saved.count(register) > 1:
            raise AssemblyError(f"frame({register}, {register}): once is enough")
    if not 0 <= room <= ROOM_MAX:
        raise AssemblyError(f"frame(room={room}): 0 to {ROOM_MAX} bytes fit")
    size, room = 16 + (len(saved) + 1) // 2 * 16, (room + 15) // 16 * 16

    def each_slot(pair: Callable[..., None], single: Callable[..., None]) -> None:
        for n in range(0, len(saved), 2):
            registers = saved[n : n + 2]
            (pair if len(registers) == 2 else single)(*registers, [sp, 16 + 8 * n])

    with Moving(page):
        paciasp()
        stp(x29, x30, pre[sp, -size])
        mov(x29, sp)
        each_slot(keep, keep)
        if room:
            sub.write(sp, sp, room, effect=Effect(sp=-room))
    page.saved, page.framed, page.room = parts.written(*saved, x29, x30), True, room
    yield leave
    page.saved, page.framed, page.room = parts.NOTHING, False, 0
    if not page.routine.returns:
        return  # it never comes this way
    here(leave)
    with Moving(page):
        if room:
            add.write(sp, sp, room, effect=Effect(sp=room))
        each_slot(give_back, give_back)
        ldp.write(x29, x30, [sp], size, effect=Effect(writes=parts.RETURN_ADDRESS, sp=size))
        autiasp()


class Moving:
    """While the stack pointer may be moved."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def __enter__(self) -> None:
        self.page.moving_sp = True

    def __exit__(self, *_: object) -> None:
        self.page.moving_sp = False


def keep(*registers: Any) -> None:
    """Store what belongs to the caller, whatever it is."""
    *saved, address = registers
    (stp if len(saved) == 2 else str_).write(*saved, address)


def give_back(*registers: Any) -> None:
    """Load what belongs to the caller; from here on the routine knows nothing of it."""
    *saved, address = registers
    (ldp if len(saved) == 2 else ldr).write(*saved, address)
