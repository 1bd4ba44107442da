"""Exact costs: instructions and system calls of normal requests, kept in costs.toml.

    python -m bench.costs             measure, and compare with the file
    python -m bench.costs --update    measure, and write the file

A cost that changes, up or down, is a change of the program: the file is committed with it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

from rich.console import Console
from rich.table import Table

from svc0 import build
from svc0.lab.cost.cases import CASES, MOST_REQUESTS, PAGE, Case, make_site
from svc0.lab.cost.stage import CLOCK, LOG, ROUNDS, measure

__all__ = ["CASES", "FILE", "PAGE", "costs", "make_site", "read", "table", "written"]

FILE: Final = Path(__file__).with_name("costs.toml")
Cost: TypeAlias = dict[str, float]
"""instructions, calls, clock (reads of it), log (writes of it), and then each call by its name."""


def cost_of(site: Path, case: Case) -> Cost:
    """Per round.  Lines of the log are written together, whenever their room is used up."""
    image = build.executable(None, requests=MOST_REQUESTS, log=case.log.number)
    count = measure(image, site, case.play)
    calls = {name: number / ROUNDS for name, number in sorted(count.calls.items())}
    clock, log = calls.pop(CLOCK, 0), calls.pop(LOG, 0)
    total = sum(calls.values())
    instructions = count.instructions / ROUNDS
    return {"instructions": instructions, "calls": total, "clock": clock, "log": log, **calls}


def costs(names: Iterable[str] = CASES) -> dict[str, Cost]:
    """Of each case."""
    with tempfile.TemporaryDirectory() as name:
        make_site(Path(name))
        return {case: cost_of(Path(name), CASES[case]) for case in names}


def read() -> dict[str, Cost]:
    """What the file says."""
    return tomllib.loads(FILE.read_text()) if FILE.exists() else {}


def written(all_costs: dict[str, Cost]) -> str:
    """As the file has it."""
    lines = [
        "# What a request costs, exactly.  Written by `python -m bench.costs --update`;",
        "# tests/costs/ compares.  Calls count neither reads of the clock nor writes of the log,",
        "# whose lines are written hundreds at a time.",
    ]
    for name, cost in all_costs.items():
        lines += ["", f"# {CASES[name].meaning}", f'["{name}"]']
        lines += [f"{key} = {value if value % 1 else int(value)}" for key, value in cost.items()]
    return "\n".join(lines) + "\n"


def table(all_costs: dict[str, Cost], before: dict[str, Cost]) -> Table:
    """For people: with what the file says, where that is something else."""
    shown = Table("", "instructions", "system calls", title="What a request costs")
    for column in shown.columns[1:]:
        column.justify = "right"
    for name, cost in all_costs.items():
        old = before.get(name, cost)
        cells: list[str] = []
        for key, form in ("instructions", ",.0f"), ("calls", "g"):
            was = f" (was {old[key]:{form}})" if old[key] != cost[key] else ""
            cells.append(f"{cost[key]:{form}}{was}")
        shown.add_row(CASES[name].meaning, *cells)
    return shown


def main() -> int:
    parser = argparse.ArgumentParser("python -m bench.costs", description=__doc__)
    parser.add_argument("--update", action="store_true", help=f"write {FILE.name}")
    update: bool = parser.parse_args().update
    before, now = read(), costs()
    Console().print(table(now, before))
    if update:
        FILE.write_text(written(now))
        return 0
    return 0 if now == before else 1


if __name__ == "__main__":
    sys.exit(main())
