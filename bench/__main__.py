"""A report on the server: `python -m bench`, which is `make bench`.

Exact costs come from the emulator and are the same everywhere.  Times are of this machine, under
qemu where it is not an ARM64 one, and only say something beside each other.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from bench import costs, floor
from svc0 import build
from svc0.server.text import parse_decimal

PROCESSES: Final = 5
WARM_CALLS: Final = 200
SECONDS: Final = 3
CONNECTIONS: Final = 16
QEMU: Final = "qemu-aarch64"
PROCESSOR: Final = "cortex-a72"
"""One without pointer authentication, which takes qemu longer than all the rest of a request."""

ASSEMBLE: Final = """
import time
start = time.perf_counter()
from svc0 import build
imported = time.perf_counter()
build.executable(None)
print(imported - start, time.perf_counter() - imported)
"""


def assembly_times() -> tuple[float, float]:
    """Seconds to import all routines, and to assemble and lay them out, in fresh processes."""
    pairs: list[tuple[float, float]] = []
    for _ in range(PROCESSES):
        said = subprocess.run(
            [sys.executable, "-c", ASSEMBLE], capture_output=True, text=True, check=True
        )
        imported, assembled = map(float, said.stdout.split())
        pairs.append((imported, assembled))
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def call_time() -> float:
    """Seconds for a call of a routine from Python, when it is assembled and its memory is there."""
    parse_decimal(b"1024", 4)
    start = time.perf_counter()
    for _ in range(WARM_CALLS):
        parse_decimal(b"1024", 4)
    return (time.perf_counter() - start) / WARM_CALLS


def requests_per_second(port: int) -> float:
    """What wrk gets of a small file over kept connections."""
    said = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", f"http://127.0.0.1:{port}/page.html"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    assert "Non-2xx" not in said, said
    return float(found[1])


@contextmanager
def server(words: Sequence[str]) -> Generator[int, None, None]:
    """Ours, run by a command: its port."""
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        found = re.search(r":(\d+)/", process.stderr.readline())
        assert found
        try:
            yield int(found[1])
        finally:
            process.terminate()


@contextmanager
def floor_server(words: Sequence[str]) -> Generator[int, None, None]:
    """What answers everything with the same bytes: its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.dup2(listener.fileno(), floor.LISTENER)
        try:
            process = subprocess.Popen(words, pass_fds=(floor.LISTENER,))
        finally:
            os.close(floor.LISTENER)
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.wait()


def speeds(console: Console) -> Table | None:
    """Requests per second, where wrk is."""
    if not shutil.which("wrk"):
        console.print("wrk is not on PATH: no requests per second")
        return None
    native = platform.machine() == "aarch64"
    if not native and not shutil.which(QEMU):
        console.print(f"{QEMU} is not on PATH: no requests per second")
        return None
    shown = Table("", "requests/s", title=f"Small file, {CONNECTIONS} connections, {SECONDS} s")
    shown.columns[1].justify = "right"
    how = [] if native else [QEMU, "-cpu", PROCESSOR]
    with tempfile.TemporaryDirectory() as scratch:
        site, image, lowest = (Path(scratch) / name for name in ("site", "server", "floor"))
        site.mkdir()
        costs.make_site(site)
        build.write(image, build.executable(None, requests=1_000_000))
        build.write(lowest, floor.image())
        with server([*how, str(image), "-r", str(site), "-p", "0", "-w", "1"]) as port:
            shown.add_row("svc0, one worker", f"{requests_per_second(port):,.0f}")
        with floor_server([*how, str(lowest)]) as port:
            shown.add_row("the floor (floor.py)", f"{requests_per_second(port):,.0f}")
    shown.caption = "on this processor" if native else f"under {QEMU} as {PROCESSOR}"
    return shown


def main() -> int:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.parse_args()
    console = Console()
    imported, assembled = assembly_times()
    image = build.executable(None)
    facts = Table("", "", title="The server", show_header=False)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    facts.add_row(f"importing every routine, {python}", f"{imported:.2f} s")
    facts.add_row("assembling, proving and laying out", f"{assembled:.2f} s")
    facts.add_row("executable, stripped", f"{len(image):,} bytes")
    facts.add_row("executable, with symbols", f"{len(build.executable(None, strip=False)):,} bytes")
    facts.add_row("a warm call of a routine from Python", f"{call_time() * 1000:.2f} ms")
    console.print(facts)
    console.print(costs.table(costs.costs(), costs.read()))
    if shown := speeds(console):
        console.print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
