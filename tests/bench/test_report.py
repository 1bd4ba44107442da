"""That the report says what was measured: tables, charts, the page; nothing here is measured."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from bench import charts, load, report, tables
from bench.alternatives import QUESTIONS, alternatives
from bench.measuring import PARTS, spread
from bench.running import FILES
from bench.servers import SERVERS

SPREAD = {"median": 2.0, "least": 1.0, "most": 3.0}
FACTS: dict[str, Any] = {
    "date": "2026-11-22",
    "commit": "abc",
    "machine": "x86_64",
    "processors": 2,
    "kernel": "6.18",
    "python": "3.11.7",
    "qemu": {"load": "10.0", "counting": "7.2", "kernel": "7.2"},
    "packages": {"nginx": "1.22.1"},
    "rounds": 3,
    "seconds": 3,
    "quick": False,
    "native": False,
}
COST = {"instructions": 3000.0, "openat": 1.0, "recvfrom": 0.0625}
POINTS = [
    {"number": number, "instructions": 3000, "calls": 7, "cpu": 8.5, "rate": 90_000}
    for number in (10, 100)
]
LOADED: dict[str, Any] = dict.fromkeys(
    ("rate", "cpu", "client", "volume", "others", "stolen"), SPREAD
)
FOUND: dict[str, Any] = {
    "tools": {"import": 0.2, "assemble": 0.2, "call": 0.0001, "stripped": 1, "symbols": 2},
    "sizes": {"svc0": {"program": 50_000, "libraries": 0, "bytes": 50_000}},
    "exact": {
        "plugin": {name: {"keep-alive": COST, "new connection": COST} for name in SERVERS},
        "emulator": {"small file": {"instructions": 3104, "calls": 7}},
    },
    "start": {"svc0": SPREAD, "nginx": SPREAD},
    "load": {file: dict.fromkeys(SERVERS, LOADED) for file in FILES},
    "growth": {"idle": POINTS, "hot": POINTS, "random": POINTS},
    "kernel": {"index.html": {"svc0": {"user": 3000, "kernel": 20_000, "errors": ""}}},
    "alternatives": [
        {"question": one.question, "way": one.way, "body": one.body, "user": 1, "kernel": 2}
        for one in alternatives()
    ],
}
RESULT = {part: {"facts": FACTS, "found": found} for part, found in FOUND.items()}


def test_every_part_has_tables() -> None:
    assert list(PARTS) == list(tables.TABLES) == list(FOUND)
    for part, found in FOUND.items():
        for table in tables.TABLES[part](found):
            assert table.rows, (part, table.title)
            assert {len(row) for row in table.rows} == {len(table.columns)}, (part, table.title)
            assert table.rich().row_count == len(table.rows)


def test_the_page_has_all_of_it() -> None:
    page = report.page(RESULT)
    assert "$" not in page
    assert "Provisional" not in page
    for part, found in FOUND.items():
        for table in tables.TABLES[part](found):
            assert table.markdown() in page
    for name in charts.CHARTS:
        assert f"(performance/{name})" in page


def test_the_page_says_what_is_missing_and_what_is_provisional() -> None:
    short = {"tools": {"facts": FACTS | {"quick": True}, "found": FOUND["tools"]}}
    page = report.page(short)
    assert page.count("Not measured.") == len(PARTS) - 1
    assert "**Provisional.**" in page


@pytest.mark.parametrize("name", charts.CHARTS)
def test_charts_are_readable_on_any_paper(name: str) -> None:
    part, draw = charts.CHARTS[name]
    picture = draw(FOUND[part])
    ElementTree.fromstring(picture)
    assert charts.STYLE in picture
    assert charts.INK not in picture
    assert picture == draw(FOUND[part])


def test_a_result_is_kept_and_read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    monkeypatch.setattr(report, "RESULT", tmp_path / "result.json")
    assert report.read() == {}
    report.write(RESULT)
    assert report.read() == RESULT
    assert (tmp_path / "load.svg").exists()


def test_what_wrk_says() -> None:
    said = (
        "  1234 requests in 2.00s, 1.00MB read\n"
        "  Socket errors: connect 0, read 1, write 0, timeout 0\n"
        "Requests/sec:    617.00\n"
    )
    wrong = "Socket errors: connect 0, read 1, write 0, timeout 0"
    assert load.parse(said) == (1234, 617.0, wrong)
    with pytest.raises(ValueError, match="unable"):
        load.parse("unable to connect")


def test_spread_and_names() -> None:
    assert spread([5, 1, 3]) == {"median": 3, "least": 1, "most": 5}
    assert tables.around(SPREAD, ".1f") == "2.0 (1.0-3.0)"
    assert [tables.size(size) for size in FILES.values()] == ["612 bytes", "16 KiB", "1 MiB"]
    assert set(QUESTIONS) == {one.question for one in alternatives()}
