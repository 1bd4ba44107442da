"""How the cost of a request grows with what a server has besides: connections, and files.

Instructions are counted (counting.py); processor time is that of a server which is not counted.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import load
from bench.client import Client
from bench.counting import counted, windows
from bench.running import INDEX, Running, put, running
from bench.servers import Processor, Server

ACTIVE: Final = 100
IDLE: Final = 1, 10, 100, 1_000, 10_000
FILES: Final = 10, 100, 1_000, 10_000, 100_000
QUICK_MOST: Final = 1_000
REQUESTS: Final = 1_000
TOGETHER: Final = 16
SEED: Final = 1


@dataclass(frozen=True)
class Point:
    """One place on a curve."""

    number: int
    instructions: float
    calls: float
    cpu: float
    """Microseconds of the server's processor time for a request."""
    rate: float


@contextmanager
def idle(port: int, number: int) -> Generator[None, None, None]:
    """So many connections that asked once and stay."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(Client(port)).ask(INDEX)
        yield


def beside_idle(
    server: Server, processor: Processor, site: Path, number: int, seconds: float
) -> Point:
    """A hundred connections that ask, beside some that do not."""
    with counted(server, site) as (one, its), idle(one.port, number), ExitStack() as stack:
        clients = [stack.enter_context(Client(one.port)) for _ in range(ACTIVE)]

        def ask_all() -> None:
            for _ in range(REQUESTS // ACTIVE):
                for client in clients:
                    client.ask(INDEX)

        cost = windows(its, ask_all, REQUESTS, 3)
    with running(server, processor, site) as one, idle(one.port, number):
        got = load.measure(one, INDEX, seconds, ACTIVE)
    instructions = cost.pop("instructions")
    return Point(number, instructions, sum(cost.values()), got.cpu, got.rate)


@contextmanager
def site_of(number: int) -> Generator[Path, None, None]:
    """A root with so many small files besides its index."""
    site = Path(tempfile.mkdtemp(prefix="svc0-files-"))
    try:
        put(site / INDEX, b"x" * 612)
        for n in range(number):
            put(site / f"{n}.html", b"<p>%d</p>" % n)
        yield site
    finally:
        shutil.rmtree(site)


def among_files(
    server: Server, processor: Processor, number: int, seconds: float
) -> Iterator[tuple[str, Point]]:
    """One file again and again, and any of them, in a root of so many."""
    with site_of(number) as site:
        ways: dict[str, Callable[[random.Random], str]] = {
            "hot": lambda _: "0.html",
            "random": lambda luck: f"{luck.randrange(number)}.html",
        }
        for way, choose in ways.items():
            luck = random.Random(SEED)
            with counted(server, site) as (one, its), Client(one.port) as client:

                def ask(
                    client: Client = client,
                    choose: Callable[[random.Random], str] = choose,
                    luck: random.Random = luck,
                ) -> None:
                    for _ in range(REQUESTS):
                        client.ask(choose(luck))

                cost = windows(its, ask, REQUESTS, 3)
            with running(server, processor, site) as one:
                cpu, rate = timed(one, lambda: choose(luck), seconds)  # noqa: B023
            instructions = cost.pop("instructions")
            yield way, Point(number, instructions, sum(cost.values()), cpu, rate)


def timed(server: Running, choose: Callable[[], str], seconds: float) -> tuple[float, float]:
    """Microseconds of the server for a request, and requests per second, of several clients."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(TOGETHER)]
        done, used, start = 0, server.cpu_seconds(), time.monotonic()
        while (took := time.monotonic() - start) < seconds:
            for client in clients:
                client.send(choose())
            for client in clients:
                client.take()
            done += TOGETHER
        return (server.cpu_seconds() - used) / done * 1e6, done / took
