"""The rule: what breaks it, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from svc0.a64 import *
from svc0.lab.coverage.counts import Count, Covered
from svc0.lab.coverage.report import Gap, Report, gaps
from svc0.lab.coverage.rule import Listed, check, complaints

LINE = Gap("linux", "room.answer", "brk(1)", "")
WAY = Gap("linux", "room.answer", "cbz(x0, done)", "taken")


def listed(gap: Gap, platform: str = "") -> Listed:
    return Listed(gap.routine, gap.line, "it is so", gap.way, platform)


def broken(found: list[Gap], entries: list[Listed], platforms: str = "linux") -> list[str]:
    return list(complaints(found, entries, platforms.split()))


def test_what_is_listed_is_no_complaint() -> None:
    assert not broken([], [])
    assert not broken([LINE, WAY], [listed(LINE), listed(WAY)])
    assert not broken([LINE], [listed(LINE, "linux")], "linux macos")


def test_what_is_not_listed_is_one() -> None:
    assert broken([LINE, WAY], []) == [
        "room.answer: brk(1): not executed (linux)",
        "room.answer: cbz(x0, done): never taken (linux)",
    ]
    assert broken([WAY], [listed(WAY._replace(way="passed"))])[0] == str(WAY)
    assert broken([WAY], [listed(WAY._replace(way=""))])[0] == str(WAY)


def test_what_is_listed_without_need_is_one() -> None:
    assert broken([], [listed(LINE)]) == [
        "room.answer: brk(1): listed as not executed, and that is not so"
    ]
    assert broken([], [listed(WAY)]) == [
        "room.answer: cbz(x0, done): listed as never taken, and that is not so"
    ]


def test_what_is_there_twice_is_listed_twice() -> None:
    assert broken([LINE, LINE], [listed(LINE)]) == [str(LINE)]
    another = listed(LINE)._replace(why="for another reason")
    assert not broken([LINE, LINE], [listed(LINE), another])
    assert len(broken([LINE], [listed(LINE), another])) == 1


def test_a_platform_has_its_own() -> None:
    there = LINE._replace(platform="macos")
    assert broken([there], [listed(LINE, "linux")], "linux macos") == [
        str(there),
        "room.answer: brk(1): listed as not executed, and that is not so",
    ]
    assert not broken([there], [listed(LINE)], "linux macos"), "on one of them is enough"
    assert not broken([there], []), "a platform that is excused is not asked"


@routine
def choice(n: x0) -> x0:
    """One or two."""
    other = label()
    cbz(n, other)  # with a comment
    mov(x0, 1)
    ret()

    here(other)
    mov(x0, 2)
    ret()


def seen(platform: Platform, times: list[int], taken: int, passed: int) -> Covered:
    """As if it had been run so often; the first is the branch."""
    first, *others = choice.listing(platform).instructions
    counts = [Count(first, times[0], taken, passed)]
    counts += [Count(each, n) for each, n in zip(others, times[1:], strict=True)]
    return Covered(choice, platform, counts)


def test_gaps_are_lines_and_ways() -> None:
    name = f"{__name__}.choice"
    assert list(gaps(seen("linux", [2, 1, 1, 1, 1], 1, 1))) == []
    assert list(gaps(seen("linux", [1, 1, 1, 0, 0], 0, 1))) == [
        Gap("linux", name, "cbz(n, other)", "taken"),
        Gap("linux", name, "mov(x0, 2)", ""),
        Gap("linux", name, "ret()", ""),
    ]
    unrun = [gap.way for gap in gaps(seen("linux", [0] * 5, 0, 0))]
    assert unrun == [""] * 5, "a branch that is never run is one gap and not three"


def test_a_list_is_read(tmp_path: Path) -> None:
    file = tmp_path / "listed.toml"
    all_run = seen("linux", [2, 1, 1, 1, 1], 1, 1)
    report = Report(["linux", "macos"], [all_run, seen("macos", [0] * 5, 0, 0)])
    file.write_text('[platforms]\nmacos = "nothing runs it"\n')
    assert not check(report, file)
    file.write_text("")
    assert len(check(report, file)) == 5
    file.write_text('[platforms]\nlinux = "why?"\nmacos = "nothing runs it"\n')
    assert check(report, file) == ["linux: listed as a platform with gaps, and has none"]
    file.write_text('[[gap]]\nroutine = "room.answer"\nline = "brk(1)"\n')
    with pytest.raises(TypeError, match="why"):
        check(report, file)
