"""The report: every routine of the server on every platform, and what nothing has run.

A *gap* is a line with an instruction that was never run, or a branch that never went one of its two
ways.  It is told by the text of the line, so that it stays the same where lines move.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from svc0 import server
from svc0.a64 import AssemblyError, Platform
from svc0.a64.platforms import PLATFORMS
from svc0.image import elf, macho
from svc0.image.layout import Program, lay_out
from svc0.server.start import start

from .counts import Covered, Share, covered, routines, tallies

__all__ = ["Gap", "Report", "gaps", "report"]


class Gap(NamedTuple):
    """What was not run: a line, or one way of a branch (``taken``, ``passed``) that is there."""

    platform: str
    routine: str
    line: str
    way: str

    def __str__(self) -> str:
        what = f"never {self.way}" if self.way else "not executed"
        return f"{self.routine}: {self.line}: {what} ({self.platform})"


@dataclass(frozen=True)
class Report:
    """Every routine on every platform that the server can be assembled for."""

    platforms: list[Platform]
    covered: list[Covered]

    def on(self, platform: Platform) -> list[Covered]:
        """Those of one platform."""
        return [each for each in self.covered if each.platform == platform]

    def instructions(self, platform: Platform) -> Share:
        """How many instructions were run."""
        return Share.of(each.instructions for each in self.on(platform))

    def ways(self, platform: Platform) -> Share:
        """How many ways of conditional branches were gone."""
        return Share.of(each.ways for each in self.on(platform))


def report(folder: Path) -> Report:
    """What was recorded in a folder; ValueError if the server has changed since."""
    programs = images()
    found = tallies(folder, list(programs.values()))
    reached = {each for program in programs.values() for each in program.listings}
    every = [
        covered(each, platform, found)
        for platform, program in programs.items()
        for each in routines(server)
        if each in program.listings or each not in reached  # what nothing needs is told too
    ]
    return Report(list(programs), every)


def images() -> dict[Platform, Program]:
    """The server for each platform; a port that cannot be assembled yet is not there."""
    layouts = {"linux": (elf.HEADERS, 0), "macos": (macho.HEADERS, macho.BASE)}
    found: dict[Platform, Program] = {}
    for platform in PLATFORMS:
        headers, base = layouts[platform]
        try:
            found[platform] = lay_out(start, platform, headers=headers, base=base)
        except AssemblyError:
            if platform == "linux":
                raise
    return found


def gaps(each: Covered) -> Iterator[Gap]:
    """What was not run of a routine: each line once, each way of each branch once."""
    name = f"{each.routine.__module__}.{each.routine.__qualname__}"
    silent: set[int] = set()
    for count in each.counts:
        number = count.instruction.line
        line = text(each.routine.file, number)
        if not count.times and number not in silent:
            silent.add(number)
            yield Gap(each.platform, name, line, "")
        for way in count.missing:
            yield Gap(each.platform, name, line, way)


def text(file: str, number: int) -> str:
    """A line of the source, without what a comment says of it."""
    return linecache.getline(file, number).partition("  #")[0].strip()
