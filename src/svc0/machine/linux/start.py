"""What the first instruction finds on its stack.

sp ──► argc │ argv… │ 0 │ environment… │ 0 │ auxiliary vector… │ the strings themselves
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from .. import _linux as linux
from ..elf import PROGRAM_HEADER, Elf
from ..memory import PAGE
from ..process import STACK_END, Process


class Strings:
    """The top of the stack, filled downwards."""

    def __init__(self, process: Process) -> None:
        self._memory, self.top = process.memory, STACK_END

    def push(self, content: bytes) -> int:
        self.top -= len(content)
        self._memory.write(self.top, content)
        return self.top

    def push_text(self, text: bytes) -> int:
        return self.push(text + b"\0")


def lay_out_stack(
    process: Process, argv: Sequence[bytes], environment: Mapping[bytes, bytes]
) -> int:
    """Write all of it; the result is sp."""
    strings = Strings(process)
    name = strings.push_text(argv[0] if argv else b"")
    variables = [strings.push_text(key + b"=" + text) for key, text in environment.items()]
    arguments = [strings.push_text(text) for text in argv]
    auxiliary = auxiliary_vector(process, strings, name)
    words = [
        len(arguments),
        *arguments,
        0,
        *variables,
        0,
        *(word for pair in auxiliary.items() for word in pair),
        linux.AT_NULL,
        0,
    ]
    sp = (strings.top - 8 * len(words)) & -16
    process.memory.write(sp, struct.pack(f"<{len(words)}Q", *words))
    return sp


def auxiliary_vector(process: Process, strings: Strings, name: int) -> dict[int, int]:
    user, effective_user, group, effective_group = process.world.identity()
    elf = process.executable
    assert isinstance(elf, Elf)
    return {
        linux.AT_PHDR: elf.headers and process.bias + elf.headers,
        linux.AT_PHENT: PROGRAM_HEADER.size,
        linux.AT_PHNUM: elf.headers_count,
        linux.AT_PAGESZ: PAGE,
        linux.AT_BASE: 0,
        linux.AT_FLAGS: 0,
        linux.AT_ENTRY: process.bias + elf.entry,
        linux.AT_UID: user,
        linux.AT_EUID: effective_user,
        linux.AT_GID: group,
        linux.AT_EGID: effective_group,
        linux.AT_SECURE: 0,
        linux.AT_CLKTCK: 100,
        linux.AT_HWCAP: linux.HWCAP,
        linux.AT_HWCAP2: 0,
        linux.AT_PLATFORM: strings.push_text(b"aarch64"),
        linux.AT_RANDOM: strings.push(process.world.random(16)),
        linux.AT_EXECFN: name,
    }
