"""Engine: a processor as the sanitizer needs it: asked, stopped, and hooked without detours.

The bindings' own hooks cost several times what the sanitizer does in them; these are the
processor's, with nothing between.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable

from unicorn import arm64_const as arm64
from unicorn import unicorn_const as uc
from unicorn.unicorn_py3.unicorn import Uc, uclib

from ..cpu import Batch, X

__all__ = ["WRITES", "Engine", "Hooks"]

WRITES = uc.UC_MEM_WRITE
"""What a hook of loads and stores is told of a store."""

CODE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)
MEMORY = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_uint64,
    ctypes.c_int,
    ctypes.c_int64,
    ctypes.c_void_p,
)
EVERYWHERE = 1, 0

AtCode = Callable[[int, int, int, int], None]
AtMemory = Callable[[int, int, int, int, int, int], None]


class Engine:
    """What is asked of a processor in the middle of a run."""

    def __init__(self, engine: Uc, halt: Callable[[], None]) -> None:
        self.uc, self.halt = engine, halt
        """The second goes no further than the instruction that runs."""
        self._general = [Batch(engine, [number]) for number in X]
        self._flags = Batch(engine, [arm64.UC_ARM64_REG_NZCV])

    def register(self, number: int) -> int:
        """What x0 to x30 hold."""
        batch = self._general[number]
        batch.read()
        return batch.values[0]

    def flags(self) -> int:
        """N, Z, C and V, from bit 31 down."""
        self._flags.read()
        return self._flags.values[0]


class Hooks:
    """Functions that the processor calls: they must live as long as it does."""

    def __init__(
        self, engine: Engine, enter: AtCode, touch: AtMemory, arrive: AtCode, stops: Iterable[int]
    ) -> None:
        self._engine = engine.uc
        self._functions = CODE(enter), MEMORY(touch), CODE(arrive)
        self._handles: list[ctypes.c_size_t] = []
        entered, touched, arrived = self._functions
        self._hook(uc.UC_HOOK_BLOCK, entered, EVERYWHERE)
        self._hook(uc.UC_HOOK_MEM_READ | uc.UC_HOOK_MEM_WRITE, touched, EVERYWHERE)
        for address in stops:
            self._hook(uc.UC_HOOK_CODE, arrived, (address, address))

    def _hook(self, kind: int, function: object, among: tuple[int, int]) -> None:
        first, last = among
        self._handles.append(handle := ctypes.c_size_t())
        uclib.uc_hook_add(
            self._engine._uch,  # pyright: ignore[reportPrivateUsage]
            ctypes.byref(handle),
            kind,
            function,
            None,
            ctypes.c_uint64(first),
            ctypes.c_uint64(last),
        )

    def remove(self) -> None:
        """Call no more."""
        for handle in self._handles:
            uclib.uc_hook_del(self._engine._uch, handle)  # pyright: ignore[reportPrivateUsage]
        self._handles.clear()
