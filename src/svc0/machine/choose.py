"""Which machine: by name, or the best there is."""

from __future__ import annotations

from collections.abc import Callable

from . import native
from .emulator import Emulator
from .errors import MachineError, Symbols
from .machine import Machine
from .native import Native
from .qemu import Qemu

AUTO = "auto"
MACHINES: dict[str, Callable[[], Machine]] = {"native": Native, "qemu": Qemu}
NAMES = (AUTO, *MACHINES, Emulator.name)


def choose(name: str = AUTO, symbols: Symbols | None = None) -> Machine:
    """The machine of that name; "auto" is native on ARM64 Linux and Macs, else the emulator."""
    if name == AUTO:
        name = Native.name if native.is_there() else Emulator.name
    if name == Emulator.name:
        return Emulator(symbols)
    if name not in MACHINES:
        raise MachineError(f"there is no machine {name!r}: the machines are {', '.join(NAMES)}")
    return MACHINES[name]()
