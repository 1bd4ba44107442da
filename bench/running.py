"""A server that runs: started in a folder of its own, watched through /proc, and ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.servers import Place, Processor, Server

PATIENCE: Final = 60
STOP_SECONDS: Final = 5
TICKS: Final = os.sysconf("SC_CLK_TCK")
SERVER_CPU, CLIENT_CPU = 0, 1

INDEX: Final = "index.html"
FILES: Final = {INDEX: 612, "mid.bin": 16 << 10, "big.bin": 1 << 20}
"""What a site holds, with the sizes."""


CHANGED: Final = 1_600_000_000


class DeadError(Exception):
    """A server ended, or stayed silent."""


@dataclass(frozen=True)
class Running:
    """One that answers."""

    process: subprocess.Popen[bytes]
    place: Place

    @property
    def port(self) -> int:
        return self.place.port

    def cpu_seconds(self) -> float:
        """User and system time of the server and all its processes, the ended ones too."""
        return sum(map(cpu_ticks, family(self.process.pid))) / TICKS


def make_site(site: Path) -> Path:
    """The files, made of bytes that say nothing."""
    site.mkdir(parents=True)
    for name, size in FILES.items():
        line = b"<p>A line of a page that is here to be sent.</p>\n"
        put(site / name, (line * (size // len(line) + 1))[:size])
    return site


def put(file: Path, content: bytes) -> None:
    """A file that was last changed long ago: who keeps files may wait until one has settled."""
    file.write_bytes(content)
    os.utime(file, (CHANGED, CHANGED))


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    found = [process]
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += [
                one
                for child in (task / "children").read_text().split()
                for one in family(int(child))
            ]
    return found


def cpu_ticks(process: int) -> int:
    """Its time, and that of its children that ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))
    return 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def on_cpu(number: int) -> Generator[None, None, None]:
    """Let what is started meanwhile stay on one of this machine's processors, if it has two."""
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        os.sched_setaffinity(0, {sorted(before)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def command(server: Server, processor: Processor, place: Place) -> list[str]:
    """What starts the server, with its files laid down."""
    for name, content in server.files(place).items():
        path = place.scratch / name
        path.write_bytes(content)
        path.chmod(0o755)
    return server.words(processor, place)


def start(server: Server, words: list[str], place: Place) -> subprocess.Popen[bytes]:
    homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(place.scratch))
    with on_cpu(SERVER_CPU):
        return subprocess.Popen(
            words,
            cwd=place.scratch,
            env=os.environ | homes | dict(server.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and then make it."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def running(
    server: Server, processor: Processor, site: Path, file: str = INDEX
) -> Generator[Running, None, None]:
    """The server, from its first answer on."""
    scratch = Path(tempfile.mkdtemp(prefix="svc0-bench-"))
    place = Place(free_port(), site, scratch, (site / file).stat().st_size)
    try:
        process = start(server, command(server, processor, place), place)
        try:
            wait_for_answer(process, place.port, file)
            yield Running(process, place)
        finally:
            stop(process)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def wait_for_answer(process: subprocess.Popen[bytes], port: int, file: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DeadError(f"it ended with {process.returncode}")
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client,
        ):
            client.sendall(b"GET /%s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n" % file.encode())
            if client.recv(9, socket.MSG_WAITALL) in (b"HTTP/1.1 ", b"HTTP/1.0 "):
                return
        time.sleep(0.02)
    raise DeadError("it does not answer")
