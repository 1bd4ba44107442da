"""What the tests have run of the server, by instruction and by way of each branch.

The emulator records what it runs if SVC0_COVERAGE names a folder; `make coverage` runs the tests
that way, and then this.  It writes pages of HTML and prints a table.

With --check it fails if a line of the server was not run, or a branch never went one of its two
ways, and tests/unexecuted.toml does not list that with a reason; or if that lists what was run
after all.  The whole of `make test` does the same.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from svc0.lab.coverage.pages import write
from svc0.lab.coverage.report import Gap, Report, gaps, report

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "var" / "coverage"
PAGES = ROOT / "build" / "coverage"
LISTED = ROOT / "tests" / "unexecuted.toml"


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


def listed(file: Path = LISTED) -> tuple[list[Listed], dict[str, str]]:
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
    for entry, times in Counter(entries).items():
        on = [entry.platform] if entry.platform else list(platforms)
        if times > max((there[entry.on(platform)] for platform in on), default=0):
            what = f"{entry.way} after all" if entry.way else "executed after all"
            yield f"{entry.routine}: {entry.line}: {what}; take it out of the list"


def check(seen: Report) -> list[str]:
    """How a report breaks the rule: one line for each way."""
    entries, excused = listed()
    found = [gap for each in seen.covered for gap in gaps(each)]
    broken = list(complaints(found, entries, [p for p in seen.platforms if p not in excused]))
    idle = set(excused) - {gap.platform for gap in found}
    return broken + [f"{platform}: it has no gap; take it out of the list" for platform in idle]


def table(seen: Report) -> Table:
    """What was run on each platform."""
    shown = Table(box=box.SIMPLE)
    for name in ("platform", "routines", "instructions", "run", "ways of branches", "gone"):
        shown.add_column(name, justify="left" if name == "platform" else "right")
    for platform in seen.platforms:
        here = seen.on(platform)
        cells = [platform, str(len(here))]
        for share in seen.instructions(platform), seen.ways(platform):
            cells += [f"{share.part:,} of {share.whole:,}", str(share)]
        shown.add_row(*cells)
    return shown


def main(
    folder: Annotated[Path, typer.Option(help="What the tests recorded.")] = FOLDER,
    pages: Annotated[Path, typer.Option(help="Where the HTML goes.")] = PAGES,
    checking: Annotated[
        bool, typer.Option("--check", help="Fail for what is neither run nor listed.")
    ] = False,
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not any(folder.glob("*.json")):
        console.print(f"{folder}: nothing was recorded there: make coverage")
        sys.exit(2)
    seen = report(folder)
    console.print(table(seen))
    console.print(write(seen, pages))
    broken = check(seen)
    for line in broken:
        console.print(line, markup=False)
    sys.exit(1 if broken and checking else 0)


main.__doc__ = __doc__

if __name__ == "__main__":
    typer.run(main)
