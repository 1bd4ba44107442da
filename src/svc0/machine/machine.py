"""A machine: something that an image can become, or that can run it beside this process."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Protocol, TypeAlias

from svc0.a64.platforms import Platform

HIGH = 200
Environment: TypeAlias = Mapping[str, str] | None
Stream: TypeAlias = int | IO[bytes] | None


class Machine(Protocol):
    """What `choose` gives."""

    @property
    def name(self) -> str: ...
    @property
    def platform(self) -> Platform:
        """What an image for it is built for, if nobody asks for anything else."""
        ...

    def describe(self) -> str:
        """One line for whoever wants to know what runs their server."""
        ...

    def exec(self, image: bytes, argv: Sequence[str], env: Environment = None) -> int:
        """Become it.  Only the emulator comes back, with the guest's status."""
        ...

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
        """Run it beside this process."""
        ...


def in_memory(image: bytes) -> int:
    """A descriptor of the image, in a file that has no name."""
    if not hasattr(os, "memfd_create"):
        return on_disk(image)
    number = os.memfd_create("svc0", os.MFD_CLOEXEC)
    write_all(number, image)
    return number


def on_disk(image: bytes) -> int:
    """The same where memory cannot be executed; its directory was private, and is gone again."""
    with tempfile.TemporaryDirectory(prefix="svc0-") as directory:
        path = os.path.join(directory, "image")
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
        write_all(number, image)
        os.close(number)  # what is open for writing cannot be executed
        return os.open(path, os.O_RDONLY)


def out_of_the_way(number: int) -> int:
    """The same file by a number that no guest expects to get for its own."""
    high = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, HIGH)
    os.close(number)
    return high


def write_all(number: int, content: bytes) -> None:
    while content:
        content = content[os.write(number, content) :]


@contextmanager
def held(image: bytes) -> Generator[tuple[str, int], None, None]:
    """A path for a child that is given the descriptor, and the descriptor."""
    number = out_of_the_way(in_memory(image))
    try:
        os.lseek(number, 0, os.SEEK_SET)
        yield f"/dev/fd/{number}", number
    finally:
        os.close(number)


def environment(env: Environment) -> dict[str, str]:
    return dict(os.environ if env is None else env)
