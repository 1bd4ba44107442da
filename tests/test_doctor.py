"""The doctor: what it sees on this computer, on a Mac that is made up, and in files."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from svc0 import build, doctor
from svc0.a64.platforms import Platform
from svc0.doctor import Verdict
from svc0.machine import choose

Answers = dict[str, tuple[int, str, str]]


def found(path: Path) -> dict[str, tuple[Verdict, str]]:
    return {one.what: (one.verdict, one.advice) for one in doctor.file_findings(path)}


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], None]:
    """A Mac, whose commands (the first word) end with a status, their output and their errors."""

    def which(name: str) -> str:
        return f"/usr/bin/{name}"

    def pretend(answers: Answers) -> None:
        def run(*words: str) -> subprocess.CompletedProcess[str] | None:
            if words[0] not in answers:
                return None
            return subprocess.CompletedProcess(words, *answers[words[0]])

        monkeypatch.setattr(sys, "platform", "darwin")
        monkeypatch.setattr(platform, "machine", lambda: "arm64")
        monkeypatch.setattr(doctor, "run", run)
        monkeypatch.setattr(doctor.shutil, "which", which)

    return pretend


@pytest.fixture
def executable(tmp_path: Path) -> Path:
    path = tmp_path / "server"
    build.write(path, build.executable(platform="macos"))
    return path


def test_the_machines_are_all_looked_at() -> None:
    findings = {one.what: one for one in doctor.machines()}
    assert list(findings) == ["native", "qemu", "emulator"]
    assert findings["emulator"].verdict is Verdict.OK
    assert findings[choose().name].verdict is Verdict.OK, "serve uses what is there"
    assert all(one.advice for one in findings.values() if one.verdict is Verdict.NO)


def test_what_is_missing_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "platform", "linux")
    findings = list(doctor.machines())
    [qemu] = [one for one in findings if one.what == "qemu"]
    assert qemu.verdict is Verdict.NO
    assert "apt install qemu-user" in qemu.advice
    assert doctor.is_well(findings)


def nothing(_name: str) -> None:
    """What shutil.which finds where nothing is."""


def test_a_mac_has_no_qemu(mac: Callable[[Answers], None], monkeypatch: pytest.MonkeyPatch) -> None:
    mac({})
    monkeypatch.setattr(doctor.shutil, "which", nothing)
    [qemu] = [one for one in doctor.machines() if one.what == "qemu"]
    assert qemu.verdict is Verdict.NO
    assert "apt" not in qemu.advice


@pytest.mark.parametrize(
    ("system", "processor", "at_home"),
    [
        ("linux", "aarch64", "linux"),
        ("darwin", "arm64", "macos"),
        ("linux", "x86_64", None),
        ("darwin", "x86_64", None),
    ],
)
def test_an_executable(
    mac: Callable[[Answers], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    system: str,
    processor: str,
    at_home: str | None,
) -> None:
    mac({"codesign": (0, "", "")})
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: processor)
    kinds: dict[Platform, str] = {"linux": "ELF", "macos": "Mach-O"}
    for name, kind in kinds.items():
        path = tmp_path / name
        build.write(path, build.executable(platform=name))
        findings = list(doctor.file_findings(path))
        assert doctor.is_well(findings)
        assert (findings[0].what, findings[0].verdict) == ("format", Verdict.OK)
        assert kind in findings[0].seen
        here = found(path)["here"]
        if name == at_home:
            assert here == (Verdict.OK, "")
        else:
            assert here[0] is Verdict.NO
            assert here[1].endswith(f"python -m svc0.machine --machine emulator {path}")


def test_a_file_that_may_not_be_executed(executable: Path) -> None:
    executable.chmod(0o644)
    assert found(executable)["permission"] == (Verdict.PROBLEM, f"chmod +x {executable}")


def test_advice_can_be_copied(executable: Path) -> None:
    moved = executable.rename(executable.with_name("it's mine; really"))
    moved.chmod(0o644)
    advice = found(moved)["permission"][1]
    assert shlex.split(advice) == ["chmod", "+x", str(moved)]
    assert doctor.quoted(Path("-x")) == "./-x"


def test_a_changed_executable(executable: Path) -> None:
    content = bytearray(executable.read_bytes())
    content[0x7000] ^= 1
    executable.write_bytes(content)
    [finding] = doctor.file_findings(executable)
    assert finding.verdict is Verdict.PROBLEM
    assert "page 7" in finding.seen


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"", "neither an ELF nor a Mach-O"),
        (b"#!/bin/sh\n", "neither an ELF nor a Mach-O"),
        (b"\x7fELF", "ELF"),
        (b"\xcf\xfa\xed\xfe", "Mach-O"),
    ],
)
def test_something_else(tmp_path: Path, content: bytes, seen: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    [finding] = doctor.file_findings(path)
    assert finding.verdict is Verdict.PROBLEM
    assert seen in finding.seen
    assert not doctor.is_well([finding])


def test_a_good_file_on_a_mac(mac: Callable[[Answers], None], executable: Path) -> None:
    mac({"xattr": (1, "", "No such xattr"), "codesign": (0, "", "")})
    verdicts = {what: verdict for what, (verdict, _) in found(executable).items()}
    assert verdicts == dict.fromkeys(("format", "here", "quarantine", "signature"), Verdict.OK)


def test_a_file_in_quarantine(mac: Callable[[Answers], None], executable: Path) -> None:
    mac({"xattr": (0, "0083;6555;Safari;", ""), "codesign": (0, "", "")})
    verdict, advice = found(executable)["quarantine"]
    assert verdict is Verdict.PROBLEM
    assert f"xattr -d com.apple.quarantine {executable}" in advice


def test_a_signature_that_a_mac_refuses(mac: Callable[[Answers], None], executable: Path) -> None:
    mac({"xattr": (1, "", ""), "codesign": (1, "", "server: invalid signature\n")})
    verdict, advice = found(executable)["signature"]
    assert verdict is Verdict.PROBLEM
    assert f"codesign --force --sign - {executable}" in advice


@pytest.mark.parametrize(("answer", "translated"), [("1\n", True), ("0\n", False), ("", False)])
def test_rosetta(mac: Callable[[Answers], None], answer: str, translated: bool) -> None:
    mac({"sysctl": (0, answer, "")})
    assert doctor.is_translated() == translated
    assert ("Rosetta" in doctor.native_is_missing()[0]) == translated


def test_a_file_for_linux_is_not_shown_to_a_mac(
    mac: Callable[[Answers], None], tmp_path: Path
) -> None:
    mac({})
    path = tmp_path / "server"
    build.write(path, build.executable())
    assert list(found(path)) == ["format", "here"]
