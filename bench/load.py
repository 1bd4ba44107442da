"""Load: what wrk gets of a server, what that cost, and who else was at work meanwhile."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.running import CLIENT_CPU, TICKS, Running, on_cpu

CONNECTIONS: Final = 32
WARM_SECONDS: Final = 1


@dataclass(frozen=True)
class Load:
    """One run of wrk against one server."""

    rate: float
    """Requests per second."""
    cpu: float
    """Microseconds of processor time that the server took for a request, its kernel's included."""
    client: float
    """Microseconds that wrk took for it, to which a server may leave some of the kernel's work."""
    volume: float
    """Bytes of bodies for each second of the server's processor time."""
    others: float
    """Processors that neither the server nor wrk kept busy, and that nobody left idle."""
    stolen: float
    """Processors that the machine's own host took away."""
    errors: str


@dataclass(frozen=True)
class Time:
    """What processors did, in seconds since the start of this machine."""

    busy: float
    stolen: float

    @staticmethod
    def now() -> Time:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        user, nice, system, _idle, _waits, interrupts, soft, stolen = map(int, fields)
        return Time((user + nice + system + interrupts + soft) / TICKS, stolen / TICKS)


def wrk() -> str | None:
    return shutil.which("wrk")


def words(program: str, url: str, seconds: float, connections: int = CONNECTIONS) -> list[str]:
    return [program, "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", url]


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_wrk(command: Sequence[str]) -> str:
    with on_cpu(CLIENT_CPU):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def parse(said: str) -> tuple[int, float, str]:
    """Requests, requests per second, and what went wrong, of wrk's report.

    >>> parse("  30 requests in 2.00s, 1MB read\\nRequests/sec:     15.00\\n")
    (30, 15.0, '')
    """
    requests = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if requests is None or rate is None:
        raise ValueError(f"wrk said: {said}")
    wrong = re.findall(r"(?:Socket errors|Non-2xx)[^\n]*", said)
    return int(requests[1]), float(rate[1]), "; ".join(wrong)


def measure(
    server: Running, file: str, seconds: float, connections: int = CONNECTIONS, warm: bool = True
) -> Load:
    """wrk on one file, after a moment of the same to warm up."""
    program = wrk()
    assert program
    url = f"http://127.0.0.1:{server.port}/{file}"
    if warm:
        run_wrk(words(program, url, WARM_SECONDS, connections))
    start, before, its = time.monotonic(), Time.now(), server.cpu_seconds()
    mine, wrks = own_seconds(), children_seconds()
    said = run_wrk(words(program, url, seconds, connections))
    used = server.cpu_seconds() - its
    wrks = children_seconds() - wrks
    mine = own_seconds() - mine + wrks
    after, took = Time.now(), time.monotonic() - start
    requests, rate, errors = parse(said)
    used = max(used, 1 / TICKS)
    return Load(
        rate=rate,
        cpu=used / max(requests, 1) * 1e6,
        client=wrks / max(requests, 1) * 1e6,
        volume=requests * server.place.body / used,
        others=max(after.busy - before.busy - mine - used, 0) / took,
        stolen=(after.stolen - before.stolen) / took,
        errors=errors,
    )


def own_seconds() -> float:
    used = os.times()
    return used.user + used.system
