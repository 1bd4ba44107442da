"""Building: an executable carries its settings, and is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from svc0 import build
from svc0.server.settings import SETTINGS, packed


def test_settings_are_built_in() -> None:
    """Two executables differ in their settings, and in nothing else."""
    plain, other = build.executable(), build.executable(Path("/srv/www"), port=81, requests=7)
    at = plain.index(packed())
    assert plain.count(packed()) == 1
    assert len(plain) == len(other)
    assert other[at : at + len(SETTINGS)] == packed(root="/srv/www", port=81, requests=7)
    assert other[:at] == plain[:at]
    assert other[at + len(SETTINGS) :] == plain[at + len(SETTINGS) :]
    assert build.executable(root="/srv/www", port=81, requests=7) == other


def test_every_build_is_the_same() -> None:
    assert build.executable() == build.executable()
    assert build.executable().startswith(b"\x7fELF")


def test_what_strip_leaves_out_is_behind_the_rest() -> None:
    stripped, whole = build.executable(), build.executable(strip=False)
    assert len(stripped) < len(whole)
    assert packed() in whole


def test_settings_that_are_refused() -> None:
    with pytest.raises(ValueError, match="port takes"):
        build.executable(port=65536)
    with pytest.raises(KeyError):
        build.executable(colour=1)


def test_write(tmp_path: Path) -> None:
    path = tmp_path / "svc0"
    build.write(path, b"one")
    build.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.access(path, os.X_OK)
    assert list(tmp_path.iterdir()) == [path]


def test_write_that_fails(tmp_path: Path) -> None:
    """What was there stays, and nothing is left lying about."""
    path = tmp_path / "svc0"
    path.mkdir()
    (path / "kept").touch()
    with pytest.raises(OSError, match="svc0"):
        build.write(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert list(path.iterdir()) == [path / "kept"]
