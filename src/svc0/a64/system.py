"""Hints, barriers and system registers: what user mode may say to the processor itself."""

from __future__ import annotations

from .mnemonic import Form, Mnemonic

__all__ = ["autiasp", "bti", "nop", "paciasp"]


class Hint(Mnemonic):
    """Does nothing on a processor that does not know it."""

    forms = [Form("1101010100 0 00 011 0010 imm7 11111")]

    def __call__(self) -> None:
        self.write()


class Landing(Mnemonic):
    """Where indirect branches may land: ``bti.c()`` for calls, ``bti.j()`` for jumps, ``bti.jc()``."""

    forms = [Form("1101010100 0 00 011 0010 imm7 11111")]

    def __call__(self) -> None:
        self.write()


nop, paciasp, autiasp = Hint("nop", imm7=0), Hint("paciasp", imm7=25), Hint("autiasp", imm7=29)
bti = Landing("bti c", imm7=34)
