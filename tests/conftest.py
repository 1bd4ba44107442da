"""Options of the tests, and the test of the tests: has the whole suite run the whole server?"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from svc0.machine.coverage import FOLDER, settle_all

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "var" / "coverage"
LISTED = ROOT / "tests" / "unexecuted.toml"

MOST_SHOWN = 50

CHOOSING = (
    "keyword",
    "markexpr",
    "deselect",
    "ignore",
    "ignore_glob",
    "lf",
    "stepwise",
    "machines",
)
"""What lets a run be less than everything."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest --machines=emulator,qemu`: where the server runs that the clients talk to."""
    parser.addoption(
        "--machines",
        metavar="NAME,…",
        help="what tests/clients/ runs the server on: model, emulator, qemu, native, kernel",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let coverage be recorded from now on, if it was asked for or is to be judged.

    What is judged must not depend on luck: then properties are tried with the same examples in
    every run.  All other runs look for new ones.
    """
    recorded = whole(config) or bool(os.environ.get(FOLDER))
    if recorded and not is_worker(config):  # to a worker, whoever started it has said so
        folder = Path(os.environ.get(FOLDER) or RECORDED).absolute()
        shutil.rmtree(folder, ignore_errors=True)
        os.environ[FOLDER] = str(folder)
    # The first call of a routine assembles it, and how long that takes says nothing about it.
    same = bool(os.environ.get(FOLDER))
    settings.register_profile("calls", deadline=None, derandomize=same)
    settings.load_profile("calls")


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Behind all tests, in whichever processes they ran: the rule, reported as one more."""
    result = yield
    settle_all()
    if whole(session.config) and not is_worker(session.config) and not session.testsfailed:
        session.config.hook.pytest_runtest_logreport(report=judgement())
    return result


def judgement() -> pytest.TestReport:
    """Whether what was recorded keeps the rule."""
    # Here and not above: what is wrong with the server shall not hide the tests of other rooms.
    from svc0.lab.coverage import report, rule

    start = time.perf_counter()
    broken = rule.check(report.report(Path(os.environ[FOLDER])), LISTED)
    shown = [*broken[:MOST_SHOWN], f"{len(broken)} in all; where: make coverage"]
    file, name = str(LISTED.relative_to(ROOT)), "everything_is_run"
    return pytest.TestReport(
        nodeid=f"{file}::{name}",
        location=(file, None, name),
        keywords={},
        outcome="failed" if broken else "passed",
        longrepr="\n".join(shown) if broken else None,
        when="call",
        duration=time.perf_counter() - start,
    )


def is_worker(config: pytest.Config) -> bool:
    """Whether this process only runs what another one hands out."""
    return hasattr(config, "workerinput")


def whole(config: pytest.Config) -> bool:
    """Whether every test is to be run."""
    chosen = any(config.getoption(name, None) for name in CHOOSING)
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return everything and not chosen and not config.option.collectonly
