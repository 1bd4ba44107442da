"""Run a static AArch64 Linux executable: `python -m svc0.machine [--machine NAME] IMAGE [ARGV…]`.

What follows IMAGE is all of the guest's argv, argv[0] first; without it, argv[0] is IMAGE.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import NAMES, MachineError, choose


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m svc0.machine", description="Run an AArch64 executable."
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
