"""Counts: how many times each instruction was run, and each way of each branch was gone.

A routine is one thing for each platform, since it is written anew for each.  What was recorded of
it is added up over all texts that it is in: programs of its own, made to call it from Python, and
images of the whole server.
"""

from __future__ import annotations

import importlib
import pkgutil
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from svc0.a64 import Label, Platform, Routine
from svc0.a64.listing import Chosen, Instruction
from svc0.image.layout import Program
from svc0.machine.coverage import Placed, Recorded, placed, read

__all__ = ["Count", "Covered", "Share", "Tally", "covered", "routines", "tallies"]

COMPARING = ("cbz", "cbnz", "tbz", "tbnz")
INDIRECT = ("br", "blr")


class Who(NamedTuple):
    """A routine on a platform, by name: those of the process that ran it are gone."""

    platform: str
    module: str
    name: str


@dataclass
class Tally:
    """What was recorded of a routine: times by instruction, and ways from one to another."""

    times: list[int]
    ways: Counter[tuple[int, Who, int]] = field(default_factory=Counter[tuple[int, Who, int]])


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @classmethod
    def of(cls, shares: Iterable[Share]) -> Share:
        """All of them together."""
        shares = list(shares)
        return cls(sum(each.part for each in shares), sum(each.whole for each in shares))

    def __str__(self) -> str:
        """In percent, rounded down: only all is 100.

        >>> str(Share(999_999, 1_000_000)), str(Share(0, 0))
        ('99.9 %', '')
        """
        return f"{self.part * 1000 // self.whole / 10:.4g} %" if self.whole else ""


@dataclass(frozen=True)
class Count:
    """What was seen of one instruction; ``taken`` and ``passed`` are of conditional branches."""

    instruction: Instruction
    times: int
    taken: int = 0
    passed: int = 0
    targets: tuple[str, ...] = ()
    """Where an indirect branch went: ``answer+4``."""

    @property
    def missing(self) -> list[str]:
        """The ways that this branch never went, of those that it has; none if it never ran."""
        if not self.times or not conditional(self.instruction):
            return []
        ways = {"taken": self.taken, "passed": self.passed}
        return [way for way, times in ways.items() if not times]


@dataclass(frozen=True)
class Covered:
    """A routine on a platform, and what was seen of each of its instructions."""

    routine: Routine
    platform: Platform
    counts: list[Count]

    @cached_property
    def instructions(self) -> Share:
        """How many of its instructions were run."""
        return Share(sum(1 for count in self.counts if count.times), len(self.counts))

    @cached_property
    def ways(self) -> Share:
        """How many of the ways of its conditional branches were gone."""
        branches = [count for count in self.counts if conditional(count.instruction)]
        gone = sum(bool(count.taken) + bool(count.passed) for count in branches)
        return Share(gone, 2 * len(branches))


def conditional(instruction: Instruction) -> bool:
    """Whether it has two ways: to its label, and on."""
    return isinstance(instruction.to, Label) and (
        instruction.name.startswith("b.") or instruction.name in COMPARING
    )


def routines(package: ModuleType) -> Iterator[Routine]:
    """Every routine of a package, module by module, in the order of their lines."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        there = {value for value in vars(module).values() if isinstance(value, Routine)}
        own = {
            each
            for each in there
            if each.__module__ == found.name and not isinstance(each, Chosen)  # only a name
        }
        yield from sorted(own, key=lambda each: each.body.__code__.co_firstlineno)


# --- from addresses to routines ---------------------------------------------------


def tallies(folder: Path, images: Sequence[Program]) -> dict[Who, Tally]:
    """All that was recorded in a folder; of images, what those programs are the text of."""
    found: dict[Who, Tally] = {}
    for recorded in read(folder):
        add(found, recorded, recorded.routines or within(recorded.text, images))
    return found


def within(text: bytes, images: Sequence[Program]) -> list[Placed]:
    """The routines in an image's text, if it is one of those; there may be headers before it."""
    for program in images:
        at = text.find(program.text.content)
        if at >= 0:
            return [each._replace(start=each.start + at // 4) for each in placed(program)]
    return []


def add(found: dict[Who, Tally], recorded: Recorded, there: Sequence[Placed]) -> None:
    """Add what was recorded of one text, in which those routines are."""
    there = sorted(there, key=lambda each: each.start)
    starts = [each.start for each in there]
    for each in there:
        found.setdefault(who(each), Tally([0] * each.size))

    def at(word: int) -> tuple[Who, int] | None:
        n = bisect_right(starts, word) - 1
        if n < 0 or word - starts[n] >= there[n].size:
            return None
        return who(there[n]), word - starts[n]

    for step in recorded.steps:
        source, first = at(step.source), at(step.first)
        if first is None:
            continue
        to, start = first
        for n in range(start, start + step.last - step.first + 1):
            found[to].times[n] += step.times
        if source is not None:
            found[source[0]].ways[source[1], to, start] += step.times


def who(there: Placed) -> Who:
    """The name of a routine in a text."""
    return Who(there.platform, there.module, there.name)


def covered(routine: Routine, platform: Platform, found: dict[Who, Tally]) -> Covered:
    """What was seen of a routine; ValueError if what was recorded is of another version of it."""
    name = Who(platform, routine.__module__, routine.__qualname__)
    instructions = routine.listing(platform).instructions
    tally = found.get(name) or Tally([0] * len(instructions))
    if len(tally.times) != len(instructions):
        raise ValueError(f"{routine} is not what it was when it was run: run the tests again")
    return Covered(
        routine,
        platform,
        [count(name, n, instruction, tally) for n, instruction in enumerate(instructions)],
    )


def count(name: Who, n: int, instruction: Instruction, tally: Tally) -> Count:
    """What was seen of the nth instruction of a routine."""
    times = tally.times[n]
    if conditional(instruction):
        assert isinstance(instruction.to, Label)
        assert instruction.to.index is not None, "a listing has put its labels down"
        taken, passed = (tally.ways[n, name, to] for to in (instruction.to.index, n + 1))
        return Count(instruction, times, taken, passed)
    if instruction.name in INDIRECT:
        goals = sorted((to.name, at) for source, to, at in tally.ways if source == n)
        return Count(instruction, times, targets=tuple(f"{to}+{4 * at}" for to, at in goals))
    return Count(instruction, times)
