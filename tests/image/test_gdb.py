"""gdb shows and steps Python: an image under qemu's debugging stub, asked as a person would ask."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from svc0.a64 import sizeof
from svc0.image.elf import HEADERS, elf
from svc0.image.layout import Program, lay_out
from tests.image import sample
from tests.image.tools import SECONDS, put
from tests.tools import need_tool

REPOSITORY = Path(__file__).parents[2]
SOURCE = Path(sample.__file__).read_text().splitlines()

# gdb 13 cannot take a signature off a return address that QEMU's stub tells the shape of.
PROCESSOR = "max,pauth=off"


@contextmanager
def stub(image: Path) -> Generator[Path]:
    """The image, stopped at its first instruction; a socket for a debugger."""
    with tempfile.TemporaryDirectory(prefix="svc0-") as folder:  # the paths of sockets are short
        socket = Path(folder, "gdb")
        command = [need_tool("qemu-aarch64"), "-cpu", PROCESSOR, "-g", str(socket), str(image)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + SECONDS
            while not socket.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            yield socket
        finally:
            process.kill()
            process.communicate()


def gdb(folder: Path, *commands: str, strip: bool = False) -> str:
    """What gdb says to commands, having attached; it is told where sources are."""
    tool = need_tool("gdb-multiarch")
    whole = folder / "whole"
    whole.write_bytes(elf(sample.start, strip=False))
    image = put(folder, elf(sample.start, strip=strip))
    with stub(image) as socket:
        said = [
            "set confirm off",
            "set pagination off",
            "set width 0",
            "set sysroot /nowhere",
            f"directory {REPOSITORY}",
            f"file {whole}",
            f"target remote {socket}",
            *commands,
        ]
        arguments = [part for command in said for part in ("-ex", command)]
        done = subprocess.run(
            [tool, "-nx", "-batch", *arguments],
            capture_output=True, text=True, timeout=SECONDS, cwd=folder,
        )  # fmt: skip
    return done.stdout


def source(line: int) -> str:
    """As gdb shows a line of the sample."""
    return f"{line}\t{SOURCE[line - 1]}"


def line_of(text: str, after: str = "def ") -> int:
    """The first line with a text, from another on."""
    start = next(n for n, line in enumerate(SOURCE) if after in line)
    return next(n for n, line in enumerate(SOURCE[start:], start + 1) if text in line)


@pytest.fixture(scope="module")
def program() -> Program:
    return lay_out(sample.start, headers=HEADERS)


def test_it_stops_at_the_first_line(tmp_path: Path) -> None:
    assert source(line_of("adr(counter, COUNTER)")) in gdb(tmp_path)


def test_break_at_a_routine(tmp_path: Path) -> None:
    said = gdb(tmp_path, "break square", "continue", "info line", "print number", "ptype number")
    assert "Breakpoint 1, square (number=6) at ./tests/image/sample.py:" in said
    first = line_of("with frame", after="def square")
    assert source(first) in said
    assert f'Line {first} of "./tests/image/sample.py" starts at address' in said
    assert "$1 = 6" in said


def test_every_instruction_has_its_line(tmp_path: Path, program: Program) -> None:
    """Step through all of it, instruction by instruction."""
    steps = 120
    show = 'printf "pc %lx of %lx\\n", $pc, &start'
    said = gdb(tmp_path, *[show, "info line *$pc", "stepi"] * steps)
    seen = [
        (int(pc, 16) - int(start, 16), int(line))
        for pc, start, line in re.findall(
            r"^pc (\w+) of (\w+)\n(?:.*\n)??Line (\d+) of", said, re.MULTILINE
        )
    ]
    entry = program.addresses[sample.start]
    assert len(seen) >= 50
    assert len({at for at, _ in seen}) >= 40
    for at, line in seen:
        assert line == program.spots[entry + at].instruction.line
    assert f"exited with code 0{sample.OK:o}" in said


def test_step_goes_line_by_line(tmp_path: Path) -> None:
    said = gdb(tmp_path, "break square", "continue", "step", "step", "step", "step")
    first = line_of("adr(table, SQUARES)")
    shown = [n for n in range(first, first + 4) if source(n) in said]
    assert shown == list(range(first, first + 4))


def test_backtrace_through_frames(tmp_path: Path) -> None:
    inside = line_of("ldrh(w0, [table])")
    commands = (
        f"break sample.py:{inside}",
        "continue",
        "backtrace",
        "up",
        "info locals",
        "up",
        "info locals",
    )
    said = gdb(tmp_path, *commands)
    assert re.search(
        rf"^#0 +square \(.*\) at ./tests/image/sample.py:{inside}$", said, re.MULTILINE
    )
    call, outer = line_of("blr(table, like=square)"), line_of("bl(through)")
    assert re.search(
        rf"^#1 .* in through \(.*\) at ./tests/image/sample.py:{call}$", said, re.MULTILINE
    )
    assert re.search(
        rf"^#2 .* in start \(\) at ./tests/image/sample.py:{outer}$", said, re.MULTILINE
    )
    assert "#3" not in said
    assert "Backtrace stopped" not in said
    assert "kept = 6\n" in said
    assert "odd = 7\n" in said
    assert "counter = " in said


def test_backtrace_from_every_instruction(tmp_path: Path) -> None:
    """In prologues and epilogues too, the caller's frame is found, and its registers."""
    first = gdb(tmp_path, "break through", "continue", 'printf "sp %lx\\n", $sp')
    pointer = re.search(r"^sp (\w+)$", first, re.MULTILINE)
    assert pointer
    show = ["backtrace", "stepi"] * 31
    said = gdb(tmp_path, "break through", "continue", *show)
    traces = said.split("#0 ")[1:]
    assert len(traces) == 31
    outer = line_of("bl(through)")
    for trace in traces:
        assert trace.count("in start () at") == 1, trace
        assert f"sample.py:{outer}" in trace, trace
        assert "Backtrace stopped" not in trace


def test_finish_comes_back(tmp_path: Path) -> None:
    said = gdb(tmp_path, "break square", "continue", "finish", "print kept")
    assert re.search(r"^through \(.*\) at ./tests/image/sample.py:", said, re.MULTILINE)
    assert "$1 = 6" in said


def test_a_stripped_server_is_debugged_with_the_whole_file(tmp_path: Path) -> None:
    said = gdb(tmp_path, "break square", "continue", "backtrace", strip=True)
    assert "in start () at ./tests/image/sample.py" in said


def test_structs_and_flags_are_shown(tmp_path: Path) -> None:
    last = line_of("leave_with(OK)")
    said = gdb(
        tmp_path,
        f"break sample.py:{last}",
        "continue",
        "print *(struct Counter *) counter",
        "print COUNTER",
        "print GREETING",
        "print sizeof(struct Counter)",
    )
    assert "value = 42, wants = (HEAD | CLOSE), title = " in said
    assert "places = {{x = 0, y = -7}, {x = 0, y = 0}}" in said
    assert "$2 = 42\n" in said
    assert '$3 = "hello"\n' in said
    assert f"$4 = {sizeof(sample.Counter)}\n" in said


def test_data_have_names(tmp_path: Path) -> None:
    said = gdb(tmp_path, "x/5cb &GREETING", "info symbol &POOL")
    assert "<GREETING>:" in said
    assert "104 'h'" in said
    assert "POOL in section .bss" in said
