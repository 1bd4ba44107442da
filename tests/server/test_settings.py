"""Settings: every option comes back from the bytes that an executable carries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.config import OPTIONS, LogFormat, LogName, Option, Value
from svc0.server.settings import SETTINGS, Settings, packed

DEFAULTS = {name: option.default for name, option in OPTIONS.items()}


def values(option: Option) -> st.SearchStrategy[Value]:
    """Everything that an option takes."""
    if isinstance(option.default, int):
        return st.integers(option.low, option.high)
    characters = st.characters(codec="utf-8", exclude_characters="\0")
    fits = st.text(characters, max_size=option.size // 4 - 1)
    return fits | st.just("x" * (option.size - 1))


def unpacked(content: bytes) -> dict[str, Value]:
    """The values, read as the server does: little-endian numbers, text up to a NUL."""
    found: dict[str, Value] = {}
    for name, field in Settings.fields.items():
        piece = content[field : field + field.size]
        if isinstance(DEFAULTS[name], str):
            assert piece.endswith(b"\0")
            found[name] = piece.split(b"\0", 1)[0].decode(errors="surrogateescape")
        else:
            found[name] = int.from_bytes(piece, "little")
    return found


@given(st.fixed_dictionaries({}, optional={name: values(o) for name, o in OPTIONS.items()}))
def test_packed(given: dict[str, Value]) -> None:
    content = packed(**given)
    assert len(content) == len(SETTINGS) == Settings.size
    assert unpacked(content) == DEFAULTS | given


def test_the_defaults_are_built_in() -> None:
    assert unpacked(bytes(SETTINGS)) == DEFAULTS
    assert packed(root="caf\udce9") == packed(root=b"caf\xe9".decode(errors="surrogateescape"))
    assert b"caf\xe9\0" in packed(root="caf\udce9")


@pytest.mark.parametrize("name", OPTIONS)
def test_what_an_option_refuses(name: str) -> None:
    """Values right beyond its limits, and those of another kind; the message says what it takes."""
    option = OPTIONS[name]
    wrong: list[object] = [None, 1.5, b"x"]
    if isinstance(option.default, int):
        wrong += [option.low - 1, option.high + 1, "1"]
    else:
        wrong += ["x" * option.size, "\u00e9" * (option.size // 2), "a\0b", 1]
    for value in wrong:
        with pytest.raises(ValueError, match=rf"^{name} takes "):
            packed(**{name: value})  # pyright: ignore[reportArgumentType]


def test_an_option_that_is_none() -> None:
    with pytest.raises(KeyError, match="there is no option colour"):
        packed(colour=1)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_table(name: str) -> None:
    """Limits fit the fields, defaults the limits; each says what it means."""
    option, field = OPTIONS[name], Settings.fields[name]
    assert option.name == name
    assert option.check(option.default) == option.default
    assert option.meaning.endswith(".")
    if isinstance(option.default, int):
        assert 0 <= option.low <= option.high < 1 << 8 * field.width
    else:
        assert (field.width, field.size) == (1, option.size)


def test_log_formats_have_names() -> None:
    assert {name.number for name in LogName} == set(LogFormat)
