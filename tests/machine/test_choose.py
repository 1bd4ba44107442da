"""Which machine there is, and what is said when it is not."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import svc0
from svc0.machine import NAMES, MachineError, cache, choose, native
from svc0.machine.emulator import Emulator

from .guest import assemble


def test_auto_is_native_or_the_emulator() -> None:
    assert choose("auto").name == ("native" if native.is_there() else "emulator")


def test_the_emulator_is_always_there() -> None:
    machine = choose("emulator")
    assert machine.name == "emulator"
    assert machine.describe().startswith("emulator: Unicorn ")


def test_no_such_machine() -> None:
    with pytest.raises(MachineError, match="the machines are auto, native, qemu, emulator"):
        choose("vax")
    assert NAMES == ("auto", "native", "qemu", "emulator")


def test_native_elsewhere_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(MachineError, match="use the emulator, or qemu"):
        choose("native")


ECHO = Path("/bin/echo")
"""A program of this host, whatever its processor is: what native does needs no more."""

BECOME = """
import platform, sys
from pathlib import Path
platform.machine = lambda: "aarch64"
from svc0.machine import choose
choose("native").exec(Path(sys.argv[1]).read_bytes(), ["it", "became", "this"], {"A": "b"})
"""


def test_native_becomes_the_image() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BECOME, str(ECHO)],
        capture_output=True,
        env={"PYTHONPATH": str(Path(svc0.__file__).parents[1])},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"became this\n", b"")


def test_native_refuses_what_the_kernel_cannot_execute(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.write_bytes(b"no program")
    done = subprocess.run(
        [sys.executable, "-c", BECOME, str(nothing)],
        capture_output=True,
        env={"PYTHONPATH": str(Path(svc0.__file__).parents[1])},
        check=False,
    )
    assert b"MachineError: the kernel cannot execute this image" in done.stderr


def test_native_runs_the_image_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    machine = choose("auto")
    assert machine.name == "native"
    with machine.start(ECHO.read_bytes(), ["it", "ran"], {}, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read() == b"ran\n"
    assert process.returncode == 0


BECOME_ON_A_MAC = """
import sys
from pathlib import Path
from svc0.machine import choose, native
native.here = lambda: "macos"
image = Path(sys.argv[1]).read_bytes()
assert choose("auto").platform == "macos"
choose("native").exec(image, ["it", "became", "this"], {"A": "b"})
"""


def test_a_mac_runs_what_is_kept_in_a_cache(tmp_path: Path) -> None:
    """A name says what is in a file; one that is there already is not touched."""
    caches = tmp_path / "Library" / "Caches" / "svc0"
    found: list[Path] = []
    inodes: set[int] = set()
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", BECOME_ON_A_MAC, str(ECHO)],
            capture_output=True,
            env={"PYTHONPATH": str(Path(svc0.__file__).parents[1]), "HOME": str(tmp_path)},
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"became this\n", b"")
        found += caches.iterdir()
        inodes.add(found[-1].stat().st_ino)
    assert len(inodes) == 1
    assert found[0].read_bytes() == ECHO.read_bytes()
    assert found[0].name == sha256(ECHO.read_bytes()).hexdigest()


def test_what_was_spoilt_is_written_anew(tmp_path: Path) -> None:
    path = cache.kept(b"some program", tmp_path / "kept")
    before = path.stat().st_ino
    with path.open("ab") as file:
        file.write(b"!")
    assert cache.kept(b"some program", tmp_path / "kept") == path
    assert path.read_bytes() == b"some program"
    assert path.stat().st_ino != before


def test_a_cache_of_everybody_is_not_trusted(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(MachineError, match="others can write to"):
        cache.kept(b"some program", tmp_path)


def test_a_mac_runs_the_image_beside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(native, "here", lambda: "macos")
    monkeypatch.setenv("HOME", str(tmp_path))
    machine = choose("native")
    with machine.start(ECHO.read_bytes(), ["it", "ran"], {}, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read() == b"ran\n"
    assert process.returncode == 0


def test_every_machine_says_what_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert choose("native").platform == "linux"
    assert choose("emulator").platform == "linux"
    assert Emulator(platform="macos").platform == "macos"


def test_no_qemu_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MachineError, match="apt install qemu-user"):
        choose("qemu")


def test_an_image_can_be_run_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "image"
    image.write_bytes(assemble('_start:\n say "here"\n ldr x0, [sp]\n system 94'))
    command = [sys.executable, "-m", "svc0.machine", "--machine", "emulator", str(image)]
    monkeypatch.setenv("PYTHONPATH", str(Path(svc0.__file__).parents[1]))
    done = subprocess.run([*command, "name", "1", "2"], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"here", b"")
    image.write_bytes(b"#!/bin/sh")
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (126, b"svc0: this is not an ELF executable\n")
