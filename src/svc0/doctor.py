"""The doctor: what this computer can run, what is missing, and how to get it.

It looks and changes nothing.  On a Mac it also asks the system's own tools about a file: whether
its signature holds (codesign), and whether a browser has marked it as coming from elsewhere
(com.apple.quarantine), which are the two reasons for which a Mac kills a program without a word.
"""

from __future__ import annotations

import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from svc0.machine import MachineError, choose, macho, native
from svc0.machine.executable import read

SECONDS = 20
ELF = b"\x7fELF"
QUARANTINE = "com.apple.quarantine"
INSTEAD = "the emulator does the same, slower"


class Verdict(StrEnum):
    """What a finding means: fine; something that is not here and need not be; a problem."""

    OK = "ok"
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
        "native": native_is_missing,
        "qemu": qemu_is_missing,
        "emulator": lambda: ("it does not start", "pip install --upgrade unicorn"),
    }
    for name, why in missing.items():
        try:
            found = choose(name).describe().removeprefix(f"{name}: ")
        except MachineError:
            yield Finding(name, Verdict.NO, *why())
        else:
            yield Finding(name, Verdict.OK, found)


def native_is_missing() -> tuple[str, str]:
    """Why this computer's own processor does not run it, and what would help."""
    if sys.platform == "darwin" and is_translated():
        return "Rosetta translates this Python", "install one for arm64 (python.org, Homebrew)"
    return "this is neither ARM64 Linux nor a Mac with Apple Silicon", INSTEAD


def is_translated() -> bool:
    """Whether a Mac's arm64 processor pretends to be another one for this process."""
    return output("sysctl", "-n", "sysctl.proc_translated") == "1"


def qemu_is_missing() -> tuple[str, str]:
    """The same of qemu-user, which there is for Linux only."""
    if sys.platform != "linux":
        return "there is no qemu-aarch64 for this system", INSTEAD
    advice = "apt install qemu-user (Debian, Ubuntu), dnf install qemu-user (Fedora)"
    return "there is no qemu-aarch64", advice


# --- files ------------------------------------------------------------------------


def file_findings(path: Path) -> Iterator[Finding]:
    """Whether an executable is what a kernel would start, and what on this computer would stop it.

    Raises OSError for a file that cannot be read.
    """
    content = path.read_bytes()
    try:
        image = read(content)
    except MachineError as error:
        is_none = content[:4] != ELF and not macho.is_one(content)
        seen = "this is neither an ELF nor a Mach-O executable" if is_none else str(error)
        advice = "svc0 did not write it like this: svc0 build writes a new one"
        yield Finding("format", Verdict.PROBLEM, seen, advice)
        return
    for_mac = isinstance(image, macho.MachO)
    kind = "macOS on Apple Silicon: Mach-O, signed" if for_mac else "Linux on ARM64: ELF, static"
    yield Finding("format", Verdict.OK, f"for {kind}, {len(content):,} bytes")
    if not path.stat().st_mode & 0o111:
        advice = f"chmod +x {quoted(path)}"
        yield Finding("permission", Verdict.PROBLEM, "nobody may execute it", advice)
    if native.here() == ("macos" if for_mac else "linux"):
        yield Finding("here", Verdict.OK, "it is for this computer")
    else:
        advice = f"emulated: python -m svc0.machine --machine emulator {quoted(path)}"
        yield Finding("here", Verdict.NO, "it is not for this computer", advice)
    if for_mac and sys.platform == "darwin":
        yield from mac_findings(path)


def quoted(path: Path) -> str:
    """A path as a shell reads it, and never as an option."""
    name = str(path)
    return shlex.quote(f"./{name}" if name.startswith("-") else name)


def mac_findings(path: Path) -> Iterator[Finding]:
    """What this Mac thinks of a file."""
    mark = output("xattr", "-p", QUARANTINE, str(path))
    if mark is None:
        yield Finding("quarantine", Verdict.OK, "it is not marked as coming from elsewhere")
    else:
        advice = f"if you trust it: xattr -d {QUARANTINE} {quoted(path)}"
        seen = "it is marked as coming from elsewhere, by a browser or the like"
        yield Finding("quarantine", Verdict.PROBLEM, seen, advice)
    if shutil.which("codesign") is None:
        seen = "there is no codesign to ask"
        yield Finding("signature", Verdict.NO, seen, "xcode-select --install")
        return
    done = run("codesign", "--verify", "--strict", str(path))
    sign = f"codesign --force --sign - {quoted(path)}"
    if done is not None and done.returncode == 0:
        advice = f"should it be killed all the same: {sign}"
        yield Finding("signature", Verdict.OK, "codesign accepts it", advice)
    else:
        lines = done.stderr.strip().splitlines() if done is not None else []
        seen = f"codesign says: {lines[-1] if lines else 'nothing'}"
        yield Finding("signature", Verdict.PROBLEM, seen, f"sign it here: {sign}")


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
