"""What was recorded, given back to routines."""

from __future__ import annotations

from pathlib import Path
from typing import Never

import pytest

from svc0.a64 import *
from svc0.image.elf import HEADERS, executable
from svc0.image.layout import lay_out
from svc0.kernel import calls
from svc0.lab.coverage.counts import Covered, covered, routines, tallies
from svc0.machine import choose
from svc0.machine.call import Caller
from svc0.machine.coverage import FOLDER


@routine
def sign(n: x0) -> x0:
    """-1, 0 or 1."""
    below, done = label(), label()

    cbz(n, done)
    tbnz(n, 63, below)
    mov(x0, 1)
    ret()

    here(below)
    mov(x0, -1)

    here(done)
    ret()


@routine
def sign_of_sum(one: x0, other: x1) -> x0:
    """The sign of two numbers together."""
    with frame():
        add(x0, one, other)
        bl(sign)
    ret()


@routine
def landing() -> x0:
    """Where an indirect call goes."""
    bti.c()
    mov(x0, 5)
    ret()


@routine
def by_address() -> x0:
    """Call what an address is of."""
    with frame():
        adr(x9, landing)
        blr(x9, landing)
    ret()


@routine
def start() -> Never:
    """A process that asks for the sign of 3, and ends with it."""
    mov(x0, 3)
    bl(sign)
    calls.exit()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything is recorded that a test runs."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


def seen(folder: Path, routine: Routine, platform: Platform = "linux") -> Covered:
    program = lay_out(start, "linux", headers=HEADERS)
    return covered(routine, platform, tallies(folder, [program]))


def test_branches_have_two_ways(folder: Path) -> None:
    machine = Caller(sign)
    assert [machine.call(n) for n in (5, 6, -7)] == [1, 1, -1]
    zero, negative, *others = seen(folder, sign).counts
    assert (zero.times, zero.taken, zero.passed, zero.missing) == (3, 0, 3, ["taken"])
    assert (negative.times, negative.taken, negative.passed, negative.missing) == (3, 1, 2, [])
    assert [count.times for count in others] == [2, 2, 1, 1]
    assert not any(count.missing for count in others)
    assert str(seen(folder, sign).instructions) == "100 %"
    assert str(seen(folder, sign).ways) == "75 %"


def test_programs_and_images_are_added_up(folder: Path) -> None:
    assert Caller(sign).call(0) == 0
    assert Caller(sign_of_sum).call(-3, 1) == -1
    assert [count.times for count in seen(folder, sign).counts] == [2, 1, 0, 0, 1, 2]
    image = executable(lay_out(start, "linux", headers=HEADERS))
    with choose("emulator").start(image, ["start"]) as process:
        assert process.wait() == 1
    assert [count.times for count in seen(folder, sign).counts] == [3, 2, 1, 1, 1, 2]
    assert [count.times for count in seen(folder, start).counts] == [1] * 4


def test_platforms_are_apart(folder: Path) -> None:
    assert Caller(sign, "macos").call(3) == 1
    assert seen(folder, sign, "macos").instructions.part == 4
    assert seen(folder, sign).instructions.part == 0


def test_indirect_branches_have_targets(folder: Path) -> None:
    assert Caller(by_address).call() == 5
    (call,) = (c for c in seen(folder, by_address).counts if c.instruction.name == "blr")
    assert call.targets == ("landing+0",)


def test_another_version_is_refused(folder: Path) -> None:
    assert Caller(sign).call(0) == 0
    found = tallies(folder, [])
    next(iter(found.values())).times.append(0)
    with pytest.raises(ValueError, match="run the tests again"):
        covered(sign, "linux", found)


def test_all_routines_of_the_server_are_known() -> None:
    from svc0 import server
    from svc0.server.start import start

    known = list(routines(server))
    assert len(known) == len(set(known))
    for platform in "linux", "macos":
        assert set(lay_out(start, platform).listings) <= set(known)
