"""Programs for ARM64 as files: which libraries they need, and how large it all is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from bench import packages
from bench.servers import LIBRARIES, LOADER, SERVERS, Server, ours


@dataclass(frozen=True)
class Size:
    """How large a server is on disk."""

    program: int
    libraries: int
    """How many it needs."""
    bytes: int
    """All together."""


def needed(program: Path) -> Iterator[str]:
    """The names of the libraries that a file says it needs."""
    with program.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if isinstance(section, DynamicSection):
                for tag in section.iter_tags("DT_NEEDED"):
                    yield str(getattr(tag, "needed"))  # noqa: B009 (pyelftools sets it so)


def libraries(program: Path, root: Path) -> list[Path]:
    """Those files, and what they need, the loader among them."""
    found: dict[str, Path] = {}
    waiting = [*needed(program)]
    if waiting:
        found["loader"] = root / LOADER
    while waiting:
        name = waiting.pop()
        if name in found or name == Path(LOADER).name:
            continue
        places = [root / folder / name for folder in LIBRARIES]
        found[name] = next(place for place in places if place.exists())
        waiting += needed(found[name])
    return list(found.values())


def size(server: Server) -> Size:
    if not server.program:
        length = len(ours())
        return Size(length, 0, length)
    root = packages.tree()
    program = root / server.program
    its = libraries(program, root)
    length = program.stat().st_size
    return Size(length, len(its), length + sum(path.stat().st_size for path in its))


def sizes() -> dict[str, Size]:
    names = [name for name, server in SERVERS.items() if server.program]
    return {name: size(SERVERS[name]) for name in ["svc0", *names] if name != "nginx-cache"}
