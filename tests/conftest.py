"""Options of the tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

# The first call of a routine assembles it, and how long that takes says nothing about it.
settings.register_profile("calls", deadline=None)
settings.load_profile("calls")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest --machines=emulator,qemu`: where the server runs that the clients talk to."""
    parser.addoption(
        "--machines",
        metavar="NAME,…",
        help="what tests/clients/ runs the server on: model, emulator, qemu, native, kernel",
    )
