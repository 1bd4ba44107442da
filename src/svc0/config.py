"""Configuration: every option once, with its default, its limits and what it means.

The command line, the executable's built-in settings and the documentation are
made from this table; nothing else knows a default.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeAlias

__all__ = ["OPTIONS", "LogFormat", "LogName", "Option", "Value"]

Value: TypeAlias = int | str


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
    """One option: numbers have limits, texts have a length in bytes."""

    name: str
    default: Value
    meaning: str
    low: int = 0
    high: int = 0
    size: int = 0

    def check(self, value: Value) -> Value:
        """The value itself, if it may be one; else a ValueError that says what may."""
        if isinstance(self.default, int):
            if not isinstance(value, int) or not self.low <= value <= self.high:
                raise ValueError(f"{self.name} takes {self.low} to {self.high}, not {value!r}")
        elif not isinstance(value, str):
            raise ValueError(f"{self.name} takes text, not {value!r}")
        elif "\0" in value or len(value.encode(errors="surrogateescape")) >= self.size:
            raise ValueError(f"{self.name} takes up to {self.size - 1} bytes without NUL")
        return value


DAY = 24 * 60 * 60

OPTIONS = {
    option.name: option
    for option in (
        Option("root", ".", "The directory whose files are served.", size=1024),
        Option("address", "127.0.0.1", "The IPv4 or IPv6 address to listen on.", size=64),
        Option("port", 8080, "The port to listen on; 0: any that is free.", 0, 65535),
        Option("workers", 0, "Worker processes; 0: one for each CPU.", 0, 64),
        Option("log", LogFormat.COMMON, "The access log's format.", 0, max(LogFormat)),
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
