"""docs/configuration.md, from the table of options: `python -m tools.configuration`.

A test keeps the two the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from svc0.config import OPTIONS, Option
from svc0.sources import DEFAULT, FILE, FILE_VARIABLE, MOST_BYTES, MOST_LINE, template

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"

TEXT = """\
# Configuration

What `svc0 serve` and `svc0 build` can be told. This page is made by `python -m tools.configuration`
from the table that flags, variables and keys are made from, too: `src/svc0/config.py`. What the
limits and times do to a client is said in [behaviour](behaviour.md#time-and-limits).

## Options

{options}
Numbers are whole, seconds too. `address` may be a name; it is looked up when the server is started
or built.

## Which of them decides

For each option by itself, the first of these that has a value:

1. a flag of `svc0 serve` or `svc0 build`,
2. a variable of the environment,
3. the file,
4. the default.

What is wrong is refused wherever it stands, also where another source decides: one line on standard
error that names the place, and exit code 1 (2 for a flag).

An executable that `svc0 build` wrote has all of it inside. It reads neither a file nor the
environment, only its own `-r`, `-p`, `-b` and `-w`.

`svc0 config` shows each option, its value, and where that is from:

```
$ SVC0_PORT=9000 svc0 config --config site.toml
{shown}
```

`--json` is the same for programs. `svc0 config --check [FILE]` says every mistake in the file, a
line for each, or that it is right; the variables are left out of it.

## The file

It is the one that `--config FILE` names; else the one that `{variable}` names; else `{file}` in the
working directory, if there is one. So a directory that holds somebody else's `{file}` has a say
when you serve from inside of it: `svc0 serve` and `svc0 build` tell which file they read, and
`--config /dev/null` is none. A file that was named and is not there is an error.

`svc0 config --toml` prints this one, with every default, to start from:

```toml
{template}```

- It is TOML in UTF-8, and **every option stands on a line of its own**: there are no tables, and no
  value spans lines. So every mistake has a line, and none hides the next
  ([why](decisions/{decision})).
- Names have `_`, never `-`. A name that is none, a value of another type and one beyond its limits
  are mistakes; so is an option that is there twice.
- A relative `root` begins where the file is, whether that was named or found. (As a flag or
  variable it begins in the working directory.) A leading `~` is a name like any other.
- It has {bytes} bytes at most, a line {line}, and it is a regular file (or `/dev/null`).

## The environment

Every option is a variable: `SVC0_` and its name in capitals. Numbers are digits and nothing else,
and texts have no quotes. An empty variable is as if it were not set, and a variable that names no
option is left alone.
"""

DECISION = "0013-a-file-of-options.md"
EXAMPLE = {
    "root": ("site", "site.toml:1"),
    "port": (9000, "SVC0_PORT"),
    "log": ("json", "site.toml:2"),
}


def page() -> str:
    """All of it."""
    return TEXT.format(
        options="".join(rows()),
        shown="\n".join(shown()),
        variable=FILE_VARIABLE,
        file=FILE,
        template=template(),
        decision=DECISION,
        bytes=f"{MOST_BYTES:,}",
        line=f"{MOST_LINE:,}",
    )


def rows() -> Iterator[str]:
    """The table of options."""
    yield "| name | flag | variable | default | takes | meaning |\n"
    yield "| --- | --- | --- | --- | --- | --- |\n"
    for option in OPTIONS.values():
        flags = ", ".join(f"`{flag}`" for flag in option.flags) or "`DIR`"
        default = option.written(option.default)
        yield f"| `{option.name}` | {flags} | `{option.variable}` | `{default}` "
        yield f"| {limits(option)} | {option.meaning} |\n"


def limits(option: Option) -> str:
    """What it takes, for people: large numbers in groups."""
    if option.names or not isinstance(option.default, int):
        return option.limits
    return f"{option.low:,} to {option.high:,}"


def shown() -> Iterator[str]:
    """The beginning of what `svc0 config` shows."""
    for option in list(OPTIONS.values())[:6]:
        value, source = EXAMPLE.get(option.name, (option.written(option.default), DEFAULT))
        yield f"{option.name:<16}{value!s:<12}{source}"
    yield "…"


def main() -> None:
    """Write the page."""
    text = page()
    PAGE.write_text(text)
    sys.stdout.write(f"{PAGE}: {len(text.splitlines())} lines\n")


if __name__ == "__main__":
    main()
