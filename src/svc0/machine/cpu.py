"""The processor: Unicorn, which translates ARM64 instructions for whatever CPU this host has.

Its Python bindings are half-typed, and it is kept to this module.  The processor knows registers
and mapped memory; it runs until the guest asks the kernel for something or does what it must not,
and says which it was.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

from __future__ import annotations

import ctypes
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unicorn import arm64_const as arm64
from unicorn import unicorn_const as uc
from unicorn.unicorn_py3.unicorn import Uc, UcError, uclib

# Never the address of an instruction, since those are multiples of four.
NOWHERE = (1 << 64) - 1

# Exceptions as QEMU numbers them for ARM, which is what the interrupt hook is told.
UNDEFINED, SUPERVISOR_CALL, BREAKPOINT = 1, 2, 7

X = (
    *range(arm64.UC_ARM64_REG_X0, arm64.UC_ARM64_REG_X28 + 1),
    arm64.UC_ARM64_REG_X29,
    arm64.UC_ARM64_REG_X30,
)
READ, WRITE, EXECUTE = 1, 2, 4
ACCESSES = {
    uc.UC_MEM_READ_UNMAPPED: "read of {}, where there is no memory",
    uc.UC_MEM_WRITE_UNMAPPED: "write to {}, where there is no memory",
    uc.UC_MEM_FETCH_UNMAPPED: "jump to {}, where there is no memory",
    uc.UC_MEM_READ_PROT: "read of {}, which may not be read",
    uc.UC_MEM_WRITE_PROT: "write to {}, which may not be written",
    uc.UC_MEM_FETCH_PROT: "jump to {}, which may not be executed",
}


class Cause(enum.Enum):
    """Why the processor stopped."""

    CALL = "svc"
    MEMORY = "memory"
    ILLEGAL = "illegal instruction"
    BREAKPOINT = "brk"


@dataclass(frozen=True)
class Stop:
    """Why it stopped; `detail` is a sentence's worth, for people."""

    cause: Cause
    detail: str = ""


class Cpu:
    """One ARM64 processor with every extension Unicorn has."""

    def __init__(self) -> None:
        self._uc = Uc(uc.UC_ARCH_ARM64, uc.UC_MODE_ARM)
        self._uc.ctl_set_cpu_model(arm64.UC_CPU_ARM64_MAX)
        self._stop: Stop | None = None
        self._call = Registers(self._uc, (*X[:6], X[8]))
        self.instructions = 0
        self._uc.hook_add(uc.UC_HOOK_INTR, self._interrupted)
        self._uc.hook_add(uc.UC_HOOK_MEM_INVALID, self._refused)

    def run(self) -> Stop:
        """Go on from pc until something stops it; after a call, pc is behind the `svc`."""
        self._stop = None
        while self._stop is None:
            try:
                self._uc.emu_start(self.pc, NOWHERE)
            except UcError as error:
                if self._stop is None:
                    return Stop(Cause.ILLEGAL, str(error))
            if self.pc == NOWHERE:
                return Stop(Cause.MEMORY, f"jump to {NOWHERE:#x}, where there is no memory")
        return self._stop

    def call(self) -> tuple[int, tuple[int, ...]]:
        """What Linux calls look at: x8, and x0 to x5."""
        *arguments, number = self._call.read()
        return number, tuple(arguments)

    def map(self, address: int, size: int, permissions: int, memory: int) -> None:
        """Let the guest see host memory (at the host's address `memory`)."""
        self._uc.mem_map_ptr(address, size, permissions, memory)

    def unmap(self, address: int, size: int) -> None:
        self._uc.mem_unmap(address, size)

    def count_instructions(self) -> None:
        """Keep `instructions` from now on; exact at every call, not in the middle of a fault."""

        def entered(_uc: Uc, _address: int, size: int, _data: Any) -> None:
            self.instructions += size // 4

        self._uc.hook_add(uc.UC_HOOK_BLOCK, entered)

    def trace(self, step: Callable[[int], None]) -> None:
        """Call `step` with the address of each instruction before it runs.  This is slow."""

        def stepped(_uc: Uc, address: int, _size: int, _data: Any) -> None:
            step(address)

        self._uc.hook_add(uc.UC_HOOK_CODE, stepped)

    def __getitem__(self, number: int) -> int:
        return self._uc.reg_read(X[number])

    def __setitem__(self, number: int, value: int) -> None:
        self._uc.reg_write(X[number], value % (1 << 64))

    @property
    def pc(self) -> int:
        return self._uc.reg_read(arm64.UC_ARM64_REG_PC)

    @pc.setter
    def pc(self, address: int) -> None:
        self._uc.reg_write(arm64.UC_ARM64_REG_PC, address)

    @property
    def sp(self) -> int:
        return self._uc.reg_read(arm64.UC_ARM64_REG_SP)

    @sp.setter
    def sp(self, address: int) -> None:
        self._uc.reg_write(arm64.UC_ARM64_REG_SP, address)

    def registers(self) -> dict[str, int]:
        """Everything a person wants to see after a fault."""
        flags: int = self._uc.reg_read(arm64.UC_ARM64_REG_NZCV)
        general = {f"x{number}": self[number] for number in range(len(X))}
        return {**general, "sp": self.sp, "pc": self.pc, "nzcv": flags >> 28}

    def _interrupted(self, _uc: Uc, exception: int, _data: Any) -> None:
        causes = {SUPERVISOR_CALL: Cause.CALL, BREAKPOINT: Cause.BREAKPOINT}
        self._stop = Stop(causes.get(exception, Cause.ILLEGAL))
        self._uc.emu_stop()

    def _refused(
        self, _uc: Uc, access: int, address: int, _size: int, _value: int, _data: Any
    ) -> bool:
        where = ACCESSES.get(access, "access to {}").format(f"{address % (1 << 64):#x}")
        self._stop = Stop(Cause.MEMORY, where)
        return False


class Registers:
    """A few registers that are read together, and often: one call instead of one each."""

    def __init__(self, engine: Uc, numbers: tuple[int, ...]) -> None:
        self._engine = engine
        self._count = len(numbers)
        self._numbers = (ctypes.c_int32 * self._count)(*numbers)
        self._values = (ctypes.c_uint64 * self._count)()
        start = ctypes.addressof(self._values)
        self._places = (ctypes.c_void_p * self._count)(
            *(start + 8 * place for place in range(self._count))
        )

    def read(self) -> list[int]:
        places = ctypes.cast(self._places, ctypes.POINTER(ctypes.c_void_p))
        engine = self._engine._uch  # pyright: ignore[reportPrivateUsage]
        uclib.uc_reg_read_batch(engine, self._numbers, places, self._count)
        return self._values[:]
