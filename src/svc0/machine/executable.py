"""An executable: what a process is loaded from, whatever kind of file it is."""

from __future__ import annotations

from typing import TypeAlias

from . import elf, macho
from .elf import Elf
from .macho import MachO

Executable: TypeAlias = Elf | MachO


def read(content: bytes) -> Executable:
    """Either, by its first bytes; MachineError says in plain words why it cannot be run."""
    return macho.parse(content) if macho.is_one(content) else elf.parse(content)
