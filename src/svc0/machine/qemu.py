"""qemu-user: another program translates the instructions, this host's kernel answers the calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from svc0.a64.platforms import Platform

from .errors import MachineError
from .machine import Environment, Stream, environment, held, in_memory, out_of_the_way

PROGRAMS = "qemu-aarch64", "qemu-aarch64-static"
# Return addresses are signed and checked, but in qemu's own way: the real one takes it longer than
# everything else that a server does.
PROCESSOR = "max,pauth-impdef=on"


def find() -> str | None:
    found = (shutil.which(program) for program in PROGRAMS)
    return next((path for path in found if path), None)


class Qemu:
    """A Linux host with qemu-user."""

    name = "qemu"
    platform: Platform = "linux"

    def __init__(self) -> None:
        path = find()
        if path is None:
            raise MachineError(
                "there is no qemu-aarch64 on PATH: install it (Debian and Ubuntu: "
                "apt install qemu-user; Fedora: dnf install qemu-user), or use the emulator"
            )
        self._path = path

    def describe(self) -> str:
        asked = subprocess.run(
            [self._path, "--version"], capture_output=True, text=True, check=True
        )
        version = asked.stdout.partition("\n")[0].removeprefix("qemu-aarch64 ")
        return f"qemu: {self._path}, {version}"

    def exec(self, image: bytes, argv: Sequence[str], env: Environment = None) -> int:
        sys.stdout.flush()
        number = out_of_the_way(in_memory(image))
        os.set_inheritable(number, True)
        os.execve(self._path, self._command(f"/dev/fd/{number}", argv), environment(env))

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
                self._command(path, argv),
                env=environment(env),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd,
                pass_fds=(number,),
            )

    def _command(self, path: str, argv: Sequence[str]) -> list[str]:
        name = ["-0", argv[0]] if argv else []
        return [self._path, "-cpu", PROCESSOR, *name, path, *argv[1:]]
