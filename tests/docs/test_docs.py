"""That the documents say what is so: their Python runs, quotations and links are right.

A fenced block of Python is one of three things:

    begins with a prompt        an example: it prints what stands below (line numbers may differ)
    # src/… as its first line   a quotation: these lines stand in that file, in this order; a line
                                that is only … leaves some out
    anything else               is run, before what comes after it on the same page
"""

from __future__ import annotations

import contextlib
import doctest
import re
import sys
import types
from collections.abc import Generator
from pathlib import Path

import pytest

from tools.journey import PAGE as TRAVELS
from tools.journey import ROW, journey, told

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)|(?:src|href)=\"([^\"#]+)\"")
LEFT_OUT = "…"


class Checker(doctest.OutputChecker):
    """One that lets lines be numbered otherwise."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        number = re.compile(r"(\.(?:md|py)):\d+")
        want, got = number.sub(r"\1:0", want), number.sub(r"\1:0", got)
        return super().check_output(want, got, optionflags)


@contextlib.contextmanager
def module_of(page: Path) -> Generator[types.ModuleType, None, None]:
    """A module for what a page defines: routines and structs look their annotations up in one."""
    module = types.ModuleType(page.stem.replace("-", "_"))
    sys.modules[module.__name__] = module
    try:
        yield module
    finally:
        del sys.modules[module.__name__]


def quoted(block: str) -> None:
    """Fail unless the lines of a quotation stand in its file, in their order."""
    first, *lines = block.rstrip().splitlines()
    path = first.removeprefix("# ").split(",")[0]
    source = (ROOT / path).read_text().splitlines()
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.strip() == LEFT_OUT:
            parts.append([])
        else:
            parts[-1].append(line)
    at = 0
    for part in filter(None, ([*part] for part in parts)):
        while part and not part[0].strip():
            part.pop(0)
        while part and not part[-1].strip():
            part.pop()
        starts = range(at, len(source) - len(part) + 1)
        found = next((n for n in starts if source[n : n + len(part)] == part), None)
        assert found is not None, f"{path} does not say (any more):\n" + "\n".join(part)
        at = found + len(part)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_in_documents(page: Path) -> None:
    text = page.read_text()
    with module_of(page) as module:
        for found in BLOCK.finditer(text):
            block, line = found[1], text[: found.start(1)].count("\n")
            if block.startswith("# src/"):
                quoted(block)
            elif block.startswith(">>>"):
                example = doctest.DocTestParser().get_doctest(
                    block, module.__dict__, page.name, str(page), line
                )
                said: list[str] = []
                runner = doctest.DocTestRunner(Checker(), optionflags=doctest.ELLIPSIS)
                runner.run(example, out=said.append, clear_globs=False)
                module.__dict__.update(example.globs)
                assert runner.failures == 0, "".join(said)
            else:
                code = compile("\n" * line + block, str(page), "exec")
                exec(code, module.__dict__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    """Files that a page points to are there."""
    for found in LINK.finditer(page.read_text()):
        target = found[1] or found[3]
        if not re.match(r"\w+:", target):
            assert (page.parent / target).exists(), target


def test_every_document_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= set(re.findall(r"\(([\w-]+\.md)\)", index.read_text()))


def test_a_request_travels_as_told() -> None:
    """The calls in the page's table are those the server makes, and cost about what it says."""
    rows = ROW.findall(TRAVELS.read_text())
    steps, answers, logged = journey()
    done = told(steps)
    assert [call.replace("openat2", "openat") for _, call, _ in rows] == [
        step.call for step in done
    ]
    cost, said = sum(step.instructions for step in done), sum(int(row[2]) for row in rows)
    assert abs(said - cost) <= cost / 10, "python -m tools.journey --update"
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 4
    assert logged.count(b'"GET /hello.txt HTTP/1.1" 200 5\n') == 4
