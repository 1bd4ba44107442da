"""The report on a profile: tables for people, and the same as data for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from svc0.a64 import Routine

from .profile import Profile
from .stage import CLOCK, LOG

__all__ = ["By", "data", "summary", "table"]


class By(StrEnum):
    """What the instructions are told by."""

    CALL = "call"
    ROUTINE = "routine"
    LINE = "line"


def each(number: int, rounds: int, digits: int = 1) -> str:
    """How many in a round, of so many in all of them.

    >>> each(99_328, 32), each(33, 32), each(0, 32), each(1, 32, 2)
    ('3,104', '1.0', '', '0.03')
    """
    if not number:
        return ""
    return f"{number / rounds:,.{0 if number % rounds == 0 else digits}f}"


def share(part: int, whole: int) -> str:
    """In percent.

    >>> share(1, 3)
    '33.3 %'
    """
    return f"{100 * part / whole:.1f} %"


def names(calls: Mapping[str, int]) -> str:
    """Calls in a few words."""
    return ", ".join(calls)


def short(routine: Routine) -> str:
    """The module of a routine within its package."""
    return routine.__module__.rpartition(".")[2]


def summary(profile: Profile) -> str:
    """One line: all of a round."""
    calls, rounds = profile.calls, profile.rounds
    rare = {CLOCK: "read of the clock", LOG: "write of the log"}
    often = sum(number for name, number in calls.items() if name not in rare)
    line = f"{each(profile.instructions, rounds)} instructions, {each(often, rounds)} system calls"
    for name, what in rare.items():
        if calls[name]:
            ending = "" if calls[name] == rounds else "s"
            line += f", {each(calls[name], rounds, 2)} {what}{ending}"
    return line


def table(profile: Profile, by: By, most: int = 0) -> Table:
    """What it cost by call, routine or line; of the latter two, at most so many unless 0."""
    if by is By.CALL:
        return by_call(profile)
    return by_routine(profile, most) if by is By.ROUTINE else by_line(profile, most)


def made(right: Sequence[str], left: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """A table, numbers first; where there is no room, only its last column is cut."""
    shown = Table(box=box.SIMPLE_HEAD)
    rows = list(rows)
    for n, name in enumerate([*right, *left]):
        most = max((cell_len(str(row[n])) for row in rows), default=0)
        title = max(map(len, name.split("\n")))
        shown.add_column(
            name,
            justify="right" if n < len(right) else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=max(most, title) if n < len(right) + len(left) - 1 else 1,
        )
    for row in rows:
        shown.add_row(*row)
    return shown


def by_call(profile: Profile) -> Table:
    """The last round, in order."""
    rows: list[tuple[str | Text, ...]] = [
        (f"{step.instructions:,}", Text(step.call, "bold"), f"{step.result:,}", step.routine)
        for step in profile.steps
    ]
    rows.append((f"{profile.rest:,}", Text("until it waits again", "dim"), "", ""))
    return made(["instructions\nbefore"], ["system call", "result", "by"], rows)


def by_routine(profile: Profile, most: int) -> Table:
    """What each ran itself, and with all that it called."""
    rounds, whole = profile.rounds, profile.instructions
    rows = (
        (
            each(row.own, rounds),
            share(row.own, whole),
            each(row.total, rounds),
            each(row.called, rounds, 2),
            Text(row.routine.__qualname__, "bold"),
            Text(short(row.routine), "dim"),
            names(row.calls),
        )
        for row in profile.by_routine()[: most or None]
    )
    right = ["self", "share", "with\ncallees", "called"]
    return made(right, ["routine", "module", "system calls"], rows)


def by_line(profile: Profile, most: int) -> Table:
    """The instructions that each line of Python wrote, as often as they were run."""
    rounds, whole = profile.rounds, profile.instructions
    rows = (
        (
            each(row.instructions, rounds),
            share(row.instructions, whole),
            Text(f"{row.file.rpartition('/')[2]}:{row.number}", "cyan"),
            row.routine.__qualname__,
            Text(row.source),
        )
        for row in profile.by_line()[: most or None]
    )
    return made(["instructions", "share"], ["line", "routine", "source"], rows)


def data(profile: Profile, by: By) -> dict[str, Any]:
    """The same for programs: all numbers are of one round."""
    rounds = profile.rounds

    def one(number: int) -> float:
        return number // rounds if number % rounds == 0 else number / rounds

    def ones(calls: Mapping[str, int]) -> dict[str, float]:
        return {name: one(number) for name, number in sorted(calls.items())}

    found: dict[str, Any] = {
        "rounds": rounds,
        "instructions": one(profile.instructions),
        "calls": ones(profile.calls),
    }
    if by is By.CALL:
        found["steps"] = [step._asdict() for step in profile.steps]
        found["rest"] = profile.rest
    elif by is By.ROUTINE:
        found["routines"] = [
            {
                "routine": row.routine.__qualname__,
                "module": row.routine.__module__,
                "self": one(row.own),
                "total": one(row.total),
                "called": one(row.called),
                "calls": ones(row.calls),
            }
            for row in profile.by_routine()
        ]
    else:
        found["lines"] = [
            {
                "file": row.file,
                "line": row.number,
                "routine": row.routine.__qualname__,
                "source": row.source,
                "instructions": one(row.instructions),
            }
            for row in profile.by_line()
        ]
    return found
