"""Options of the tests."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest --machines=emulator,qemu`: where the server runs that the clients talk to."""
    parser.addoption(
        "--machines",
        metavar="NAME,…",
        help="what tests/clients/ runs the server on: model, emulator, qemu, native, kernel",
    )
