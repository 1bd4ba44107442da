"""From routines to a file: the same bytes every time, small, and whole or not at all."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from svc0 import build
from svc0.server.settings import SETTINGS, packed

MOST_BYTES = 64 * 1024
DIGEST = """
import hashlib
from svc0 import build
for strip in True, False:
    print(hashlib.sha256(build.executable(None, strip=strip, port=81)).hexdigest())
"""


def test_the_same_bytes_from_every_process() -> None:
    here = [
        hashlib.sha256(build.executable(None, strip=strip, port=81)).hexdigest()
        for strip in (True, False)
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


def test_is_small() -> None:
    assert len(build.executable(None)) < MOST_BYTES


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
def test_refuses_settings(settings: dict[str, str | int], message: str) -> None:
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
