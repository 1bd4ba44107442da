"""What the server costs, beside others: `python -m bench`, which is `make bench`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench import report
from bench.measuring import PARTS, Options, measure
from bench.running import make_site
from bench.servers import SERVERS
from bench.tables import TABLES
from svc0.cli import Application, fail
from svc0.machine.native import is_there

QUICK_ROUNDS, QUICK_SECONDS = 1, 1


def among(names: Iterable[str]) -> Callable[[list[str] | None], list[str] | None]:
    """A check of what was asked for."""

    def check(asked: list[str] | None) -> list[str] | None:
        for name in asked or ():
            if name not in names:
                raise typer.BadParameter(f"{name} is none of {', '.join(names)}")
        return asked

    return check


app = Application(
    name="bench",
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@app.command()
def main(
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            help=f"Measure this part; again for one more. {', '.join(PARTS)}.",
            show_default="all",
            callback=among(PARTS),
        ),
    ] = None,
    server: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"Measure this server; again for one more. {', '.join(SERVERS)}.",
            show_default="all",
            callback=among(SERVERS),
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often the load is run.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="How long each time.")] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="Short runs and curves, to see that all works.")
    ] = False,
    native: Annotated[
        bool, typer.Option("--native", help="Load on this ARM64 Linux itself, without an emulator.")
    ] = False,
    write_docs: Annotated[
        bool,
        typer.Option("--write-docs", help="Measure nothing: make docs/performance.md of the last."),
    ] = False,
) -> None:
    """Measure the server beside others, and write build/bench/result.json, tables and charts.

    Parts that are measured replace those of the last result; the others stay. Instructions and
    system calls are exact. Times are of this machine, and only say something beside each other.
    """
    if write_docs:
        write_page()
        return
    if sys.platform != "linux":
        fail("servers are measured on Linux only: what is counted and timed is the kernel's too")
    if native and not is_there():
        fail("this is not ARM64 Linux: without --native it is played by qemu")
    console, messages = Console(), Console(stderr=True, highlight=False)
    if quick:
        rounds, seconds = QUICK_ROUNDS, QUICK_SECONDS
    with tempfile.TemporaryDirectory(prefix="svc0-site-") as scratch:
        site = make_site(Path(scratch) / "site")
        names = tuple(server or SERVERS)
        with messages.status("") as status:

            def tell(what: str) -> None:
                status.update(what)
                if not messages.is_terminal:
                    messages.print(what, markup=False, soft_wrap=True)

            options = Options(tell, site, rounds, seconds, quick, native, names)
            for part in only or PARTS:
                status.update(f"{part} …")
                found = measure([part], options)
                report.write(report.read() | found)
                show(console, found)


def write_page() -> None:
    result = report.read()
    if not result:
        fail("there is no result yet: python -m bench")
    report.write_page(result)


def show(console: Console, found: dict[str, Any]) -> None:
    for part, its in found.items():
        for table in TABLES[part](its["found"]):
            console.print(table.rich())


if __name__ == "__main__":
    app(prog_name="python -m bench")
