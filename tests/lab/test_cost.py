"""What a request costs, and where: the numbers agree with each other, whoever counts them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from svc0 import build
from svc0.a64 import Routine
from svc0.lab.cost import stage
from svc0.lab.cost.cases import BROWSER, CASES, PAGE, Case, ask, make_site, named
from svc0.lab.cost.flame import svg
from svc0.lab.cost.profile import Node, Profile, of_case
from svc0.lab.cost.report import By, data, summary, table
from svc0.lab.cost.stage import WARM_UP, Play, Round, Scene, StageError, measure
from svc0.server.cache import find_entry
from svc0.server.conversation import advance

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
    leaf = rows[find_entry]
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
                reached, last = set[Routine](), {node.routine}
                while last - reached:
                    reached |= last
                    last = {to for each in last for to in ways.get(each, ())}
                assert routine in reached, (node.routine, routine)
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


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("head in two", {"recvfrom": 2, "epoll_pwait": 2}),
        ("16 clients", {"recvfrom": 16, "epoll_pwait": 1}),
        ("pipelined", {"recvfrom": 1, "epoll_pwait": 1}),
        ("new connection", {"accept4": 1}),
        ("idle second", {"recvfrom": 0, "epoll_pwait": 1}),
        ("later", {"recvfrom": 1, "epoll_pwait": 2}),
    ],
)
def test_scenes(name: str, calls: dict[str, int]) -> None:
    """What the server is asked is what the scene says."""
    found = of_case(CASES[name], rounds=ROUNDS).calls
    assert {call: found[call] // ROUNDS for call in calls} == calls


def test_warming_up_is_another_thing(tmp_path: Path) -> None:
    """What is done before the rounds that count may be something else, as often as one likes."""
    make_site(tmp_path)
    done: list[tuple[str, int]] = []

    def play(what: str) -> Play:
        def scene(it: Round) -> Scene:
            done.append((what, it.number))
            yield from CASES["small file"].play(it)

        return scene

    count = measure(
        build.executable(), tmp_path, play("counts"), 2, warm_up=3, before=play("does not")
    )
    assert done == [*(("does not", n) for n in range(3)), ("counts", 3), ("counts", 4)]
    assert count.calls["recvfrom"] == 2


@pytest.mark.parametrize("name", ["cold file", "changed file", "replaced file"])
def test_files_that_are_new(name: str, tmp_path: Path) -> None:
    """Each round has a file that the server has not seen as it is."""
    make_site(tmp_path)
    seen: set[tuple[str, int, int]] = set()
    case = CASES[name]

    def scene(_: Case, it: Round) -> Scene:
        yield from case.play(it)
        asked = f"cold/{it.number:02}.html" if name == "cold file" else "changed.html"
        found = (tmp_path / asked).stat()
        seen.add((asked, found.st_ino, found.st_mtime_ns))

    of_case(Case("", b"", scene=scene), tmp_path, ROUNDS)
    assert len(seen) == WARM_UP + ROUNDS


def test_a_browser_is_what_they_send() -> None:
    """Twelve fields and seven hundred bytes, and all that is written of it is true."""
    assert (BROWSER.count(b"\r\n"), len(BROWSER)) == (1 + 12 + 1, 700)
    assert b"\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" in BROWSER
    assert f"{len(BROWSER)} bytes" in CASES["browser"].meaning


def test_without_whole_request_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "PATIENCE", 0.1)
    with pytest.raises(StageError, match="is the request whole"):
        of_case(Case("", b"GET / HTTP/1.1\r\n"), rounds=1)


def test_a_connection_that_breaks_is_not_the_servers_mistake() -> None:
    def scene(_: Case, it: Round) -> Scene:
        it.clients.kept().socket.close()
        it.clients.kept().send(b"GET")
        yield 1

    with pytest.raises(StageError, match="the connection to the server broke"):
        of_case(Case("", b"", scene=scene), rounds=1)


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


def test_the_chart_in_the_documents() -> None:
    """It is one of those, and of the kind that the page says; its numbers may be older."""
    chart = Path(__file__).parents[2] / "docs" / "costs.svg"
    root = ElementTree.fromstring(chart.read_text())
    heading = root.findtext("{http://www.w3.org/2000/svg}text") or ""
    assert heading.startswith(f"{CASES['browser'].meaning}: ")
    assert "svc0 cost browser --flame docs/costs.svg" in chart.with_suffix(".md").read_text()
