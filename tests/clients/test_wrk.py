"""Many connections at once, from wrk: every answer right, and nothing left behind."""

import os
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

from tests.clients.server import machines_here, start
from tests.tools import need_tool

SECONDS = 30 if os.environ.get("CI") else 5
SECONDS_TO_CLOSE = 10


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(one for child in children for one in family(int(child)))]


def descriptors(process: int) -> list[str]:
    """What every process of the server has open."""
    found: list[str] = []
    for one in family(process):
        for entry in Path(f"/proc/{one}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed while we look
                found.append(os.readlink(entry))
    return sorted(found)


def test_load_leaves_nothing_behind(tmp_path: Path) -> None:
    wrk = need_tool("wrk")
    (tmp_path / "index.html").write_bytes(b"<!DOCTYPE html><title>load</title>" * 18)
    with start(tmp_path, machines_here()[-1]) as server:
        urlopen(server.url).close()  # a file that is kept open is open from now on
        time.sleep(0.5)
        before = descriptors(server.process.pid)
        words = [wrk, "--threads=1", "--connections=64", f"--duration={SECONDS}s", server.url]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        deadline = time.monotonic() + SECONDS_TO_CLOSE
        while (after := descriptors(server.process.pid)) != before:
            assert time.monotonic() < deadline, (before, after)
            time.sleep(0.1)

    assert "Socket errors" not in said, said
    assert "Non-2xx" not in said, said
    requests = re.search(r"(\d+) requests in", said)
    assert requests, said
    assert int(requests[1]) > 64, said
