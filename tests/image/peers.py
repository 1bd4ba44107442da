"""The linkers of others, and a small program for macOS that they and we make executables of."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Never

from svc0.a64 import *
from tests.tools import lacking, need_tool

SECONDS = 120
IDENTIFIER = "peer"

COUNTER = Bss(16, name="COUNTER")
KEY = Data(bytes(range(1, 9)), align=8, name="KEY")


@routine
def leave(status: w0) -> Never:
    """What the kernel promises; never assembled."""


@routine
def main() -> Never:
    """The program; PROGRAM says the same to others."""
    adrp(x9, COUNTER)
    add(x9, x9, lo12(COUNTER))
    ldr(x10, [x9])
    adrp(x11, KEY)
    add(x11, x11, lo12(KEY))
    mov(w0, 42)
    mov(w16, 1)
    svc(0x80, leave, 0)


PROGRAM = """
.globl _main
.p2align 4
_main:
    adrp x9, COUNTER@PAGE
    add x9, x9, COUNTER@PAGEOFF
    ldr x10, [x9]
    adrp x11, KEY@PAGE
    add x11, x11, KEY@PAGEOFF
    mov w0, #42
    mov w16, #1
    svc #0x80
.const
.p2align 3
KEY: .byte 1, 2, 3, 4, 5, 6, 7, 8
.zerofill __DATA,__bss,COUNTER,16,4
"""

LIBRARY = """--- !tapi-tbd
tbd-version: 4
targets: [ arm64-macos ]
install-name: /usr/lib/libSystem.B.dylib
exports:
  - targets: [ arm64-macos ]
    symbols: [ dyld_stub_binder ]
...
"""


def said(*words: str, folder: Path) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


@cache
def lld() -> bytes:
    """What LLVM's linker writes."""
    assembler, linker = need_tool("llvm-mc"), need_tool("lld")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.s").write_text(PROGRAM)
        (folder / "libSystem.tbd").write_text(LIBRARY)
        target = "-triple=arm64-apple-macos11", "-filetype=obj"
        said(assembler, *target, "main.s", "-o", "main.o", folder=folder)
        platform = "-arch", "arm64", "-platform_version", "macos", "11.0", "15.0"
        libraries = "-L.", "-lSystem", "-adhoc_codesign"
        words = *platform, *libraries, "-e", "_main", "-o", IDENTIFIER, "main.o"
        said(linker, "-flavor", "darwin", *words, folder=folder)
        return (folder / IDENTIFIER).read_bytes()


@cache
def zig() -> bytes:
    """What zig's own linker writes."""
    if find_spec("ziglang") is None:
        lacking("ziglang is not installed")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.s").write_text(PROGRAM)
        target = "-target", "aarch64-macos.11.0", "-fno-compiler-rt", "-lSystem"
        caches = "--cache-dir", name, "--global-cache-dir", name
        words = "build-exe", *target, *caches, "--name", IDENTIFIER, "main.s"
        said(sys.executable, "-m", "ziglang", *words, folder=folder)
        return (folder / IDENTIFIER).read_bytes()
