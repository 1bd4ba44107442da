"""The command line as people see it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from svc0 import __version__
from svc0.config import OPTIONS
from svc0.lab.cost.cases import CASES, named
from svc0.server.settings import packed
from tests.tools import need_tool, without_privileges

SECONDS = 60
SVC0 = [sys.executable, "-c", "from svc0.cli import app; app()"]
PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80"}
COLOUR = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "80"}
ESCAPE = "\x1b["
BOX = "\u2500\u2502\u256d\u2570"


def variables(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in PLAIN | COLOUR}
    source = str(Path(__file__).parents[1] / "src")
    return {**kept, "PYTHONPATH": source, **more}


def run(
    *words: str,
    cwd: Path | None = None,
    more: Mapping[str, str] = PLAIN,
    before: Sequence[str] = (),
) -> tuple[int, str, str]:
    """Its exit code, its output, its errors."""
    done = subprocess.run(
        [*before, *SVC0, *words],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=cwd,
        env=variables(**more),
    )
    return done.returncode, done.stdout, done.stderr


@contextmanager
def serving(*words: str, **more: str) -> Generator[tuple[str, list[str]], None, None]:
    """A server that runs, its URL and what it has said so far; it must end well by Ctrl+C."""
    with subprocess.Popen(
        [*SVC0, "serve", "-p", "0", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=variables(**PLAIN, **more),
    ) as process:
        assert process.stderr is not None
        said: list[str] = []
        try:
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"http://\S+", line):
                    yield found[0], said
                    break
            else:
                pytest.fail(f"it did not say where: {said}")
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 0, process.stderr.read()
        finally:
            process.kill()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<!DOCTYPE html><title>here</title>\n")
    return site


# --- words -------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag: str) -> None:
    assert run(flag) == (0, f"svc0 {__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(flag: str) -> None:
    status, out, errors = run(flag)
    assert (status, errors) == (0, "")
    assert "serve" in out
    assert "build" in out
    assert "doctor" in out
    assert "cost" in out
    assert "config" in out
    for command in "serve", "build":
        status, out, errors = run(command, flag)
        assert (status, errors) == (0, "")
        for name in "--port", "--bind", "--workers", "--log", "--connections", "--head-seconds":
            assert name in out
        for option in OPTIONS.values():
            assert all(f" {name} " in out for name in option.flags or ["DIR"])
        assert "--config" in out
        assert str(OPTIONS["port"].default) in out
        assert max(map(len, out.splitlines())) <= 80
        assert ESCAPE not in out


def test_without_words_it_helps() -> None:
    _, out, errors = run()
    assert "serve" in out + errors
    assert "Traceback" not in errors


LIMITS = {
    "--port": (0, 65535),
    "--workers": (0, 64),
    "--connections": (1, 65536),
    "--requests": (1, 2147483648),
    "--head-seconds": (1, 86400),
    "--body-seconds": (1, 86400),
    "--idle-seconds": (1, 86400),
    "--send-seconds": (1, 86400),
    "--cache-seconds": (0, 86400),
    "--stop-seconds": (0, 86400),
}


@pytest.mark.parametrize("command", ["serve", "build"])
def test_limits_are_those_of_the_table(command: str) -> None:
    for flag, (low, high) in LIMITS.items():
        option = OPTIONS[flag.removeprefix("--").replace("-", "_")]
        assert (option.low, option.high) == (low, high)
    status, out, errors = run(command, "--port", "65536")
    assert (status, out) == (2, "")
    assert "--port" in errors
    assert "65535" in errors


MISTAKES = [
    ("--nope",),
    ("serv",),
    ("serve", "--nope"),
    ("serve", "-p"),
    ("serve", "-p", "x"),
    ("serve", "-p", "-1"),
    ("serve", "-w", "65"),
    ("serve", "--connections", "0"),
    ("serve", "--head-seconds", "0"),
    ("serve", "--log", "nope"),
    ("serve", "--machine", "nope"),
    ("serve", "one", "two"),
    ("build", "--idle-seconds", "86401"),
    ("build", "--cache-seconds", "-1"),
    ("build", "--requests", "0"),
    ("build", "--body-seconds", "0"),
    ("serve", "--stop-seconds", "86401"),
    ("serve", "--config"),
    ("config", "--nope"),
    ("config", "--check", "--toml"),
    ("config", "--show", "--check"),
    ("config", "one", "--config", "two"),
]


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_plain_line_and_2(words: tuple[str, ...]) -> None:
    status, out, errors = run(*words)
    assert (status, out) == (2, "")
    assert re.fullmatch(
        r"svc0: [^\n]+: try svc0( serve| build| config| doctor)? --help\n", errors
    ), errors


def test_a_mistake_is_plain_on_a_terminal_too() -> None:
    status, out, errors = run("serve", "-p", "x", more=COLOUR)
    assert (status, out) == (2, "")
    assert errors.count("\n") == 1
    assert not set(errors) & set(BOX)
    assert ESCAPE not in errors


def test_completion() -> None:
    asked = {"_SVC0_COMPLETE": "complete_bash", "COMP_WORDS": "svc0 se", "COMP_CWORD": "1"}
    assert run(more=PLAIN | asked)[1].split() == ["serve"]
    asked |= {"COMP_WORDS": "svc0 serve --he", "COMP_CWORD": "2"}
    assert run(more=PLAIN | asked)[1].split() == ["--head-seconds", "--help"]
    asked |= {"COMP_WORDS": "svc0 serve --log j", "COMP_CWORD": "3"}
    assert run(more=PLAIN | asked)[1].split() == ["json"]
    asked |= {"COMP_WORDS": "svc0 serve --machine em", "COMP_CWORD": "3"}
    assert run(more=PLAIN | asked)[1].split() == ["emulator"]


def test_show_completion_for_bash(tmp_path: Path) -> None:
    """The script for the shell that asks, which is found by looking at the parent."""
    bash = need_tool("bash")
    program = tmp_path / "svc0"
    program.write_text(f"#!{sys.executable}\nfrom svc0.cli import app\napp()\n")
    program.chmod(0o755)
    for words in "--show-completion", "--show-completion bash":
        done = subprocess.run(
            [bash, "-c", f"{program} {words}; exit $?"],
            capture_output=True,
            text=True,
            env=variables(**PLAIN, SHELL=bash),
            timeout=SECONDS,
        )
        if done.returncode == 0:
            assert "_SVC0_COMPLETE=complete_bash" in done.stdout
            return
    pytest.fail(done.stderr)


# --- what cannot be done -----------------------------------------------------------------


def test_what_cannot_be_done_is_one_line_and_1(tmp_path: Path, site: Path) -> None:
    folder = str(tmp_path)
    for words, message in {
        ("build", "-o", "/not/there/x"): "cannot write /not/there/x: no such file or directory",
        ("build", "-o", folder): f"cannot write {folder}: is a directory",
        ("doctor", "/not/there"): "cannot read /not/there: no such file or directory",
        ("build", "-b", "no.such.name.invalid"): "cannot listen on no.such.name.invalid: "
        "there is no such address or name",
        ("build", "x" * 1024): "root takes up to 1023 bytes without NUL",
    }.items():
        assert run(*words) == (1, "", f"svc0: {message}\n")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["site"]
    status, out, errors = run("serve", "/not/there", "--machine", "emulator")
    assert (status, out) == (1, "")
    last = "svc0: cannot serve /not/there: there is no such file or directory"
    assert errors.splitlines()[-1] == last
    assert len(errors.splitlines()) == 2


def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    path = tmp_path / "server"
    said = run("build", "-o", str(path), before=without_privileges())
    assert said == (1, "", f"svc0: cannot write {path}: permission denied\n")


# --- what can ----------------------------------------------------------------------------


def test_build(tmp_path: Path, site: Path) -> None:
    qemu = need_tool("qemu-aarch64")
    status, out, errors = run("build", "site", "-o", "made", "-p", "0", "-w", "1", cwd=tmp_path)
    made = tmp_path / "made"
    assert (status, out) == (0, "")
    assert errors == f"svc0: wrote made, {made.stat().st_size:,} bytes\n"
    with subprocess.Popen(
        [qemu, "./made"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"svc0: serving site at (http://127\.0\.0\.1:\d+/)\n", line)
        assert found, line
        with urlopen(found[1]) as answer:
            assert answer.read() == (site / "index.html").read_bytes()
        process.terminate()
        assert process.wait(SECONDS) == 0


def test_build_for_all_platforms(tmp_path: Path) -> None:
    status, out, errors = run("build", "-o", "made", "--platform", "all", cwd=tmp_path)
    assert (status, out) == (0, "")
    magic = {"made-linux": b"\x7fELF", "made-macos": b"\xcf\xfa\xed\xfe"}
    assert {path.name: path.read_bytes()[:4] for path in tmp_path.iterdir()} == magic
    assert [line.split()[2] for line in errors.splitlines()] == ["made-linux,", "made-macos,"]


def test_build_for_a_platform_that_is_none(tmp_path: Path) -> None:
    status, _, errors = run("build", "--platform", "windows", cwd=tmp_path)
    assert status == 2
    assert "'windows' is not one of 'linux', 'macos', 'all'" in errors


def test_doctor(tmp_path: Path) -> None:
    assert run("build", "-o", "made", "--platform", "all", cwd=tmp_path)[0] == 0
    status, out, errors = run("doctor", "made-linux", "made-macos", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert out.startswith(f"svc0 {__version__} on ")
    lines = out.splitlines()
    assert all(line == line.rstrip() for line in lines)
    assert ["ok", "emulator"] in [line.split()[:2] for line in lines]
    assert re.search(r"^Machines \(svc0 serve uses (native|emulator)\):$", out, re.MULTILINE)
    for name in "made-linux", "made-macos":
        assert lines[lines.index(f"{name}:") + 1].split()[:2] == ["ok", "format"]


def test_advice_is_not_wrapped(tmp_path: Path) -> None:
    path = tmp_path / ("long " * 30)
    assert run("build", "-o", str(path))[0] == 0
    path.chmod(0o600)
    for more in PLAIN, COLOUR:
        status, out, _ = run("doctor", str(path), more=more)
        assert status == 1
        assert f"chmod +x '{path}'" in out
    ends = [re.sub("\x1b[^m]*m", "", line) for line in out.splitlines() if str(path) not in line]
    assert max(map(len, ends)) <= 80, "the rest is"


def test_doctor_of_what_is_no_executable(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("hello")
    status, out, errors = run("doctor", "notes", cwd=tmp_path)
    assert (status, errors) == (1, "")
    lines = out.splitlines()
    assert lines[lines.index("notes:") + 1].split()[:2] == ["problem", "format"]


def test_build_with_symbols(tmp_path: Path) -> None:
    for name, flags in {"plain": [], "full": ["--symbols"]}.items():
        assert run("build", "-o", str(tmp_path / name), *flags)[0] == 0
    plain, full = (tmp_path / "plain").read_bytes(), (tmp_path / "full").read_bytes()
    assert b"handle_events" in full
    assert b"handle_events" not in plain


@pytest.mark.parametrize("machine", ["emulator", "qemu"])
def test_serve(site: Path, machine: str) -> None:
    if machine == "qemu":
        need_tool("qemu-aarch64")
    with serving(str(site), "--machine", machine) as (url, said):
        assert said[0].startswith(f"svc0: running on {machine}: ")
        assert said[1:] == [f"svc0: serving {site} at {url}\n"]
        with urlopen(url) as answer:
            assert answer.read() == (site / "index.html").read_bytes()


def test_serve_by_name(site: Path) -> None:
    with (
        serving(str(site), "--machine", "emulator", "-b", "localhost") as (url, _),
        urlopen(url) as answer,
    ):
        assert answer.status == 200


def test_serve_opens_a_browser(site: Path, tmp_path: Path) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}.new\nmv {seen}.new {seen}\n')
    browser.chmod(0o755)
    words = str(site), "--machine", "emulator", "--open"
    with serving(*words, BROWSER=f"{browser} %s") as (url, _):
        for _attempt in range(SECONDS * 10):
            if seen.exists():
                break
            time.sleep(0.1)
        assert seen.read_text() == f"{url}\n"
        with urlopen(url) as answer:
            assert answer.status == 200


# --- config ------------------------------------------------------------------------------


def test_serve_as_a_file_says(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "conf" / "one.toml"
    file.parent.mkdir()
    file.write_text("root = '../site'\naddress = 'localhost'\nlog = 'none'\n")
    with serving("--machine", "emulator", "--config", str(file)) as (url, said):
        assert said[0] == f"svc0: options from {file}\n"
        assert said[2] == f"svc0: serving {file.parent}/../site at {url}\n"
        with urlopen(url) as answer:
            assert answer.read() == (site / "index.html").read_bytes()


def test_build_as_the_file_here_and_the_environment_say(tmp_path: Path) -> None:
    (tmp_path / "svc0.toml").write_text("port = 81\nworkers = 3\nstop_seconds = 7\n")
    more = PLAIN | {"SVC0_PORT": "82", "SVC0_REQUESTS": "5"}
    status, out, errors = run("build", "-o", "made", "--requests", "6", cwd=tmp_path, more=more)
    assert (status, out) == (0, "")
    assert errors.splitlines()[0] == "svc0: options from svc0.toml"
    settings = packed(port=82, workers=3, stop_seconds=7, requests=6)
    assert settings in (tmp_path / "made").read_bytes()


@pytest.mark.parametrize("command", ["serve", "build", "config"])
def test_a_mistake_in_a_file_is_one_line_and_1(command: str, tmp_path: Path) -> None:
    (tmp_path / "svc0.toml").write_text("\n\n\n\n\n\nport = 99999\n")
    expected = "svc0: svc0.toml:7: port takes 0 to 65535, not 99999\n"
    assert run(command, cwd=tmp_path) == (1, "", expected)
    more = PLAIN | {"SVC0_WORKERS": "many"}
    expected = 'svc0: SVC0_WORKERS: workers takes 0 to 64, not "many"\n'
    assert run(command, "--config", os.devnull, cwd=tmp_path, more=more) == (1, "", expected)
    expected = "svc0: cannot read no.toml: no such file or directory\n"
    assert run(command, "--config", "no.toml", cwd=tmp_path) == (1, "", expected)
    assert [path.name for path in tmp_path.iterdir()] == ["svc0.toml"]


def test_config_shows_every_option_and_its_source(tmp_path: Path) -> None:
    (tmp_path / "svc0.toml").write_text("\n\nlog = 'json'\n")
    more = PLAIN | {"SVC0_PORT": "9000"}
    for words in [], ["--show"], ["svc0.toml"], ["--config", "svc0.toml"]:
        status, out, errors = run("config", *words, cwd=tmp_path, more=more)
        assert (status, errors) == (0, "")
        rows = {name: rest for name, *rest in map(str.split, out.splitlines())}
        assert list(rows) == list(OPTIONS)
        assert rows["port"] == ["9000", "SVC0_PORT"]
        assert rows["log"] == ["json", "svc0.toml:3"]
        assert rows["root"] == [".", "default"]
        assert ESCAPE not in out


def test_config_on_a_terminal_and_without_colour(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(r'root = "a\u001b[31m\u202e:bomb:"')
    _, out, _ = run("config", "a.toml", cwd=tmp_path, more=COLOUR)
    assert ESCAPE in out
    assert ESCAPE + "31m" not in out
    assert "option" in out.splitlines()[0]
    assert max(map(len, re.sub("\x1b[^m]*m", "", out).splitlines())) <= 80
    _, out, _ = run("config", "a.toml", cwd=tmp_path, more=COLOUR | {"NO_COLOR": "1"})
    assert re.findall(r"\x1b\[[\d;]*3\dm", out) == []
    _, out, _ = run("config", "a.toml", cwd=tmp_path)
    assert r"a\x1b[31m\u202e:bomb:" in out


def test_config_for_programs(tmp_path: Path) -> None:
    more = PLAIN | {"SVC0_ROOT": "a\udcff"}
    status, out, errors = run("config", "--json", cwd=tmp_path, more=more)
    assert (status, errors) == (0, "")
    found = json.loads(out)
    assert found["file"] is None
    assert list(found["options"]) == list(OPTIONS)
    assert found["options"]["root"] == {"value": "a\udcff", "source": "SVC0_ROOT"}
    assert found["options"]["log"] == {"value": "common", "source": "default"}
    (tmp_path / "svc0.toml").write_text("port = 1")
    found = json.loads(run("config", "--show", "--json", cwd=tmp_path)[1])
    assert found["file"] == "svc0.toml"
    assert found["options"]["port"] == {"value": 1, "source": "svc0.toml:1"}


def test_config_prints_a_file_to_start_from(tmp_path: Path) -> None:
    path = tmp_path / "svc0.toml"
    path.write_text("what is here = does not matter")
    status, out, errors = run("config", "--toml", cwd=tmp_path)
    assert (status, errors) == (0, "")
    path.write_text(out)
    said = run("config", "--check", cwd=tmp_path)
    assert said == (0, f"svc0.toml is right: it sets {len(OPTIONS)} options\n", "")


def test_config_checks_a_file(tmp_path: Path) -> None:
    nothing = "svc0: there is no svc0.toml here, and no other file was named\n"
    assert run("config", "--check", cwd=tmp_path) == (1, "", nothing)
    (tmp_path / "one.toml").write_text("port = 1")
    right = "one.toml is right: it sets 1 option\n"
    assert run("config", "--check", "one.toml", cwd=tmp_path) == (0, right, "")
    more = PLAIN | {"SVC0_CONFIG": "one.toml", "SVC0_PORT": "x"}
    assert run("config", "--check", cwd=tmp_path, more=more) == (0, right, "")
    (tmp_path / "svc0.toml").write_text("prot = 1\nport = 1\n:bomb: = 1\nlog = 1\n")
    assert run("config", "--check", cwd=tmp_path) == (
        1,
        "",
        "svc0: svc0.toml:1: there is no option prot; did you mean port?\n"
        "svc0: svc0.toml:3: this line is no TOML by itself: invalid statement\n"
        "svc0: svc0.toml:4: log takes common, combined, json or none, not 1\n",
    )


def test_a_name_from_a_file_moves_nothing_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "svc0.toml").write_text(r'address = "a\u001b[31m"')
    status, _, errors = run("build", cwd=tmp_path)
    assert status == 1
    assert r"svc0: cannot listen on a\x1b[31m: " in errors
    assert ESCAPE not in errors


def test_config_does_not_wait_for_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "svc0.toml")
    expected = "svc0: cannot read svc0.toml: it is no regular file\n"
    for words in ["config"], ["config", "--check"], ["build"]:
        assert run(*words, cwd=tmp_path) == (1, "", expected)


# --- cost --------------------------------------------------------------------------------

COUNTED = pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no openat2")


@COUNTED
def test_cost() -> None:
    status, out, errors = run("cost", "--rounds", "1")
    assert (status, errors) == (0, "")
    first, *rows = out.splitlines()
    assert re.search(r": [\d,]+ instructions, \d+ system calls$", first)
    assert any("recvfrom" in row for row in rows)
    assert ESCAPE not in out


@COUNTED
def test_cost_by_routine_and_by_line() -> None:
    words = ["cost", "not-found", "--rounds", "1"]
    _, out, _ = run(*words, "--by", "line", "--top", "0")
    assert "…" not in out  # a pipe has room
    _, out, _ = run(*words, "--by", "routine", "--top", "3")
    assert len(re.findall(r"^ +[\d,]+ +\d+\.\d %", out, re.MULTILINE)) == 3
    status, out, errors = run("cost", "--by", "line", "--rounds", "1", more=COLOUR)
    assert (status, errors) == (0, "")
    assert ESCAPE in out
    status, plain, _ = run("cost", "--by", "line", "--rounds", "1", more=COLOUR | {"NO_COLOR": "1"})
    assert (status, re.findall(r"\x1b\[[\d;]*3\dm", plain)) == (0, [])
    assert re.search(r"\w+\.py:\d+", plain)


@COUNTED
def test_cost_of_a_request_of_ones_own(tmp_path: Path, site: Path) -> None:
    asked, chart = tmp_path / "one.http", tmp_path / "one.svg"
    asked.write_text("GET /none HTTP/1.1\nHost: here\n\n")
    words = ["--request", str(asked), "--root", str(site), "--rounds", "1"]
    status, out, errors = run("cost", *words, "--json", "--flame", str(chart))
    assert (status, errors) == (0, f"svc0: wrote {chart}\n")
    found = json.loads(out)
    assert found["request"] == str(asked)
    assert found["calls"]["sendto"] == 1
    assert chart.read_text().startswith("<svg")


def test_cost_names_the_kinds() -> None:
    status, out, errors = run("cost", "--list")
    assert (status, errors) == (0, "")
    kinds = [line.split()[0] for line in out.splitlines() if line[0] != " "]
    assert (len(kinds), kinds[0]) == (len(CASES), "small-file")
    assert [named(kind) for kind in kinds] == list(CASES)


@COUNTED
def test_what_is_wrong_with_cost_is_one_line(tmp_path: Path) -> None:
    nothing, empty = str(tmp_path / "nothing"), tmp_path / "empty"
    empty.touch()
    mistakes = {
        ("nothing-like-it",): (2, "there is no kind of request called nothing-like-it: see --list"),
        ("--by", "magic"): (2, "'magic' is not one of"),
        ("--root", nothing): (2, "--root goes with --request"),
        ("--request", nothing): (1, f"cannot read {nothing}: no such file or directory"),
        ("--request", str(empty)): (1, f"{empty} is empty: a request was expected"),
        ("--request", str(empty), "--root", nothing): (1, f"{empty} is empty"),
        ("--flame", f"{nothing}/x.svg", "--rounds", "1"): (1, f"cannot write {nothing}/x.svg: no"),
    }
    for words, (expected, message) in mistakes.items():
        status, out, errors = run("cost", *words)
        assert (status, out) == (expected, "")
        assert message in errors
        assert errors.startswith("svc0: ")
        assert errors.count("\n") == 1
