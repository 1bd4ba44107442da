"""Options, against getopt: every shape of arguments, right and wrong."""

from __future__ import annotations

import getopt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import sizeof
from svc0.config import OPTIONS as CONFIG
from svc0.config import Value
from svc0.machine.call import caller
from svc0.server import options as under_test
from svc0.server.options import (
    HELP,
    MOST,
    OPTIONS,
    USAGE_ERROR,
    VERSION,
    Options,
    read_options,
    take_number,
    take_option,
)
from svc0.server.settings import SETTINGS, packed
from tests.server.kernel import text
from tests.server.memory import Memory
from tests.server.process import Ended, Process

NAMES = {"r": "root", "b": "address", "p": "port", "w": "workers"}
FIELDS = {"r": Options.root, "b": Options.address, "p": Options.port, "w": Options.workers}
DEFAULTS = {letter: CONFIG[name].default for letter, name in NAMES.items()}
COMPLAINT = (2, b"svc0: these arguments are not understood: try -h\n")

numbers = st.sampled_from(["0", "1", "64", "65", "080", "65535", "65536", "9" * 19, "9" * 30])
numbers |= st.integers(-5, 70000).map(str) | st.sampled_from(["", " 1", "1 ", "0x1", "1e3", "²"])
values = numbers | st.sampled_from(["/srv", ".", "::1", "a b", "-", "--", "-h", "é"])
words = st.sampled_from("rbpw").flatmap(
    lambda letter: st.tuples(values, st.booleans()).map(
        lambda pair: [f"-{letter}{pair[0]}"] if pair[1] and pair[0] else [f"-{letter}", pair[0]]
    )
)
arguments = st.lists(words, max_size=4).map(lambda lists: [word for two in lists for word in two])


def expected(words: list[str], defaults: dict[str, Value]) -> dict[str, Value] | None:
    """What getopt makes of them; None for a mistake."""
    found = dict(defaults)
    pairs, rest = getopt.getopt(words, "r:b:p:w:")
    assert not rest
    for name, value in pairs:
        letter = name[1:]
        if letter not in MOST:
            found[letter] = value
        elif value.isascii() and value.isdigit() and int(value) <= MOST[letter]:
            found[letter] = int(value)
        else:
            return None
    return found


def read(
    words: list[str], process: Process | None = None, *, named: bool = True, **settings: Value
) -> dict[str, Value]:
    """The options in force after these arguments; raises Ended if the process ends instead."""
    with caller(read_options) as machine:
        machine.write(machine.address(SETTINGS), packed(**settings))
        places = [machine.place(word.encode() + b"\0", writable=False) for word in words]
        if named:
            places.insert(0, machine.place(b"server\0"))
        listed = [*places, 0, machine.place(b"PATH=/\0"), 0]
        at = machine.place(b"".join(place.to_bytes(8, "little") for place in listed))
        machine.call(at, kernel=process or Process())
        found = Memory(machine, Options, machine.address(OPTIONS))
        return {
            letter: found[field] if letter in MOST else text(machine, found[field]).decode()
            for letter, field in FIELDS.items()
        }


@given(words=arguments)
@example(words=[])
def test_read_options(words: list[str]) -> None:
    wanted, process = expected(words, DEFAULTS), Process()
    if wanted is None:
        with pytest.raises(Ended) as ended:
            read(words, process)
        assert (ended.value.status, process.said) == (USAGE_ERROR, [COMPLAINT])
    else:
        assert read(words, process) == wanted


MISTAKES = ["x", "-", "--", "--help", "-x", "-x 1", "-p", "-r", "-hV", "-p 80 x", "-w", "-P80", ""]


@pytest.mark.parametrize("words", [line.split(" ") for line in MISTAKES], ids=MISTAKES)
def test_mistakes(words: list[str]) -> None:
    process = Process()
    with pytest.raises(Ended) as ended:
        read(words, process)
    assert (ended.value.status, process.said) == (USAGE_ERROR, [COMPLAINT])


@pytest.mark.parametrize(("flag", "said"), [("-h", HELP), ("-V", f"svc0 {VERSION}\n")])
@pytest.mark.parametrize("before", [[], ["-p", "80"]])
@pytest.mark.parametrize("after", [[], ["nonsense"]])
def test_help_and_version(flag: str, said: str, before: list[str], after: list[str]) -> None:
    process = Process()
    with pytest.raises(Ended) as ended:
        read([*before, flag, *after], process)
    assert (ended.value.status, process.said) == (0, [(1, said.encode())])


def test_help_names_every_option() -> None:
    for letter in [*NAMES, "h", "V"]:
        assert f"\n  -{letter} " in HELP
    assert max(map(len, HELP.splitlines())) <= 80


@given(
    root=st.text(max_size=200).filter(lambda name: "\0" not in name),
    port=st.integers(0, 65535),
    workers=st.integers(0, 64),
    named=st.booleans(),
)
def test_settings_are_in_force_until_something_else_is_said(
    root: str, port: int, workers: int, named: bool
) -> None:
    """Also for a process that was started without a name, which has no arguments at all."""
    found = read([], named=named, root=root, port=port, workers=workers, address="::1")
    assert found == {"r": root, "p": port, "w": workers, "b": "::1"}


def test_what_is_known_is_what_can_be_configured() -> None:
    assert {letter: CONFIG[NAMES[letter]].high for letter in MOST} == MOST


@given(number=st.integers(0, 2**70).map(str) | numbers, most=st.integers(0, 2**32 - 1))
def test_take_number(number: str, most: int) -> None:
    out, digits = bytearray(b"\xee" * 4), number.encode()
    valid = digits.isdigit() and int(digits) <= most
    assert take_number(out, digits + b"\0", most) == valid
    assert out == (int(digits).to_bytes(4, "little") if valid else b"\xee" * 4)


@given(letter=st.integers(0, 255))
def test_take_option_knows_its_letters(letter: int) -> None:
    assert take_option(letter, b"1\0") == (chr(letter) in NAMES)


@given(
    root=st.text(max_size=200).filter(lambda name: "\0" not in name),
    address=st.sampled_from(["0.0.0.0", "127.0.0.1", "::", "::1"]),
    port=st.integers(0, 65535),
    workers=st.integers(0, 64),
)
def test_use_settings(root: str, address: str, port: int, workers: int) -> None:
    """Whatever the options were before; the settings stay as they are."""
    settings = packed(root=root, address=address, port=port, workers=workers)
    with caller(under_test.use_settings) as machine:
        machine.write(machine.address(SETTINGS), settings)
        found = Memory(machine, Options, machine.address(OPTIONS))
        machine.write(int(found), b"\xee" * sizeof(Options))
        machine.call()
        assert text(machine, found[Options.root]) == root.encode()
        assert text(machine, found[Options.address]) == address.encode()
        assert (found[Options.port], found[Options.workers]) == (port, workers)
        assert machine.read(machine.address(SETTINGS), len(settings)) == settings


def test_explain_usage() -> None:
    process = Process()
    with caller(under_test.explain_usage) as machine, pytest.raises(Ended) as ended:
        machine.call(kernel=process)
    assert (ended.value.status, process.said) == (USAGE_ERROR, [COMPLAINT])


@pytest.mark.parametrize(("letter", "said"), [("h", HELP), ("V", f"svc0 {VERSION}\n")])
def test_show_text(letter: str, said: str) -> None:
    process = Process()
    with caller(under_test.show_text) as machine, pytest.raises(Ended) as ended:
        machine.call(ord(letter), kernel=process)
    assert (ended.value.status, process.said) == (0, [(1, said.encode())])
