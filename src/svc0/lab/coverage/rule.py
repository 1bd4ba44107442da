"""The rule: everything is run by some test, or listed with the reason why it is not.

A list is TOML.  What occurs twice in a routine is listed twice:

    [[gap]]
    routine = "svc0.server.target.decode"
    line = "brk(1)"                           the text of the line, without a comment
    way = "taken"                             of a branch that is never taken, or never "passed"
    platform = "linux"                        if it is so on one platform only
    why = "it cannot be reached"

    [platforms]                               none of the rule is for these
    macos = "nothing runs it yet"
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .report import Gap, Report, gaps

__all__ = ["Listed", "check", "complaints", "listed"]


class Listed(NamedTuple):
    """An entry of the list; without a platform it is about each."""

    routine: str
    line: str
    why: str
    way: str = ""
    platform: str = ""

    def on(self, platform: str) -> Gap:
        """The gap that it speaks of."""
        return Gap(platform, self.routine, self.line, self.way)


def listed(file: Path) -> tuple[list[Listed], dict[str, str]]:
    """The entries, and the platforms that need none yet, each with the reason."""
    content = tomllib.loads(file.read_text())
    return [Listed(**each) for each in content.get("gap", [])], content.get("platforms", {})


def complaints(
    found: Iterable[Gap], entries: Iterable[Listed], platforms: Iterable[str]
) -> Iterator[str]:
    """What was not run and is not listed on those platforms, and what is listed without need."""
    there, entries = Counter(found), list(entries)
    for platform in platforms:
        here = Counter(gap for gap in there.elements() if gap.platform == platform)
        known = Counter(each.on(platform) for each in entries if each.platform in ("", platform))
        for gap in (here - known).elements():
            yield str(gap)
    for entry, times in Counter(each._replace(why="") for each in entries).items():
        on = [entry.platform] if entry.platform else list(platforms)
        if times > max((there[entry.on(platform)] for platform in on), default=0):
            what = f"never {entry.way}" if entry.way else "not executed"
            yield f"{entry.routine}: {entry.line}: listed as {what}, and that is not so"


def check(seen: Report, file: Path) -> list[str]:
    """How a report breaks the rule, with what that file lists: a line for each."""
    entries, excused = listed(file)
    found = [gap for each in seen.covered for gap in gaps(each)]
    broken = list(complaints(found, entries, [p for p in seen.platforms if p not in excused]))
    idle = set(excused) - {gap.platform for gap in found}
    return broken + [
        f"{platform}: listed as a platform with gaps, and has none" for platform in idle
    ]
