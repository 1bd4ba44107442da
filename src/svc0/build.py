"""Building: from the server's routines to an executable with its settings inside."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from svc0.a64.platforms import Platform
from svc0.config import Value
from svc0.image import elf, macho
from svc0.image.layout import Program, lay_out
from svc0.image.symbols import Symbols
from svc0.server.settings import SETTINGS, packed
from svc0.server.start import start

__all__ = ["executable", "program", "symbols", "write"]


@cache
def program(platform: Platform = "linux") -> Program:
    """The whole server, assembled, proved and laid out."""
    if platform == "linux":
        return lay_out(start, platform, headers=elf.HEADERS)
    return lay_out(start, platform, headers=macho.HEADERS, base=macho.BASE)


def symbols(platform: Platform = "linux") -> Symbols:
    """What lies where in it."""
    return Symbols(program(platform))


def executable(
    root: Path | None = None,
    /,
    *,
    platform: Platform = "linux",
    strip: bool = True,
    **settings: Value,
) -> bytes:
    """The executable, with settings (svc0.config) for what its arguments do not say.

    An ELF file for Linux, a signed Mach-O file for macOS, both for arm64.  Raises ValueError
    for a value that an option does not take, KeyError for an option that is none.
    """
    if root is not None:
        settings["root"] = str(root)
    settled = with_settings(program(platform), packed(**settings))
    kind = elf if platform == "linux" else macho
    return kind.executable(settled, strip=strip)


def with_settings(program: Program, settings: bytes) -> Program:
    """The same program with these settings among its constants."""
    content = bytearray(program.constants.content)
    at = program.addresses[SETTINGS] - program.constants.address
    content[at : at + len(SETTINGS)] = settings
    return replace(program, constants=replace(program.constants, content=bytes(content)))


def write(path: Path, content: bytes) -> None:
    """Put an executable at a path, whole or not at all: it is written beside and renamed over.

    So it is a new file to the kernel, which on macOS remembers the signature of the old one.
    """
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent or ".")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o755)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
