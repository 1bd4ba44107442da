"""Flags: the options of the configuration, as those of a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Concatenate, TypeAlias

import typer

from svc0.config import OPTIONS, LogName, Option, Value

__all__ = ["ConfigFile", "Said", "configured"]

Command: TypeAlias = Callable[Concatenate["Said", ...], None]

ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A file with options; else $SVC0_CONFIG, else svc0.toml if there is one here.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Said:
    """What the words of a command line say of the configuration: only what they do say."""

    values: dict[str, Value]
    file: Path | None


def configured(no_root: str) -> Callable[[Command], Callable[..., None]]:
    """Make a command that takes every option of the configuration, and --config, besides its own.

    Typer asks a function's signature which flags there are, so this one is given a signature that
    has them all.  ``no_root`` says which directory it is if none is named.
    """

    def decorate(command: Command) -> Callable[..., None]:
        def called(context: typer.Context, **words: Any) -> None:
            values: dict[str, Value] = {}
            for name in OPTIONS:
                word, source = words.pop(name), context.get_parameter_source(name)
                if source and source.name == "COMMANDLINE":
                    values[name] = kept(word)
            command(Said(values, words.pop("config")), **words)

        about, *own = signature(command, eval_str=True).parameters.values()
        parameters = [
            about.replace(name="context", annotation=typer.Context),
            *own,
            *(parameter(option, no_root) for option in OPTIONS.values()),
            Parameter("config", Parameter.KEYWORD_ONLY, default=None, annotation=ConfigFile),
        ]
        keywords = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in parameters]
        made: Any = called
        made.__signature__ = Signature(keywords)
        made.__annotations__ = {one.name: one.annotation for one in keywords}
        made.__name__, made.__doc__ = command.__name__, command.__doc__
        return called

    return decorate


def kept(word: Path | LogName | Value) -> Value:
    """What a flag was given, as the executable keeps it."""
    match word:
        case LogName():
            return word.number
        case Path():
            return str(word)
        case _:
            return word


def parameter(option: Option, no_root: str) -> Parameter:
    """An option as Typer wants it."""
    kind: type[Path | LogName | Value] = type(option.default)
    default: Path | LogName | Value = option.default
    how = typer.Option(*option.flags, help=option.meaning)
    if option.is_path:
        kind, default = Path, Path(str(default))
        how = typer.Argument(metavar="DIR", help=option.meaning, show_default=no_root)
    elif option.names:
        kind, default = option.names, option.names(str(option.written(default)))
        how.metavar, how.help = "NAME", f"{option.meaning.rstrip('.')}: {option.limits}."
    elif isinstance(default, int):
        how.min, how.max, how.metavar = option.low, option.high, "N"
        how.rich_help_panel = None if option.letter else "Limits"
    return Parameter(
        option.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, how]
    )
