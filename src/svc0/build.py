"""Building: from the server's routines to an executable with its settings inside."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from svc0.config import Value
from svc0.image.elf import HEADERS
from svc0.image.elf import executable as file_of
from svc0.image.layout import Program, lay_out
from svc0.image.symbols import Symbols
from svc0.server.settings import SETTINGS, packed
from svc0.server.start import start

__all__ = ["executable", "program", "symbols", "write"]


@cache
def program() -> Program:
    """The whole server, assembled, proved and laid out for Linux."""
    return lay_out(start, "linux", headers=HEADERS)


def symbols() -> Symbols:
    """What lies where in it."""
    return Symbols(program())


def executable(root: Path | None = None, /, *, strip: bool = True, **settings: Value) -> bytes:
    """The executable, with settings (svc0.config) for what its arguments do not say.

    Raises ValueError for a value that an option does not take, KeyError for an option
    that is none.
    """
    if root is not None:
        settings["root"] = str(root)
    file = bytearray(file_of(program(), strip=strip))
    constants = program().constants
    at = constants.offset + program().addresses[SETTINGS] - constants.address
    file[at : at + len(SETTINGS)] = packed(**settings)
    return bytes(file)


def write(path: Path, content: bytes) -> None:
    """Put an executable at a path, whole or not at all: it is written beside and renamed over."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent or ".")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o755)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
