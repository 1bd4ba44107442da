"""Run an ARM64 executable: `python -m svc0.machine [--machine NAME] IMAGE [ARGV…]`.

It is a static ELF file for Linux, or a Mach-O file for macOS that wants nothing of dyld.

What follows IMAGE is all of the guest's argv, argv[0] first; without it, argv[0] is IMAGE.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from svc0.image.layout import Program
from svc0.image.symbols import Symbols

from . import NAMES, MachineError, choose
from .emulator import Emulator
from .executable import read
from .macho import MachO


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m svc0.machine", description="Run an ARM64 executable for Linux or macOS."
    )
    parser.add_argument("--machine", default="auto", choices=NAMES)
    parser.add_argument(
        "--sanitize",
        metavar="MODULE:FUNCTION",
        help="judge every access in the emulator; the function lays out, for the platform that it "
        "is given, what the image is made of",
    )
    parser.add_argument("image", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    try:
        content = asked.image.read_bytes()
        machine = choose(asked.machine)
        if asked.sanitize:
            machine = sanitizing(asked.sanitize, content)
        return machine.exec(content, asked.arguments or [str(asked.image)])
    except (MachineError, OSError) as error:
        print(f"svc0: {error}", file=sys.stderr)
        return 126


def sanitizing(name: str, image: bytes) -> Emulator:
    """The emulator that judges an image by the program that a function lays out."""
    module, _, function = name.partition(":")
    platform = "macos" if isinstance(read(image), MachO) else "linux"
    program: Program = getattr(import_module(module), function)(platform)
    return Emulator(Symbols(program), program=program)


if __name__ == "__main__":
    sys.exit(main())
