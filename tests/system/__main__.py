"""The programs of others that the tests use: install what is missing, say what cannot be had.

    python -m tests.system            install what may be installed, then report
    python -m tests.system --check    only report

Packages of the distribution are installed with apt where that is allowed (as root, or with a
sudo that asks for nothing).  What must not replace the machine's own is unpacked below ./var.
A thing that cannot be had is one line here and a skipped test later; with CI=true it is an
error, because there a test that did not run must not look like one that passed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

from tests.system import debian, kernel, programs

LOG = debian.VAR / "setup.log"


@dataclass(frozen=True)
class Program:
    """A command, or a library, and the distribution's package that brings it."""

    name: str
    package: str
    use: str

    def is_here(self) -> bool:
        if self.name.startswith("lib"):
            return find_library(self.name.removeprefix("lib")) is not None
        return shutil.which(self.name) is not None


@dataclass(frozen=True)
class Beside:
    """Something below ./var: whether it is there, how it is had, and what for."""

    name: str
    find: Callable[[], Path | None]
    get: Callable[[], Path]
    use: str


PROGRAMS = [
    Program("qemu-aarch64", "qemu-user", "runs the server on this machine's kernel"),
    Program("qemu-system-aarch64", "qemu-system-arm", "runs it on an ARM64 Linux kernel"),
    Program("aarch64-linux-gnu-as", "binutils-aarch64-linux-gnu", "tells how GNU as encodes"),
    Program("readelf", "binutils", "reads the image"),
    Program("llvm-readelf", "llvm", "reads the image with LLVM's eyes"),
    Program("lld", "lld", "links a program for macOS, to compare ours with"),
    Program("lldb", "lldb", "reads the debug information as a Mac's debugger does"),
    Program("gdb-multiarch", "gdb-multiarch", "reads the image's debug information"),
    Program("chromium", "chromium", "is a browser"),
    Program("libatomic", "libatomic1", "is what the Node.js of Playwright needs"),
    Program("ffmpeg", "ffmpeg", "makes the video that the browser seeks in"),
    Program("curl", "curl", "is a client"),
    Program("wget", "wget", "mirrors a site"),
    Program("wrk", "wrk", "loads the server"),
    Program("strace", "strace", "lists system calls"),
]

BESIDE = [
    Beside(
        "qemu-aarch64 with openat2",
        programs.find_new_qemu,
        programs.get_new_qemu,
        "runs the server as a recent kernel would",
    ),
    Beside(
        "the HTML documentation of Python",
        programs.find_documentation,
        programs.get_documentation,
        "is the site that wget mirrors",
    ),
    Beside(
        "the numbers of Darwin's calls",
        programs.find_darwin_calls,
        programs.get_darwin_calls,
        "was made of Apple's sys/syscall.h, which no SDK in reach has",
    ),
    Beside("a Linux kernel for ARM64", kernel.find, kernel.get, "is the real thing"),
]


def main(arguments: list[str]) -> int:
    missing = [program for program in PROGRAMS if not program.is_here()]
    if missing and "--check" not in arguments:
        install([program.package for program in missing])
    lacking: list[str] = []
    for program in PROGRAMS:
        if not program.is_here():
            how = f"apt install {program.package}"
            lacking.append(f"{program.name} ({program.use}): {how}")
    for thing in BESIDE:
        if thing.find() is not None:
            continue
        try:
            if "--check" in arguments:
                raise debian.UnavailableError("not fetched yet: make setup")
            thing.get()
        except debian.UnavailableError as reason:
            lacking.append(f"{thing.name} ({thing.use}): {reason}")
    for line in lacking:
        print(f"missing: {line}", file=sys.stderr)
    return 1 if lacking and os.environ.get("CI") == "true" else 0


def install(packages: list[str]) -> None:
    """Install with apt, if this user may; what failed is seen by the caller."""
    if shutil.which("apt-get") is None:
        return
    sudo: list[str] = []
    if os.geteuid() != 0:
        sudo = ["sudo", "-n"]
        if shutil.which("sudo") is None or subprocess.run([*sudo, "true"]).returncode:
            return
    print(f"installing {' '.join(packages)}", file=sys.stderr)
    command = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    install = [*command, "install", "--no-install-recommends"]
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("ab") as log:

        def run(*words: str) -> bool:
            said = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            return said.returncode == 0

        run(*command, "update")
        if not run(*install, *packages):
            for package in packages:  # one that cannot be had must not take the others along
                if not run(*install, package):
                    print(f"{package} was not installed: see {LOG.name} in ./var", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
