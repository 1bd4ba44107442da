"""What requests cost is what the file says: see bench/costs.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest

from bench import costs
from bench.costs import Cost

MOST_CALLS: Final = 7

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no openat2")


@ON_LINUX
@pytest.mark.parametrize("name", costs.CASES)
def test_costs_are_what_they_were(name: str) -> None:
    now, then = costs.costs([name])[name], costs.read().get(name)
    assert now == then, f"if that is meant: python -m bench.costs --update, and commit {costs.FILE}"


def test_nothing_has_grown() -> None:
    """Not even by small steps: what is committed is compared with the least it has ever been."""
    assert not list(costs.grown(costs.read(), costs.read_least()))


def test_nothing_else_is_in_the_file() -> None:
    assert list(costs.read()) == list(costs.CASES)
    assert costs.written(costs.read(), costs.read_least()) == costs.FILE.read_text()


def test_a_small_file_takes_few_calls() -> None:
    """Wait, receive, open, look, send head, send file, close; the log's share is below one more."""
    for name in "small file", "browser", "index":
        assert costs.read()[name]["calls"] <= MOST_CALLS


@ON_LINUX
@pytest.mark.parametrize("name", ["small file", "16 clients", "replaced file"])
def test_a_cost_is_the_same_every_time(name: str) -> None:
    assert costs.costs([name]) == costs.costs([name])


# --- the rule ---------------------------------------------------------------------


def cost(instructions: float, calls: float = 7) -> dict[str, Cost]:
    return {"index": {"instructions": instructions, "calls": calls, "clock": 0, "log": 0}}


def file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in which the index costs 1,000 instructions."""
    path = folder / "costs.toml"
    monkeypatch.setattr(costs, "FILE", path)
    path.write_text(costs.written(cost(1000), costs.lowered(cost(1000))))


def test_growth_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file(tmp_path, monkeypatch)
    least = costs.read_least()
    assert least == {"index": {"instructions": 1000, "calls": 7}}
    assert not list(costs.grown(cost(1020), least))
    assert not list(costs.grown({"new": cost(1020)["index"]}, least))
    (line,) = costs.grown(cost(1021), least)
    assert line.startswith("index: 1,021 instructions, 2.1% more than the 1,000 it took at best")
    (line,) = costs.grown(cost(900, 8), least)
    assert line.startswith("index: 8 calls, 14.3% more than the 7")


def test_small_steps_are_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing the file lowers the least, and raises it only where that is accepted."""
    file(tmp_path, monkeypatch)
    for now, accepted, least in (1019, [], 1000), (990, [], 990), (1500, ["index"], 1500):
        lowered = costs.lowered(cost(now), accepted)
        assert lowered["index"]["instructions"] == least
        costs.FILE.write_text(costs.written(cost(now), lowered))
        assert costs.read_least() == lowered
        assert costs.read() == cost(now)


@pytest.mark.parametrize(
    ("words", "now", "status", "kept"),
    [
        ([], 1000, 0, (1000, 1000)),
        ([], 999, 1, (1000, 1000)),
        ([], 1100, 1, (1000, 1000)),
        (["--update"], 990, 0, (990, 990)),
        (["--update"], 1100, 0, (1100, 1000)),
        (["--update", "--accept", "index"], 1100, 0, (1100, 1100)),
        (["--update", "--accept", "all"], 1100, 0, (1100, 1100)),
    ],
)
def test_the_command(
    words: list[str],
    now: float,
    status: int,
    kept: tuple[float, float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file(tmp_path, monkeypatch)
    monkeypatch.setattr(costs, "costs", lambda: cost(now))
    monkeypatch.setattr(sys, "argv", ["costs", *words])
    assert costs.main() == status
    said = capsys.readouterr().out
    assert ("at best" in said) == (now > 1020 and "--accept" not in words)
    assert ("+10.0%" in said) == (now == 1100)
    assert costs.read()["index"]["instructions"] == kept[0]
    assert costs.read_least()["index"]["instructions"] == kept[1]
