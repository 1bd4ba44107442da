"""Sources: where the value of an option comes from.

    a flag  ──►  a variable  ──►  a file  ──►  the default       the first that has one decides
    --port       SVC0_PORT        port = 80

A file is TOML in which every option stands on a line of its own, and Python's own reader of TOML
is given one line after the other.  It does not say where things stand; so it need not, and a
mistake on one line does not hide those on the next.  What it costs is that no value may span
lines, and no option needs one that does.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Any

from svc0.config import MOST_SHOWN, OPTIONS, Option, Value, plain

__all__ = [
    "DEFAULT",
    "FILE",
    "ConfigError",
    "Setting",
    "file_of",
    "of_environment",
    "of_file",
    "settle",
    "template",
]

FILE = "svc0.toml"
DEFAULT = "default"
FILE_VARIABLE = "SVC0_CONFIG"

MOST_BYTES = 64 * 1024
MOST_LINE = 12 * 1024
"""Python takes seconds for a key of many thousand parts; the longest root fits, all escaped."""

assert max(option.size for option in OPTIONS.values()) * len(r"\U00000020") < MOST_LINE

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

KNOWN = {option.flag or name: name for name, option in OPTIONS.items()} | {
    name: name for name in OPTIONS
}
"""What people may think of, and what it is called."""


class ConfigError(ValueError):
    """What is wrong with a file or with variables: a line for each, with its place."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class Setting:
    """The value of an option, and who says so: `default`, `svc0.toml:3`, `SVC0_PORT`, `--port`."""

    value: Value
    source: str = DEFAULT


def settle(
    said: Mapping[str, Value], environment: Mapping[str, str], file: Path | None
) -> dict[str, Setting]:
    """Every option, from the first of its sources.

    A mistake is one in each source, also where another decides.
    """
    settings = {name: Setting(option.default) for name, option in OPTIONS.items()}
    if file is not None:
        settings |= of_file(file)
    settings |= of_environment(environment)
    for name, value in said.items():
        settings[name] = Setting(value, next(iter(OPTIONS[name].flags), "DIR"))
    return settings


def file_of(named: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The file that is to be read: the one that was named, else that which is here, if any is."""
    if named is not None:
        return named
    if variable := environment.get(FILE_VARIABLE):
        if not os.path.lexists(variable):
            raise ConfigError([f"{FILE_VARIABLE}: there is no file {plain(variable)}"])
        return Path(variable)
    return Path(FILE) if os.path.lexists(FILE) else None


def of_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    """What variables say; an empty one says nothing."""
    settings: dict[str, Setting] = {}
    mistakes: list[str] = []
    for name, option in OPTIONS.items():
        word = environment.get(option.variable)
        if not word:
            continue
        try:
            settings[name] = Setting(option.read(word), option.variable)
        except ValueError as mistake:
            mistakes.append(f"{option.variable}: {mistake}")
    if mistakes:
        raise ConfigError(mistakes)
    return settings


def of_file(path: Path) -> dict[str, Setting]:
    """What a file says."""
    settings: dict[str, Setting] = {}
    mistakes: list[str] = []
    for number, line in enumerate(lines(path), 1):
        place = f"{plain(str(path))}:{number}"
        try:
            for name, value in parsed(line).items():
                option = known(name)
                if name in settings:
                    raise ValueError(f"{name} is there already: {settings[name].source}")
                settings[name] = Setting(located(option, option.take(value), path), place)
        except ValueError as mistake:
            mistakes.append(f"{place}: {mistake}")
    if mistakes:
        raise ConfigError(mistakes)
    return settings


def lines(path: Path) -> list[bytes]:
    """The lines of a file that can be a configuration: a regular one of no great size, or none."""
    try:
        with open(path, "rb", opener=opened) as file:
            is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            if not is_regular and not path.samefile(os.devnull):
                raise ValueError("it is no regular file")
            found = file.read(MOST_BYTES + 1)
            if len(found) > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    except (OSError, ValueError) as error:
        reason = str(error.strerror).lower() if isinstance(error, OSError) else error
        raise ConfigError([f"cannot read {plain(str(path))}: {reason}"]) from None
    return found.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n").split(b"\n")


def opened(name: str, flags: int) -> int:
    """A file opened, without waiting for anyone: a FIFO would for who writes to it."""
    return os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)


def parsed(line: bytes) -> dict[str, Any]:
    """The option on a line, if there is one; else a ValueError that says why this is no line."""
    if len(line) > MOST_LINE:
        raise ValueError(f"a line has {MOST_LINE:,} bytes at most")
    try:
        text = line.decode()
        found = tomllib.loads(text)
    except UnicodeDecodeError:
        raise ValueError("this is not UTF-8") from None
    except RecursionError:
        raise ValueError("this line is no TOML by itself: too many brackets") from None
    except ValueError as error:
        reason = plain(str(error).partition(" (at ")[0])  # always on line 1
        reason = reason[:1].lower() + reason[1:]
        raise ValueError(f"this line is no TOML by itself: {reason}") from None
    if text.lstrip().startswith("["):
        table = plain(text.strip(), MOST_SHOWN)
        raise ValueError(f"there are no tables here, options stand alone: {table}")
    return found


def known(name: str) -> Option:
    """The option that is called so; else a ValueError that says which one may have been meant."""
    if name in OPTIONS:
        return OPTIONS[name]
    guess = closest(name)
    hint = f"; did you mean {guess}?" if guess else ""
    raise ValueError(f"there is no option {plain(name, MOST_SHOWN)}{hint}")


def closest(name: str) -> str | None:
    """The option whose name is most like this one; of equals, one that begins as it does."""

    def likeness(known: str) -> tuple[float, bool]:
        return SequenceMatcher(None, name, known).ratio(), known[:1] == name[:1]

    close = max(get_close_matches(name, KNOWN), key=likeness, default=None)
    return KNOWN[close] if close else None


def located(option: Option, value: Value, file: Path) -> Value:
    """The value, a path as seen from here instead of from the file."""
    return option.check(str(file.parent / str(value))) if option.is_path else value


def template() -> str:
    """A whole file to start from: every option with its default."""
    paragraphs = [
        f"# {FILE}: what `svc0 serve` and `svc0 build` do unless told otherwise.\n"
        "# Every option stands on a line of its own; what is left out is as it is here.\n"
    ]
    for option in OPTIONS.values():
        value = option.written(option.default)
        says = f'"{value}"' if isinstance(value, str) else value
        paragraphs.append(f"# {option.meaning} ({option.limits})\n{option.name} = {says}\n")
    return "\n".join(paragraphs)
