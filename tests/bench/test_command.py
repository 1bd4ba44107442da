"""What the command says when it cannot do what it was asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import counting, packages
from bench.servers import SERVERS
from svc0.machine import native
from tests.system.debian import UnavailableError
from tests.system.programs import qemu_version
from tests.tools import lacking, need_tool

ROOT = Path(__file__).parents[2]


def bench(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("words", [["--only", "nonsense"], ["--server", "apache"], ["--rounds=0"]])
def test_a_mistake_is_one_line(words: Sequence[str]) -> None:
    said = bench(words)
    assert (said.returncode, said.stdout) == (2, "")
    assert len(said.stderr.splitlines()) == 1, said.stderr


@pytest.mark.skipif(native.is_there(), reason="here it can be had")
def test_native_is_for_arm64() -> None:
    said = bench(["--native"])
    assert (said.returncode, said.stdout) == (1, "")
    assert len(said.stderr.splitlines()) == 1, said.stderr


def nowhere(_name: str) -> None:
    """No program is on PATH."""


def test_peers_want_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "VERSIONS", tmp_path / "none")
    monkeypatch.setattr(shutil, "which", nowhere)
    with pytest.raises(UnavailableError, match=r"^no peers: apt-get and dpkg.* are not here$"):
        packages.tree.__wrapped__()


def test_what_is_ours_needs_no_package() -> None:
    for name in "svc0", "svc0-quiet", "floor", "python":
        assert SERVERS[name].package == SERVERS[name].program == ""


def test_zig_compiles_the_plugin_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no other compiler."""
    emulator = need_tool("qemu-aarch64")
    if not counting.takes_plugins(emulator):
        lacking(f"qemu-aarch64 {qemu_version(emulator)} takes no plugins")
    monkeypatch.setattr(counting.packages, "HOME", tmp_path)
    words = [sys.executable, "-m", "ziglang", "cc"]
    monkeypatch.setattr(counting, "compiler", lambda: words)
    assert counting.library.__wrapped__(emulator).stat().st_size
