"""Exact costs: instructions and system calls of normal requests, kept in costs.toml.

    python -m bench.costs             measure, and compare with the file
    python -m bench.costs --update    measure, and write the file

A cost that changes, up or down, is a change of the program: the file is committed with it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from rich.console import Console
from rich.table import Table

from bench.emulated import CLOCK, measure
from svc0 import build

FILE: Final = Path(__file__).with_name("costs.toml")
PAGE: Final = b"<!DOCTYPE html><title>a page</title><p>".ljust(1000, b".")
CHANGED: Final = 1_600_000_000
ROUNDS: Final = 32
LOG: Final = "write"
PIPELINED: Final = 16

BROWSER: Final = b"\r\n".join(
    (
        b"GET /page.html?from=here HTTP/1.1",
        b"Host: www.example.org:8080",
        b"Connection: keep-alive",
        b"Cache-Control: max-age=0",
        b"Upgrade-Insecure-Requests: 1",
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        b"Sec-Fetch-Site: none",
        b"Sec-Fetch-Mode: navigate",
        b"Sec-Fetch-Dest: document",
        b"Accept-Encoding: gzip, deflate, br, zstd",
        b"Accept-Language: en-US,en;q=0.5",
        b"Priority: u=0, i",
        b"\r\n",
    )
)
assert BROWSER.count(b"\r\n") == 1 + 12 + 1


@dataclass(frozen=True)
class Case:
    """A request, and what it is answered with."""

    meaning: str
    request: bytes
    status: int = 200


def ask(target: str, *fields: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: example.org", *fields, "", ""]
    return "\r\n".join(lines).encode()


TAG: Final = f'"{CHANGED * 10**9:x}-{len(PAGE):x}"'

CASES: Final = {
    "small file": Case("GET of 1,000 bytes, the connection is kept", ask("/page.html")),
    "browser": Case("the same, asked by a browser with 12 fields", BROWSER),
    "index": Case("GET of a directory that has an index.html", ask("/below/")),
    "not modified": Case("GET with its ETag: 304", ask("/page.html", f"If-None-Match: {TAG}"), 304),
    "head": Case("HEAD of a small file", ask("/page.html", method="HEAD")),
    "not found": Case("GET of what is not there: 404", ask("/nothing.html"), 404),
    "redirect": Case("GET of a directory without its slash: 301", ask("/below"), 301),
    "range": Case("GET of 100 bytes: 206", ask("/page.html", "Range: bytes=100-199"), 206),
    "pipelined": Case("16 GETs of a small file at once", ask("/page.html") * PIPELINED),
    "new connection": Case("connect, GET, close", ask("/page.html", "Connection: close")),
    "large file": Case("GET of 1 MiB by a client that takes it at once", ask("/large")),
}

Cost: TypeAlias = dict[str, float]
"""instructions, calls, clock (reads of it), log (writes of it), and then each call by its name."""


def make_site(site: Path) -> None:
    (site / "below").mkdir()
    files = {"page.html": PAGE, "below/index.html": PAGE, "large": bytes(1 << 20)}
    for name, content in files.items():
        (site / name).write_bytes(content)
        os.utime(site / name, (CHANGED, CHANGED))


def cost_of(image: bytes, site: Path, case: Case) -> Cost:
    """Per round.  Lines of the log are written together, whenever their room is used up."""
    count = measure(image, site, case.request, case.status, ROUNDS)
    calls = {name: number / ROUNDS for name, number in sorted(count.calls.items())}
    clock, log = calls.pop(CLOCK, 0), calls.pop(LOG, 0)
    total = sum(calls.values())
    instructions = count.instructions / ROUNDS
    return {"instructions": instructions, "calls": total, "clock": clock, "log": log, **calls}


def costs(names: Iterable[str] = CASES) -> dict[str, Cost]:
    """Of each case, with an image that logs as it does when nobody says otherwise."""
    image = build.executable(None, requests=1_000_000)
    with tempfile.TemporaryDirectory() as name:
        make_site(Path(name))
        return {case: cost_of(image, Path(name), CASES[case]) for case in names}


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
