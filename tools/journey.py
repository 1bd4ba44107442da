"""What the server does for four requests: each system call, and the instructions before it.

    python -m tools.journey             the calls, as docs/how-a-request-travels.md has them
    python -m tools.journey --routines  how many instructions of which routine, for each request
    python -m tools.journey --update    put the numbers into that page

It runs in the emulator, on the very image that `svc0 build` writes, with real sockets and files.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from svc0 import build
from svc0.machine.elf import BASE
from svc0.machine.emulator import Emulator

REQUEST = b"GET /hello.txt HTTP/1.1\r\nHost: example\r\n\r\n"
CONTENT = b"hello"
LONG_AGO = 1_500_000_000
"""When the file was changed: what changed just now has an entity-tag of its own kind."""

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-a-request-travels.md"
ROW = re.compile(r"^(\| \d+ \| `(\w+)` \| )(\d+)", re.MULTILINE)
"""A row of the page's table: number, call, instructions before it."""


@dataclass(frozen=True)
class Step:
    """A system call of the worker, and what was done since the one before."""

    call: str
    arguments: tuple[int, ...]
    result: int
    routines: dict[str, int]

    @property
    def instructions(self) -> int:
        return sum(self.routines.values())

    def __str__(self) -> str:
        return f"{self.call:<14}{self.result:>6}{self.instructions:>8}"


def watched(site: str, report: int) -> None:
    """Be the server, and write a line to a descriptor for each system call."""
    symbols, counts = build.symbols(), Counter[str]()

    def observer(call: str, arguments: tuple[int, ...], result: int) -> None:
        line = [os.getpid(), call, arguments, result, counts]
        os.write(report, json.dumps(line).encode() + b"\n")
        counts.clear()

    def step(address: int) -> None:
        place = symbols.place(address - BASE)
        assert place, "the server runs its own instructions"
        counts[str(place[0])] += 1

    machine = Emulator(symbols, [observer])
    words = ["svc0", "-r", site, "-p", "0", "-w", "1"]
    process = machine.process(build.executable(), words)
    process.cpu.trace(step)
    sys.exit(process.run())


def journey(request: bytes = REQUEST, times: int = 4) -> tuple[list[Step], list[bytes], bytes]:
    """What the worker did for a client with so many requests; the answers; the access log."""
    with tempfile.TemporaryDirectory() as site, tempfile.TemporaryFile() as report:
        Path(site, "hello.txt").write_bytes(CONTENT)
        os.utime(Path(site, "hello.txt"), (LONG_AGO, LONG_AGO))
        command = [sys.executable, "-m", "tools.journey", "--serve", site, str(report.fileno())]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[report.fileno()],
            cwd=ROOT,
        ) as server:
            assert server.stderr
            assert server.stdout
            line = server.stderr.readline()
            port = re.search(rb":(\d+)/", line)
            assert port, line
            answers, logged = talk(int(port[1]), request, times, server.stdout.fileno())
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)
        report.seek(0)
        lines = [json.loads(line) for line in report]
    supervisor = lines[0][0]
    steps = [
        Step(call, tuple(arguments), result, routines)
        for process, call, arguments, result, routines in lines
        if process != supervisor
    ]
    return of_the_client(steps), answers, logged


def talk(port: int, request: bytes, times: int, log: int) -> tuple[list[bytes], bytes]:
    """Ask so many times, each after the last one's log line; what was answered and logged."""
    answers: list[bytes] = []
    logged = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        for _ in range(times):
            client.sendall(request)
            answer = b""
            while not answer.endswith(b"\r\n\r\n" + CONTENT):
                answer += client.recv(65536)
            answers.append(answer)
            logged += os.read(log, 65536)
    return answers, logged


def of_the_client(steps: Sequence[Step]) -> list[Step]:
    """From the client's arrival to its end, without the ticks of the clock in between."""
    first = next(n for n, step in enumerate(steps) if step.call == "accept4")
    kept: list[Step] = []
    ticking = False
    for step in steps[first:]:
        if step.call in ("read", "clock_gettime"):
            ticking = True
            continue
        if ticking and step.call == "epoll_pwait":
            kept.pop()  # the one that the tick ended: this one waits for the same
            step = replace(step, routines={})
        ticking = False
        kept.append(step)
        if step.call == "close" and step.arguments == (kept[0].result,):
            break
    return kept


def requests(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps of each request: from taking its bytes to the wait for what comes next."""
    starts = [n for n, step in enumerate(steps) if step.call == "recvfrom" and step.result > 0]
    waits = [n for n, step in enumerate(steps) if step.call == "epoll_pwait"]
    return [list(steps[start : next(n for n in waits if n > start) + 1]) for start in starts]


def told(steps: Sequence[Step]) -> list[Step]:
    """The steps of which the page tells: of the first request, the second, and one that is kept.

    A second may have passed before the third; then the file was looked at again, and the fourth
    shows how it is without that.
    """
    writes = [n + 1 for n, step in enumerate(steps) if step.call == "write"]
    first, second, *others = (steps[a:b] for a, b in zip([0, *writes[:-1]], writes, strict=True))
    return [*first, *second, *min(others, key=len)]


def update(steps: Sequence[Step]) -> None:
    """Put the numbers of instructions into the page."""
    counts = iter(told(steps))
    text = ROW.sub(lambda row: f"{row[1]}{next(counts).instructions}", PAGE.read_text())
    PAGE.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser("python -m tools.journey", description=__doc__)
    parser.add_argument("--routines", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        watched(asked.serve[0], int(asked.serve[1]))
    steps, _, logged = journey()
    if asked.update:
        update(steps)
    elif not asked.routines:
        print(f"{'call':<14}{'result':>6}{'instructions before it':>24}")
        for step in steps:
            print(step)
    else:
        for number, each in enumerate(requests(steps), 1):
            total = Counter[str]()
            for step in each:
                total.update(step.routines)
            print(f"request {number}: {total.total()} instructions")
            for name, count in total.most_common():
                print(f"{count:>8}  {name}")
    sys.stdout.write(logged.decode())


if __name__ == "__main__":
    main()
