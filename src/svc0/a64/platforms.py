"""Platforms: what differs between the systems that one source is assembled for.

    O_CLOEXEC = either(linux=0x8_0000, macos=0x100_0000)
    OPEN_FLAGS = O_RDONLY | O_CLOEXEC

Such a number is an ``int`` to the reader and to the type checker.  Calculating with it gives
another one; an instruction that is written takes its value on the platform being assembled for.
Whatever else wants the value has to be in the scope of a platform, or it is refused: so no number
of one system slips into the executable of another.  ``either(linux=1)`` is a number that only
Linux has; to use it elsewhere is a mistake with a line.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from .errors import AssemblyError

__all__ = ["PLATFORMS", "Platform", "either", "platform"]

Platform: TypeAlias = Literal["linux", "macos"]
PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)

_current: ContextVar[Platform] = ContextVar("the platform being assembled for")


def platform() -> Platform:
    """The system being assembled for, or run: "linux" or "macos"."""
    found = _current.get(None)
    if found is None:
        raise AssemblyError("which platform this is about is known only inside of a @routine")
    return found


def current(default: Platform) -> Platform:
    """The platform whose scope this is, or the default outside of any."""
    return _current.get(default)


@contextmanager
def on(platform: Platform) -> Generator[None, None, None]:
    """The scope of a platform: inside of it, its numbers are those that ``either`` made."""
    token = _current.set(platform)
    try:
        yield
    finally:
        _current.reset(token)


NOWHERE: Final = 0x5AFE_0000_0000_0000
"""What code that looks past every method here finds: no descriptor, flag, size or offset."""


class Either(int):
    """A number that each platform has its own of; made by ``either``."""

    values: dict[Platform, int]

    def __new__(cls, values: dict[Platform, int]) -> Either:
        self = super().__new__(cls, NOWHERE)
        self.values = values
        return self

    def on(self, platform: Platform) -> int:
        """What it is there; AssemblyError if there is no such thing."""
        try:
            return self.values[platform]
        except KeyError:
            others = " and ".join(self.values)
            raise AssemblyError(f"this number is for {others}, and {platform} has none") from None

    def __int__(self) -> int:
        return self.on(platform())

    def __index__(self) -> int:
        return int(self)

    def __bool__(self) -> bool:
        return bool(int(self))

    def __repr__(self) -> str:
        return f"either({', '.join(f'{name}={value:#x}' for name, value in self.values.items())})"

    def __hash__(self) -> int:
        return hash(tuple(self.values.items()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Either) and self.values == other.values:
            return True
        return isinstance(other, int) and int(self) == int(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: int) -> bool:
        return int(self) < int(other)

    def __le__(self, other: int) -> bool:
        return int(self) <= int(other)

    def __gt__(self, other: int) -> bool:
        return int(self) > int(other)

    def __ge__(self, other: int) -> bool:
        return int(self) >= int(other)

    def __or__(self, other: int) -> int:
        return calculated(int.__or__, self, other)

    def __ror__(self, other: int) -> int:
        return calculated(int.__or__, other, self)

    def __and__(self, other: int) -> int:
        return calculated(int.__and__, self, other)

    def __rand__(self, other: int) -> int:
        return calculated(int.__and__, other, self)

    def __add__(self, other: int) -> int:
        return calculated(int.__add__, self, other)

    def __radd__(self, other: int) -> int:
        return calculated(int.__add__, other, self)

    def __sub__(self, other: int) -> int:
        return calculated(int.__sub__, self, other)

    def __rsub__(self, other: int) -> int:
        return calculated(int.__sub__, other, self)

    def __mul__(self, other: int) -> int:
        return calculated(int.__mul__, self, other)

    def __rmul__(self, other: int) -> int:
        return calculated(int.__mul__, other, self)

    def __floordiv__(self, other: int) -> int:
        return calculated(int.__floordiv__, self, other)

    def __rfloordiv__(self, other: int) -> int:
        return calculated(int.__floordiv__, other, self)

    def __mod__(self, other: int) -> int:
        return calculated(int.__mod__, self, other)

    def __rmod__(self, other: int) -> int:
        return calculated(int.__mod__, other, self)

    def __xor__(self, other: int) -> int:
        return calculated(int.__xor__, self, other)

    def __rxor__(self, other: int) -> int:
        return calculated(int.__xor__, other, self)

    def __rshift__(self, other: int) -> int:
        return calculated(int.__rshift__, self, other)

    def __rrshift__(self, other: int) -> int:
        return calculated(int.__rshift__, other, self)

    def __lshift__(self, other: int) -> int:
        return calculated(int.__lshift__, self, other)

    def __rlshift__(self, other: int) -> int:
        return calculated(int.__lshift__, other, self)

    def __neg__(self) -> int:
        return calculated(int.__neg__, self)

    def __invert__(self) -> int:
        return calculated(int.__invert__, self)

    def __format__(self, spec: str) -> str:
        return format(int(self), spec)

    def to_bytes(self, *arguments: Any, **options: Any) -> bytes:
        return int(self).to_bytes(*arguments, **options)


def calculated(operation: Callable[..., int], *numbers: int) -> int:
    """What comes of numbers on each platform that has all of them."""
    having = [number.values.keys() for number in numbers if isinstance(number, Either)]
    common: list[Platform] = [name for name in PLATFORMS if all(name in names for names in having)]
    return combined(
        {name: operation(*(settled(number, name) for number in numbers)) for name in common}
    )


def combined(values: dict[Platform, int]) -> int:
    """One number of several; the same on all platforms is a plain one."""
    same = len(values) == len(PLATFORMS) and len(set(values.values())) == 1
    return values[PLATFORMS[0]] if same else Either(values)


def either(*, linux: int | None = None, macos: int | None = None) -> int:
    """A number by platform; the same on all is a plain one.  It may be missing on some.

    What it is made of may be such numbers too: ``either(linux=O_PATH, macos=O_SEARCH)``.

    >>> flags = either(linux=0x800, macos=4) | 1
    >>> flags
    either(linux=0x801, macos=0x5)
    >>> with on("macos"):
    ...     int(flags)
    5
    """
    values: dict[Platform, int] = {}
    if linux is not None:
        values["linux"] = settled(linux, "linux")
    if macos is not None:
        values["macos"] = settled(macos, "macos")
    return combined(values)


def settled(value: Any, platform: Platform) -> Any:
    """A value, or the values of a list, as a platform has it: numbers, fields and routines."""
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [settled(item, platform) for item in items]
    return value.on(platform) if hasattr(value, "on") else value
