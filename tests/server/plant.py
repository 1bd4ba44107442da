"""Plants: mistakes put into copies of our own routines, and the tests that are to find them.

A *world* is all of ``svc0.server`` and ``tests.server``, imported anew: the same files, but other
routines, so that a mistake in one of them is reached by whatever calls it, in modules of the server
and in its tests alike, and nobody outside has it.  A planted text has as many lines as the real
one, and its file's name: what is reported of it names the place in the file that people would open.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from unittest.mock import patch

from svc0.a64 import Routine
from svc0.machine.coverage import FOLDER

__all__ = ["SERVER", "Mistake", "World", "world"]

RENEWED = "svc0.server", "tests.server"
SERVER = Path(__file__).parents[2] / "src" / "svc0" / "server"

World = Callable[[str], ModuleType]
"""Gives a module of a world by its name in tests.server or svc0.server: ``text``, ``test_text``."""


@dataclass(frozen=True)
class Mistake:
    """In a routine or macro of a module of ours (``text.copy``), these lines instead of those."""

    routine: str
    right: str
    wrong: str

    @property
    def module(self) -> ModuleType:
        """The real one."""
        return importlib.import_module(f"svc0.server.{self.routine.partition('.')[0]}")

    @property
    def text(self) -> str:
        """The module's text with the mistake in it."""
        routine = getattr(self.module, self.routine.partition(".")[2])
        real = inspect.getsource(routine.body if isinstance(routine, Routine) else routine)
        text = inspect.getsource(self.module)
        assert real.count(self.right) == 1, f"{self.routine} has {self.right!r} not just once"
        assert text.count(real) == 1
        assert self.right.count("\n") == self.wrong.count("\n"), "the lines behind it would move"
        return text.replace(real, real.replace(self.right, self.wrong))


class Planted(SourceFileLoader):
    """Loads a module from another text than its file's."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self.text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.text, self.get_filename(fullname), "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds the one module that has a mistake in it."""

    def __init__(self, mistake: Mistake) -> None:
        self.name, self.path = mistake.module.__name__, str(mistake.module.__file__)
        self.text = mistake.text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        loader = Planted(fullname, self.path, self.text)
        return spec_from_file_location(fullname, self.path, loader=loader)


@contextmanager
def world(mistake: Mistake | None) -> Generator[World]:
    """A world with a mistake in it, or without one.

    Its machines are forgotten behind it, and what runs there counts for no coverage.
    """
    finders: list[MetaPathFinder] = [Finder(mistake)] if mistake else []
    ours = taken_out()
    attributes = {parent: vars(sys.modules[parent]).get("server") for parent in ("svc0", "tests")}
    sys.meta_path[:0] = finders
    with patch.dict("svc0.machine.call._callers", clear=True), patch.dict("os.environ") as environ:
        environ.pop(FOLDER, None)
        try:
            yield by_name
        finally:
            for finder in finders:
                sys.meta_path.remove(finder)
            taken_out()
            sys.modules.update(ours)
            for parent, attribute in attributes.items():
                vars(sys.modules[parent])["server"] = attribute


def taken_out() -> dict[str, ModuleType]:
    """The modules that a world has its own of, taken out of those that Python knows."""
    names = [name for name in sys.modules if name.startswith(RENEWED)]
    return {name: sys.modules.pop(name) for name in names}


def by_name(name: str) -> ModuleType:
    """A module of the world that is being looked at."""
    package = "svc0.server" if (SERVER / f"{name}.py").exists() else "tests.server"
    return importlib.import_module(f"{package}.{name}")
