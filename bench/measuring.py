"""The parts of the benchmark: each measures one thing and leaves it as plain numbers."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

from bench import alternatives, costs, counting, growth, load, packages, programs, startup
from bench.guest import Found, Guest, Job
from bench.running import FILES, INDEX, DeadError, running
from bench.servers import SERVERS, Processor
from svc0 import build
from svc0.server.text import parse_decimal
from tests.system.debian import UnavailableError
from tests.system.programs import find_new_qemu, get_new_qemu, qemu_version

ROOT: Final = Path(__file__).parents[1]

Spread: TypeAlias = dict[str, float]
"""median, least, most."""


@dataclass(frozen=True)
class Options:
    """What is to be measured, and how long."""

    tell: Callable[[str], None]
    """Takes a line about what was just done."""
    site: Path
    rounds: int = 3
    seconds: float = 3
    quick: bool = False
    native: bool = False
    servers: tuple[str, ...] = tuple(SERVERS)

    @property
    def processor(self) -> Processor:
        """What runs the servers when they are loaded."""
        return Processor() if self.native else emulating()

    def chosen(self, names: Iterable[str]) -> list[str]:
        """Those of the servers that were asked for and can be had."""
        found: list[str] = []
        for name in names:
            if name not in self.servers:
                continue
            try:
                if SERVERS[name].program:
                    packages.tree()
                found.append(name)
            except UnavailableError as reason:
                self.tell(f"{name} is left out: {reason}")
        return found


@cache
def emulating() -> Processor:
    """A qemu-user, one that knows openat2 if it can be had."""
    try:
        program = str(find_new_qemu() or get_new_qemu())
    except UnavailableError:
        found = shutil.which("qemu-aarch64")
        if found is None:
            raise
        program = found
    return Processor([program, "-cpu", counting.PROCESSOR])


def spread(numbers: Iterable[float]) -> Spread:
    """
    >>> spread([3, 1, 2])
    {'median': 2, 'least': 1, 'most': 3}
    """
    numbers = list(numbers)
    return {"median": median(numbers), "least": min(numbers), "most": max(numbers)}


def measure_load(options: Options) -> Any:
    """Rounds of wrk, each server in turn, so that what the machine does besides hits all alike."""
    if load.wrk() is None:
        raise UnavailableError("no load: wrk is not on PATH")
    runs: dict[str, dict[str, list[load.Load]]] = {}
    names = options.chosen(SERVERS)
    for number in range(1, options.rounds + 1):
        for name in names:
            for file in FILES:
                try:
                    with running(SERVERS[name], options.processor, options.site, file) as one:
                        got = load.measure(one, file, options.seconds)
                except DeadError as reason:
                    options.tell(f"{name}, {file}: {reason}")
                    continue
                runs.setdefault(file, {}).setdefault(name, []).append(got)
                options.tell(
                    f"round {number}: {name}, {file}: {got.rate:,.0f}/s, {got.cpu:.1f} µs,"
                    f" wrk {got.client:.1f} µs; others"
                    f" had {got.others:.2f} processors, the host {got.stolen:.2f} {got.errors}"
                )
    fields = "rate", "cpu", "client", "volume", "others", "stolen"
    return {
        file: {
            name: {key: spread(getattr(one, key) for one in loads) for key in fields}
            | {"errors": sorted({one.errors for one in loads if one.errors})}
            for name, loads in its.items()
        }
        for file, its in runs.items()
    }


COUNTED: Final = tuple(name for name, server in SERVERS.items() if server.emulated)


def measure_exact(options: Options) -> Any:
    """Instructions and calls of a request, by the plugin; ours by the emulator too."""
    requests, looks = (320, 3) if options.quick else (960, 5)
    found: dict[str, Any] = {}
    counting.emulator()
    for name in options.chosen(COUNTED):
        found[name] = counting.costs(SERVERS[name], options.site, INDEX, requests, looks)
        options.tell(
            f"{name}: {next(iter(found[name].values()))['instructions']:,.0f} instructions"
        )
    return {"plugin": found, "emulator": costs.costs()}


def measure_start(options: Options) -> Any:
    """Seconds to the first byte."""
    found: dict[str, Any] = {}
    names = options.chosen(("svc0", "lighttpd", "nginx"))
    times: dict[str, list[float]] = {name: [] for name in names}
    starts = 3 if options.quick else startup.STARTS
    for _ in range(starts + 1):  # the first finds files that are not yet in memory
        for name in names:
            times[name].append(startup.first_byte(SERVERS[name], options.processor, options.site))
    for name in names:
        found[name] = spread(times[name][1:])
        options.tell(f"{name}: {found[name]['median'] * 1000:.1f} ms")
    return found


def measure_sizes(options: Options) -> Any:
    """Bytes of executables and their libraries."""
    return {name: asdict(size) for name, size in programs.sizes().items()}


def measure_growth(options: Options) -> Any:
    """Curves of ours."""
    server, most = SERVERS["svc0"], growth.QUICK_MOST if options.quick else max(growth.FILES)
    found: dict[str, list[Any]] = {"idle": [], "hot": [], "random": []}
    for number in growth.IDLE:
        if number > most:
            continue
        point = growth.beside_idle(server, options.processor, options.site, number, options.seconds)
        found["idle"].append(asdict(point))
        options.tell(f"{number:,} idle: {point.instructions:,.0f} instructions")
    for number in growth.FILES:
        if number > most:
            continue
        for way, point in growth.among_files(server, options.processor, number, options.seconds):
            found[way].append(asdict(point))
            options.tell(f"{number:,} files, {way}: {point.instructions:,.0f} instructions")
    return found


IN_GUEST: Final = "floor", "svc0", "svc0-quiet", "nginx", "nginx-cache", "lighttpd", "h2o"


def found_by(guest: Guest, options: Options) -> dict[str, Found]:
    return guest.run(lambda name: options.tell(f"{name}, on a kernel of its own"))


def measure_kernel(options: Options) -> Any:
    """Instructions of programs and kernel for a request, on a kernel of its own."""
    sizes = [INDEX] if options.quick else list(FILES)
    jobs = [
        Job(f"{file}/{name}", SERVERS[name], FILES[file], file)
        for file in sizes
        for name in options.chosen(IN_GUEST)
    ]
    found: dict[str, dict[str, Any]] = {}
    for name, got in found_by(Guest(jobs, 1), options).items():
        file, _, server = name.partition("/")
        found.setdefault(file, {})[server] = asdict(got)
    return found


def measure_alternatives(options: Options) -> Any:
    """Ways of the kernel, on the floor."""
    each = list(alternatives.alternatives())
    found: dict[str, Any] = {
        one.name: {"question": one.question, "way": one.way, "body": one.body} for one in each
    }
    try:
        jobs = [Job(one.name, one.server, one.body) for one in each]
        for name, got in found_by(Guest(jobs, 1), options).items():
            found[name] |= {"user": got.user, "kernel": got.kernel}
    except UnavailableError as reason:
        options.tell(str(reason))
    if load.wrk() is None:
        return list(found.values())
    rounds = 1 if options.quick else options.rounds
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch)
        for _ in range(rounds):
            for one in each:
                if not one.emulated and not options.native:
                    continue
                (site / "file").write_bytes(bytes(one.body))
                with running(one.server, options.processor, site, "file") as server:
                    got = load.measure(server, "file", 1 if options.quick else options.seconds)
                times.setdefault(one.name, []).append(got.cpu)
                options.tell(f"{one.name}: {got.cpu:.1f} µs")
    for name, cpu in times.items():
        found[name]["cpu"] = spread(cpu)
    return list(found.values())


ASSEMBLE: Final = """
import time
start = time.perf_counter()
from svc0 import build
imported = time.perf_counter()
build.executable(None)
print(imported - start, time.perf_counter() - imported)
"""
PROCESSES: Final = 5
CALLS: Final = 200


def measure_tools(options: Options) -> Any:
    """How long the server takes to be assembled, and a routine to be called from Python."""
    pairs: list[list[float]] = []
    for _ in range(PROCESSES):
        words = [sys.executable, "-c", ASSEMBLE]
        said = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
        pairs.append([float(word) for word in said.stdout.split()])
    parse_decimal(b"1024", 4)
    start = time.perf_counter()
    for _ in range(CALLS):
        parse_decimal(b"1024", 4)
    call = (time.perf_counter() - start) / CALLS
    return {
        "import": median(pair[0] for pair in pairs),
        "assemble": median(pair[1] for pair in pairs),
        "call": call,
        "stripped": len(build.executable(None)),
        "symbols": len(build.executable(None, strip=False)),
    }


PARTS: Final[dict[str, Callable[[Options], Any]]] = {
    "tools": measure_tools,
    "sizes": measure_sizes,
    "exact": measure_exact,
    "start": measure_start,
    "load": measure_load,
    "growth": measure_growth,
    "kernel": measure_kernel,
    "alternatives": measure_alternatives,
}
NOT_NATIVE: Final = "exact", "growth", "kernel"


def facts(options: Options) -> dict[str, Any]:
    """What the numbers are of: machine and versions, with no name of a host and no path."""
    words = ["git", "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(words, capture_output=True, text=True, cwd=ROOT).stdout
    except OSError:
        said = ""
    counted = [
        ".".join(map(str, qemu_version(name))) for name in ("qemu-aarch64", "qemu-system-aarch64")
    ]
    emulator = options.processor.words
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": said.strip() or "unknown",
        "machine": platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "python": platform.python_version(),
        "qemu": {
            "load": ".".join(map(str, qemu_version(emulator[0]))) if emulator else "",
            "counting": counted[0],
            "kernel": counted[1],
        },
        "packages": {name: packages.versions().get(name, "") for name in packages.WANTED},
        "rounds": options.rounds,
        "seconds": options.seconds,
        "quick": options.quick,
        "native": options.native,
    }


def measure(names: Iterable[str], options: Options) -> dict[str, Any]:
    """Some parts, by their names; what cannot be had is told and left out."""
    found: dict[str, Any] = {}
    for name in names:
        if options.native and name in NOT_NATIVE:
            continue
        try:
            found[name] = {"facts": facts(options), "found": PARTS[name](options)}
        except (UnavailableError, DeadError) as reason:
            options.tell(f"{name} is left out: {reason}")
    return found
