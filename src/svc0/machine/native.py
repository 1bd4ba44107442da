"""This computer's own processor: ARM64 Linux, or a Mac of Apple's, runs the image as it is."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from svc0.a64.platforms import Platform

from . import cache
from .errors import MachineError
from .machine import Environment, Stream, environment, held, in_memory, on_disk

HERE: dict[tuple[str, str], Platform] = {
    ("linux", "aarch64"): "linux",
    ("darwin", "arm64"): "macos",
}
# ENOEXEC; and of macOS: EBADEXEC, EBADARCH, EBADMACHO.
CANNOT_EXECUTE = {8, 85, 86, 88}


def here() -> Platform | None:
    """What this computer is, if it is one of the two."""
    return HERE.get((sys.platform, platform.machine()))


def is_there() -> bool:
    return here() is not None


class Native:
    """The image becomes this process: no interpreter.  On Linux no file stays behind either; on
    macOS it is kept in the user's caches, for the next time."""

    name = "native"

    def __init__(self) -> None:
        found = here()
        if found is None:
            this = f"{platform.system()} on {platform.machine()}"
            raise MachineError(
                "the native machine is an ARM64 Linux computer or an Apple Silicon Mac, "
                f"and this is {this}: use the emulator, or qemu"
            )
        self.platform: Platform = found

    def describe(self) -> str:
        return f"native: {platform.machine()}, {platform.system()} {platform.release()}"

    def exec(self, image: bytes, argv: Sequence[str], env: Environment = None) -> int:
        sys.stdout.flush()
        for place in places(self.platform):
            try:
                os.execve(place(image), list(argv), environment(env))
            except PermissionError:
                continue  # this kernel does not execute what is in memory, or on that disk
            except OSError as error:
                if error.errno in CANNOT_EXECUTE:
                    raise MachineError("the kernel cannot execute this image") from None
                raise
        raise MachineError(f"the kernel executes nothing {NOWHERE[self.platform]}")

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
        with given(image, self.platform) as (path, numbers):
            return subprocess.Popen(
                list(argv),
                executable=path,
                env=environment(env),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd,
                pass_fds=numbers,
            )


NOWHERE: dict[Platform, str] = {
    "linux": "that is in memory, or in the temporary folder",
    "macos": "that is in the caches of this user",
}


def places(wanted: Platform) -> list[Callable[[bytes], int | str]]:
    """Where an image can be executed from, the best first."""
    if wanted == "linux":
        return [in_memory, on_disk]
    return [kept]


def kept(image: bytes) -> str:
    return str(cache.kept(image, cache.folder()))


@contextmanager
def given(image: bytes, wanted: Platform) -> Generator[tuple[str, tuple[int, ...]], None, None]:
    """A path for a child, and the descriptors that it must be given for that."""
    if wanted == "macos":
        yield kept(image), ()
        return
    with held(image) as (path, number):
        yield path, (number,)
