"""Files below the root and nothing else: by openat2, and on kernels that do not have it.

Debian's qemu-user of 2023 answers ENOSYS, as a kernel before 5.6 does or a container that forbids
the call; a newer one passes it on.  The answers must be the same, and the list of system calls says
which way they were found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from svc0 import build
from tests.clients.raw import Client, eventually
from tests.clients.server import Server, run, start
from tests.system import programs
from tests.tools import lacking

PAGE = b"a page\n"
SECRET = b"what nobody may read\n"
ANSWERS = {
    "/page": 200,
    "/below/page": 200,
    "/below/further/page": 200,
    "/below/./further/../page": 200,
    "/%62elow/page": 200,
    "/below/": 200,
    "/below": 301,
    "/nothing": 404,
    "/nothing/page": 404,
    "/page/": 404,
    "/page/page": 404,
    "/outside": 404,
    "/outside/secret": 404,
    "/secret": 404,
    "/chain": 404,
    "/inside": 404,
    "/turned/page": 404,
    "/below/up/page": 404,
    "/itself": 404,
    "/dangling": 404,
    "/absolute": 404,
    "/magic": 404,
    "/linked/": 404,
    "/fifo": 404,
    "/../secret": 404,
    "/%2e%2e/secret": 404,
    "/below/../../secret": 404,
    "/..%2fsecret": 404,
    "/below/%2e%2e/%2E%2E/%2e./secret": 404,
    "//page": 200,
    "/.hidden": 404,
}


@dataclass
class Traced:
    """A server, and what it has asked the kernel so far."""

    server: Server
    calls: Path | None

    def opened(self) -> list[str]:
        """The calls that open something, as qemu writes them; on the emulator nobody does."""
        assert self.calls is not None
        lines = self.calls.read_text(errors="replace").splitlines()
        return [line for line in lines if re.search(r"openat|syscall 437", line)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    (place / "secret").write_bytes(SECRET)
    site = place / "site"
    (site / "below" / "further").mkdir(parents=True)
    for name in "page", "below/page", "below/further/page", "below/index.html", ".hidden":
        (site / name).write_bytes(PAGE)
    for name, to in {
        "outside": "..",
        "secret": "../secret",
        "chain": "secret",
        "inside": "page",
        "turned": "below",
        "below/up": "..",
        "itself": "itself",
        "dangling": "nowhere",
        "absolute": str(place / "secret"),
        "magic": "/proc/self/root",
    }.items():
        (site / name).symlink_to(to)
    (site / "linked").mkdir()
    (site / "linked" / "index.html").symlink_to("../page")
    os.mkfifo(site / "fifo")
    return site


@pytest.fixture(scope="module", params=["emulator", "old qemu", "new qemu"])
def traced(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traced]:
    if request.param == "emulator":
        with start(site, "emulator", ("-w", "1")) as server:
            yield Traced(server, None)
        return
    is_old = request.param == "old qemu"
    program = programs.find_old_qemu() if is_old else programs.find_new_qemu()
    if program is None:
        lacking(f"there is no {request.param} here: make setup")
    place = tmp_path_factory.mktemp("traced")
    build.write(place / "server", build.executable(site, port=0, workers=1, cache_seconds=0))
    words = [str(program), "-strace", "-D", str(place / "calls"), str(place / "server")]
    with run(words, "qemu") as server:
        yield Traced(server, place / "calls")


@pytest.mark.parametrize("target", ANSWERS)
def test_finds_what_is_below_the_root_and_nothing_else(traced: Traced, target: str) -> None:
    with Client(traced.server) as client:
        answer = client.ask(target)
    assert answer.status == ANSWERS[target]
    assert SECRET not in answer.body
    assert (answer.body == PAGE) == (answer.status == 200)


def test_asks_the_kernel_in_the_way_it_understands(
    traced: Traced, request: pytest.FixtureRequest
) -> None:
    if traced.calls is None:
        return  # the emulator answers ENOSYS, as the old qemu does, and the answers were right
    before = traced.opened()
    with Client(traced.server) as client:
        assert client.ask("/below/further/page").status == 200
    eventually(lambda: len(traced.opened()) > len(before), "a file was opened")
    new = traced.opened()[len(before) :]
    if "old" in request.node.name:
        assert any("437" in line for line in before), "it has tried once"
        eventually(lambda: len(traced.opened()) >= len(before) + 3, "one for each component")
        assert all("openat(" in line for line in traced.opened()[len(before) :])
        assert not any("437" in line for line in new), "and not again"
    else:
        assert len(new) == 1
        assert re.search(r"openat2\(|syscall 437", new[0])
