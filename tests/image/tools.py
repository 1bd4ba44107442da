"""Running images, and asking others' tools about them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.tools import need_tool

SECONDS = 60


def ask(tool: str, *arguments: str | Path) -> str:
    """What a tool prints; it must not complain."""
    done = subprocess.run(
        [need_tool(tool), *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def put(folder: Path, image: bytes) -> Path:
    """The image as a file that can be started."""
    path = folder / "image"
    path.write_bytes(image)
    path.chmod(0o755)
    return path


def run(image: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Run it under qemu-aarch64."""
    return subprocess.run(
        [need_tool("qemu-aarch64"), *options, str(image)], capture_output=True, timeout=SECONDS
    )
