"""Counting exactly: instructions and system calls, by a plugin in qemu (plugin/count.c).

The plugin is compiled when it is wanted, with the machine's C compiler or with Zig's, which comes
as a Python package.  What a request costs is the difference between two looks at its counters,
divided by the requests between them; of several such windows the median is taken, so what a server
does once a second does not blur what it does for a request.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

from bench import packages
from bench.client import Client
from bench.running import Running, running
from bench.servers import Processor, Server
from svc0.machine import _linux as linux
from tests.system.debian import UnavailableError
from tests.system.programs import OPENAT2, qemu_version

SOURCE: Final = Path(__file__).with_name("plugin") / "count.c"
PROCESSOR: Final = "cortex-a72"
"""One without pointer authentication, which takes qemu longer than all the rest of a request."""

PROCESSORS, CALLS = 16, 480
SETTLE_SECONDS: Final = 0.05
APIS: Final = {(7, 0): 1, (9, 0): 2, (9, 1): 3, (9, 2): 4, (10, 1): 5}
"""The version of the plugin API by the first QEMU that wants it."""

NAMES: Final = {number: name for name, number in linux.CALLS.items()} | {
    72: "pselect6",
    98: "futex",
    103: "setitimer",
    139: "rt_sigreturn",
    169: "gettimeofday",
    233: "madvise",
}

Cost: TypeAlias = dict[str, float]
"""instructions, then each system call by its name."""


@dataclass(frozen=True)
class Counts:
    """What the plugin has counted since its start."""

    user: tuple[int, ...]
    kernel: tuple[int, ...]
    calls: Counter[int] = field(default_factory=Counter[int])

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            tuple(a - b for a, b in zip(self.user, other.user, strict=True)),
            tuple(a - b for a, b in zip(self.kernel, other.kernel, strict=True)),
            self.calls - other.calls,
        )

    @property
    def instructions(self) -> int:
        return sum(self.user)

    def per(self, requests: int) -> Cost:
        names = {NAMES.get(n, f"call {n}"): count / requests for n, count in self.calls.items()}
        return {"instructions": self.instructions / requests, **names}


@dataclass(frozen=True)
class Plugin:
    """The compiled plugin, and where it puts its counters."""

    library: Path
    file: Path

    @property
    def words(self) -> list[str]:
        return ["-plugin", f"{self.library},into={self.file}"]

    def look(self) -> Counts:
        data = self.file.read_bytes()
        numbers = struct.unpack(f"<{2 * PROCESSORS + CALLS}Q", data)
        calls = enumerate(numbers[2 * PROCESSORS :])
        return Counts(
            numbers[:PROCESSORS],
            numbers[PROCESSORS : 2 * PROCESSORS],
            Counter({number: count for number, count in calls if count}),
        )


def compiler() -> list[str]:
    """The words of a C compiler."""
    if found := shutil.which("cc") or shutil.which("gcc"):
        return [found]
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise UnavailableError("no instructions are counted: there is no C compiler")


def takes_plugins(emulator: str) -> bool:
    """Whether it was built so; one that is linked statically cannot."""
    said = subprocess.run([emulator, "--help"], capture_output=True, text=True).stdout
    return "-plugin" in said


@cache
def library(emulator: str) -> Path:
    """The plugin for an emulator, compiled unless it is there."""
    version = qemu_version(emulator)
    apis = [api for first, api in APIS.items() if first <= version]
    if not apis or not takes_plugins(emulator):
        raise UnavailableError(f"no instructions are counted: {Path(emulator).name} has no plugins")
    packages.HOME.mkdir(parents=True, exist_ok=True)
    path = packages.HOME / f"count-{apis[-1]}.so"
    if not path.exists() or path.stat().st_mtime < SOURCE.stat().st_mtime:
        words = [*compiler(), "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", f"-DAPI={apis[-1]}"]
        with tempfile.TemporaryDirectory(dir=packages.HOME) as scratch:
            made = Path(scratch) / path.name
            said = subprocess.run([*words, SOURCE, "-o", made], capture_output=True, text=True)
            if said.returncode:
                raise UnavailableError(f"count.c was not compiled: {said.stderr.strip()}")
            made.rename(path)
    return path


def emulator(name: str = "qemu-aarch64") -> str:
    """An emulator that takes plugins."""
    found = shutil.which(name)
    if found is None:
        raise UnavailableError(f"no instructions are counted: {name} is not on PATH")
    library(found)
    return found


def has_openat2(emulator: str) -> bool:
    """Whether programs under this emulator find openat2."""
    return qemu_version(emulator) >= OPENAT2


@contextmanager
def plugin(emulator: str) -> Generator[Plugin, None, None]:
    """Counters that are looked at until the end of this."""
    with tempfile.TemporaryDirectory(prefix="svc0-count-") as scratch:
        yield Plugin(library(emulator), Path(scratch) / "counters")


@contextmanager
def counted(
    server: Server, site: Path, root: Path | None = None
) -> Generator[tuple[Running, Plugin], None, None]:
    """A server under an emulator that counts."""
    with plugin(emulator()) as its:
        processor = Processor([emulator(), "-cpu", PROCESSOR, *its.words], root)
        with running(server, processor, site) as one:
            yield one, its


def windows(its: Plugin, act: Callable[[], None], requests: int, windows: int) -> Cost:
    """What a request costs: the median of some windows, in each of which so many are answered."""
    act()
    found: list[Cost] = []
    time.sleep(SETTLE_SECONDS)
    before = its.look()
    for _ in range(windows):
        act()
        time.sleep(SETTLE_SECONDS)
        after = its.look()
        found.append((after - before).per(requests))
        before = after
    names = dict.fromkeys(name for cost in found for name in cost)
    cost = {name: median(one.get(name, 0) for one in found) for name in names}
    return {name: number for name, number in cost.items() if number}


def keep_alive(client: Client, file: str, requests: int) -> None:
    """Requests one after another on a connection that is kept."""
    for _ in range(requests):
        client.ask(file)


def pipelined(client: Client, file: str, requests: int, together: int = 16) -> None:
    """The same, sixteen in one write."""
    for _ in range(requests // together):
        client.ask(file, together)


def connecting(client: Client, file: str, requests: int) -> None:
    """A connection for each request."""
    for _ in range(requests):
        client.close()
        client.ask(file, close=True)


WAYS: Final = {
    "keep-alive": keep_alive,
    "pipelined": pipelined,
    "new connection": connecting,
}


def cost(server: Server, site: Path, file: str, way: str, requests: int, looks: int) -> Cost:
    """What a request costs when it is asked in this way."""
    with counted(server, site) as (one, its), Client(one.port) as client:
        return windows(its, lambda: WAYS[way](client, file, requests), requests, looks)


def costs(server: Server, site: Path, file: str, requests: int, looks: int) -> dict[str, Cost]:
    """The same, in each way that the server knows."""
    return {way: cost(server, site, file, way, requests, looks) for way in server.ways}
