"""The flame chart: who called whom, each as wide as the instructions that were run in it.

The top row is the worker's loop, and a round is once around; below a routine is what it called, in
the order in which it first did.  What is left blank below it, it ran itself.  A colour is a module.
It is one SVG file that loads nothing, with titles for whoever points at it, for light and dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .profile import Node, Profile
from .report import each, names, share, short

__all__ = ["svg"]

TEMPLATES = Path(__file__).parent / "templates"
WIDTH, ROW, TOP, MARGIN = 1200, 22, 62, 12
LETTER = 7.25
"""The width of a letter, in the font that the template asks for."""

NARROWEST = 0.4
COLOURS = 12


@dataclass(frozen=True)
class Bar:
    """A routine where it was called from there."""

    x: float
    y: float
    width: float
    colour: int
    text: str
    title: str


def svg(profile: Profile, heading: str) -> str:
    """The chart as a file."""
    found = list(bars(profile))
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("flame.svg").render(
        heading=heading,
        bars=found,
        width=WIDTH,
        height=max(bar.y for bar in found) + ROW + MARGIN,
        row=ROW,
        margin=MARGIN,
    )


def bars(profile: Profile) -> Iterator[Bar]:
    """From the top down, and from left to right."""
    whole, rounds = profile.instructions, profile.rounds
    scale = (WIDTH - 2 * MARGIN) / whole
    hues: dict[str, int] = {}

    def visit(node: Node, x: float, depth: int) -> Iterator[Bar]:
        width = node.total * scale
        if width < NARROWEST:
            return
        if node.routine:
            module = short(node.routine)
            hue = hues.setdefault(module, len(hues) % COLOURS)
            lines = [
                f"{node.name} ({module}.py)",
                f"{each(node.total, rounds)} instructions, {share(node.total, whole)}",
                f"{each(node.own, rounds) or 0} of them its own",
            ]
            if node.called:
                lines.append(f"called {each(node.called, rounds, 2)} times")
            if node.calls:
                lines.append(names(node.calls))
            room = int((width - 8) / LETTER)
            text = node.name if len(node.name) <= room else node.name[: max(0, room - 1)] + "…"
            yield Bar(
                round(x, 2),
                TOP + depth * ROW,
                round(width, 2),
                hue,
                text if room >= 3 else "",
                "\n".join(lines),
            )
        for below in node.below.values():
            yield from visit(below, x, depth + bool(node.routine))
            x += below.total * scale

    yield from visit(top(profile.root), MARGIN, 0)


def top(root: Node) -> Node:
    """The routine that the rounds went round in: those above it only wait for its end."""
    busy = [each for each in root.below.values() if each.total]
    return top(busy[0]) if not root.own and len(busy) == 1 else root
