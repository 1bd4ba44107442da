"""The processor: Unicorn, which translates ARM64 instructions for whatever CPU this host has.

Its Python bindings are half-typed, and it is kept to this module and to ``call``, which runs one
routine where this runs a process.  The processor knows registers and mapped memory; it runs until
the guest asks the kernel for something or does what it must not, and says which it was.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

from __future__ import annotations

import ctypes
import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from unicorn import arm64_const as arm64
from unicorn import unicorn_const as uc
from unicorn.unicorn_py3.unicorn import Uc, UcError, uclib

from .coverage import Watch, watch

# Never the address of an instruction, since those are multiples of four.
NOWHERE = (1 << 64) - 1

X = (
    *range(arm64.UC_ARM64_REG_X0, arm64.UC_ARM64_REG_X28 + 1),
    arm64.UC_ARM64_REG_X29,
    arm64.UC_ARM64_REG_X30,
)
READ, WRITE, EXECUTE = 1, 2, 4
CARRY = 1 << 29
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
    HALT = "halted"


@dataclass(frozen=True)
class Stop:
    """Why it stopped; `detail` is a sentence's worth, for people."""

    cause: Cause
    detail: str = ""


# By exception, as QEMU numbers them for ARM and the interrupt hook is told.
STOPS = {2: Stop(Cause.CALL), 7: Stop(Cause.BREAKPOINT)}
UNDEFINED = Stop(Cause.ILLEGAL)


class Cpu:
    """One ARM64 processor with every extension Unicorn has."""

    def __init__(self) -> None:
        self._uc = Uc(uc.UC_ARCH_ARM64, uc.UC_MODE_ARM)
        self._uc.ctl_set_cpu_model(arm64.UC_CPU_ARM64_MAX)
        self._stop: Stop | None = None
        self._pc = 0
        self._often = Often(self._uc)
        self._watch: Watch | None = None
        self.instructions = 0
        self._uc.hook_add(uc.UC_HOOK_INTR, self._interrupted)
        self._uc.hook_add(uc.UC_HOOK_MEM_INVALID, self._refused)

    def run(self) -> Stop:
        """Go on from pc until something stops it; after a call, pc is behind the `svc`."""
        self._stop = None
        while self._stop is None:
            try:
                self._uc.emu_start(self._pc, NOWHERE)
            except UcError as error:
                self._stop = self._stop or Stop(Cause.ILLEGAL, str(error))
            self._pc = self._often.read()
            if self._pc == NOWHERE:
                self._stop = Stop(Cause.MEMORY, f"jump to {NOWHERE:#x}, where there is no memory")
        return self._stop

    def halt(self) -> None:
        """Stop where it is, in the middle of a run: who watches it has seen enough."""
        self._stop = Stop(Cause.HALT)
        self._uc.emu_stop()

    @property
    def engine(self) -> Uc:
        """The processor itself, for who watches it."""
        return self._uc

    def call(self) -> tuple[int, tuple[int, ...]]:
        """What Linux calls look at, as it was when the processor stopped: x8, and x0 to x5."""
        return self._often.call()

    def answer(self, result: int) -> None:
        """What a call leaves in x0."""
        self._often.write(result)

    def darwin_call(self) -> tuple[int, tuple[int, ...]]:
        """The same of Darwin's: x16, and x0 to x7."""
        return self._often.darwin_call()

    def answer_darwin(self, first: int, second: int, *, failed: bool) -> None:
        """Leave x0 and x1, carry for what failed, and zero in x18, which no return keeps."""
        self._often.write_darwin(first, second, failed)

    def map(self, address: int, size: int, permissions: int, memory: int) -> None:
        """Let the guest see host memory (at the host's address `memory`)."""
        self._uc.mem_map_ptr(address, size, permissions, memory)

    def unmap(self, address: int, size: int) -> None:
        self._uc.mem_unmap(address, size)

    def watch(self, start: int, text: bytes) -> None:
        """Let coverage see what is run of a text, if that is switched on."""
        self._watch = watch(self._uc, start, text)

    def settle(self) -> None:
        """Let coverage write down what it has counted, before the process ends at once."""
        if self._watch:
            self._watch.settle()

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
        return self._pc

    @pc.setter
    def pc(self, address: int) -> None:
        self._pc = address

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
        self._stop = STOPS.get(exception, UNDEFINED)
        self._uc.emu_stop()

    def _refused(
        self, _uc: Uc, access: int, address: int, _size: int, _value: int, _data: Any
    ) -> bool:
        where = ACCESSES.get(access, "access to {}").format(f"{address % (1 << 64):#x}")
        self._stop = Stop(Cause.MEMORY, where)
        return False


class Batch:
    """Some registers, read or written in one go and without the bindings' detours.

    ``values`` are 64-bit words, ``words`` of them for each register, in its order.
    """

    def __init__(self, engine: Uc, numbers: Sequence[int], words: int = 1) -> None:
        self._engine = engine._uch  # pyright: ignore[reportPrivateUsage]
        self._count = len(numbers)
        self._numbers = (ctypes.c_int32 * self._count)(*numbers)
        self.values = (ctypes.c_uint64 * (self._count * words))()
        start = ctypes.addressof(self.values)
        places = range(start, start + 8 * words * self._count, 8 * words)
        self._places = ctypes.cast(
            (ctypes.c_void_p * self._count)(*places), ctypes.POINTER(ctypes.c_void_p)
        )

    def read(self) -> None:
        """Let ``values`` be what the registers hold."""
        uclib.uc_reg_read_batch(self._engine, self._numbers, self._places, self._count)

    def write(self) -> None:
        """Let the registers hold ``values``."""
        uclib.uc_reg_write_batch(self._engine, self._numbers, self._places, self._count)


class Often:
    """The registers of every system call: most of its time."""

    def __init__(self, engine: Uc) -> None:
        self._registers = Batch(engine, (*X[:9], X[16], arm64.UC_ARM64_REG_PC))
        self._result = Batch(engine, X[:1])
        self._outcome = Batch(engine, (X[0], X[1], X[18], arm64.UC_ARM64_REG_NZCV))

    def read(self) -> int:
        """All of them; the result is pc."""
        self._registers.read()
        return self._registers.values[10]

    def call(self) -> tuple[int, tuple[int, ...]]:
        return self._registers.values[8], tuple(self._registers.values[:6])

    def darwin_call(self) -> tuple[int, tuple[int, ...]]:
        return self._registers.values[9], tuple(self._registers.values[:8])

    def write(self, result: int) -> None:
        """Into x0."""
        self._result.values[0] = result
        self._result.write()

    def write_darwin(self, first: int, second: int, failed: bool) -> None:
        """Into x0 and x1; x18 is gone, and of the flags only carry changes."""
        self._outcome.read()
        flags = self._outcome.values[3] & ~CARRY | (CARRY if failed else 0)
        self._outcome.values[:] = (first, second, 0, flags)
        self._outcome.write()
