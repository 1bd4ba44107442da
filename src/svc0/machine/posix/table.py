"""Tables of calls, and what their registers can hold.

    CALLS = Table()

    @CALLS.call("fchdir")
    def fchdir(process: Process, file: Open) -> int: ...

An annotation is a decoder: `Open` takes the descriptor in its register and gives the file, or
EBADF.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar, get_type_hints

from ..process import Process
from ..world import File, Socket, failure

Decoder: TypeAlias = Callable[[Process, int], Any]
Function = TypeVar("Function", bound=Callable[..., int])


def signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def decode_file(process: Process, register: int) -> File:
    return process.descriptors[signed(register, 32)].file


def decode_socket(process: Process, register: int) -> Socket:
    file = decode_file(process, register)
    if not isinstance(file, Socket):
        raise failure(errno.ENOTSOCK)
    return file


def decode_path(process: Process, register: int) -> bytes:
    return process.memory.string(register)


def whole(_process: Process, register: int) -> int:
    return register


def low_half(_process: Process, register: int) -> int:
    return register & 0xFFFF_FFFF


def signed_half(_process: Process, register: int) -> int:
    return signed(register, 32)


def signed_whole(_process: Process, register: int) -> int:
    return signed(register, 64)


Int: TypeAlias = Annotated[int, signed_half]
Unsigned: TypeAlias = Annotated[int, low_half]
Long: TypeAlias = Annotated[int, signed_whole]
Size: TypeAlias = Annotated[int, whole]
Pointer: TypeAlias = Annotated[int, whole]
Path: TypeAlias = Annotated[bytes, decode_path]
Open: TypeAlias = Annotated[File, decode_file]
OpenSocket: TypeAlias = Annotated[Socket, decode_socket]


@dataclass(frozen=True)
class Call:
    """One system call: its name, what its registers hold, and what it does."""

    name: str
    decoders: tuple[Decoder, ...]
    function: Callable[..., int]

    def __call__(self, process: Process, registers: tuple[int, ...]) -> int:
        arguments = [
            decode(process, register)
            for decode, register in zip(self.decoders, registers, strict=False)
        ]
        return self.function(process, *arguments)


class Table(dict[str, Call]):
    """Calls by their names."""

    def call(self, *names: str) -> Callable[[Function], Function]:
        """Answer the calls of these names with this function."""

        def register(function: Function) -> Function:
            hints = get_type_hints(function, include_extras=True)
            decoders = tuple(
                hint.__metadata__[0]
                for name, hint in hints.items()
                if name not in ("process", "return")
            )
            for name in names:
                self[name] = Call(name, decoders, function)
            return function

        return register

    def by_number(self, numbers: Mapping[str, int]) -> dict[int, Call]:
        """Those of a platform, which may not have all."""
        return {numbers[name]: call for name, call in self.items() if name in numbers}


CALLS = Table()
call = CALLS.call
