"""Flags: each option of the table is one, and says what it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given

from svc0 import build, cli
from svc0.config import OPTIONS, Value
from svc0.flags import Said, configured
from svc0.server.settings import packed
from tests.options import settings


class Built(Exception):  # noqa: N818
    """What would have been built; nothing is."""


def same(name: str) -> str:
    return name


def instead(**settings: Any) -> bytes:
    del settings["platform"], settings["strip"]
    raise Built(settings)


@pytest.fixture(scope="module", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No file, no variables, and nothing is asked of the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("alone"))
        for option in OPTIONS.values():
            patch.delenv(option.variable, raising=False)
        patch.delenv("SVC0_CONFIG", raising=False)
        patch.setattr(build, "executable", instead)
        patch.setattr(cli, "resolved", same)
        yield


def built(*words: str) -> dict[str, Value]:
    """The settings of what these words build."""
    command: Any = typer.main.get_command(cli.app)
    with pytest.raises(Built) as caught:
        command(["build", *words], standalone_mode=False)
    return caught.value.args[0]


def words_for(values: dict[str, Value]) -> list[str]:
    words = [
        f"{OPTIONS[name].flags[0]}={value}" for name, value in values.items() if name != "root"
    ]
    return [*words, "--", str(values["root"])] if "root" in values else words


@given(chosen=settings())
def test_flags_settle_what_they_say(chosen: dict[str, Value]) -> None:
    expected = {name: OPTIONS[name].take(value) for name, value in chosen.items()}
    if "root" in chosen:
        expected["root"] = str(Path(str(chosen["root"])))
    assert packed(**built(*words_for(chosen))) == packed(**expected)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_flag_decides_also_if_it_says_the_default(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    option = OPTIONS[name]
    other = "json" if option.names else "7"
    monkeypatch.setenv(option.variable, other)
    assert built()[name] == option.read(other)
    words = words_for({name: option.written(option.default)})
    assert built(*words)[name] == option.default


@pytest.mark.parametrize("name", [name for name, one in OPTIONS.items() if one.letter])
def test_a_letter_is_the_same(name: str) -> None:
    assert built(OPTIONS[name].letter, "9")[name] == OPTIONS[name].read("9")


def test_a_command_keeps_what_is_its_own() -> None:
    """Its parameters, its name, its help; and only what was said is said."""
    app = typer.Typer()
    called: list[tuple[Said, bool]] = []

    @app.command()
    @configured("nowhere")
    def one(said: Said, loud: bool = False) -> None:
        """What one does."""
        called.append((said, loud))

    command: Any = typer.main.get_command(app)
    assert command.help == "What one does."
    assert command.name == "one"
    command(["--loud", "-p", "8080", "--log", "none"], standalone_mode=False)
    command(["--config", "x", "here"], standalone_mode=False)
    assert called == [
        (Said({"port": 8080, "log": 0}, None), True),
        (Said({"root": "here"}, Path("x")), False),
    ]
