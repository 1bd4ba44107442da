"""The emulator: an ARM64 processor and two kernels, wherever there is Python.

Unicorn translates the instructions and Python answers the system calls, as Linux or as Darwin does,
with this computer's own files and sockets.  It is the machine of every host whose processor is
another, and everywhere the one that watches: it counts calls and instructions, and says what a
fault was in words.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from svc0.a64.platforms import Platform
from svc0.image.layout import Program

from .darwin import Darwin
from .errors import Fault, Symbols
from .executable import read
from .host import HostWorld
from .linux import Linux
from .machine import Environment, Stream, environment, held
from .macho import MachO
from .process import Observer, Process


class Emulator:
    """Linux and Darwin on ARM64, in this process: an image says itself which of them it wants."""

    name = "emulator"

    def __init__(
        self,
        symbols: Symbols | None = None,
        observers: Sequence[Observer] = (),
        platform: Platform = "linux",
        program: Program | None = None,
    ) -> None:
        """With the program that images are made of, every access is judged."""
        self._symbols, self._observers = symbols, tuple(observers)
        self.platform: Platform = platform
        self._program = program

    def describe(self) -> str:
        return (
            f"emulator: Unicorn {version('unicorn')} for the processor, "
            f"Python {platform.python_version()} for the kernel"
        )

    def process(self, image: bytes, argv: Sequence[str], env: Environment = None) -> Process:
        """One that is ready to run, for who wants to watch it."""
        executable = read(image)
        personality = Darwin() if isinstance(executable, MachO) else Linux()
        process = Process(
            executable, personality, HostWorld(), symbols=self._symbols, program=self._program
        )
        process.observers.extend(self._observers)
        variables = {
            os.fsencode(name): os.fsencode(value) for name, value in environment(env).items()
        }
        process.start([os.fsencode(argument) for argument in argv], variables)
        return process

    def exec(self, image: bytes, argv: Sequence[str], env: Environment = None) -> int:
        """Run it here; a fault is told, and this process dies of it as the guest did."""
        sys.stdout.flush()
        process = self.process(image, argv, env)
        try:
            return process.run()
        except Fault as fault:
            process.world.complain(str(fault))
            process.world.die(fault.signal)

    def start(
        self,
        image: bytes,
        argv: Sequence[str],
        env: Environment = None,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        cwd: str | None = None,
    ) -> subprocess.Popen[bytes]:
        with held(image) as (path, number):
            return subprocess.Popen(
                [sys.executable, "-m", "svc0.machine", "--machine", self.name, path, *argv],
                env=with_this_package(environment(env)),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd,
                pass_fds=(number,),
            )


def with_this_package(variables: dict[str, str]) -> dict[str, str]:
    """The child shall run what runs here, installed or not."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [variables.get("PYTHONPATH")])]
    return {**variables, "PYTHONPATH": os.pathsep.join(paths)}
