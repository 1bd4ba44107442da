"""What requests cost is what the file says: see bench/costs.py."""

from __future__ import annotations

import sys
from typing import Final

import pytest

from bench import costs

MOST_CALLS: Final = 7

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no openat2")


@pytest.mark.parametrize("name", costs.CASES)
def test_costs_are_what_they_were(name: str) -> None:
    now, then = costs.costs([name])[name], costs.read().get(name)
    assert now == then, f"if that is meant: python -m bench.costs --update, and commit {costs.FILE}"


def test_nothing_else_is_in_the_file() -> None:
    assert list(costs.read()) == list(costs.CASES)
    assert costs.written(costs.read()) == costs.FILE.read_text()


def test_a_small_file_takes_few_calls() -> None:
    """Wait, receive, open, look, send head, send file, close; the log's share is below one more."""
    for name in "small file", "browser", "index":
        assert costs.read()[name]["calls"] <= MOST_CALLS


def test_a_cost_is_the_same_every_time() -> None:
    assert costs.costs(["small file"]) == costs.costs(["small file"])
