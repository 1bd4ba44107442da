"""The report: result.json with tables and charts beside it, and the page made of them."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any, Final

from bench import charts
from bench.tables import TABLES

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "build" / "bench"
RESULT: Final = FOLDER / "result.json"
TEMPLATE: Final = Path(__file__).with_name("performance.template.md")
PAGE: Final = ROOT / "docs" / "performance.md"
PICTURES: Final = ROOT / "docs" / "performance"


def read() -> dict[str, Any]:
    return json.loads(RESULT.read_text()) if RESULT.exists() else {}


def write(result: dict[str, Any]) -> None:
    """Keep a result, and draw it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    (FOLDER / "tables.md").write_text(
        "\n".join(f"## {part}\n\n{tables_of(part, its)}" for part, its in result.items())
    )
    for name, content in drawn(result).items():
        (FOLDER / name).write_text(content)


def drawn(result: dict[str, Any]) -> dict[str, str]:
    """The charts of the parts that were measured."""
    return {
        name: draw(result[part]["found"])
        for name, (part, draw) in charts.CHARTS.items()
        if part in result and result[part]["found"]
    }


def tables_of(part: str, its: Any) -> str:
    """All tables of a part, each below its title, and what the numbers are of."""
    said = [f"**{table.title}**\n\n{table.markdown()}" for table in TABLES[part](its["found"])]
    return "\n".join([*said, measured(its["facts"])])


def measured(facts: dict[str, Any]) -> str:
    """When and where a part was measured."""
    quick = ", a quick run" if facts["quick"] else ""
    return (
        f"<sub>{facts['date']}, {facts['commit']}, {facts['machine']} with {facts['processors']}"
        f" processors{quick}</sub>\n"
    )


def page(result: dict[str, Any]) -> str:
    """The page, from its template."""
    parts = {part: tables_of(part, result[part]) for part in TABLES if part in result}
    missing = dict.fromkeys(set(TABLES) - set(parts), "Not measured.\n")
    return Template(TEMPLATE.read_text()).substitute(
        {name: text.rstrip() for name, text in (parts | missing).items()},
        provisional=provisional(result),
        setting=setting(result),
    )


def provisional(result: dict[str, Any]) -> str:
    """A warning, where a run was short or of something that was never committed."""
    quick = any(its["facts"]["quick"] for its in result.values())
    dirty = any("dirty" in its["facts"]["commit"] for its in result.values())
    if not (quick or dirty):
        return ""
    return (
        "\n> **Provisional.** Made by a quick run, or of a tree with changes in it:"
        " `make bench`, then `python -m bench --write-docs`, replaces it.\n"
    )


def setting(result: dict[str, Any]) -> str:
    """What was used."""
    facts = next(iter(result.values()))["facts"]
    versions = ", ".join(f"{name} {number}" for name, number in facts["packages"].items() if number)
    qemu = facts["qemu"]
    load = f"qemu-user {qemu['load']}" if qemu["load"] else "this processor"
    return (
        f"Linux {facts['kernel']} on {facts['machine']}, {facts['processors']} processors; load on"
        f" {load}, counting by qemu-user {qemu['counting']} and qemu-system {qemu['kernel']}."
        f" Debian's arm64 packages: {versions}."
    )


def write_page(result: dict[str, Any]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, content in drawn(result).items():
        (PICTURES / name).write_text(content)
    PAGE.write_text(page(result))
