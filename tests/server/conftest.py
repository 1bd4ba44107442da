"""Every test of the server runs for each platform: routines, constants and layouts are those of it.

``@pytest.mark.platform("linux")`` is for what only one of them has.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from svc0.a64.platforms import PLATFORMS, Platform, on


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "platform(name): only there is what this test is about")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("platform")
    metafunc.parametrize("platform", mark.args if mark else PLATFORMS, indirect=True)


@pytest.fixture(autouse=True)
def platform(request: pytest.FixtureRequest) -> Generator[Platform]:
    """The platform of this test, which is in its scope."""
    with on(request.param):
        yield request.param
