# pyright: reportUnknownMemberType=false
"""Charts of a result, as SVG that can be read on light and on dark paper.

Nothing is painted behind them.  Words and lines take their colour from a style that asks the
reader's settings; bars have colours that stand out from both.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from bench.growth import ACTIVE
from bench.running import FILES
from bench.tables import size, titled

INK: Final = "#010203"
"""Stands for the colour of words until the end."""
OURS, OTHERS, SECOND = "#e8590c", "#868e96", "#1c7ed6"
STYLE: Final = (
    "<style>svg{color:#24292f}@media(prefers-color-scheme:dark){svg{color:#d0d7de}}</style>"
)
SETTINGS: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "svc0",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


def finished(figure: Any) -> str:
    """A figure as SVG, the same for the same numbers."""
    text = io.StringIO()
    figure.savefig(
        text, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None}
    )
    content = text.getvalue().replace(INK, "currentColor")
    content = re.sub(r" +$", "", content, flags=re.MULTILINE)
    return re.sub(r"(<svg [^>]*>)", rf"\1\n {STYLE}", content, count=1)


def drawn(panels: int, height: float, draw: Callable[[Sequence[Any]], None]) -> str:
    """A row of panels."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(SETTINGS):  # pyright: ignore[reportArgumentType]
        figure, axes = pyplot.subplots(1, panels, figsize=(9, height), squeeze=False, sharey=False)
        draw([*axes[0]])
        figure.tight_layout()
        content = finished(figure)
        pyplot.close(figure)
    return content


def colour(name: str) -> str:
    return OURS if name.startswith("svc0") else SECOND if name == "floor" else OTHERS


def bars(axes: Any, names: list[tuple[str, str]], values: list[float], title: str) -> None:
    """A bar for each server, the first one on top."""
    places = range(len(names))
    axes.barh(places, values, color=[colour(name) for name, _ in names])
    axes.set_yticks(places, [label for _, label in names])
    axes.invert_yaxis()
    axes.set_title(title, fontsize=10)
    axes.xaxis.set_major_formatter(in_short)
    axes.locator_params(axis="x", nbins=5)


def short(number: float) -> str:
    """
    >>> short(15000), short(12), short(2.5e6)
    ('15k', '12', '2.5M')
    """
    for limit, unit in (1e6, "M"), (1e3, "k"):
        if number >= limit:
            return f"{number / limit:g}{unit}"
    return f"{number:g}"


def in_short(number: float, _place: int) -> str:
    return short(number)


def load_chart(found: Any) -> str:
    def draw(axes: Sequence[Any]) -> None:
        for n, (file, its) in enumerate(found.items()):
            names = [one for one in titled(its) if one[0] not in SLOW]
            rates = [its[name]["rate"] for name, _ in names]
            bars(axes[n], names, [rate["median"] for rate in rates], size(FILES[file]))
            low = [rate["median"] - rate["least"] for rate in rates]
            high = [rate["most"] - rate["median"] for rate in rates]
            middle = [rate["median"] for rate in rates]
            axes[n].errorbar(
                middle, range(len(names)), xerr=[low, high], fmt="none", ecolor=INK, elinewidth=1
            )
            if n:
                axes[n].set_yticklabels([])
        axes[0].set_xlabel("requests per second")

    return drawn(len(found), 3.2, draw)


SLOW: Final = "busybox", "python"


def exact_chart(found: Any) -> str:
    its = {
        name: ways["keep-alive"] for name, ways in found["plugin"].items() if "keep-alive" in ways
    }

    def draw(axes: Sequence[Any]) -> None:
        names = titled(its)
        costs = [its[name] for name, _ in names]
        calls = [sum(cost.values()) - cost["instructions"] for cost in costs]
        bars(axes[0], names, [cost["instructions"] for cost in costs], "user instructions")
        axes[0].set_xscale("log")
        axes[0].xaxis.set_major_formatter(in_short)
        bars(axes[1], names, calls, "system calls")
        axes[1].set_yticklabels([])

    return drawn(2, 3, draw)


def kernel_chart(found: Any) -> str:
    def draw(axes: Sequence[Any]) -> None:
        for n, (file, its) in enumerate(found.items()):
            names = titled(its)
            kernel = [its[name]["kernel"] for name, _ in names]
            user = [its[name]["user"] for name, _ in names]
            bars(axes[n], names, kernel, size(FILES[file]))
            shades = [colour(name) for name, _ in names]
            axes[n].barh(range(len(names)), user, left=kernel, color=shades, alpha=0.5)
            if n:
                axes[n].set_yticklabels([])
        axes[0].set_xlabel("instructions: kernel, and fainter those of programs")

    return drawn(len(found), 2.8, draw)


ROOM: Final = 1.15
"""Above the highest point of a curve."""


def curve(axes: Any, points: Any, key: str, shade: str, label: str) -> None:
    numbers = [point["number"] for point in points]
    values = [point[key] for point in points]
    top = max(values) * ROOM
    if axes.lines:
        top = max(top, axes.get_ylim()[1])
    axes.plot(numbers, values, "o-", color=shade, label=label)
    axes.set_xscale("log")
    axes.set_ylim(0, top)
    axes.xaxis.set_major_formatter(in_short)
    axes.yaxis.set_major_formatter(in_short)


KEYS: Final = {"instructions": "user instructions", "cpu": "CPU µs under qemu-user"}


def idle_chart(found: Any) -> str:
    def draw(axes: Sequence[Any]) -> None:
        for one, (key, title) in zip(axes, KEYS.items(), strict=True):
            curve(one, found["idle"], key, OURS, "")
            one.set_title(f"{title}, for a request", fontsize=10)
            one.set_xlabel(f"idle connections beside {ACTIVE} active")

    return drawn(2, 2.6, draw)


def files_chart(found: Any) -> str:
    def draw(axes: Sequence[Any]) -> None:
        for one, (key, title) in zip(axes, KEYS.items(), strict=True):
            curve(one, found["hot"], key, OURS, "the same file")
            curve(one, found["random"], key, SECOND, "any file")
            one.set_title(f"{title}, for a request", fontsize=10)
            one.set_xlabel("files in the root")
        axes[0].legend(frameon=False, loc="upper left")

    return drawn(2, 2.6, draw)


CHARTS: Final[dict[str, tuple[str, Callable[[Any], str]]]] = {
    "load.svg": ("load", load_chart),
    "exact.svg": ("exact", exact_chart),
    "kernel.svg": ("kernel", kernel_chart),
    "idle.svg": ("growth", idle_chart),
    "files.svg": ("growth", files_chart),
}
"""The name of each, and the part of the result that it shows."""
