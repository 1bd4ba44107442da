"""From routines to a file: the same bytes every time, small, and whole or not at all."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from svc0 import build
from svc0.a64.platforms import PLATFORMS, Platform
from svc0.image.macho import HEADERS
from svc0.server.settings import SETTINGS, Settings, packed
from tests.image.macho import LC_CODE_SIGNATURE, MachO

MOST_BYTES: dict[Platform, int] = {"linux": 64 * 1024, "macos": 96 * 1024}
"""Segments fill pages of 16 KiB on macOS, and the signature comes behind them."""

WAYS = [*itertools.product(PLATFORMS, (True, False))]
DIGEST = """
import hashlib
from svc0 import build
from tests.test_build import WAYS
for platform, strip in WAYS:
    made = build.executable(platform=platform, strip=strip, port=81)
    print(hashlib.sha256(made).hexdigest())
"""


def test_the_same_bytes_from_every_process() -> None:
    here = [
        hashlib.sha256(build.executable(platform=platform, strip=strip, port=81)).hexdigest()
        for platform, strip in WAYS
    ]
    for seed, zone in ("1", "UTC"), ("4242", "Asia/Tokyo"):
        variables = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"}
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env=variables,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[1],
        )
        assert done.stdout.split() == here


@pytest.mark.parametrize("platform", PLATFORMS)
def test_is_small(platform: Platform) -> None:
    assert len(build.executable(platform=platform)) < MOST_BYTES[platform]


def test_settings_are_sealed_in() -> None:
    """On macOS the signature is made of them too: of one page, and of nothing else."""
    one, other = (build.executable(platform="macos", port=port) for port in (80, 81))
    at = one.index(packed(port=80))
    assert other[at : at + len(SETTINGS)] == packed(port=81)
    differ = [n for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    signature = MachO(one).one(LC_CODE_SIGNATURE)["dataoff"]
    places = {at + Settings.port, *range(HEADERS), *range(signature, len(one))}
    assert differ
    assert places.issuperset(differ), "besides the UUID in the head, and the hashes"


def test_settings_are_all_that_differs() -> None:
    one, other = build.executable(None), build.executable(Path("/srv"), port=81, log=3)
    assert len(one) == len(other)
    at = one.index(packed())
    assert other[at : at + len(SETTINGS)] == packed(root="/srv", port=81, log=3)
    end = at + len(SETTINGS)
    assert (one[:at], one[end:]) == (other[:at], other[end:])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 65536}, "port takes 0 to 65535, not 65536"),
        ({"root": "x" * 1024}, "root takes up to 1023 bytes without NUL"),
    ],
)
def test_refuses_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build.executable(None, strip=True, **settings)


def test_symbols_name_the_routines() -> None:
    full, stripped = build.executable(None, strip=False), build.executable(None)
    assert len(full) > len(stripped)
    for name in b".symtab", b".debug_line", b"handle_events":
        assert name in full
        assert name not in stripped


def test_writes_an_executable(tmp_path: Path) -> None:
    path = tmp_path / "server"
    path.write_bytes(b"old")
    old = path.open("rb")
    build.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    with old:
        assert old.read() == b"old", "who had it open still has it whole"
    assert list(tmp_path.iterdir()) == [path]


def test_leaves_nothing_behind_when_it_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "server"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(OSError, match="No space left"):
        build.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]

    (tmp_path / "folder").mkdir()
    monkeypatch.undo()
    with pytest.raises(IsADirectoryError):
        build.write(tmp_path / "folder", b"new")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "server"]
