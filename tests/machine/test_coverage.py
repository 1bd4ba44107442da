"""What is recorded of a run, against a trace of each of its instructions."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from unicorn import UC_HOOK_CODE

from svc0.a64 import *
from svc0.machine import coverage
from svc0.machine.call import Caller, CallError
from svc0.machine.coverage import NOWHERE, Recorded, Step, read

from .guest import machine_named, run


@routine
def twice(n: x0) -> x0:
    """Twice a number."""
    add(x0, x0, x0)
    ret()


@routine
def doubled_often(times: x0) -> x0:
    """Two to a power, by way of a call and a branch for each."""
    left, value = x19, x20
    again, done = label(), label()

    with frame(left, value):
        mov(left, times)
        mov(value, 1)

        here(again)
        cbz(left, done)
        mov(x0, value)
        bl(twice)
        mov(value, x0)
        sub(left, left, 1)
        b(again)

        here(done)
        mov(x0, value)

    ret()


@routine
def read_it(address: x0) -> x0:
    """What is there; then something else, which a fault never gets to."""
    add(x9, address, 0)
    ldr(x0, [x9])
    add(x0, x0, 1)
    ret()


@routine
def asked() -> x0:
    """Ask the kernel, in the middle of what would otherwise be one block."""
    mov(x8, 172)
    svc(0, asked, 0)
    mov(x0, 7)
    ret()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything is recorded that a test runs."""
    monkeypatch.setenv(coverage.FOLDER, str(tmp_path))
    return tmp_path


def only(folder: Path) -> Recorded:
    """What is recorded of the only text."""
    (recorded,) = read(folder)
    return recorded


Counting: TypeAlias = Callable[[list[tuple[int, int]]], list[Step]]


def times(recorded: Recorded) -> Counter[int]:
    """How many times each word was run."""
    found: Counter[int] = Counter()
    for step in recorded.steps:
        for word in range(step.first, step.last + 1):
            found[word] += step.times
    return found


def test_nothing_is_recorded_without_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(coverage.FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    machine = Caller(twice)
    assert machine.call(4) == 8
    assert machine.watch is None
    assert not list(tmp_path.iterdir())


def test_steps_are_those_of_a_trace(folder: Path) -> None:
    machine = Caller(doubled_often)
    start = machine.program.text.address
    trace: list[int] = []

    def stepped(_uc: Any, address: int, _size: int, _data: Any) -> None:
        trace.append((address - start) // 4)

    machine.uc.hook_add(UC_HOOK_CODE, stepped)
    for power in 0, 1, 5:
        trace.append(NOWHERE)
        assert machine.call(power) == 2**power
    recorded = only(folder)
    assert times(recorded) == Counter(word for word in trace if word != NOWHERE)
    ends = {NOWHERE} | {step.last for step in recorded.steps}
    ways = Counter(
        (source, word) for source, word in pairwise(trace) if source in ends and word != NOWHERE
    )
    assert ways == Counter({(s.source, s.first): s.times for s in recorded.steps})


def test_routines_are_named_and_placed(folder: Path) -> None:
    machine = Caller(doubled_often, "linux")
    recorded = only(folder)
    assert recorded.text == machine.program.text.content
    assert [(r.platform, r.name) for r in recorded.routines] == [
        ("linux", "doubled_often"),
        ("linux", "twice"),
    ]
    for placed in recorded.routines:
        assert placed.module == __name__
        at = machine.program.text.address + 4 * placed.start
        assert machine.program.spots[at].routine.name == placed.name
        assert placed.size == sum(
            1 for spot in machine.program.spots.values() if spot.routine.name == placed.name
        )


def test_what_only_a_function_knows_is_not_recorded(folder: Path) -> None:
    @routine
    def hidden() -> x0:
        mov(x0, 1)
        ret()

    assert Caller(hidden).call() == 1
    assert not list(folder.glob("*.json"))


def test_a_fault_ends_its_block(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Caller, "sanitized", False)  # or it would not come to the fault
    machine = Caller(read_it)
    with pytest.raises(CallError, match="no memory"):
        machine.call(0)
    assert only(folder).steps == [Step(NOWHERE, 0, 1, 1)]
    machine.reset()
    assert machine.call(b"\7" + bytes(7)) == 8
    assert times(only(folder)) == {0: 2, 1: 2, 2: 1, 3: 1}
    assert {step.source for step in only(folder).steps} == {NOWHERE}, "nothing follows a fault"


def test_a_call_of_the_kernel_ends_its_block(folder: Path) -> None:
    machine = Caller(asked)
    with pytest.raises(CallError, match="no kernel"):
        machine.call()
    assert times(only(folder)) == {0: 1, 1: 1}
    assert machine.call(kernel=lambda _: None) == 7
    assert times(only(folder)) == {0: 2, 1: 2, 2: 1, 3: 1}
    assert Step(1, 2, 3, 1) in only(folder).steps


def test_the_same_text_is_recorded_once(folder: Path) -> None:
    for _ in range(3):
        assert Caller(twice).call(1) == 2
    assert [step.times for step in only(folder).steps] == [3]


FORK = """
_start:
    mov x0, #17
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #0
    system 220
    movz x9, #0x1111
    cbz x0, child
    movz x9, #0x2222
    mov x1, #0
    mov x2, #0
    mov x3, #0
    system 260
    leave 3
child:
    movz x9, #0x3333
    system 172
    mov x1, #9
    system 129
    movz x9, #0x4444
    leave 4
"""


def test_processes_that_fork_and_are_killed(folder: Path) -> None:
    result = run(machine_named("emulator"), FORK)
    assert result.status == 3, result.errors
    recorded = only(folder)
    assert not recorded.routines
    ran = times(recorded)

    def marked(value: int) -> int:
        return recorded.text.index((0xD280_0009 | value << 5).to_bytes(4, "little")) // 4

    both, parent, child, beyond = map(marked, (0x1111, 0x2222, 0x3333, 0x4444))
    assert [ran[both], ran[parent], ran[child], ran[beyond]] == [2, 1, 1, 0]
    ways = {(step.source, step.first) for step in recorded.steps}
    assert {(both + 1, parent), (both + 1, child)} <= ways


@pytest.fixture
def counting(folder: Path) -> Counting:
    """Let the counting itself see blocks (first and last): what is recorded of them."""
    machine = Caller(twice)
    watch, start = machine.watch, machine.program.text.address
    assert watch
    watch.words = 1 << 20

    def see(blocks: list[tuple[int, int]]) -> list[Step]:
        for first, last in blocks:
            watch.entered(0, start + 4 * first, 4 * (last - first + 1), None)
        return only(folder).steps

    return see


def test_steps_are_added_up(counting: Counting) -> None:
    chance = random.Random(1)
    starts = [chance.randrange(1 << 19) for _ in range(12)]
    blocks = [(first, first + first % 9) for first in chance.choices(starts, k=5000)]
    sources = [NOWHERE, *(last for _, last in blocks)]
    expected = Counter((source, *block) for source, block in zip(sources, blocks, strict=False))
    assert len(expected) > 100
    assert {step[:3]: step.times for step in counting(blocks)} == expected


def test_blocks_outside_of_the_text_are_nothing(counting: Counting) -> None:
    found = counting([(5, 6), (1 << 20, 1 << 20), (-8, -7), (7, 7)])
    assert set(found) == {Step(NOWHERE, 5, 6, 1), Step(NOWHERE, 7, 7, 1)}


def test_a_child_counts_anew(folder: Path) -> None:
    """What its parent has counted before is not told twice."""
    machine = Caller(twice)
    assert machine.watch
    for _ in range(5):
        machine.call(1)
    child = os.fork()
    if not child:
        machine.call(1)
        machine.watch.settle()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert [step.times for step in only(folder).steps] == [6]
