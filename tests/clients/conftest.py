"""The servers that the tests here share: one on each machine, with the site of `sites`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.server import MACHINES, Server, machines_here, start
from tests.clients.sites import SITE
from tests.model import site


def chosen_machines(config: pytest.Config) -> list[str]:
    """Those of --machines, or those that are there."""
    given: str | None = config.getoption("--machines")
    names = given.split(",") if given else ["kernel", *machines_here()]
    unknown = [name for name in names if name not in MACHINES]
    if unknown:
        raise pytest.UsageError(f"--machines knows {', '.join(MACHINES)}; not {', '.join(unknown)}")
    return names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a server once for each machine; the slowest is first.

    The tests of one machine are kept in one process, which starts it once.
    """
    if "server" in metafunc.fixturenames:
        names = chosen_machines(metafunc.config)
        machines = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]
        metafunc.parametrize("server", machines, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of SITE that all tests on one machine share.

    It is patient with heads: byte by byte they take long where much else is going on.
    """
    with tempfile.TemporaryDirectory() as name:
        site.write(SITE, Path(name) / "site")
        with start(Path(name) / "site", request.param, settings={"head_seconds": 300}) as started:
            yield started
