"""A browser at the example site, and at a video that is too long to be fetched whole."""

import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

from tests.clients.server import machines_here, start
from tests.tools import need_tool

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "var" / "screenshots"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]

pytestmark = pytest.mark.xdist_group("browser")  # one at a time is enough for two cores


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = need_tool("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def example() -> Iterator[str]:
    with start(ROOT / "examples" / "site", machines_here()[-1]) as server:
        yield server.url


@contextmanager
def opened(
    browser: Browser, url: str, expected_errors: int = 0
) -> Generator[tuple[Page, list[Response]], None, None]:
    """A page and the responses it got; what its console says of errors is an error here."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    responses: list[Response] = []
    complaints: list[str] = []

    def see(response: Response) -> None:
        responses.append(response)

    def hear(message: ConsoleMessage) -> None:
        asked_by_itself = message.location["url"].endswith("/favicon.ico")
        if message.type in ("error", "warning") and not asked_by_itself:
            complaints.append(message.text)

    page.on("response", see)
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        page.goto(url)
        yield page, responses
    finally:
        page.close()
    assert len(complaints) == expected_errors, complaints


def test_page_is_whole(browser: Browser, example: str) -> None:
    with opened(browser, example) as (page, responses):
        page.wait_for_selector("html[data-ready=yes]")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "example.png", full_page=True)

        margin = page.eval_on_selector("body", "body => getComputedStyle(body).margin")
        assert margin == "0px", "the style sheet was not applied"
        assert page.text_content("#word-bytes") == "20 20 00 91"
        page.fill("#rd", "30")
        assert page.text_content("#line") == "add(x30, x1, 8)"
        widths = page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
        assert widths
        assert all(widths)
        assert page.text_content("#fact-server") == "svc0"
        assert page.text_content("#fact-protocol") == "http/1.1"

        types = {response.url.rpartition(".")[2]: response.headers for response in responses}
        assert types["css"]["content-type"].startswith("text/css")
        assert types["js"]["content-type"].startswith("text/javascript")
        assert types["svg"]["content-type"].startswith("image/svg+xml")


QUESTIONS = {
    "whole": 200,
    "head": 200,
    "range": 206,
    "beyond": 416,
    "again": 304,
    "missing": 404,
    "options": 204,
    "delete": 405,
}


@pytest.mark.parametrize(("question", "status"), QUESTIONS.items())
def test_page_asks(browser: Browser, example: str, question: str, status: int) -> None:
    complaints = 1 if status >= 400 else 0  # the browser itself says so in the console
    with opened(browser, example, complaints) as (page, _):
        page.wait_for_selector("html[data-ready=yes]")
        page.click(f"[data-ask={question}]")
        page.wait_for_function("document.querySelector('#comment').textContent")
        assert (page.text_content("#came") or "").startswith(str(status))
        if question == "missing":
            assert '{"status":404,' in (page.text_content("#came") or "")


def test_folder_is_redirected_to_its_slash(browser: Browser, example: str) -> None:
    with opened(browser, example) as (page, responses):
        page.click("a[href=rooms]")
        page.wait_for_url("**/rooms/")
        assert page.text_content("h1") == "The rooms"
        assert [r.status for r in responses if r.url.endswith("/rooms")] == [301]
        page.click("footer a")
        page.wait_for_selector("#journey")


def test_missing_page_says_so(browser: Browser, example: str) -> None:
    with opened(browser, example, expected_errors=1) as (page, _):
        page.click("a[href=nowhere]")
        page.wait_for_url("**/nowhere")
        assert page.text_content("h1") == "404 Not Found"


LENGTH = 24  # seconds of video: the first half is red, the second blue
VIDEO_PAGE = """
<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>video</title>
<link rel="icon" href="data:,">
<video src="clip.webm" preload="metadata" muted width="320" height="240"></video></html>
"""
SEEK = """async (seconds) => {
    const video = document.querySelector("video");
    const heard = (event) => new Promise((resolve, reject) => {
        video.addEventListener(event, resolve, { once: true });
        setTimeout(() => reject(new Error(`no ${event}`)), 30000);
    });
    if (video.readyState < 1) {
        await heard("loadedmetadata");
    }
    const seeked = heard("seeked");
    video.currentTime = seconds;
    await seeked;
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.drawImage(video, 0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
}"""


@pytest.fixture(scope="module")
def video_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a video of more than 10 MB: noise, so that it does not become smaller."""
    site = tmp_path_factory.mktemp("video")
    (site / "index.html").write_text(VIDEO_PAGE)
    words = [str(need_tool("ffmpeg")), "-nostdin", "-loglevel", "error"]
    for colour in ("red", "blue"):
        words += ["-f", "lavfi", "-i", f"color={colour}:s=320x240:r=10:d={LENGTH // 2}"]
    words += ["-filter_complex", "concat=n=2,noise=alls=50:allf=t"]
    words += ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "6M"]
    words += ["-qmax", "20", "-g", "20", str(site / "clip.webm")]
    subprocess.run(words, check=True)
    return site


def test_video_is_sought_by_ranges(browser: Browser, video_site: Path) -> None:
    size = (video_site / "clip.webm").stat().st_size
    with (
        start(video_site, machines_here()[-1]) as server,
        opened(browser, server.url) as (page, responses),
    ):
        red, _, blue, _ = page.evaluate(SEEK, LENGTH * 0.1)
        assert red > 150 > blue
        red, _, blue, _ = page.evaluate(SEEK, LENGTH * 0.9)
        assert blue > 150 > red
        red, _, blue, _ = page.evaluate(SEEK, LENGTH * 0.2)
        assert red > 150 > blue
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "video.png")

        parts = [r for r in responses if r.url.endswith("clip.webm")]
        assert {part.status for part in parts} == {206}
        ranges = [part.headers["content-range"] for part in parts]
        assert all(one.endswith(f"/{size}") for one in ranges)
        starts = [int(one.removeprefix("bytes ").partition("-")[0]) for one in ranges]
        assert max(starts) > size / 2, "the browser never asked for a part further on"
