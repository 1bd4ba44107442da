"""The table of options: what each takes, and that nothing else knows it."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from svc0.config import OPTIONS, LogFormat, LogName, Value, plain
from svc0.server.settings import Settings, packed

configuration: Any = importlib.import_module("tools.configuration")  # tests/ has tools of its own

NUMBERS = [name for name, option in OPTIONS.items() if isinstance(option.default, int)]
TEXTS = [name for name in OPTIONS if name not in NUMBERS]
BEHAVIOUR = Path(__file__).parents[1] / "docs" / "behaviour.md"


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_have_limits(name: str) -> None:
    option = OPTIONS[name]
    for value in option.low, option.high, option.default:
        assert option.check(value) == value
    for wrong in option.low - 1, option.high + 1, "1":
        with pytest.raises(ValueError, match=rf"{name} takes {option.low} to {option.high}, not "):
            option.check(wrong)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_have_a_length_in_bytes(name: str) -> None:
    option = OPTIONS[name]
    most = option.size - 1
    for value in "", "a" * most, "\u00e9" * (most // 2), "\udcff" * most:
        assert option.check(value) == value
    for wrong in "a" * (most + 1), "\u00e9" * option.size, "a\0b":
        with pytest.raises(ValueError, match=f"{name} takes up to {most} bytes without NUL"):
            option.check(wrong)
    with pytest.raises(ValueError, match=f"{name} takes text, not 1"):
        option.check(1)


@pytest.mark.parametrize("name", NUMBERS)
def test_true_is_no_number(name: str) -> None:
    with pytest.raises(ValueError, match="not true"):
        OPTIONS[name].check(True)


def test_a_log_format_has_a_name_for_people() -> None:
    log = OPTIONS["log"]
    for name in LogName:
        assert log.take(str(name)) == log.read(str(name)) == name.number
        assert log.written(name.number) == name
    for wrong in 1, "", "JSON", "3", LogFormat.JSON:
        with pytest.raises(ValueError, match="log takes common, combined, json or none, not "):
            log.take(wrong)
    with pytest.raises(ValueError, match="not 3"):
        log.read("3")


NO_NUMBERS = ["", "x", "-1", "+1", " 1", "1 ", "1_0", "0x1", "1.0", "\u0661", "9" * 99]


@pytest.mark.parametrize("word", NO_NUMBERS)
def test_a_number_in_a_variable_is_digits(word: str) -> None:
    with pytest.raises(ValueError, match="port takes 0 to 65535, not "):
        OPTIONS["port"].read(word)


def test_what_is_shown_of_others_is_one_line_and_moves_nothing() -> None:
    assert plain("\x1b[31m\r\n\udcff\u202e") == r"\x1b[31m\r\n\udcff\u202e"
    assert plain("\u00e9 \u4e2d") == "\u00e9 \u4e2d"
    for value, shown in {
        "x" * 99: f'"{"x" * 59}…"',
        10**9999: "a number of so many digits",
        "\n": r'"\n"',
    }.items():
        with pytest.raises(ValueError, match=f"not {re.escape(shown)}$"):
            OPTIONS["port"].take(value)


def test_names_are_all_different() -> None:
    for each in (
        [option.variable for option in OPTIONS.values()],
        [flag for option in OPTIONS.values() for flag in option.flags],
    ):
        assert len(each) == len(set(each))
    assert not any("-" in name for name in OPTIONS)
    assert "SVC0_CONFIG" not in [option.variable for option in OPTIONS.values()]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_setting_is_where_the_server_looks(name: str) -> None:
    value: Value = 3 if name in NUMBERS else "/x"
    content, field = packed(**{name: value}), Settings.fields[name]
    if isinstance(value, int):
        assert int.from_bytes(content[field : field + field.size], "little") == value
    else:
        assert content[field : field + len(value) + 1] == value.encode() + b"\0"
    rest = packed()
    assert len(content) == len(rest) == Settings.size
    end = field + OPTIONS[name].size if name in TEXTS else field + field.size
    assert (content[:field], content[end:]) == (rest[:field], rest[end:])


def test_what_is_no_option_is_named() -> None:
    with pytest.raises(KeyError, match="there is no option prot"):
        packed(prot=1)


def test_log_formats_are_written_as_they_are_kept() -> None:
    assert [name.number for name in LogName] == [1, 2, 3, 0]
    assert len(LogName) == len(LogFormat)


@pytest.mark.parametrize(
    ("line", "name"),
    {
        "head: from its first byte to its last": "head_seconds",
        "the body of a request": "body_seconds",
        "idle, no byte of a next request": "idle_seconds",
        "sending: no byte taken by the client": "send_seconds",
        "connections per worker": "connections",
        "requests per connection": "requests",
        "stopping (SIGTERM)": "stop_seconds",
        "what is kept is taken to be as it was": "cache_seconds",
    }.items(),
)
def test_the_documentation_knows_the_defaults(line: str, name: str) -> None:
    found = re.search(rf"^\| {re.escape(line)} \| ([\d,]+)", BEHAVIOUR.read_text(), re.M)
    assert found
    assert int(found[1].replace(",", "")) == OPTIONS[name].default


def test_the_page_is_made_from_the_table() -> None:
    found, made = configuration.PAGE.read_text(), configuration.page()
    assert found == made, "run python -m tools.configuration"
    (example,) = re.findall(r"^```toml\n(.*?)^```$", made, re.M | re.S)
    assert list(tomllib.loads(example)) == list(OPTIONS)
    for option in OPTIONS.values():
        assert f"| `{option.name}` |" in made
        assert option.meaning in made
    assert (configuration.PAGE.parent / "decisions" / configuration.DECISION).exists()
