"""Guests for macOS: assembled by GNU as as the others are, and packed as Mach-O by the test.

A guest says what it expects after each call, x0 and carry; it exits with the number of the
expectation that was not met, counted from 1 by the assembler, or with 0.
"""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from svc0.machine import elf
from svc0.machine.emulator import Emulator
from tests.tools import need_tool

from .guest import Result, finish
from .packed import BASE, TEXT, Image

PRELUDE = """
    .set expectations, 0

    .macro system number
        ldr x16, =\\number
        svc #0x80
    .endm

    .macro leave status
        mov x0, #\\status
        system 1
    .endm

    .macro expect value     // success, and this in x0
        .set expectations, expectations + 1
        b.cs 2f
        ldr x9, =\\value
        cmp x0, x9
        b.eq 1f
    2:  leave expectations
    1:
    .endm

    .macro is register, value
        .set expectations, expectations + 1
        ldr x9, =\\value
        cmp \\register, x9
        b.eq 1f
        leave expectations
    1:
    .endm

    .macro works
        .set expectations, expectations + 1
        b.cc 1f
        leave expectations
    1:
    .endm

    .macro fails number     // carry, errno in x0, nothing in x1
        .set expectations, expectations + 1
        b.cc 2f
        cbnz x1, 2f
        cmp x0, #\\number
        b.eq 1f
    2:  leave expectations
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
        system 4
    .endm

    .macro here register    // the start of 64 KiB that are zeros
        adrp \\register, memory
        add \\register, \\register, :lo12:memory
    .endm

    .text
    .global _start
"""

MEMORY = """
    .ltorg
    .bss
    .balign 16
    memory: .space 65536
"""

LAYOUT = f"""
ENTRY(_start)
SECTIONS {{
    . = {BASE + TEXT:#x};
    .text : {{ *(.text) *(.rodata) }}
    . = ALIGN(0x4000);
    .data : {{ *(.data) }}
    .bss : {{ *(.bss) }}
}}
"""


@functools.cache
def image(source: str) -> Image:
    """A guest, ready to be packed, or to be spoilt before it is."""
    assembler, linker = need_tool("aarch64-linux-gnu-as"), need_tool("aarch64-linux-gnu-ld")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "guest.s").write_text(PRELUDE + source + MEMORY)
        (folder / "layout.ld").write_text(LAYOUT)
        command = [assembler, "-march=armv8.3-a+crc", "-o", "guest.o", "guest.s"]
        subprocess.run(command, check=True, cwd=folder)
        options = ["-z", "max-page-size=0x4000", "--no-warn-rwx-segments", "-T", "layout.ld"]
        command = [linker, "-static", *options, "-o", "guest", "guest.o"]
        subprocess.run(command, check=True, cwd=folder)
        linked = elf.parse((folder / "guest").read_bytes())
    text, *rest = linked.pieces()
    data = rest[0] if rest else None
    return Image(
        text.content[BASE + TEXT - text.address :],
        data.content if data else b"",
        data.size if data else 0,
        linked.entry - BASE - TEXT,
    )


def packed(source: str) -> bytes:
    return bytes(image(source))


@contextmanager
def start(
    source: str, *argv: str, cwd: Path | None = None
) -> Generator[subprocess.Popen[bytes], None, None]:
    """Run it beside the test, and not a moment longer."""
    guest = Emulator().start(
        packed(source),
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


def run(source: str, *argv: str, given: bytes = b"", cwd: Path | None = None) -> Result:
    with start(source, *argv, cwd=cwd) as guest:
        return finish(guest, given)


def succeeds(source: str, *argv: str, given: bytes = b"", cwd: Path | None = None) -> bytes:
    """What it said."""
    found = run(source, *argv, given=given, cwd=cwd)
    assert (found.status, found.errors) == (0, ""), found
    return found.output
