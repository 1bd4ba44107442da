"""Configuration: every option once, with its default, its limits and what it means.

The flags of the command line, the variables of the environment, the keys of a file (svc0.sources),
the executable's built-in settings and the documentation are made from this table; nothing else
knows a default.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeAlias

__all__ = ["MOST_SHOWN", "OPTIONS", "LogFormat", "LogName", "Option", "Value", "plain"]

Value: TypeAlias = int | str

MOST_SHOWN = 60


class LogFormat(IntEnum):
    """What a line of the access log looks like."""

    NONE = 0
    COMMON = 1
    COMBINED = 2
    JSON = 3


class LogName(StrEnum):
    """The same, as people write it."""

    COMMON = "common"
    COMBINED = "combined"
    JSON = "json"
    NONE = "none"

    @property
    def number(self) -> LogFormat:
        """As the executable keeps it."""
        return LogFormat[self.name]


@dataclass(frozen=True)
class Option:
    """One option: numbers have limits, texts a length in bytes; some numbers are written as names.

    It is called ``name`` in a file, ``SVC0_NAME`` in the environment and ``--name`` on a command
    line, unless ``flag`` says otherwise; a letter is a short flag.  A path is no flag but what the
    command is about, and in a file it begins where the file is.
    """

    name: str
    default: Value
    meaning: str
    low: int = 0
    high: int = 0
    size: int = 0
    names: type[LogName] | None = None
    is_path: bool = False
    flag: str = ""
    letter: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """As a command line has it."""
        if self.is_path:
            return ()
        return (f"--{(self.flag or self.name).replace('_', '-')}", *filter(None, [self.letter]))

    @property
    def variable(self) -> str:
        """As the environment has it."""
        return f"SVC0_{self.name.upper()}"

    @property
    def limits(self) -> str:
        """What it takes, in words."""
        if self.names:
            *others, last = self.names
            return f"{', '.join(others)} or {last}"
        if isinstance(self.default, int):
            return f"{self.low} to {self.high}"
        return f"up to {self.size - 1} bytes without NUL"

    def check(self, value: object) -> Value:
        """The value itself, if the executable may have it; else a ValueError that says what may."""
        if isinstance(self.default, int):
            is_bool = isinstance(value, bool)
            if is_bool or not isinstance(value, int) or not self.low <= value <= self.high:
                takes = f"{self.low} to {self.high}"
                raise ValueError(f"{self.name} takes {takes}, not {shown(value)}")
            return value
        if not isinstance(value, str):
            raise ValueError(f"{self.name} takes text, not {shown(value)}")
        if "\0" in value or len(value.encode(errors="surrogateescape")) >= self.size:
            raise ValueError(f"{self.name} takes {self.limits}")
        return value

    def take(self, value: object) -> Value:
        """The value of what a file says; names stand for their numbers, and numbers for no name."""
        if not self.names:
            return self.check(value)
        for name in self.names:
            if value == name:
                return name.number
        raise ValueError(f"{self.name} takes {self.limits}, not {shown(value)}")

    def read(self, word: str) -> Value:
        """The value of what a variable says, where a number is text too."""
        is_number = word.isascii() and word.isdigit() and len(word) < MOST_SHOWN
        if is_number and isinstance(self.default, int):
            return self.take(int(word))
        return self.take(word)

    def written(self, value: Value) -> Value:
        """The value as people write it."""
        if self.names:
            return next(str(name) for name in self.names if name.number == value)
        return value


def plain(text: str, most: int = sys.maxsize) -> str:
    """Text of others on one line of a terminal: nothing in it moves or colours that."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)


def shown(value: object) -> str:
    """A value in a message, as a file has it."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value) if value.bit_length() <= 64 else "a number of so many digits"
        case str():
            return f'"{plain(value, MOST_SHOWN)}"'
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return plain(str(value), MOST_SHOWN)


DAY = 24 * 60 * 60

OPTIONS = {
    option.name: option
    for option in (
        Option("root", ".", "The directory whose files are served.", size=1024, is_path=True),
        Option(
            "address",
            "127.0.0.1",
            "The address or name of this machine to listen on.",
            size=64,
            flag="bind",
            letter="-b",
        ),
        Option("port", 8080, "The port to listen on; 0: any that is free.", 0, 65535, letter="-p"),
        Option(
            "workers",
            0,
            "Worker processes; 0: one for each CPU, or one where the CPU is emulated.",
            0,
            64,
            letter="-w",
        ),
        Option(
            "log",
            LogFormat.COMMON,
            "What a line of the access log looks like.",
            0,
            max(LogFormat),
            names=LogName,
        ),
        Option("connections", 1024, "Connections of one worker; beyond: 503.", 1, 65536),
        Option("requests", 1000, "Requests of one connection; then it is closed.", 1, 2**31),
        Option("head_seconds", 20, "For a request's head, from its first byte on.", 1, DAY),
        Option("body_seconds", 60, "For a request's body.", 1, DAY),
        Option("idle_seconds", 60, "Between two requests of a connection.", 1, DAY),
        Option(
            "send_seconds",
            60,
            "For a client to take some bytes of an answer; it may be given twice that.",
            1,
            DAY,
        ),
        Option(
            "cache_seconds",
            1,
            "For which a file is taken to be as it was, unless the kernel tells; 0: no cache.",
            0,
            DAY,
        ),
        Option("stop_seconds", 10, "To finish what is in flight when told to stop.", 0, DAY),
    )
}
