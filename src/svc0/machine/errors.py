"""How a run goes wrong: a machine that is not there, a guest that did what none allows."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import Protocol


class MachineError(Exception):
    """The machine asked for cannot run this, here; the message says what would help."""


class Symbols(Protocol):
    """What knows the image's addresses by better names."""

    def locate(self, address: int) -> str | None:
        """Routine, Python line and instruction at an address of the image, as it was linked."""
        ...


@dataclass(eq=False)
class Fault(Exception):  # noqa: N818  (it is what happened, not how Python failed)
    """The guest did what the processor refuses, and is dead of a signal."""

    signal: signal.Signals
    reason: str
    address: int
    place: str
    instruction: int | None
    registers: dict[str, int] = field(repr=False)

    def __str__(self) -> str:
        shown = "no instruction" if self.instruction is None else f"{self.instruction:08x}"
        return (
            f"{self.signal.name}: {self.reason}\n    at {self.place}: {shown}\n{self._registers()}"
        )

    def _registers(self) -> str:
        cells = [f"{name:>4} {value:016x}" for name, value in self.registers.items()]
        rows = (cells[start : start + 4] for start in range(0, len(cells), 4))
        return "\n".join("    " + "  ".join(row) for row in rows)
