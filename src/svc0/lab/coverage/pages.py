"""Pages: the report as a folder of HTML, to be opened without a server.

    index.html      what there is and what was run: platforms, modules, routines
    NAME.html       a module's source; beside each line the instructions that it wrote, and how
                    many times each was run; for a branch, each of its two ways
    coverage.css, coverage.js

A platform that no test has run at all is named on the index and left out of everything else: it
would only say so again at each line.
"""

from __future__ import annotations

import inspect
import linecache
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]

from svc0.a64 import Platform, Routine

from .counts import Count, Covered, Share
from .report import Gap, Report, gaps

__all__ = ["write"]

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = ("coverage.css", "coverage.js")
FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)

Counts = Mapping[Platform, Count]


@dataclass(frozen=True)
class Line:
    """A line of source, and the instructions that it wrote on each platform."""

    number: int
    source: Markup
    instructions: list[Counts]

    @cached_property
    def state(self) -> str:
        """The worst of its instructions: ``silent``, ``one-sided``, ``run``; empty without any."""
        states = {state(each) for each in self.instructions}
        return next((each for each in ("silent", "one-sided", "run") if each in states), "")

    def times(self, platform: Platform) -> int | None:
        """How many times it was run: as often as what it wrote first; None if it wrote nothing."""
        here = [each[platform].times for each in self.instructions if platform in each]
        return here[0] if here else None


@dataclass(frozen=True)
class Part:
    """A routine, on every platform that has it."""

    routine: Routine
    on: dict[Platform, Covered]

    @property
    def name(self) -> str:
        return self.routine.__qualname__

    @property
    def number(self) -> int:
        """The line of its ``def``, where its decorator is."""
        return self.routine.body.__code__.co_firstlineno

    @cached_property
    def gaps(self) -> list[Gap]:
        """What was not run of it."""
        return [gap for each in self.on.values() for gap in gaps(each)]

    def instructions(self, platform: Platform) -> Share:
        """How many were run; of none, where it is not."""
        return self.on[platform].instructions if platform in self.on else Share(0, 0)

    def ways(self, platform: Platform) -> Share:
        """How many ways of its branches were gone."""
        return self.on[platform].ways if platform in self.on else Share(0, 0)


@dataclass(frozen=True)
class Module:
    """A module and its routines."""

    name: str
    parts: list[Part]

    @property
    def short(self) -> str:
        """What it is called within its package, and its page."""
        return self.name.rpartition(".")[2]

    @cached_property
    def file(self) -> Path:
        return Path(self.parts[0].routine.file)

    @cached_property
    def about(self) -> str:
        """The first line of what it says of itself."""
        module = inspect.getmodule(self.parts[0].routine.body)
        return (inspect.getdoc(module) or "").partition("\n")[0]

    @cached_property
    def gaps(self) -> list[Gap]:
        """What was not run of it."""
        return [gap for part in self.parts for gap in part.gaps]

    def instructions(self, platform: Platform) -> Share:
        """How many were run of all its routines."""
        return Share.of(part.instructions(platform) for part in self.parts)

    def ways(self, platform: Platform) -> Share:
        """How many ways of all its branches were gone."""
        return Share.of(part.ways(platform) for part in self.parts)

    @cached_property
    def lines(self) -> list[Line]:
        """Its whole source."""
        written = by_line(self.parts)
        return [
            Line(number, source, written.get(number, []))
            for number, source in enumerate(coloured(self.file), 1)
        ]


def coloured(file: Path) -> list[Markup]:
    """The lines of a Python file, its words in the classes of Pygments."""
    text = "".join(linecache.getlines(str(file)))
    shown: str = highlight(text, get_lexer_by_name("python", stripnl=False), FORMATTER)
    return [Markup(line) for line in shown.removesuffix("\n").split("\n")]


def state(counts: Counts) -> str:
    """Whether an instruction was run on every platform that has it, and gone both ways."""
    if not all(count.times for count in counts.values()):
        return "silent"
    return "one-sided" if any(count.missing for count in counts.values()) else "run"


def by_line(parts: Sequence[Part]) -> dict[int, list[Counts]]:
    """The instructions of each line, in order; what platforms have in common is one."""
    found: defaultdict[int, dict[tuple[str, int], dict[Platform, Count]]] = defaultdict(dict)
    for part in parts:
        for platform, covered in part.on.items():
            seen: Counter[tuple[int, str]] = Counter()
            for count in covered.counts:
                line, text = count.instruction.line, count.instruction.text
                seen[line, text] += 1
                found[line].setdefault((text, seen[line, text]), {})[platform] = count
    return {line: list(rows.values()) for line, rows in found.items()}


def modules(report: Report, platforms: Sequence[Platform]) -> list[Module]:
    """The modules of a report, in the order of the report."""
    found: defaultdict[str, dict[Routine, Part]] = defaultdict(dict)
    for each in report.covered:
        if each.platform in platforms:
            parts = found[each.routine.__module__]
            part = parts.setdefault(each.routine, Part(each.routine, {}))
            part.on[each.platform] = each
    return [Module(name, list(parts.values())) for name, parts in found.items()]


def write(report: Report, folder: Path) -> Path:
    """Make the pages, in place of whatever was in the folder; the first of them."""
    run: list[Platform] = [each for each in report.platforms if report.instructions(each).part]
    shown = modules(report, run)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"short": short, "state": state}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ASSETS:
        shutil.copyfile(TEMPLATES / name, folder / name)
    page = environment.get_template("module.html")
    for module in shown:
        (folder / f"{module.short}.html").write_text(page.render(module=module, platforms=run))
    first = folder / "index.html"
    index = environment.get_template("index.html")
    first.write_text(index.render(report=report, platforms=run, modules=shown))
    return first


def short(number: int) -> str:
    """A number in at most four characters.

    >>> short(999), short(1_234), short(56_789), short(999_999), short(12_345_678)
    ('999', '1.2k', '56k', '999k', '12M')
    """
    for unit, letter in (10**9, "G"), (10**6, "M"), (10**3, "k"):
        if number >= 10 * unit:
            return f"{number // unit}{letter}"
        if number >= unit:
            return f"{number * 10 // unit / 10}{letter}"
    return str(number)
