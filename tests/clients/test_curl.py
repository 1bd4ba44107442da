"""curl, which is how most people ask a server a question."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.clients.drive import AT_ONCE_THROUGH_QEMU
from tests.clients.server import Server
from tests.clients.sites import LARGE, NOON, NOT_UTF8, SECOND, SITE
from tests.model.conditions import format_date
from tests.tools import need_tool

TAG: Final = f'"{NOON:x}-{10:x}"'
MODIFIED: Final = format_date(NOON // SECOND).decode()


@dataclass(frozen=True)
class Said:
    """What curl has printed: the last head and the body, and what it says of the transfer."""

    body: bytes
    heads: list[str]
    written: str
    status: int
    """curl's own: 0 when it found nothing wrong."""

    @property
    def statuses(self) -> list[int]:
        return [int(head.split()[1]) for head in self.heads]

    def field(self, name: str) -> str | None:
        """A field of the last head."""
        found = re.search(rf"^{name}: (.*)\r$", self.heads[-1], re.MULTILINE | re.IGNORECASE)
        return found[1] if found else None


class Curl:
    """curl with a scratch folder of its own."""

    def __init__(self, program: str, url: str, scratch: Path) -> None:
        self._program = program
        self._url = url
        self._scratch = scratch

    def __call__(self, *words: str, path: str | Sequence[str] = "/ten.txt") -> Said:
        """Ask for a path, or for several on one connection."""
        heads, body = self._scratch / "heads", self._scratch / "body"
        for file in (heads, body):
            file.write_bytes(b"")
        paths = [path] if isinstance(path, str) else path
        urls = [word for path in paths for word in ("-o", str(body), self._url + path)]
        done = subprocess.run(
            [
                *(self._program, "-q", "-sS", "--noproxy", "*", "--max-time", "120"),
                *("-D", str(heads), "-w", "%{num_connects} ", *words, *urls),
            ],
            capture_output=True,
            text=True,
            timeout=300,
        )
        found = re.findall(r"HTTP/.*?\r\n\r\n", heads.read_bytes().decode("latin-1"), re.DOTALL)
        return Said(body.read_bytes(), found, done.stdout.strip(), done.returncode)


@pytest.fixture
def curl(server: Server, tmp_path: Path) -> Curl:
    return Curl(need_tool("curl"), server.url, tmp_path)


def test_reads_a_file(curl: Curl) -> None:
    said = curl()
    assert (said.statuses, said.body, said.status) == ([200], b"0123456789", 0)
    assert said.field("Content-Type") == "text/plain; charset=utf-8"
    assert said.field("Content-Length") == "10"
    assert said.field("Connection") is None


def test_reads_a_large_file_whole(curl: Curl) -> None:
    assert curl(path="/large.bin").body == LARGE.content


def test_reads_a_large_file_slowly(curl: Curl) -> None:
    said = curl("--limit-rate", "400K", path="/large.bin")
    assert (said.body, said.status) == (LARGE.content, 0)


def test_reads_the_head_alone(curl: Curl) -> None:
    said = curl("--head")
    assert said.statuses == [200]
    assert said.field("Content-Length") == "10"
    assert b"0123456789" not in said.body


def test_resumes_a_download(curl: Curl, tmp_path: Path) -> None:
    said = curl("--range", "2-5")
    assert (said.statuses, said.body) == ([206], b"2345")
    assert said.field("Content-Range") == "bytes 2-5/10"
    said = curl("--continue-at", "7")
    assert (said.statuses, said.body) == ([206], b"789")


def test_is_told_that_a_range_is_beyond_the_end(curl: Curl) -> None:
    said = curl("--range", "10-")
    assert said.statuses == [416]
    assert said.field("Content-Range") == "bytes */10"


def test_is_told_the_whole_when_it_asks_for_several_ranges(curl: Curl) -> None:
    assert curl("--range", "0-1,3-4").statuses == [200]


def test_asks_only_for_what_it_does_not_have(curl: Curl, tmp_path: Path) -> None:
    saved = str(tmp_path / "etag")
    assert curl("--etag-save", saved).statuses == [200]
    changed, size = Path(saved).read_text().strip().strip('"').split("-")
    ours, our_size = TAG.strip('"').split("-")
    assert (int(changed, 16) // 10**9, size) == (int(ours, 16) // 10**9, our_size)
    again = curl("--etag-compare", saved)
    assert (again.statuses, again.body) == ([304], b"")
    assert again.field("Content-Length") is None


def test_asks_only_for_what_is_newer(curl: Curl) -> None:
    assert curl("--time-cond", MODIFIED).statuses == [304]
    assert curl("--time-cond", "1 Jan 2000").statuses == [200]
    assert curl("--time-cond", "-1 Jan 2000").statuses == [412]


def test_follows_a_redirect_to_a_directory(curl: Curl) -> None:
    said = curl("--location", path="/with%20index?a=b")
    assert said.statuses == [301, 200]
    assert b"Spaces" in said.body
    assert "Location: /with%20index/?a=b\r\n" in said.heads[0]


def test_cannot_leave_the_root(curl: Curl) -> None:
    for path in ("/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/link-out"):
        said = curl("--path-as-is", path=path)
        assert said.statuses == [404]
        assert b"root:" not in said.body
    assert curl("--path-as-is", path="/../ten.txt").body == b"0123456789"


def test_uses_one_connection_for_many_files(curl: Curl) -> None:
    said = curl(path=["/one.txt", "/nowhere", "/bare", "/ten.txt"])
    assert said.statuses == [200, 404, 301, 200]
    assert said.written.split() == ["1", "0", "0", "0"]


def test_uses_a_connection_for_each_when_it_says_close(curl: Curl) -> None:
    said = curl("-H", "Connection: close", path=["/one.txt", "/ten.txt"])
    assert said.field("Connection") == "close"
    assert said.written.split() == ["1", "1"]


def test_speaks_http_1_0(curl: Curl) -> None:
    said = curl("--http1.0", path=["/one.txt", "/ten.txt"])
    assert said.statuses == [200, 200]
    assert said.field("Connection") == "close"
    assert said.written.split() == ["1", "1"]


def test_keeps_a_connection_of_http_1_0(curl: Curl) -> None:
    said = curl("--http1.0", "-H", "Connection: keep-alive", path=["/one.txt", "/ten.txt"])
    assert said.field("Connection") == "keep-alive"
    assert said.written.split() == ["1", "0"]


def test_is_told_what_is_wrong_in_the_form_it_likes(curl: Curl) -> None:
    html, json = (
        curl("-H", f"Accept: {kind}", path="/nowhere") for kind in ("text/html", "*/json")
    )
    assert html.field("Content-Type") == json.field("Content-Type") == "text/html; charset=utf-8"
    assert b"<h1>404 Not Found</h1>" in html.body
    said = curl("-H", "Accept: application/json", path="/nowhere")
    assert said.field("Content-Type") == "application/json"
    assert said.body.startswith(b'{"status":404,"error":"Not Found"')


def test_gets_nothing_compressed(curl: Curl) -> None:
    said = curl("--compressed")
    assert (said.body, said.field("Content-Encoding")) == (b"0123456789", None)


def test_cannot_post(curl: Curl) -> None:
    said = curl("--data", "a=b")
    assert said.statuses == [405]
    assert said.field("Allow") == "GET, HEAD, OPTIONS"


def test_posts_much_and_goes_on(curl: Curl, tmp_path: Path) -> None:
    body = tmp_path / "upload"
    body.write_bytes(bytes(1 << 20))
    said = curl("-H", "Expect:", "--data-binary", f"@{body}", path=["/one.txt", "/ten.txt"])
    assert said.statuses == [405, 405]
    assert said.written.split() == ["1", "0"]


def test_cannot_post_too_much(curl: Curl, tmp_path: Path) -> None:
    body = tmp_path / "upload"
    body.write_bytes(bytes((1 << 20) + 1))
    for words in ([], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"]):
        said = curl(*words, "--data-binary", f"@{body}")
        assert said.statuses == [413]
        assert said.field("Connection") == "close"


def test_need_not_send_what_would_be_refused(curl: Curl, tmp_path: Path) -> None:
    body = tmp_path / "upload"
    body.write_bytes(bytes(1 << 20))
    said = curl("-H", "Expect: 100-continue", "--data-binary", f"@{body}", "-w", "%{size_upload}")
    assert said.statuses == [405]
    assert said.field("Connection") == "close"
    assert said.written == "0"


def test_sends_chunks(curl: Curl) -> None:
    said = curl("-H", "Transfer-Encoding: chunked", "--data", "a=b", path=["/one.txt", "/ten.txt"])
    assert said.statuses == [405, 405]
    assert said.written.split() == ["1", "0"]


def test_uses_other_methods(curl: Curl) -> None:
    for method, status in [("DELETE", 405), ("TRACE", 405), ("OPTIONS", 204), ("BREW", 501)]:
        assert curl("--request", method).statuses == [status]
    said = curl("--request", "OPTIONS", "--request-target", "*")
    assert (said.statuses, said.field("Allow")) == ([204], "GET, HEAD, OPTIONS")


def test_asks_through_us_as_through_a_proxy(curl: Curl) -> None:
    said = curl("--request-target", "http://elsewhere.example/ten.txt")
    assert (said.statuses, said.body) == ([200], b"0123456789")


def test_has_no_host(curl: Curl) -> None:
    assert curl("-H", "Host:").statuses == [400]


def test_has_too_much_to_say(curl: Curl) -> None:
    assert curl("-H", "X: " + "y" * 17_000).statuses == [431]
    assert curl(path="/" + "x" * 9_000).statuses == [414]


def test_is_not_upgraded(curl: Curl) -> None:
    said = curl("--http2")
    assert (said.statuses, said.body) == ([200], b"0123456789")


def test_reads_names_of_every_kind(curl: Curl) -> None:
    for path in ("/caf%C3%A9/th%C3%A9.txt", "/100%25.txt", "/q%3F.txt"):
        assert curl(path=path).statuses == [200]
    there = NOT_UTF8.keys() <= SITE.entries.keys()
    assert curl(path="/latin-%E9.txt").statuses == [200 if there else 404]


def test_reads_many_at_once(curl: Curl, server: Server) -> None:
    at_once = AT_ONCE_THROUGH_QEMU if server.machine == "kernel" else 50
    # Its transfers overwrite each other's heads in the file, so the statuses are asked for.
    many = ("--parallel", "--parallel-max", str(at_once), "-w", "%{http_code} ")
    said = curl(*many, path=["/large.bin"] * 100)
    assert (said.written.split(), said.status) == (["200"] * 100, 0)
