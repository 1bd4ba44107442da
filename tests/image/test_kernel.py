"""A real kernel starts an image, and enforces what its headers ask for."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from svc0.image.elf import elf
from tests.image import sample
from tests.image.tools import without_landing
from tests.system.debian import UnavailableError
from tests.system.kernel import SERVER_ENDED, BootError, boot
from tests.tools import lacking

KILLED = 128  # and the signal: what a shell says of who was


@pytest.mark.parametrize(
    ("image", "status"),
    [(elf(sample.start), sample.OK), (without_landing(), KILLED + signal.SIGILL)],
    ids=["as it is", "without a landing pad"],
)
def test_a_kernel_runs_it(tmp_path: Path, image: bytes, status: int) -> None:
    """It is no server, so waiting for an answer ends with the console, which has its status."""
    try:
        with pytest.raises(BootError) as ended, boot(image, tmp_path, []):
            pass
    except UnavailableError as error:
        lacking(str(error))
    assert f"{SERVER_ENDED} {status}" in str(ended.value)
