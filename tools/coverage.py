"""What the tests have run of the server, by instruction and by way of each branch.

The emulator records what it runs if SVC0_COVERAGE names a folder; `make coverage` runs the tests
that way, and then this.  It writes pages of HTML and prints a table.

With --check it fails if a line of the server was not run, or a branch never went one of its two
ways, and tests/unexecuted.toml does not list that with a reason; or if that lists what was run
after all.  The whole of `make test` does the same.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

try:
    from svc0.lab.coverage.pages import write
except ImportError as error:
    sys.exit(f"tools.coverage: {error}: make coverage installs what it needs")
from svc0.lab.coverage.report import Report, report
from svc0.lab.coverage.rule import check

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "var" / "coverage"
PAGES = ROOT / "build" / "coverage"
LISTED = ROOT / "tests" / "unexecuted.toml"


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
    broken = check(seen, LISTED)
    for line in broken:
        console.print(line, markup=False)
    sys.exit(1 if broken and checking else 0)


main.__doc__ = __doc__
app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
app.command()(main)

if __name__ == "__main__":
    app()
