"""Tables of a result, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich import table as rich

from bench import costs
from bench.alternatives import KIB, QUESTIONS
from bench.growth import ACTIVE
from bench.running import FILES
from bench.servers import SERVERS

NOTHING: Final = "-"
CALLS_SHOWN: Final = 0.05
"""A call that a request makes less often is of something that happens once in a while."""


@dataclass(frozen=True)
class Table:
    """A title, the names of columns, and rows whose first cell is a name."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    words: int = 0
    """How many of the last columns are words, and not numbers."""

    def markdown(self) -> str:
        numbers = len(self.columns) - 1 - self.words
        marks = ["---", *["---:"] * numbers, *["---"] * self.words]
        lines = [self.columns, tuple(marks), *self.rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def rich(self) -> rich.Table:
        shown = rich.Table(*self.columns, title=self.title)
        for column in shown.columns[1 : len(self.columns) - self.words]:
            column.justify = "right"
        for row in self.rows:
            shown.add_row(*row)
        return shown


def size(length: int) -> str:
    """
    >>> size(612), size(16384), size(1 << 20)
    ('612 bytes', '16 KiB', '1 MiB')
    """
    if length % KIB:
        return f"{length} bytes"
    return f"{length // KIB} KiB" if length < KIB**2 else f"{length // KIB**2} MiB"


def around(spread: Mapping[str, float], form: str, scale: float = 1) -> str:
    """A median, and between what the others lie.

    >>> around({"median": 2, "least": 1, "most": 3}, ".1f")
    '2.0 (1.0-3.0)'
    """
    middle, least, most = (spread[key] * scale for key in ("median", "least", "most"))
    if least == most:
        return f"{middle:{form}}"
    return f"{middle:{form}} ({least:{form}}-{most:{form}})"


def titled(names: Iterable[str]) -> list[tuple[str, str]]:
    """Names of servers in the order of SERVERS, with their titles."""
    wanted = set(names)
    return [(name, server.title) for name, server in SERVERS.items() if name in wanted]


def load_tables(found: Any) -> Iterable[Table]:
    columns = "", "requests/s", "CPU µs/request", "wrk's", "MB/CPU second", "others"
    for file, its in found.items():
        rows: list[tuple[str, ...]] = []
        for name, title in titled(its):
            got = its[name]
            volume = around(got["volume"], ",.0f", 1e-6)
            others = got["others"]["median"] + got["stolen"]["median"]
            spent = [around(got[whose], ",.1f") for whose in ("cpu", "client")]
            rows.append((title, around(got["rate"], ",.0f"), *spent, volume, f"{others:.2f}"))
        yield Table(f"{file}, {size(FILES[file])}", columns, rows)


def named(cost: Mapping[str, float]) -> str:
    """Calls and how often, most frequent first."""
    calls = [(name, often) for name, often in cost.items() if name != "instructions"]
    shown = sorted((call for call in calls if call[1] >= CALLS_SHOWN), key=lambda call: -call[1])
    return ", ".join(name if often == 1 else f"{name} {often:.2g}" for name, often in shown)


def exact_tables(found: Any) -> Iterable[Table]:
    columns = "", "kept", "calls", "16 at once", "calls", "new connection", "calls"
    rows: list[tuple[str, ...]] = []
    which: list[tuple[str, ...]] = []
    for name, title in titled(found["plugin"]):
        row: list[str] = []
        its = found["plugin"][name]
        for way in "keep-alive", "pipelined", "new connection":
            cost = its.get(way)
            if cost is None:
                row += [NOTHING, NOTHING]
                continue
            calls = sum(often for call, often in cost.items() if call != "instructions")
            row += [f"{cost['instructions']:,.0f}", f"{calls:.2f}".rstrip("0").rstrip(".")]
        rows.append((title, *row))
        kept = its.get("keep-alive") or its["new connection"]
        which.append((title, named(kept)))
    yield Table("User instructions and system calls of a request", columns, rows)
    yield Table("Which calls", ("", "calls"), which, words=1)
    cases = [
        (costs.CASES[name].meaning, f"{cost['instructions']:,.0f}", f"{cost['calls']:g}")
        for name, cost in found["emulator"].items()
        if name in costs.CASES
    ]
    yield Table("Ours, by the emulator", ("", "instructions", "system calls"), cases)


def kernel_tables(found: Any) -> Iterable[Table]:
    columns = "", "programs", "kernel", "both"
    for file, its in found.items():
        rows: list[tuple[str, ...]] = []
        for name, title in titled(its):
            user, kernel = its[name]["user"], its[name]["kernel"]
            rows.append((title, f"{user:,.0f}", f"{kernel:,.0f}", f"{user + kernel:,.0f}"))
        yield Table(f"{file}, {size(FILES[file])}, wrk's part included", columns, rows)


def start_tables(found: Any) -> Iterable[Table]:
    rows = [(title, around(found[name], ".1f", 1000)) for name, title in titled(found)]
    yield Table("From start to first byte", ("", "ms"), rows)


def sizes_tables(found: Any) -> Iterable[Table]:
    rows = [
        (
            title.removesuffix(", access log on"),
            f"{found[name]['program']:,}",
            str(found[name]["libraries"]),
            f"{found[name]['bytes']:,}",
        )
        for name, title in titled(found)
    ]
    yield Table("Bytes on disk", ("", "executable", "libraries", "together"), rows)


def growth_tables(found: Any) -> Iterable[Table]:
    columns = "instructions", "calls", "CPU µs/request"

    def row(point: Any) -> tuple[str, ...]:
        numbers = f"{point['instructions']:,.0f}", f"{point['calls']:.3g}", f"{point['cpu']:.1f}"
        return f"{point['number']:,}", *numbers

    rows = [(*row(point), f"{point['rate']:,.0f}") for point in found["idle"]]
    yield Table(f"Idle connections, {ACTIVE} active", ("idle", *columns, "requests/s"), rows)
    for way, title in ("hot", "One file, again and again"), ("random", "Any file"):
        rows = [row(point) for point in found[way]]
        yield Table(f"{title}, of so many in the root", ("files", *columns), rows)


def alternatives_tables(found: Any) -> Iterable[Table]:
    for question, title in QUESTIONS.items():
        its = [one for one in found if one["question"] == question]
        sizes = list(dict.fromkeys(one["body"] for one in its))
        columns = (
            "",
            *(f"{size(body)}: {what}" for body in sizes for what in ("instructions", "µs")),
        )
        rows: list[tuple[str, ...]] = []
        for way in dict.fromkeys(one["way"] for one in its):
            row: list[str] = []
            for body in sizes:
                one = next(one for one in its if (one["way"], one["body"]) == (way, body))
                both = one.get("user", 0) + one.get("kernel", 0)
                row.append(f"{both:,.0f}" if both else NOTHING)
                row.append(around(one["cpu"], ".1f") if "cpu" in one else NOTHING)
            rows.append((way, *row))
        yield Table(title, columns, rows)


def tools_tables(found: Any) -> Iterable[Table]:
    rows = [
        ("importing every routine", f"{found['import']:.2f} s"),
        ("assembling, proving and laying out", f"{found['assemble']:.2f} s"),
        ("executable, stripped", f"{found['stripped']:,} bytes"),
        ("executable, with symbols", f"{found['symbols']:,} bytes"),
        ("a warm call of a routine from Python", f"{found['call'] * 1000:.2f} ms"),
    ]
    yield Table("The tools", ("", ""), rows)


TABLES: Final[dict[str, Callable[[Any], Iterable[Table]]]] = {
    "tools": tools_tables,
    "sizes": sizes_tables,
    "exact": exact_tables,
    "start": start_tables,
    "load": load_tables,
    "growth": growth_tables,
    "kernel": kernel_tables,
    "alternatives": alternatives_tables,
}
