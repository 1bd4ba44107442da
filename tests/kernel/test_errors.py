"""Every error's number, against the platforms' headers, and those of the machine under Python."""

from __future__ import annotations

import errno
import sys

import pytest

from svc0.a64.platforms import PLATFORMS, Platform, settled
from svc0.kernel.errors import Errno
from tests.kernel.headers import disagreements


def errors(platform: Platform) -> dict[str, int]:
    found = {name: value for name, value in vars(Errno).items() if name.isupper()}
    assert len(found) > 40
    return {name: settled(value, platform) for name, value in found.items()}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_errors(platform: Platform) -> None:
    facts = {name: f"{name} == {value}" for name, value in errors(platform).items()}
    assert disagreements(["errno.h"], facts, platform) == {}


def test_errors_of_this_machine() -> None:
    here = errors("macos" if sys.platform == "darwin" else "linux")
    assert here == {name: getattr(errno, name) for name in here}
