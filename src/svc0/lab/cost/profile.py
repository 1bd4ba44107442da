"""The profile of some rounds: which routine ran which instructions, and who had called it.

A block of instructions ends at each branch, and the processor says when it begins another.  What
the block before ended with tells how it came here: ``bl`` calls, ``ret`` returns, and any other way
into another routine goes on in place of the one that went it.  So there is a tree: a routine, below
it those that it called, and so on; the same routine called from two places is there twice.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

import linecache
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from unicorn import unicorn_const as uc

from svc0 import build
from svc0.a64 import Routine
from svc0.image.layout import Program
from svc0.image.sources import source_path
from svc0.image.symbols import Symbols
from svc0.machine.process import Process

from .cases import MOST_REQUESTS, Case, make_site
from .stage import ROUNDS, measure

__all__ = ["ByLine", "ByRoutine", "Node", "Profile", "Step", "of_case"]


@dataclass(eq=False)
class Node:
    """A routine where it was called from there; all numbers are of all rounds together."""

    routine: Routine | None
    parent: Node | None = None
    back: int = 0
    """Where it returns to."""

    below: dict[Routine, Node] = field(default_factory=dict["Routine", "Node"])
    """What it called, in the order in which it first did."""

    called: int = 0
    blocks: Counter[tuple[int, int]] = field(default_factory=Counter[tuple[int, int]])
    """Address and size of what was run, and how often."""

    calls: Counter[str] = field(default_factory=Counter[str])

    @property
    def own(self) -> int:
        """Instructions that it ran itself."""
        return sum(size // 4 * times for (_, size), times in self.blocks.items())

    @property
    def total(self) -> int:
        """The same, and those of all that it called."""
        return self.own + sum(each.total for each in self.below.values())

    @property
    def name(self) -> str:
        return self.routine.__qualname__ if self.routine else ""

    def enter(self, routine: Routine, back: int) -> Node:
        """The node of what it calls."""
        if routine not in self.below:
            self.below[routine] = Node(routine, self)
        self.below[routine].back = back
        return self.below[routine]

    def all(self) -> Iterator[Node]:
        """It, and all below it."""
        yield self
        for each in self.below.values():
            yield from each.all()


class Step(NamedTuple):
    """A system call of the last round, and how many instructions were run before it."""

    call: str
    routine: str
    result: int
    instructions: int


class ByRoutine(NamedTuple):
    """What a routine cost, from wherever it was called."""

    routine: Routine
    own: int
    total: int
    called: int
    calls: Counter[str]


class ByLine(NamedTuple):
    """What a line of Python cost: the instructions that it wrote, as often as they were run."""

    file: str
    number: int
    routine: Routine
    source: str
    instructions: int


class Profile:
    """Watches a process that runs a program (``stage.Watcher``), and knows afterwards."""

    def __init__(self, program: Program) -> None:
        self.program, self.rounds = program, 0
        self.root = Node(None)
        self.steps: list[Step] = []
        self.rest = 0
        """Instructions of the last round behind its last system call."""

        self._node, self._last = self.root, 0
        self._counting = False
        self._spots = program.spots

    # What the stage says (stage.Watcher)

    def attach(self, process: Process) -> None:
        bias = process.bias
        process.symbols = Symbols(self.program)  # a fault is told by the line, too
        process.observers.append(self._asked)

        def entered(_processor: object, address: int, size: int, _data: object) -> None:
            self._entered(address - bias, size)

        process.cpu.engine.hook_add(uc.UC_HOOK_BLOCK, entered)

    def begin(self) -> None:
        self._counting = True
        self.rounds += 1
        self.steps, self.rest = [], 0

    def end(self) -> None:
        self._counting = False

    # What is known then

    @property
    def instructions(self) -> int:
        """Of all rounds."""
        return self.root.total

    @property
    def calls(self) -> Counter[str]:
        """System calls of all rounds."""
        return sum((each.calls for each in self.root.all()), Counter[str]())

    def by_routine(self) -> list[ByRoutine]:
        """Each routine once, what cost most first."""
        own, total, called = Counter[Routine](), Counter[Routine](), Counter[Routine]()
        calls: defaultdict[Routine, Counter[str]] = defaultdict(Counter)

        def visit(node: Node, above: frozenset[Routine]) -> None:
            if routine := node.routine:
                own[routine] += node.own
                called[routine] += node.called
                calls[routine] += node.calls
                if routine not in above:  # else its callers have it already
                    total[routine] += node.total
                    above |= {routine}
            for each in node.below.values():
                visit(each, above)

        visit(self.root, frozenset())
        found = [
            ByRoutine(each, own[each], total[each], called[each], calls[each])
            for each in total
            if total[each]
        ]
        return sorted(found, key=lambda each: (-each.own, -each.total, str(each.routine)))

    def by_line(self) -> list[ByLine]:
        """Each line of Python once, what cost most first."""
        times: Counter[int] = Counter()
        for node in self.root.all():
            for (address, size), number in node.blocks.items():
                for each in range(address, address + size, 4):
                    times[each] += number
        lines: Counter[tuple[Routine, int]] = Counter()
        for address, number in times.items():
            spot = self._spots[address]
            lines[spot.routine, spot.instruction.line] += number
        found = [
            ByLine(
                source_path(routine),
                line,
                routine,
                linecache.getline(routine.file, line).strip(),
                number,
            )
            for (routine, line), number in lines.items()
        ]
        return sorted(found, key=lambda each: (-each.instructions, each.file, each.number))

    # How it is seen

    def _entered(self, address: int, size: int) -> None:
        """A block begins."""
        routine, last = self._spots[address].routine, self._last
        how = self._spots[last].instruction.name if last else "bl"
        called = how.startswith("bl")
        if called:
            self._node = self._node.enter(routine, last + 4)
        elif how.startswith("ret"):
            while self._node.back != address and self._node.parent:
                self._node = self._node.parent
            assert self._node.parent, "a routine returns to where it was called"
            self._node = self._node.parent
        elif routine is not self._node.routine:
            called, back = True, self._node.back
            assert self._node.parent
            self._node = self._node.parent.enter(routine, back)
        self._last = address + size - 4
        if self._counting:
            self._node.called += called
            self._node.blocks[address, size] += 1
            self.rest += size // 4

    def _asked(self, call: str, _arguments: tuple[int, ...], result: int) -> None:
        """A system call is over."""
        if self._counting:
            self._node.calls[call] += 1
            self.steps.append(Step(call, self._node.name, result, self.rest))
            self.rest = 0


def of_case(case: Case, root: Path | None = None, rounds: int = ROUNDS) -> Profile:
    """The profile of a case, asked of a folder, or of one made for it."""
    profile = Profile(build.program())
    image = build.executable(None, requests=MOST_REQUESTS, log=case.log.number)
    with tempfile.TemporaryDirectory() as made:
        if root is None:
            make_site(Path(made))
        count = measure(image, root or Path(made), case.play, rounds, watcher=profile)
    assert profile.instructions == count.instructions, "what was counted in two ways is the same"
    return profile
