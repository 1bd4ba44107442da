"""The platforms' own headers, as the C compiler inside of ziglang reads them for arm64.

The oracle for every number that a kernel and we must agree on: each fact becomes a static
assertion on a line of its own, and the compiler tells which lines it does not agree with.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from svc0.a64.platforms import Platform
from tests.tools import lacking

TARGETS: dict[Platform, str] = {"linux": "aarch64-linux-musl", "macos": "arm64-apple-macos15"}
FOLDERS: dict[Platform, tuple[str, ...]] = {
    "linux": (
        "include",
        "libc/include/aarch64-linux-musl",
        "libc/include/generic-musl",
        "libc/include/aarch64-linux-any",
        "libc/include/any-linux-any",
    ),
    "macos": ("include", "libc/include/any-darwin-any"),
}


def disagreements(
    headers: Sequence[str], facts: Mapping[str, str], platform: Platform = "linux"
) -> dict[str, str]:
    """Which facts (C expressions by their names) are not so, each with what the compiler says."""
    lines = ["#define _GNU_SOURCE"] if platform == "linux" else ["#define _DARWIN_C_SOURCE"]
    lines += [f"#include <{header}>" for header in headers]
    first = len(lines) + 1
    lines += [f'_Static_assert({fact}, "");' for fact in facts.values()]
    wrong: dict[str, str] = {}
    said = compile_only("\n".join(lines) + "\n", platform)
    for number, message in re.findall(
        r"^<stdin>:(\d+):\d+: (?:fatal )?error: (.*)", said, re.MULTILINE
    ):
        at = int(number) - first
        wrong[list(facts)[at] if at >= 0 else headers[at]] = message
    assert wrong or not said, said
    return wrong


def compile_only(source: str, platform: Platform) -> str:
    """What the compiler has to say about a source for arm64; nothing is a good sign."""
    spec = find_spec("ziglang")
    if spec is None or not spec.submodule_search_locations:
        lacking("ziglang is not installed")
    library = Path(next(iter(spec.submodule_search_locations))) / "lib"
    command = [sys.executable, "-m", "ziglang", "clang", "-target", TARGETS[platform]]
    command += ["-fsyntax-only", "-ferror-limit=0", "-Wno-gnu-folding-constant", "-nostdinc"]
    for folder in FOLDERS[platform]:
        command += ["-isystem", str(library / folder)]
    command += ["-x", "c", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=60)
    return done.stderr
