"""The command line: ``svc0 serve``, ``build``, ``config``, ``cost`` and ``doctor``.

ConfigError are one plain line on standard error and an exit code: 2 for words that
make no sense, 1 for what could not be done.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import webbrowser
from enum import StrEnum
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from svc0 import __version__, build, doctor
from svc0.a64.platforms import PLATFORMS, Platform
from svc0.config import OPTIONS, Value, plain
from svc0.doctor import Finding, Verdict
from svc0.flags import ConfigFile, Said, configured
from svc0.lab.cost.cases import CASES, Case, named
from svc0.lab.cost.profile import Profile, of_case
from svc0.lab.cost.report import By, data, summary, table
from svc0.lab.cost.stage import ROUNDS, StageError
from svc0.machine import Fault, Machine, MachineError, choose
from svc0.sources import DEFAULT, FILE, ConfigError, Setting, file_of, of_file, settle, template

FAILURE = 1
USAGE = 2
LOCAL = "127.0.0.1"
WIDEST = 1000
COLOURS = {Verdict.OK: "green", Verdict.NO: "dim", Verdict.PROBLEM: "bold red"}


class Application(typer.Typer):
    """Typer, but a mistake is one plain line, the same on every terminal and in every log."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        command = typer.main.get_command(self)
        try:
            status = command(*args, **{"prog_name": "svc0", "standalone_mode": False, **options})
        except (typer.Abort, KeyboardInterrupt):
            status = 128 + signal.SIGINT
        except Exception as error:
            # Which package the class of a usage error is from depends on Typer's version.
            describe = getattr(error, "format_message", None)
            if describe is None:
                raise
            status = explain(describe(), getattr(error, "ctx", None))
        sys.exit(status if isinstance(status, int) else 0)


def explain(mistake: str, context: typer.Context | None) -> int:
    """Say what was wrong with the words, and where the right ones are; the exit code for it."""
    if mistake:  # nothing: the help was asked for and shown
        line = " ".join(mistake.split()).rstrip(".").replace("Value error, ", "")
        where = context.command_path if context else "svc0"
        say(f"{line[:1].lower()}{line[1:]}: try {where} --help")
    return USAGE


app = Application(
    name="svc0",
    help="A web server in pure ARM64 assembly, written in Python.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
messages = Console(stderr=True, highlight=False, emoji=False)
results = Console(highlight=False, emoji=False)


class MachineName(StrEnum):
    """What runs the instructions."""

    AUTO = "auto"
    NATIVE = "native"
    QEMU = "qemu"
    EMULATOR = "emulator"


class PlatformName(StrEnum):
    """What systems an executable is for."""

    LINUX = "linux"
    MACOS = "macos"
    ALL = "all"

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Which they are."""
        return PLATFORMS if self is PlatformName.ALL else (self.value,)


HERE = PlatformName.MACOS if sys.platform == "darwin" else PlatformName.LINUX
"""The platform that an executable is for unless another is asked for."""


def say(message: str) -> None:
    """One line for people."""
    messages.print(f"svc0: {message}", markup=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Say in one line what could not be done, and end."""
    say(message)
    raise typer.Exit(FAILURE)


def show_version(wanted: bool) -> None:
    """The version, and nothing else."""
    if wanted:
        print(f"svc0 {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=show_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """A web server in pure ARM64 assembly, written in Python."""


@app.command()
@configured("here")
def serve(
    said: Said,
    machine: Annotated[
        MachineName,
        typer.Option(
            "--machine",
            metavar="NAME",
            help="What runs it: this CPU (native: ARM64 Linux, Apple Silicon), qemu-aarch64, or "
            "the emulator that came with svc0. auto: native where it can be, else the emulator.",
        ),
    ] = MachineName.AUTO,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the address in a browser, once it answers.")
    ] = False,
) -> None:
    """Serve the files below DIR until Ctrl+C.

    The URL is printed when it answers; log lines go to standard output. What is said neither here
    nor in the environment (`SVC0_PORT`) is as svc0.toml has it: `svc0 config` shows all of it.

    **Examples**

        svc0 serve                          # this directory, http://127.0.0.1:8080/

        svc0 serve site -p 0 --open         # any free port, in the browser

        svc0 serve site -b 0.0.0.0 -w 4     # for others too, with four workers
    """
    settings = values_of(said)
    try:
        runs = choose(machine.value, build.symbols())
    except MachineError as error:
        fail(str(error))
    say(f"running on {runs.describe()}")
    if settings["workers"] == 0 and runs.name != "native":
        settings["workers"] = 1
    image = settled(runs.platform, settings)
    words = ["svc0"]  # the four that it takes itself: who looks for it (ps) sees them
    for letter, name in {"-r": "root", "-p": "port", "-b": "address", "-w": "workers"}.items():
        words += [letter, str(settings[name])]
    try:
        status = run_and_open(runs, image, words) if open_ else runs.exec(image, words)
    except MachineError as error:
        fail(str(error))
    raise typer.Exit(status)


@app.command("build")
@configured("where it is started")
def build_(
    said: Said,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The file to write; all platforms: -linux and -macos are added to it.",
        ),
    ] = Path("server"),
    platform: Annotated[
        PlatformName,
        typer.Option(
            "--platform",
            help="ARM64 Linux (ELF), macOS on Apple Silicon (Mach-O, signed), or all.",
            show_default=f"{HERE}, this one" if sys.platform == "darwin" else "linux",
        ),
    ] = HERE,
    symbols: Annotated[
        bool, typer.Option("--symbols", help="Keep symbols and line numbers, for gdb and LLDB.")
    ] = False,
) -> None:
    """Write the server as one executable, for ARM64 Linux or for macOS on Apple Silicon.

    What is chosen here becomes its defaults, and so does what the environment (`SVC0_PORT`) and
    svc0.toml say: `svc0 config` shows all of it. Four of them can be changed when it is started:
    `./server -r DIR -p PORT -b ADDRESS -w WORKERS`, and `./server -h` says so.

    Any computer can write either; nothing but Python is needed.
    """
    settings = values_of(said)
    for one in platform.platforms:
        path = output
        if platform is PlatformName.ALL:
            path = output.with_name(f"{output.name}-{one}")
        image = settled(one, settings, strip=not symbols)
        try:
            build.write(path, image)
        except OSError as error:
            fail(f"cannot write {path}: {str(error.strerror).lower()}")
        say(f"wrote {path}, {len(image):,} bytes")


@app.command("config")
def config_(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The same as --config FILE.", show_default=False),
    ] = None,
    config: ConfigFile = None,
    show: Annotated[
        bool, typer.Option("--show", help="Show every option: done if nothing else is asked for.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Show them as JSON, for programs.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say every mistake in the file, or that it has none.")
    ] = False,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print a whole file to start from, with every default.")
    ] = False,
) -> None:
    """Show what the options are, and which variable, file or default says so.

    A flag of `svc0 serve` or `svc0 build` decides, else the environment (`SVC0_PORT`), else the
    file, else the default.

    **Examples**

        svc0 config                         # every option, and where it is from

        svc0 config --toml > svc0.toml      # a file to start from

        svc0 config --check site.toml       # is it right?
    """
    if check + toml + (show or json_) > 1:
        raise typer.BadParameter("--show, --check and --toml are three things to do: choose one")
    if file and config:
        raise typer.BadParameter("FILE and --config FILE are the same: name one")
    if toml:
        print(template(), end="")
        return
    try:
        read = file_of(file or config, os.environ)
        if check:
            print_line(checked(read))
            return
        settings = settle({}, os.environ, read)
    except ConfigError as error:
        for mistake in error.mistakes:
            say(mistake)
        raise typer.Exit(FAILURE) from None
    if json_:
        print(json.dumps(as_data(settings, read), indent=2))
    else:
        print_table(settings_table(settings))


def checked(file: Path | None) -> str:
    """What can be said of a file without a mistake."""
    if file is None:
        fail(f"there is no {FILE} here, and no other file was named")
    number = len(of_file(file))
    return f"{plain(str(file))} is right: it sets {number} option{'s' * (number != 1)}"


def as_data(settings: dict[str, Setting], file: Path | None) -> dict[str, object]:
    """All options for programs, in the words of the file."""
    return {
        "file": str(file) if file else None,
        "options": {
            name: {"value": OPTIONS[name].written(setting.value), "source": setting.source}
            for name, setting in settings.items()
        },
    }


def settings_table(settings: dict[str, Setting]) -> Table:
    """All options for people."""
    shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=results.is_terminal)
    for title in "option", "value", "from":
        shown.add_column(title, overflow="fold")
    for name, setting in settings.items():
        value = plain(str(OPTIONS[name].written(setting.value)))
        style = "dim" if setting.source == DEFAULT else "bold"
        shown.add_row(Text(name), Text(value, style), Text(setting.source, style))
    return shown


@app.command("doctor")
def doctor_(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE", help="Executables that svc0 wrote, to look at too.", show_default=False
        ),
    ] = None,
) -> None:
    """Say what this computer can run, what is missing, and how to get it.

    Of an executable that svc0 wrote it says what it is for and whether it is whole; on a Mac also
    whether its signature holds and whether it is in quarantine. Nothing is changed. The exit
    code is 1 if there is a problem.
    """
    report = {f"Machines (svc0 serve uses {choose().name})": list(doctor.machines())}
    try:
        for file in files or []:
            report[str(file)] = list(doctor.file_findings(file))
    except OSError as error:
        fail(f"cannot read {error.filename}: {str(error.strerror).lower()}")
    print_line(f"svc0 {__version__} on {doctor.host()}")
    for subject, findings in report.items():
        print_line(Text(f"\n{subject}:", "bold"))
        for finding in findings:
            print_finding(finding)
    if not all(map(doctor.is_well, report.values())):
        raise typer.Exit(FAILURE)


def hyphened(name: str) -> str:
    """The name of a case as one word."""
    return name.replace(",", "").replace(" ", "-")


def completed(begin: str) -> list[tuple[str, str]]:
    """The cases whose names begin so."""
    words = {hyphened(name): case.meaning for name, case in CASES.items()}
    return [(word, meaning) for word, meaning in words.items() if word.startswith(begin)]


def chosen(name: str) -> str:
    """The case that is called so."""
    try:
        return named(name)
    except KeyError:
        raise typer.BadParameter(f"there is no kind of request called {name}: see --list") from None


@app.command("cost")
def cost_(
    case: Annotated[
        str,
        typer.Argument(
            metavar="[KIND]",
            help="A kind of request, of those that --list names.",
            callback=chosen,
            autocompletion=completed,
        ),
    ] = "small-file",
    by: Annotated[By, typer.Option("--by", help="What the instructions are told by.")] = By.CALL,
    request: Annotated[
        Path | None,
        typer.Option(
            "--request",
            metavar="FILE",
            help="Instead of a kind: a request as it goes over the wire. Where no line of it ends "
            "in CR LF, LF is taken for that.",
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="The directory to serve, for --request.",
            show_default="made for the kinds",
        ),
    ] = None,
    flame: Annotated[
        Path | None,
        typer.Option("--flame", metavar="FILE.svg", help="Write a flame chart, too."),
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=10_000, help="How often it is asked, to count.")
    ] = ROUNDS,
    top: Annotated[int, typer.Option("--top", min=0, help="So many rows; 0: all.")] = 25,
    list_: Annotated[bool, typer.Option("--list", help="Name the kinds of request.")] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="JSON for programs, and all rows of it.")
    ] = False,
) -> None:
    """Say what a request costs: its instructions and system calls, exactly.

    The server runs in the emulator that came with svc0, over this computer's sockets. What is
    counted is the same on every computer: the clock stands still, and the request is asked often,
    and often before that to warm up.

    **Examples**

        svc0 cost                             # a small file: its calls, in order

        svc0 cost browser --by routine        # which routines, and how often

        svc0 cost --request my.http --by line # which lines of Python

        svc0 cost head --flame head.svg       # who called whom
    """
    if list_:
        print_list()
        return
    if root and not request:
        raise typer.BadParameter("--root goes with --request")
    asked, title = CASES[case], CASES[case].meaning
    if request:
        title = str(request)
        asked = Case(title, wired(request), 0)
    profile = profiled(asked, root if request else None, rounds)
    if flame:
        draw(flame, profile, title)
    if json_:
        about = {"request": str(request)} if request else {"kind": case, "meaning": title}
        print(json.dumps(about | data(profile, by), indent=2))
        return
    print_line(Text(f"{title}: {summary(profile)}", "bold"))
    print_table(table(profile, by, top))


def print_list() -> None:
    """The kinds of request, and what they are."""
    shown = Table.grid(padding=(0, 3))
    for name, case in CASES.items():
        shown.add_row(Text(hyphened(name), "bold"), case.meaning)
    print_table(shown)


def print_table(shown: Table) -> None:
    """A table; only a terminal, whose width is known, cuts what is too long."""
    if results.is_terminal:
        results.print(shown)
    else:
        options = results.options.update(max_width=WIDEST)
        Console(width=results.measure(shown, options=options).maximum).print(shown)


def wired(file: Path) -> bytes:
    """A request from a file, its lines as the wire wants them."""
    try:
        content = file.read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {str(error.strerror).lower()}")
    if not content:
        fail(f"{file} is empty: a request was expected")
    return content if b"\r\n" in content else content.replace(b"\n", b"\r\n")


def profiled(case: Case, root: Path | None, rounds: int) -> Profile:
    """What a case costs, or one line about why that cannot be known."""
    if sys.platform != "linux":
        fail("costs are counted on Linux only: the server there asks this computer's kernel")
    if root and not root.is_dir():
        fail(f"{root} is no directory")
    try:
        return of_case(case, root, rounds)
    except (StageError, Fault) as error:
        fail(str(error))


def draw(file: Path, profile: Profile, title: str) -> None:
    """Write the flame chart."""
    try:
        from svc0.lab.cost.flame import svg
    except ImportError:
        fail("--flame needs Jinja2: pip install 'svc0[lab]'")
    try:
        file.write_text(svg(profile, f"{title}: {summary(profile)}"))
    except OSError as error:
        fail(f"cannot write {file}: {str(error.strerror).lower()}")
    say(f"wrote {file}")


def print_line(line: str | Text) -> None:
    """A line on standard output, which is not cut where it is longer than the terminal."""
    results.print(line, markup=False, soft_wrap=True)


def print_finding(finding: Finding) -> None:
    """The verdict, what was looked at, what was seen; below it what would help.

    Only what was seen is wrapped, and only for a terminal: advice is there to be copied.
    """
    margin = f"  {finding.verdict:<7}  {finding.what:<10}  "
    indent = " " * len(margin)
    width = results.width if results.is_terminal else sys.maxsize
    lines = wrap(
        finding.seen, width, initial_indent=margin, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    text = Text("\n".join(lines))
    text.stylize(COLOURS[finding.verdict], 2, 2 + len(finding.verdict))
    print_line(text)
    if finding.advice:
        style = "" if finding.verdict is Verdict.PROBLEM else "dim"
        print_line(Text(indent + finding.advice, style))


def values_of(said: Said) -> dict[str, Value]:
    """The value of every option, its address as the executable wants it."""
    try:
        file = file_of(said.file, os.environ)
        settings = settle(said.values, os.environ, file)
    except ConfigError as error:
        fail(error.mistakes[0])
    if file is not None:
        say(f"options from {plain(str(file))}")
    values = {name: setting.value for name, setting in settings.items()}
    return values | {"address": resolved(str(values["address"]))}


def settled(platform: Platform, settings: dict[str, Value], *, strip: bool = True) -> bytes:
    """The executable with these settings, or one line about what they may be."""
    try:
        return build.executable(platform=platform, strip=strip, **settings)
    except ValueError as error:
        fail(str(error))


def resolved(name: str) -> str:
    """The address of a name: the executable itself knows addresses only."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        fail(f"cannot listen on {plain(name)}: there is no such address or name")
    addresses = [str(entry[4][0]) for entry in found]
    return LOCAL if LOCAL in addresses else addresses[0]


def run_and_open(machine: Machine, image: bytes, words: list[str]) -> int:
    """Run the server beside this process, and show the browser the address that it says."""
    process = machine.start(image, words, stderr=subprocess.PIPE)
    assert process.stderr is not None

    def stop(*_: object) -> None:
        process.terminate()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    shown = False
    for line in process.stderr:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        if not shown and (found := re.search(rb"http://\S+", line)):
            shown = webbrowser.open(found[0].decode())
    status = process.wait()
    return status if status >= 0 else 128 - status
