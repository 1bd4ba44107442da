"""Coverage: which instructions the emulator has run, and by which way it came to each.

Switched on by ``SVC0_COVERAGE=folder``.  Then each text that runs anywhere (a routine called from
Python and all it needs; a whole image; in any process) counts its *steps* in that folder:

    step          (source, first, last): behind the instruction `source`, the block of instructions
                  `first` to `last` was entered; all are counted in words from the text's start
    TEXT.json     the text, and which routines are where in it, if whoever runs it knows
    TEXT.steps    steps, each with how many times more it was gone; TEXT is a hash of the former

A step that a process has not seen before is written down at once, so that none is lost when it is
killed; how often it was seen follows when the process ends, or forgets the processor.  All write
behind the end of the same file, a step in one piece.

What ran is known from blocks: they end at each branch and system call, at the end of a page, and
where an instruction faults, for then the rest of the block is taken back.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple
from weakref import WeakSet, finalize

from unicorn import unicorn_const as uc
from unicorn.arm64_const import UC_ARM64_REG_PC
from unicorn.unicorn_py3.unicorn import Uc, uclib

from svc0.image.layout import Program

__all__ = [
    "FOLDER",
    "Placed",
    "Recorded",
    "Step",
    "Watch",
    "placed",
    "read",
    "settle_all",
    "watch",
    "watch_program",
]

FOLDER = "SVC0_COVERAGE"
"""The variable that names the folder."""

BITS = 21
NOWHERE = (1 << BITS) - 1
"""What a step comes from that begins a run."""

RECORD = Struct("<Qq")
"""A step as one number, and how many times more it was gone; fewer if one was taken back."""

ENTERED = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)


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


WATCHES: WeakSet[Watch] = WeakSet()
"""Those of this process, for a child that begins to count anew."""


class Watch:
    """A processor that is watched; it must live as long as the processor."""

    def __init__(
        self, engine: Uc, folder: Path, start: int, text: bytes, routines: Sequence[Placed]
    ) -> None:
        assert len(text) // 4 < NOWHERE, "a step has room for the numbers of so many instructions"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{described(folder, text, routines)}.steps"
        self._engine, self._start, self.words, self._path = engine, start, len(text) // 4, path
        self._source, self._step = NOWHERE, 0
        self._times: dict[int, int] = {}
        self._hook = ENTERED(
            self.entered
        )  # without the wrapper of the bindings, three times quicker
        uclib.uc_hook_add(
            engine._uch,  # pyright: ignore[reportPrivateUsage]
            ctypes.byref(ctypes.c_size_t()),
            uc.UC_HOOK_BLOCK,
            self._hook,
            None,
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),
        )
        engine.hook_add(uc.UC_HOOK_MEM_INVALID, self._refused)
        WATCHES.add(self)
        finalize(self, settle, path, self._times)  # at the process's end at the latest

    def begin(self) -> None:
        """A run begins, wherever the last one stopped."""
        self._source = NOWHERE

    def settle(self) -> None:
        """Write down how often what was seen: after it, nothing is lost by ending at once."""
        settle(self._path, self._times)

    def forget(self) -> None:
        """What was counted since was counted by another process, too."""
        self._times.update(dict.fromkeys(self._times, 0))

    def entered(self, _processor: int, address: int, size: int, _data: object) -> None:
        """The processor begins a block."""
        first = (address - self._start) >> 2
        last = first + (size >> 2) - 1
        if not 0 <= first <= last < self.words:
            self._source = NOWHERE
            return
        self._step = step = (self._source << BITS | first) << BITS | last
        self._source = last
        if step in self._times:
            self._times[step] += 1
        else:
            self._times[step] = 0
            record(self._path, {step: 1})

    def _refused(self, *_: Any) -> bool:
        """An instruction faults; what follows it in its block is not run, and nothing follows."""
        last = (int(self._engine.reg_read(UC_ARM64_REG_PC)) - self._start) >> 2
        first = self._step >> BITS & NOWHERE
        if self._source != NOWHERE and first <= last < self._source:
            record(self._path, {self._step: -1, self._step >> BITS << BITS | last: 1})
        self._source = NOWHERE
        return False


def settle(path: Path, times: dict[int, int]) -> None:
    """Write down what is left to be told, and count on from zero."""
    if any(times.values()):
        record(path, times)
        times.update(dict.fromkeys(times, 0))


def record(path: Path, times: Mapping[int, int]) -> None:
    """Write down how many times more each step was gone, behind what others have written."""
    content = b"".join(RECORD.pack(step, more) for step, more in times.items() if more)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        os.write(number, content)
    finally:
        os.close(number)


def settle_all() -> None:
    """Let all that this process watches be told."""
    for each in WATCHES:
        each.settle()


def count_anew() -> None:
    """In a child: what its parent has counted is its parent's."""
    for each in WATCHES:
        each.forget()


os.register_at_fork(after_in_child=count_anew)


def watch(engine: Uc, start: int, text: bytes, routines: Sequence[Placed] = ()) -> Watch | None:
    """Watch a processor run a text that lies at an address; None unless that is switched on."""
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


def read(folder: Path) -> Iterator[Recorded]:
    """All that was seen, by this process too, text by text."""
    settle_all()
    for path in sorted(folder.glob("*.json")):
        described = json.loads(path.read_text())
        routines = [Placed(*each) for each in described["routines"]]
        recorded = path.with_suffix(".steps")
        found = steps(recorded) if recorded.exists() else []
        yield Recorded(bytes.fromhex(described["text"]), routines, found)


def steps(path: Path) -> list[Step]:
    """What is in a file, each step once."""
    times: Counter[int] = Counter()
    for step, more in RECORD.iter_unpack(path.read_bytes()):
        times[step] += more
    return [
        Step(step >> 2 * BITS, step >> BITS & NOWHERE, step & NOWHERE, count)
        for step, count in times.items()
        if count
    ]
