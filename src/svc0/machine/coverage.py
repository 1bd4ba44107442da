"""Coverage: which instructions the emulator has run, and by which way it came to each.

Switched on by ``SVC0_COVERAGE=folder``.  Then each program that runs anywhere (a routine called
from Python, a whole image, in any process) counts its *steps* in a file of that folder:

    step      (from, first, last): the block of instructions first to last was entered behind the
              instruction `from`; all three are counted in words from the start of the text
    file      one for each text, named by its hash: a line of JSON that says which routines are
              where (for a routine called from Python; an image says nothing), and a table of steps

The file is mapped into memory and shared by all that run the same text, so nothing is left to do
when a process ends, and nothing is lost when it is killed.  What a block's instructions did is
known from its two ends: a block ends at each branch and system call, and where the processor could
not go on (the rest of it is taken back).
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

import contextlib
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

__all__ = ["FOLDER", "Placed", "Recorded", "Step", "Watch", "key", "read", "watch", "watch_program"]

FOLDER = "SVC0_COVERAGE"
"""The variable that names the folder."""

SOURCE = Path(__file__).with_suffix(".c")
SUFFIX = ".steps"

BITS = 21
NOWHERE = (1 << BITS) - 1
"""What a step comes from that begins a run."""

SLOT = 16
LEAST_SLOTS = 1 << 8
HEAD = 16
"""Before the line of JSON: how long it is, and how many steps found no slot."""


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
    """One text and all that was seen of it; ``routines`` is empty for an image."""

    key: str
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
        self._map = mapped(folder / (key(text, routines) + SUFFIX), slots, routines)
        place = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        table = place + len(self._map) - slots * SLOT
        shift = 64 - (slots.bit_length() - 1)
        self._state = State(start, words, shift, table, place + 8, NOWHERE, 0)
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


def key(text: bytes, routines: Sequence[Placed] = ()) -> str:
    """What a text is called; the same text may be two routines."""
    return hashlib.sha256(json.dumps(routines).encode() + text).hexdigest()[:24]


# --- files ------------------------------------------------------------------------


def mapped(path: Path, slots: int, routines: Sequence[Placed]) -> mmap.mmap:
    """The file of a text, made by whoever is the first to come."""
    if not path.exists():
        names = json.dumps(routines).encode()
        names += b" " * (-len(names) % SLOT)
        with tempfile.NamedTemporaryFile(dir=path.parent) as made:
            made.write(len(names).to_bytes(8, "little") + bytes(HEAD - 8) + names)
            made.truncate(HEAD + len(names) + slots * SLOT)
            made.flush()
            with contextlib.suppress(FileExistsError):  # another process may be quicker
                os.link(made.name, path)
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def read(folder: Path) -> Iterator[Recorded]:
    """All that was seen, text by text; MachineError if a table was too small."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        content = path.read_bytes()
        size, lost = (int.from_bytes(content[at : at + 8], "little") for at in (0, 8))
        if lost:
            raise MachineError(f"{path}: {lost} steps had no room; let a table have more slots")
        routines = [Placed(*each) for each in json.loads(content[HEAD : HEAD + size])]
        pairs = memoryview(content)[HEAD + size :].cast("Q")
        steps = [
            Step(step >> 2 * BITS & NOWHERE, step >> BITS & NOWHERE, step & NOWHERE, times)
            for step, times in zip(pairs[::2].tolist(), pairs[1::2].tolist(), strict=True)
            if times
        ]
        yield Recorded(path.stem, routines, steps)


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
