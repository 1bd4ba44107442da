"""Coverage: which instructions the emulator has run, and by which way it came to each.

Switched on by ``SVC0_COVERAGE=folder``.  Then each text that runs anywhere (a routine called from
Python and all it needs; a whole image; in any process) counts its *steps* in that folder:

    step          (source, first, last): behind the instruction `source`, the block of instructions
                  `first` to `last` was entered; all are counted in words from the text's start
    TEXT.json     the text, and which routines are where in it, if whoever runs it knows
    TEXT.steps    a table of steps and how many times each was gone; TEXT is a hash of the former

The table is mapped into memory and shared by all that run the same text, so nothing is left to do
when a process ends, and nothing is lost when it is killed.

What ran is known from blocks: they end at each branch and system call, at the end of a page, and
where an instruction faults, for then the rest of the block is taken back.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

import ctypes
import hashlib
import json
import mmap
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from unicorn import unicorn_const as uc
from unicorn.arm64_const import UC_ARM64_REG_PC
from unicorn.unicorn_py3.unicorn import Uc, uclib

from svc0.image.layout import Program

from .errors import MachineError

__all__ = [
    "FOLDER",
    "Placed",
    "Recorded",
    "Step",
    "Watch",
    "placed",
    "read",
    "watch",
    "watch_program",
]

FOLDER = "SVC0_COVERAGE"
"""The variable that names the folder."""

SOURCE = Path(__file__).with_suffix(".c")
BITS = 21
NOWHERE = (1 << BITS) - 1
"""What a step comes from that begins a run."""

SLOT = 16
LEAST_SLOTS = 1 << 8
FAILED = (1 << 64) - 1
"""What the C library's mmap says then."""


class Placed(NamedTuple):
    """A routine in a text: who it is, where it begins and how many instructions it has."""

    platform: str
    module: str
    name: str
    start: int
    size: int


class Step(NamedTuple):
    """A way to a block and the block, in words; and how many times it was gone."""

    source: int
    first: int
    last: int
    times: int


@dataclass(frozen=True)
class Recorded:
    """A text and all that was seen of it; ``routines`` is empty for an image."""

    text: bytes
    routines: list[Placed]
    steps: list[Step]


class State(ctypes.Structure):
    """``struct watch``"""

    _fields_ = (
        ("start", ctypes.c_uint64),
        ("words", ctypes.c_uint64),
        ("shift", ctypes.c_uint64),
        ("slots", ctypes.c_void_p),
        ("lost", ctypes.c_void_p),
        ("source", ctypes.c_uint64),
        ("step", ctypes.c_uint64),
    )


class Watch:
    """A processor that is watched; it must live as long as the processor."""

    def __init__(
        self, engine: Uc, folder: Path, start: int, text: bytes, routines: Sequence[Placed]
    ) -> None:
        words = len(text) // 4
        assert words < NOWHERE, "a step has room for the numbers of so many instructions"
        slots = max(LEAST_SLOTS, 1 << words.bit_length())
        self._engine, self._library = engine, library(folder)
        shift = 64 - (slots.bit_length() - 1)
        table = mapped(folder / f"{described(folder, text, routines)}.steps", slots)
        self._state = State(start, words, shift, table + SLOT, table + 8, NOWHERE, 0)
        entered = ctypes.cast(self._library.entered, ctypes.c_void_p)
        uclib.uc_hook_add(
            engine._uch,  # pyright: ignore[reportPrivateUsage]
            ctypes.byref(ctypes.c_size_t()),
            uc.UC_HOOK_BLOCK,
            entered,
            ctypes.byref(self._state),
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),
        )
        engine.hook_add(uc.UC_HOOK_MEM_INVALID, self._refused)

    def begin(self) -> None:
        """A run begins, wherever the last one stopped."""
        self._state.source = NOWHERE

    def _refused(self, *_: Any) -> bool:
        """An instruction faults; what follows it in its block is not run."""
        pc = ctypes.c_uint64(int(self._engine.reg_read(UC_ARM64_REG_PC)))
        self._library.stopped(ctypes.byref(self._state), pc)
        return False


def watch(engine: Uc, start: int, text: bytes, routines: Sequence[Placed] = ()) -> Watch | None:
    """Watch a processor run a text that lies at an address; None unless that is switched on.

    Raises MachineError if what counts cannot be compiled.
    """
    folder = os.environ.get(FOLDER)
    return Watch(engine, Path(folder), start, text, routines) if folder else None


def watch_program(engine: Uc, program: Program) -> Watch | None:
    """Watch a processor run a program, unless nobody could say afterwards what is in it."""
    routines = placed(program)
    text = program.text
    return watch(engine, text.address, text.content, routines) if routines else None


def placed(program: Program) -> list[Placed]:
    """Where the routines of a program are, without those that only a function knows."""
    return [
        Placed(
            program.platform,
            routine.__module__,
            routine.__qualname__,
            (program.addresses[routine] - program.text.address) // 4,
            len(page.instructions),
        )
        for routine, page in program.listings.items()
        if "<locals>" not in routine.__qualname__
    ]


# --- files ------------------------------------------------------------------------


def described(folder: Path, text: bytes, routines: Sequence[Placed]) -> str:
    """What a text is called in a folder, where it is described from now on."""
    content = json.dumps({"routines": routines, "text": text.hex()})
    name = hashlib.sha256(content.encode()).hexdigest()[:24]
    path = folder / f"{name}.json"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            made = Path(scratch) / path.name
            made.write_text(content)
            made.replace(path)
    return name


def mapped(path: Path, slots: int) -> int:
    """The address of a table that all processes share; its first slot only counts what was lost.

    It stays mapped as long as the process lives.  Python's own mmap would keep a descriptor, and
    guests may ask for more of those than there are.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    size, rights = (1 + slots) * SLOT, mmap.PROT_READ | mmap.PROT_WRITE
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(number, size)  # zeros at first, and nothing new for who comes later
        offset = ctypes.c_long(0)
        place = libc.mmap(None, ctypes.c_size_t(size), rights, mmap.MAP_SHARED, number, offset)
    finally:
        os.close(number)
    if place == FAILED:
        raise MachineError(f"{path} cannot be mapped: {os.strerror(ctypes.get_errno())}")
    return place


def read(folder: Path) -> Iterator[Recorded]:
    """All that was seen, text by text; MachineError if a table was too small."""
    for path in sorted(folder.glob("*.json")):
        described = json.loads(path.read_text())
        routines = [Placed(*each) for each in described["routines"]]
        yield Recorded(
            bytes.fromhex(described["text"]), routines, steps(path.with_suffix(".steps"))
        )


def steps(path: Path) -> list[Step]:
    """What is in a table."""
    content = memoryview(path.read_bytes()).cast("Q").tolist()
    if lost := content[1]:
        raise MachineError(f"{path}: {lost} steps had no room; let a table have more slots")
    return [
        Step(step >> 2 * BITS & NOWHERE, step >> BITS & NOWHERE, step & NOWHERE, times)
        for step, times in zip(content[2::2], content[3::2], strict=True)
        if times
    ]


# --- what counts ------------------------------------------------------------------


@cache
def library(folder: Path) -> ctypes.CDLL:
    """What the processor calls, compiled once for a folder; MachineError if that fails."""
    version = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:8]
    path = folder / f"watch-{platform.machine()}-{version}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            made = Path(scratch) / path.name
            compile_to(made)
            made.replace(path)
    found = ctypes.CDLL(str(path))
    found.stopped.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    found.stopped.restype = None
    return found


def compile_to(path: Path) -> None:
    """Compile it, with the C compiler of the package ziglang; MachineError if that fails."""
    caches = ("ZIG_LOCAL_CACHE_DIR", "ZIG_GLOBAL_CACHE_DIR")
    command = [sys.executable, "-m", "ziglang", "cc", "-O2", "-fPIC", "-shared", "-nostdlib"]
    done = subprocess.run(
        [*command, "-o", str(path), str(SOURCE)],
        env=os.environ | dict.fromkeys(caches, str(path.parent)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MachineError(f"coverage needs the extra `test`, for a compiler:\n{done.stderr}")
