"""The doctor: what it sees on this computer, on a Mac that is made up, and in files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from svc0 import build, doctor
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
    assert findings["emulator"].verdict is Verdict.YES
    assert findings[choose().name].verdict is Verdict.YES, "serve uses what is there"
    assert all(one.advice for one in findings.values() if one.verdict is Verdict.NO)


def test_what_is_missing_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    findings = list(doctor.machines())
    [qemu] = [one for one in findings if one.what == "qemu"]
    assert qemu.verdict is Verdict.NO
    assert "apt install qemu-user" in qemu.advice
    assert doctor.is_well(findings)


@pytest.mark.parametrize(("platform", "kind"), [("linux", "ELF"), ("macos", "Mach-O")])
def test_an_executable(platform: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "server"
    build.write(path, build.executable(platform="macos" if platform == "macos" else "linux"))
    [finding] = doctor.file_findings(path)
    assert finding.verdict is Verdict.YES
    assert kind in finding.seen


def test_a_changed_executable(executable: Path) -> None:
    content = bytearray(executable.read_bytes())
    content[0x7000] ^= 1
    executable.write_bytes(content)
    [finding] = doctor.file_findings(executable)
    assert finding.verdict is Verdict.PROBLEM
    assert "page 7" in finding.seen


def test_something_else() -> None:
    [finding] = doctor.file_findings(Path(__file__))
    assert finding.verdict is Verdict.PROBLEM
    assert not doctor.is_well([finding])


def test_a_good_file_on_a_mac(mac: Callable[[Answers], None], executable: Path) -> None:
    mac({"xattr": (1, "", "No such xattr"), "codesign": (0, "", "")})
    verdicts = {what: verdict for what, (verdict, _) in found(executable).items()}
    assert verdicts == dict.fromkeys((str(executable), "quarantine", "codesign"), Verdict.YES)


def test_a_file_in_quarantine(mac: Callable[[Answers], None], executable: Path) -> None:
    mac({"xattr": (0, "0083;6555;Safari;", ""), "codesign": (0, "", "")})
    verdict, advice = found(executable)["quarantine"]
    assert verdict is Verdict.PROBLEM
    assert f"xattr -d com.apple.quarantine {executable}" in advice


def test_a_signature_that_a_mac_refuses(mac: Callable[[Answers], None], executable: Path) -> None:
    mac({"xattr": (1, "", ""), "codesign": (1, "", "server: invalid signature\n")})
    verdict, advice = found(executable)["codesign"]
    assert verdict is Verdict.PROBLEM
    assert f"codesign --force --sign - {executable}" in advice


@pytest.mark.parametrize(("answer", "translated"), [("1\n", True), ("0\n", False), ("", False)])
def test_rosetta(mac: Callable[[Answers], None], answer: str, translated: bool) -> None:
    mac({"sysctl": (0, answer, "")})
    assert doctor.is_translated() == translated
    assert ("Rosetta" in doctor.native_advice()) == translated


def test_a_file_for_linux_is_not_shown_to_a_mac(
    mac: Callable[[Answers], None], tmp_path: Path
) -> None:
    mac({})
    path = tmp_path / "server"
    build.write(path, build.executable())
    assert list(found(path)) == [str(path)]
