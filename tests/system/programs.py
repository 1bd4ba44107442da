"""Where the things are that tests use and that no PATH tells."""

import functools
import re
import shutil
import subprocess
from pathlib import Path

from tests.system.debian import Archive, UnavailableError, codename, host_architecture

OPENAT2 = 9, 2  # the first QEMU whose user mode knows openat2


@functools.cache
def qemu_version(program: str) -> tuple[int, int]:
    """The first two numbers of a QEMU's version; (0, 0) if it does not start."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return 0, 0
    found = re.search(r"version (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def find_old_qemu() -> Path | None:
    """A qemu-aarch64 that answers ENOSYS to openat2, as kernels before 5.6 do."""
    program = shutil.which("qemu-aarch64")
    if program and (0, 0) < qemu_version(program) < OPENAT2:
        return Path(program)
    return None


def find_new_qemu() -> Path | None:
    """A qemu-aarch64 with openat2: the machine's own, or the one below ./var."""
    program = shutil.which("qemu-aarch64")
    if program and qemu_version(program) >= OPENAT2:
        return Path(program)
    tree = Archive(host_architecture()).unpacked("qemu-user")
    beside = tree / "usr/bin/qemu-aarch64" if tree else None
    return beside if beside and qemu_version(str(beside)) >= OPENAT2 else None


def get_new_qemu() -> Path:
    tree = Archive(host_architecture()).unpack("qemu-user", f"{codename()}-backports")
    for other in (tree / "usr/bin").glob("qemu-*"):  # dozens of machines, 10 MB each
        if other.name != "qemu-aarch64":
            other.unlink()
    if program := find_new_qemu():
        return program
    raise UnavailableError("the qemu-user of backports does not start here, or is as old")


def find_documentation() -> Path | None:
    """The folder of CPython's HTML documentation."""
    places = [Path("/")]
    archive = Archive(host_architecture())
    places += archive.home.glob("python3.*-doc_*")
    for place in places:
        for page in sorted(place.glob("usr/share/doc/python3*/html/index.html")):
            return page.parent.resolve()
    return None


def get_documentation() -> Path:
    archive = Archive(host_architecture())
    names = archive.names(r"python3\.\d+-doc")
    if not names:
        raise UnavailableError("the distribution has no python3.*-doc")
    archive.unpack(names[-1])
    if folder := find_documentation():
        return folder
    raise UnavailableError(f"{names[-1]} has no html/index.html")


CALL_NUMBERS = "usr/share/gocode/src/golang.org/x/sys/unix/zsysnum_darwin_arm64.go"


def find_darwin_calls() -> Path | None:
    """The numbers of Darwin's calls, as Go's mksysnum took them out of Apple's sys/syscall.h."""
    tree = Archive(host_architecture()).unpacked("golang-golang-x-sys-dev")
    numbers = tree / CALL_NUMBERS if tree else None
    return numbers if numbers and numbers.exists() else None


def get_darwin_calls() -> Path:
    Archive(host_architecture()).unpack("golang-golang-x-sys-dev")
    if numbers := find_darwin_calls():
        return numbers
    raise UnavailableError("golang-golang-x-sys-dev has no zsysnum_darwin_arm64.go")
