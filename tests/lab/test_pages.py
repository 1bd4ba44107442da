"""The pages: what they say, and how they behave in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from svc0.a64 import *
from svc0.lab.coverage.counts import Count, Covered
from svc0.lab.coverage.pages import write
from svc0.lab.coverage.report import Report
from tests.tools import need_tool

pytestmark = pytest.mark.xdist_group("browser")


@routine
def smaller(one: x0, other: x1) -> x0:
    """The smaller, if one & other < "a lot"."""
    done = label()
    cmp(one, other)
    b.lo(done)
    mov(x0, other)
    here(done)
    ret()


@routine
def nothing() -> None:
    """There is nothing to do."""
    ret()


def seen(
    routine: Routine, platform: Platform, times: list[int], taken: int = 0, passed: int = 0
) -> Covered:
    """As if it had been run so often; its branch went those ways."""
    branches = {"b.lo": (taken, passed)}
    return Covered(
        routine,
        platform,
        [
            Count(each, n, *branches.get(each.name, (0, 0)))
            for each, n in zip(routine.listing(platform).instructions, times, strict=True)
        ],
    )


def line_of(text: str) -> int:
    return Path(__file__).read_text().splitlines().index(text) + 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of two routines: one-sided on Linux, silent in part on macOS."""
    folder = tmp_path_factory.mktemp("pages") / "coverage"
    (folder / "old").mkdir(parents=True)
    covered = [
        seen(smaller, "linux", [12345, 12345, 12345, 12345], taken=0, passed=12345),
        seen(nothing, "linux", [1]),
        seen(smaller, "macos", [3, 3, 0, 3], taken=3, passed=0),
        seen(nothing, "macos", [2]),
    ]
    assert write(Report(["linux", "macos"], covered), folder) == folder / "index.html"
    assert not (folder / "old").exists(), "what was there before is gone"
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = need_tool("chromium")
        flags = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture(params=[(1400, "light"), (390, "dark")], ids=["wide", "phone"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that must ask for nothing but files, and have nothing to say in its console."""
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda failed: complaints.append(failed.url))
    page.on("request", lambda asked: complaints.extend([asked.url] * ("file:" not in asked.url)))
    yield page
    page.close()
    assert [each for each in complaints if not each.startswith("data:")] == []


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_index_sums_up(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    assert fits(page)
    assert [each.strip() for each in page.locator(".platform strong").all_text_contents()] == [
        *("100 %", "50 %"),
        *("80 %", "50 %"),
    ]
    row = page.locator("table").first.locator("tbody tr")
    assert row.count() == 1
    assert row.locator("a").get_attribute("href") == "test_pages.html"
    assert row.locator(".gaps").text_content() == "3"


def test_tables_are_sorted_and_filtered(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    rows = page.locator("#routine-rows tr:visible a")
    assert rows.all_text_contents() == ["smaller", "nothing"]
    heading = page.locator("table").last.locator("th button").first
    heading.focus()
    page.keyboard.press("Enter")
    assert rows.all_text_contents() == ["nothing", "smaller"]
    page.keyboard.press("Enter")
    assert rows.all_text_contents() == ["smaller", "nothing"]
    page.get_by_label("Only those named").fill("NOTH")
    assert rows.all_text_contents() == ["nothing"]


def test_lines_show_what_was_seen(page: Page, site: Path) -> None:
    page.goto((site / "test_pages.html").as_uri())
    assert fits(page)

    def line(text: str) -> str:
        return f"#L{line_of(text)}"

    branch, silent = line("    b.lo(done)"), line("    mov(x0, other)")
    assert page.locator(branch).get_attribute("class") == "line one-sided"
    said = " ".join(page.locator(f"{branch} .seen").all_text_contents()).split()
    assert " ".join(said) == "linux never taken passed 12k macos taken 3 never passed"
    assert page.locator(silent).get_attribute("class") == "line silent"
    assert "not executed" in (page.locator(f"{silent} .seen").text_content() or "")
    assert page.locator(f"{silent} .times").all_text_contents() == ["12k", "0"]
    assert page.locator(line("    done = label()")).get_attribute("class") == "line "
    quoted = line('    """The smaller, if one & other < "a lot"."""')
    assert '"""The smaller, if one & other < "a lot"."""' in (
        page.locator(f"{quoted} .source").text_content() or ""
    )


def test_gaps_are_a_key_apart(page: Page, site: Path) -> None:
    page.goto((site / "test_pages.html").as_uri())
    here = "document.activeElement.querySelector('code')?.textContent"
    for key, expected in ("n", "b.lo done"), ("n", "mov x0, x1"), ("n", "mov x0, x1"):
        page.keyboard.press(key)
        assert page.evaluate(here) == expected
    page.keyboard.press("p")
    assert page.evaluate(here) == "b.lo done"


def test_a_platform_that_is_never_run_is_named_only(tmp_path: Path) -> None:
    covered = [seen(nothing, "linux", [1]), seen(nothing, "macos", [0])]
    index = write(Report(["linux", "macos"], covered), tmp_path / "pages")
    assert "1 instructions, none of which any test has run." in index.read_text()
    shown = (tmp_path / "pages" / "test_pages.html").read_text()
    assert '<span class="times">linux</span>' in shown
    assert '<span class="times">macos</span>' not in shown
