"""Programs that tests need and that are not part of the test's environment."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def need_tool(name: str) -> str:
    """The path of a program; without it the test is skipped visibly, and fails where CI is set."""
    return shutil.which(name) or lacking(f"{name} is not on PATH")


def lacking(reason: str) -> NoReturn:
    """Skip for a reason that must not occur in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must have it", pytrace=False)
    pytest.skip(reason)


def without_privileges() -> list[str]:
    """Words before a command that make root heed the rights of its own files, as others do."""
    return [need_tool("setpriv"), "--bounding-set=-all"] if os.geteuid() == 0 else []
