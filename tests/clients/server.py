"""A server that runs somewhere: started on a free port, stopped by SIGTERM."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from svc0.machine import native
from tests.system import kernel
from tests.tools import lacking, need_tool

START_SECONDS: Final = 120
STOP_SECONDS: Final = 60
REPOSITORY: Final = Path(__file__).parents[2]

Setting: TypeAlias = str | int
Settings: TypeAlias = Mapping[str, Setting]
NO_SETTINGS: Final[Settings] = {}

MACHINES: Final = {
    "model": "the reference itself, in Python: what proves these tests",
    "emulator": "the emulator, with this host's sockets and files behind it",
    "macos": "the executable for macOS, in the emulator",
    "qemu": "qemu-aarch64",
    "native": "this processor",
    "kernel": "a Linux kernel of its own, in qemu-system-aarch64",
}


def machines_here() -> list[str]:
    """What the tests run on when nobody says; the last is the quickest."""
    found = ["emulator", "macos"]
    if platform.system() == "Linux":
        found.append("qemu")  # where it is missing, need_tool says so
    if native.is_there():
        found.append("native")
    return found


def executable_for(machine: str, settings: Settings) -> bytes:
    """The executable that the machine runs; one that was built elsewhere, where $SVC0_IMAGE says.

    Only what is built here can have settings of its own.
    """
    from svc0 import build

    carried = os.environ.get("SVC0_IMAGE")
    if carried and machine == "native" and not settings:
        return Path(carried).read_bytes()
    here = "macos" if platform.system() == "Darwin" else "linux"
    for_macos = machine == "macos" or (machine == "native" and here == "macos")
    return build.executable(platform="macos" if for_macos else "linux", strip=True, **settings)


def command(
    machine: str,
    site: Path,
    scratch: Path,
    options: Sequence[str] = (),
    settings: Settings = NO_SETTINGS,
) -> list[str]:
    """What to run for a server of that site: the only place that knows how one is built.

    Settings are what is built in (svc0.config); the model is told nothing of them.
    """
    if machine == "model":
        return [sys.executable, "-m", "tests.model.serve", str(site), "-p", "0", *options]
    from svc0 import build

    image = scratch / "svc0"
    build.write(image, executable_for(machine, settings))
    emulator = [sys.executable, "-m", "svc0.machine", "--machine", "emulator"]
    judged = [*emulator, "--sanitize", "svc0.build:program", str(image), "svc0"]
    before: dict[str, list[str]] = {
        "native": [str(image)],
        "qemu": [need_tool("qemu-aarch64"), str(image)] if machine == "qemu" else [],
        "emulator": judged,
        "macos": judged,
    }
    return [*before[machine], "-r", str(site), "-p", "0", "-b", "127.0.0.1", *options]


@dataclass
class Server:
    """One that runs and has said where."""

    process: subprocess.Popen[str] | subprocess.Popen[bytes]
    address: tuple[str, int]
    machine: str
    log: list[str] = field(default_factory=list[str])
    """What it printed on standard error."""

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"


@contextlib.contextmanager
def start(
    site: Path,
    machine: str | None = None,
    options: Sequence[str] = (),
    settings: Settings = NO_SETTINGS,
    *,
    stop: bool = True,
    before: Sequence[str] = (),
) -> Generator[Server, None, None]:
    """Run a server of that site on a machine (the first that is here), and see it stop well.

    Without ``stop``, how it ends is the test's; ``before`` are words before its command.
    """
    if machine == "kernel":
        with booted(site, options) as server:
            yield server
        return
    with tempfile.TemporaryDirectory() as scratch:
        words = command(machine or machines_here()[0], site, Path(scratch), options, settings)
        with run([*before, *words], machine or machines_here()[0], stop=stop) as server:
            yield server


@contextlib.contextmanager
def booted(site: Path, options: Sequence[str]) -> Generator[Server, None, None]:
    """The server on a kernel of its own, which is turned off at the end: it sees no SIGTERM."""
    need_tool("qemu-system-aarch64")
    if kernel.find() is None:
        lacking("there is no Linux kernel for ARM64: make setup")
    from svc0 import build

    image = build.executable()
    with kernel.boot(image, site, [*kernel.ARGUMENTS, *options]) as machine:
        yield Server(machine.process, ("127.0.0.1", machine.port), "kernel")


@contextlib.contextmanager
def run(words: Sequence[str], machine: str, *, stop: bool = True) -> Generator[Server, None, None]:
    """The server that a command starts, from the line that says where to its end by SIGTERM."""
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)
    log: list[str] = []
    said = threading.Event()

    def read_log() -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                log.append(line)
                if re.search(r"http://[^/]+:\d+/", line):
                    said.set()
        said.set()

    reader = threading.Thread(target=read_log)
    reader.start()
    try:
        in_time = said.wait(START_SECONDS)
        urls = re.findall(r"http://([^/]+):(\d+)/", "".join(log))
        assert in_time, f"no word of where it listens in {START_SECONDS} s: {log}"
        assert urls, f"the server did not say where it listens: {log}"
        host, port = urls[0]
        yield Server(process, (host.strip("[]"), int(port)), machine, log)
        if not stop:
            return
        assert process.poll() is None, f"the server ended by itself ({process.poll()}): {log[-5:]}"
        process.send_signal(signal.SIGTERM)
        status = process.wait(STOP_SECONDS)
        assert status == 0, f"SIGTERM ended the server with {status}: {log[-5:]}"
    finally:
        if process.poll() is None:
            process.kill()  # and its workers end with it
            process.wait()
        reader.join()
