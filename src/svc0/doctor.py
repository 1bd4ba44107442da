"""The doctor: what this computer can run, what is missing, and how to get it.

It looks and changes nothing.  On a Mac it also asks the system's own tools about a file: whether
its signature holds (codesign), and whether a browser has marked it as coming from elsewhere
(com.apple.quarantine), which are the two reasons for which a Mac kills a program without a word.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from svc0.machine import MachineError, choose
from svc0.machine.executable import read
from svc0.machine.macho import MachO

SECONDS = 20
QUARANTINE = "com.apple.quarantine"


class Verdict(StrEnum):
    """What a finding means: fine; something that is not here and need not be; a problem."""

    YES = "yes"
    NO = "no"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what was seen, and what would help."""

    what: str
    verdict: Verdict
    seen: str
    advice: str = ""


def host() -> str:
    """This computer in a few words."""
    mac = platform.mac_ver()[0]
    system = f"macOS {mac}" if mac else f"{platform.system()} {platform.release()}"
    return f"{system} ({platform.machine()}), Python {platform.python_version()}"


def machines() -> Iterator[Finding]:
    """What could run the server here, the best first."""
    missing = {
        "native": ("this is neither ARM64 Linux nor a Mac with Apple Silicon", native_advice()),
        "qemu": ("there is no qemu-aarch64", qemu_advice()),
        "emulator": ("it does not start", "pip install --upgrade unicorn"),
    }
    for name, (seen, advice) in missing.items():
        try:
            found = choose(name).describe().removeprefix(f"{name}: ")
        except MachineError:
            yield Finding(name, Verdict.NO, seen, advice)
        else:
            yield Finding(name, Verdict.YES, found)


def native_advice() -> str:
    """What would make this computer's own processor run it."""
    if sys.platform == "darwin" and is_translated():
        return "this Python is translated by Rosetta: install one for arm64 (python.org, Homebrew)"
    return "the emulator does the same, slower"


def is_translated() -> bool:
    """Whether a Mac's arm64 processor pretends to be another one for this process."""
    return output("sysctl", "-n", "sysctl.proc_translated") == "1"


def qemu_advice() -> str:
    """How to get qemu-user, which there is for Linux only."""
    if sys.platform != "linux":
        return ""
    return "apt install qemu-user (Debian, Ubuntu), dnf install qemu-user-static (Fedora)"


# --- files ------------------------------------------------------------------------


def file_findings(path: Path) -> Iterator[Finding]:
    """Whether an executable is what a kernel would start, and what on this computer would stop it.

    Raises OSError for a file that cannot be read.
    """
    content = path.read_bytes()
    try:
        image = read(content)
    except MachineError as error:
        yield Finding(str(path), Verdict.PROBLEM, str(error), "build it again: svc0 build")
        return
    for_mac = isinstance(image, MachO)
    kind = "a signed Mach-O executable for macOS" if for_mac else "an ELF executable for Linux"
    yield Finding(str(path), Verdict.YES, f"{kind} on ARM64, {len(content):,} bytes")
    if for_mac and sys.platform == "darwin":
        yield from mac_findings(path)


def mac_findings(path: Path) -> Iterator[Finding]:
    """What this Mac thinks of a file."""
    mark = output("xattr", "-p", QUARANTINE, str(path))
    if mark is None:
        yield Finding("quarantine", Verdict.YES, "it is not marked as coming from elsewhere")
    else:
        advice = f"if you trust it: xattr -d {QUARANTINE} {path}"
        yield Finding("quarantine", Verdict.PROBLEM, "a browser has marked it", advice)
    if shutil.which("codesign") is None:
        yield Finding("codesign", Verdict.NO, "it is not here", "xcode-select --install")
        return
    done = run("codesign", "--verify", "--strict", str(path))
    if done is not None and done.returncode == 0:
        advice = f"should it be killed all the same: codesign --force --sign - {path}"
        yield Finding("codesign", Verdict.YES, "the signature holds", advice)
    else:
        said = (
            (done.stderr.strip().splitlines() or ["it says no more"])[-1] if done else "no answer"
        )
        advice = f"sign it here: codesign --force --sign - {path}"
        yield Finding("codesign", Verdict.PROBLEM, said, advice)


def output(*words: str) -> str | None:
    """What a command prints, or None if it cannot be had or says no."""
    done = run(*words)
    return done.stdout.strip() if done is not None and done.returncode == 0 else None


def run(*words: str) -> subprocess.CompletedProcess[str] | None:
    """A command's end; None if there is no such command, or no end."""
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing that was found is a problem."""
    return all(finding.verdict is not Verdict.PROBLEM for finding in findings)
