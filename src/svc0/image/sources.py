"""Sources: which Python files a program was written in, whoever's disk they are on.

Images are the same wherever they are built, so a file is called what imports
call it: ``svc0/server/text.py``.  A debugger is told once where ``svc0`` is.
"""

from __future__ import annotations

from pathlib import PurePath

from svc0.a64 import Routine

from .layout import Program

__all__ = ["by_source", "source_path"]


def source_path(routine: Routine) -> str:
    """The file of a routine, from the folder that imports begin in."""
    file = PurePath(routine.file)
    package = (routine.__module__ or "").split(".")
    if file.stem == "__init__":
        package.append("__init__")
    parts = file.with_suffix("").parts[-len(package) :]
    return file.name if parts != tuple(package) else "/".join(parts) + file.suffix


def by_source(program: Program) -> dict[str, list[Routine]]:
    """The routines of each file, files and routines in the order of addresses."""
    sources: dict[str, list[Routine]] = {}
    for place in program.names:
        if isinstance(place, Routine):
            sources.setdefault(source_path(place), []).append(place)
    return sources
