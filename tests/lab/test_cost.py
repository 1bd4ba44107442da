"""What a request costs, and where: the numbers agree with each other, whoever counts them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from svc0.a64 import Routine
from svc0.lab.cost.cases import CASES, PAGE, Case, ask, make_site, named
from svc0.lab.cost.flame import svg
from svc0.lab.cost.profile import Node, Profile, of_case
from svc0.lab.cost.report import By, data, summary, table
from svc0.lab.cost.stage import StageError
from svc0.server.conversation import advance
from svc0.server.text import find_byte

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no openat2")

ROUNDS = 4


@pytest.fixture(scope="module")
def profile() -> Profile:
    """Of a small file."""
    return of_case(CASES["small file"], rounds=ROUNDS)


def test_everything_adds_up(profile: Profile) -> None:
    whole = profile.instructions
    assert profile.rounds == ROUNDS
    assert sum(row.own for row in profile.by_routine()) == whole
    assert sum(row.instructions for row in profile.by_line()) == whole
    calls = [step.call for step in profile.steps]
    assert set(calls) == set(profile.calls)
    assert (calls[0], profile.calls["epoll_pwait"]) == ("epoll_pwait", ROUNDS)


def test_a_round_is_like_any_other(profile: Profile) -> None:
    last = sum(step.instructions for step in profile.steps) + profile.rest
    assert last * ROUNDS == profile.instructions


def test_a_routine_has_its_callees(profile: Profile) -> None:
    rows = {row.routine: row for row in profile.by_routine()}
    row = rows[advance]
    assert row.called == ROUNDS
    assert 0 < row.own < row.total < profile.instructions
    leaf = rows[find_byte]
    assert leaf.own == leaf.total
    assert leaf.called % ROUNDS == 0


def test_who_called_whom(profile: Profile) -> None:
    """A routine is below another only if that has a branch to it, or what it went on in has."""
    ways: dict[Routine, set[Routine]] = {}
    for spot in profile.program.spots.values():
        if isinstance(spot.instruction.to, Routine):
            ways.setdefault(spot.routine, set()).add(spot.instruction.to)

    def check(node: Node) -> None:
        for routine, below in node.below.items():
            if node.routine:
                direct = ways[node.routine]
                onwards = {to for each in direct for to in ways.get(each, ())}
                assert routine in direct | onwards, (node.routine, routine)
            check(below)

    check(profile.root)


def test_lines_are_those_of_the_source(profile: Profile) -> None:
    src = Path(__file__).parents[2] / "src"
    for row in profile.by_line():
        line = (src / row.file).read_text().splitlines()[row.number - 1]
        assert line.strip() == row.source


def test_what_answered_is_looked_at() -> None:
    with pytest.raises(StageError, match=r"the answer is not 404, but b'HTTP/1\.1 200 OK"):
        of_case(Case("", ask("/page.html"), 404), rounds=1)


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes(PAGE)
    profile = of_case(Case("", ask("/one.txt"), 200), tmp_path, rounds=1)
    assert profile.calls["openat2"] <= 1


def test_a_connection_that_is_closed_is_opened_again() -> None:
    profile = of_case(Case("", ask("/page.html", "Connection: close")), rounds=ROUNDS)
    assert profile.calls["accept4"] == ROUNDS


def test_names() -> None:
    assert [named(name.replace(" ", "-")) for name in CASES] == list(CASES)
    with pytest.raises(KeyError):
        named("nothing like that")


def test_the_site(tmp_path: Path) -> None:
    make_site(tmp_path)
    assert (tmp_path / "page.html").read_bytes() == PAGE


@pytest.mark.parametrize("by", By)
def test_tables(profile: Profile, by: By) -> None:
    """Also where there is little room, no number is cut."""
    for width in 80, 200:
        console = Console(width=width, force_terminal=False)
        with console.capture() as captured:
            console.print(table(profile, by))
        text = captured.get()
        assert "…" not in "".join(line[:30] for line in text.splitlines())
        assert max(map(len, text.splitlines())) <= width
    rows = table(profile, By.ROUTINE, 3)
    assert len(rows.rows) == 3


@pytest.mark.parametrize("by", By)
def test_data(profile: Profile, by: By) -> None:
    found = json.loads(json.dumps(data(profile, by)))
    assert found["instructions"] * ROUNDS == profile.instructions
    assert found["calls"]["recvfrom"] == 1
    if by is By.ROUTINE:
        assert sum(row["self"] for row in found["routines"]) == found["instructions"]
    if by is By.LINE:
        assert sum(row["instructions"] for row in found["lines"]) == found["instructions"]


def test_flame(profile: Profile) -> None:
    """A bar lies within the one above it, and says what it is."""
    text = svg(profile, f"a & b: {summary(profile)}")
    root = ElementTree.fromstring(text)
    name = "{http://www.w3.org/2000/svg}"
    bars = root.findall(f"{name}g")
    places = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width"))
        for rect in (bar.find(f"{name}rect") for bar in bars)
        if rect is not None
    ]
    assert len(places) == len(bars) > 10
    for x, y, width in places[1:]:
        assert any(
            up == y - 22 and left - 0.02 <= x and x + width <= left + wide + 0.02
            for left, up, wide in places
        )
    titles = [bar.findtext(f"{name}title") or "" for bar in bars]
    assert any(re.match(r"advance \(conversation.py\)\n[\d,]+ instructions, ", it) for it in titles)
    assert not re.search(r"(href|src|url\()", text)
