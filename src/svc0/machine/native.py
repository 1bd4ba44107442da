"""This computer's own processor: an ARM64 Linux host runs the image as it is."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
import sys
from collections.abc import Sequence

from .errors import MachineError
from .machine import Environment, Stream, environment, held, in_memory, on_disk


def is_there() -> bool:
    return sys.platform == "linux" and platform.machine() == "aarch64"


class Native:
    """The image becomes this process: no interpreter, no file that stays behind."""

    name = "native"

    def __init__(self) -> None:
        if not is_there():
            here = f"{platform.system()} on {platform.machine()}"
            raise MachineError(
                f"the native machine is an ARM64 Linux computer, and this is {here}: "
                "use the emulator, or qemu"
            )

    def describe(self) -> str:
        return f"native: {platform.machine()}, Linux {platform.release()}"

    def exec(self, image: bytes, argv: Sequence[str], env: Environment = None) -> int:
        sys.stdout.flush()
        for place in in_memory, on_disk:
            try:
                os.execve(place(image), list(argv), environment(env))
            except PermissionError:
                continue  # this kernel does not execute what is in memory, or on that disk
            except OSError as error:
                if error.errno == errno.ENOEXEC:
                    raise MachineError("the kernel cannot execute this image") from None
                raise
        raise MachineError(
            "the kernel executes neither what is in memory nor in the temporary folder"
        )

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
                list(argv),
                executable=path,
                env=environment(env),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd,
                pass_fds=(number,),
            )
