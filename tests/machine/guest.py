"""Guests: small programs for Linux on ARM64, assembled by GNU as, a stranger to this project.

A guest says what it expects after each call; it exits with the number of the expectation that was
not met, counted from 1 by the assembler, or with 0.
"""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from svc0.machine import Machine, choose
from svc0.machine.qemu import find
from tests.tools import lacking, need_tool

PATIENCE = 60

PRELUDE = """
    .set expectations, 0

    .macro system number
        mov x8, #\\number
        svc #0
    .endm

    .macro leave status
        mov x0, #\\status
        system 94
    .endm

    .macro expect value
        .set expectations, expectations + 1
        ldr x9, =\\value
        cmp x0, x9
        b.eq 1f
        leave expectations
    1:
    .endm

    .macro expect_more_than value
        .set expectations, expectations + 1
        ldr x9, =\\value
        cmp x0, x9
        b.gt 1f
        leave expectations
    1:
    .endm

    .macro path text
        adr x1, 1f
        b 2f
    1:  .asciz "\\text"
        .balign 4
    2:
    .endm

    .macro say text
        adr x1, 1f
        b 2f
    1:  .ascii "\\text"
    3:  .balign 4
    2:  mov x0, #1
        mov x2, #(3b - 1b)
        system 64
    .endm

    .text
    .global _start
"""

MEMORY = """
    .bss
    .balign 4096
    memory: .space 65536
"""


@functools.cache
def assemble(source: str, *, movable: bool = True) -> bytes:
    """A static executable, position-independent or not."""
    assembler, linker = need_tool("aarch64-linux-gnu-as"), need_tool("aarch64-linux-gnu-ld")
    kind = ["-pie", "--no-dynamic-linker"] if movable else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "guest.s").write_text(PRELUDE + source + MEMORY)
        command = [assembler, "-march=armv8.3-a+crc", "-o", "guest.o", "guest.s"]
        subprocess.run(command, check=True, cwd=folder)
        command = [linker, "-static", *kind, "-o", "guest", "guest.o"]
        subprocess.run(command, check=True, cwd=folder)
        return (folder / "guest").read_bytes()


@dataclass(frozen=True)
class Result:
    """How a guest ended, and what it said; a negative status is the signal that killed it."""

    status: int
    output: bytes
    errors: str


@contextmanager
def start(
    machine: Machine, source: str, *argv: str, cwd: Path | None = None
) -> Generator[subprocess.Popen[bytes], None, None]:
    """Run it beside the test, and not a moment longer."""
    guest = machine.start(
        assemble(source),
        ["guest", *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=None if cwd is None else str(cwd),
    )
    with guest:
        try:
            yield guest
        finally:
            guest.kill()


def finish(process: subprocess.Popen[bytes], given: bytes = b"") -> Result:
    output, errors = process.communicate(given, timeout=PATIENCE)
    return Result(process.returncode, output, errors.decode())


def run(
    machine: Machine, source: str, *argv: str, given: bytes = b"", cwd: Path | None = None
) -> Result:
    with start(machine, source, *argv, cwd=cwd) as guest:
        return finish(guest, given)


def machine_named(name: str) -> Machine:
    """One of the machines, or a visible reason why not."""
    if name == "qemu" and find() is None:
        lacking("qemu-aarch64 is not on PATH")
    return choose(name)


every_machine = pytest.mark.parametrize("name", ["emulator", "qemu"])
