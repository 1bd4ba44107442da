"""Exact costs: instructions and system calls of each kind of request, kept in costs.toml.

    python -m bench.costs                       measure, and compare with the file
    python -m bench.costs --update              measure, and write the file
    python -m bench.costs --update --accept KIND
                                                the same, and let this kind cost what it does now

A cost that changes, up or down, is a change of the program: the file is committed with it.  The
file also knows the least that each has cost since it was last accepted, and nothing may cost more
than 2 % above that: so it cannot grow by small steps, either.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from rich import box
from rich.console import Console
from rich.table import Table

from svc0 import build
from svc0.lab.cost.cases import CASES, MOST_REQUESTS, PAGE, Case, make_site
from svc0.lab.cost.stage import CLOCK, LOG, ROUNDS, measure

__all__ = ["CASES", "FILE", "PAGE", "costs", "grown", "make_site", "read", "table", "written"]

FILE: Final = Path(__file__).with_name("costs.toml")
MOST_GROWTH: Final = 2
"""In percent."""
LEAST: Final = "least"
GROWING: Final = ("instructions", "calls")
"""What may not grow unseen."""

Cost: TypeAlias = dict[str, float]
"""instructions, calls, clock (reads of it), log (writes of it), and then each call by its name."""


# --- measured ---------------------------------------------------------------------


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
    """Of each case, from a folder of its own: some change it."""
    found: dict[str, Cost] = {}
    for name in names:
        with tempfile.TemporaryDirectory() as site:
            make_site(Path(site))
            found[name] = cost_of(Path(site), CASES[name])
    return found


# --- remembered -------------------------------------------------------------------


def file() -> dict[str, dict[str, Any]]:
    """All that the file says."""
    return tomllib.loads(FILE.read_text()) if FILE.exists() else {}


def read() -> dict[str, Cost]:
    """What each case cost when the file was written."""
    return {
        name: {key: value for key, value in cost.items() if key != LEAST}
        for name, cost in file().items()
    }


def read_least() -> dict[str, Cost]:
    """The least that each has cost since it was last accepted."""
    return {name: cost[LEAST] for name, cost in file().items() if LEAST in cost}


def lowered(all_costs: Mapping[str, Cost], accepted: Iterable[str] = ()) -> dict[str, Cost]:
    """The least that each has cost, with these costs; what they are, of what is accepted."""
    before = {name: cost for name, cost in read_least().items() if name not in set(accepted)}
    return {
        name: {key: min(cost[key], before.get(name, cost)[key]) for key in GROWING}
        for name, cost in all_costs.items()
    }


def written(all_costs: Mapping[str, Cost], least: Mapping[str, Cost]) -> str:
    """As the file has it."""
    text = [
        "# What a request costs, exactly.  Written by `python -m bench.costs --update`;",
        "# tests/costs/ compares.  Calls count neither reads of the clock nor writes of the log,",
        "# whose lines are written hundreds at a time.  Least is since it was last accepted.",
    ]
    for name, cost in all_costs.items():
        text += ["", f"# {CASES[name].meaning}", f'["{name}"]']
        text += [f"{key} = {number(value)}" for key, value in cost.items()]
        inner = ", ".join(f"{key} = {number(value)}" for key, value in least[name].items())
        text.append(f"{LEAST} = {{ {inner} }}")
    return "\n".join(text) + "\n"


def number(value: float) -> str:
    """Whole where it is.

    >>> number(7.0), number(44534.875)
    ('7', '44534.875')
    """
    return str(value if value % 1 else int(value))


# --- compared ---------------------------------------------------------------------


def growth(now: float, then: float) -> float:
    """How much more it is, as a part of what it was."""
    return now / then - 1 if then else float(now > 0)


def grown(all_costs: Mapping[str, Cost], least: Mapping[str, Cost]) -> Iterator[str]:
    """What costs more than it may, in words."""
    for name, cost in all_costs.items():
        for key in GROWING:
            most = least.get(name, cost)[key]
            if cost[key] * 100 > most * (100 + MOST_GROWTH):
                more = growth(cost[key], most)
                yield (
                    f"{name}: {cost[key]:,.10g} {key}, {more:.1%} more than the {most:,.10g} "
                    f"it took at best (at most {MOST_GROWTH} %): if that is worth it: "
                    f'python -m bench.costs --update --accept "{name}"'
                )


def table(all_costs: Mapping[str, Cost], before: Mapping[str, Cost]) -> Table:
    """For people: with what the file says, where that is something else.

    What the names stand for is said by `svc0 cost --list`.
    """
    shown = Table("", title="What a request costs", box=box.SIMPLE_HEAD)
    for title in "instructions", "system calls", "change":
        shown.add_column(title, justify="right", no_wrap=True)
    for name, cost in all_costs.items():
        old = before.get(name, cost)
        more = growth(cost["instructions"], old["instructions"])
        cells = [f"{cost['instructions']:,.0f}", f"{cost['calls']:g}"]
        if old["calls"] != cost["calls"]:
            cells[1] = f"{old['calls']:g} → {cells[1]}"
        cells.append(f"{more:+.1%}" if more else "")
        shown.add_row(name, *cells)
    return shown


def main() -> int:
    parser = argparse.ArgumentParser("python -m bench.costs", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--update", action="store_true", help=f"write {FILE.name}")
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="KIND",
        choices=[*CASES, "all"],
        help="let this kind, or all, cost what it does now",
    )
    asked = parser.parse_args()
    if asked.accept and not asked.update:
        parser.error("--accept goes with --update")
    accepted: list[str] = list(CASES) if "all" in asked.accept else asked.accept
    before, now = read(), costs()
    Console(highlight=False).print(table(now, before))
    least = lowered(now, accepted)
    too_much = list(grown(now, least))
    for line in too_much:
        print(line)
    if asked.update:
        FILE.write_text(written(now, least))
        return 0
    return 1 if too_much or now != before else 0


if __name__ == "__main__":
    sys.exit(main())
