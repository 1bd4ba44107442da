"""Running images, and asking others' tools about them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from svc0.image.elf import HEADERS, executable
from svc0.image.layout import lay_out
from tests.image import sample
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


def without_landing() -> bytes:
    """The sample, but ``square``, which is called by its address, has lost its landing pad."""
    program = lay_out(sample.start, headers=HEADERS)
    text, start = program.text, program.addresses[sample.square]
    nop = (0xD503201F).to_bytes(4, "little")
    for n, name in ((0, "paciasp"), (8, "autiasp")):  # the signature goes too: it signs and lands
        assert program.spots[start + 4 * n].instruction.name == name
        at = start + 4 * n - text.address
        text.content = text.content[:at] + nop + text.content[at + 4 :]
    return executable(program)
