"""Run an ARM64 executable: `python -m svc0.machine [--machine NAME] IMAGE [ARGV…]`.

It is a static ELF file for Linux, or a Mach-O file for macOS that wants nothing of dyld.

What follows IMAGE is all of the guest's argv, argv[0] first; without it, argv[0] is IMAGE.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import NAMES, MachineError, choose


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m svc0.machine", description="Run an ARM64 executable for Linux or macOS."
    )
    parser.add_argument("--machine", default="auto", choices=NAMES)
    parser.add_argument("image", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    try:
        content = asked.image.read_bytes()
        return choose(asked.machine).exec(content, asked.arguments or [str(asked.image)])
    except (MachineError, OSError) as error:
        print(f"svc0: {error}", file=sys.stderr)
        return 126


if __name__ == "__main__":
    sys.exit(main())
