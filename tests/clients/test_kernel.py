"""The machine with a Linux kernel of its own, with a stand-in for the server: busybox's httpd."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.system import kernel
from tests.tools import lacking, need_tool

PAGE = b"<!DOCTYPE html><title>a page</title>\n"
LAST_CHANGED = 1_000_000_000
STAND_IN = (
    b"#!/bin/busybox sh\n/bin/busybox uname -m\nexec /bin/busybox httpd -f -h /site -p 8080\n"
)

pytestmark = pytest.mark.xdist_group("kernel")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    need_tool("qemu-system-aarch64")
    if kernel.find() is None:
        lacking("no Linux kernel for ARM64: make setup")
    (tmp_path / "below").mkdir()
    page = tmp_path / "below" / "page.html"
    page.write_bytes(PAGE)
    os.utime(page, (LAST_CHANGED, LAST_CHANGED))
    return tmp_path


def test_serves_the_site_it_was_given(site: Path) -> None:
    with kernel.boot(STAND_IN, site) as machine:
        assert "aarch64" in machine.console()
        with urlopen(f"{machine.url}below/page.html") as answer:
            assert answer.read() == PAGE
            assert answer.headers["Last-Modified"] == "Sun, 09 Sep 2001 01:46:40 GMT"


def test_tells_how_the_server_ended(site: Path) -> None:
    ends = b"#!/bin/busybox sh\n/bin/busybox echo $2 is not for me; exit 3\n"
    with (
        pytest.raises(kernel.BootError, match=r"/site is not for me\s+svc0-server-ended 3"),
        kernel.boot(ends, site),
    ):
        pass
