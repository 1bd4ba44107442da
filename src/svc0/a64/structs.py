"""Structs: layouts of memory, as classes whose fields are their own offsets.

    class Connection(Struct):
        socket: u32
        received: u64

``Connection.received`` is a ``u64`` whose value is 8, so ``[conn,
Connection.received]`` is an address, and ``ldr`` of the wrong width is refused.
A field may be another struct (``request: Request``; then ``Connection.request.method``
is an offset too), an array (``head: u8 = array(4096)``, of which ``Connection.head[9]`` is
one; of structs, too), a set of flags
(``wants: u8 = flags(Wants)``), or lie where a kernel says (``size: u64 = at(48)``), and where each
of them says something else (``at(either(linux=48, macos=96))``).
"""

from __future__ import annotations

import inspect
import sys
from enum import IntFlag
from typing import Any, Self, TypeVar

from .platforms import NOWHERE, PLATFORMS, Either, Platform, settled

__all__ = [
    "Field",
    "Struct",
    "array",
    "at",
    "bit",
    "flags",
    "i16",
    "i32",
    "i64",
    "sizeof",
    "u8",
    "u16",
    "u32",
    "u64",
]


class Field(int):
    """An offset that knows how wide what lies there is, and what it is called.

    ``width`` is in bytes, 0 where anything may lie (a nested struct); ``count`` is how
    many there are, ``size`` how many bytes all of them take.  Where platforms have it at other
    places, ``offset`` says where, and the field itself is a number only in the scope of one.
    """

    width: int = 0
    name: str = "?"
    count: int = 1
    size: int = 0
    values: type[IntFlag] | None = None
    offset: int = 0

    def on(self, platform: Platform) -> Self:
        """The field as a platform has it."""
        if not isinstance(self.offset, Either):
            return self
        return moved(self, 0, self.name, self.offset.on(platform))

    def __index__(self) -> int:
        return int(self.offset)

    def __int__(self) -> int:
        return int(self.offset)

    def __hash__(self) -> int:
        return hash(self.offset)

    def __eq__(self, other: object) -> bool:
        return self.offset == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __add__(self, other: int) -> int:
        return self.offset + other

    def __radd__(self, other: int) -> int:
        return other + self.offset

    def __sub__(self, other: int) -> int:
        return self.offset - other

    def __repr__(self) -> str:
        return self.name

    def __getitem__(self, index: int) -> Self:
        """One of an array: ``Line.points[2]``."""
        if not 0 <= index < self.count:
            raise IndexError(f"{self.name} has {self.count}, and no [{index}]")
        each = self.size // self.count
        one = moved(self, index * each, f"{self.name}[{index}]")
        one.count, one.size = 1, each
        return one


class u8(Field):
    width = 1


class u16(Field):
    width = 2


class u32(Field):
    width = 4


class u64(Field):
    width = 8


class i16(Field):
    width = 2


class i32(Field):
    width = 4


class i64(Field):
    width = 8


F = TypeVar("F", bound=Field)


def moved(field: F, by: int, name: str, offset: int | None = None) -> F:
    """The same field, counted from another start, or at another offset."""
    offset = field.offset + by if offset is None else offset
    other = placed(type(field), offset)
    other.name, other.count, other.size = name, field.count, field.size
    other.values = field.values
    return other


def placed(kind: type[F], offset: int) -> F:
    """A field of this kind at an offset."""
    field = kind(NOWHERE if isinstance(offset, Either) else offset)
    field.offset = offset
    return field


class Placing:
    """Where a field lies, how often it repeats and what it means, where that is not the obvious."""

    def __init__(
        self, count: int = 1, offset: int | None = None, values: type[IntFlag] | None = None
    ) -> None:
        self.count, self.offset, self.values = count, offset, values


def array(count: int, *, at: int | None = None) -> Any:
    """So many of them: ``head: u8 = array(4096)``."""
    return Placing(count=count, offset=at)


def at(offset: int) -> Any:
    """At this offset, whatever comes before: for the kernel's structs, listed in part.

    ``at(either(linux=48, macos=96))`` is where each platform's kernel has it.
    """
    return Placing(offset=offset)


def flags(values: type[IntFlag]) -> Any:
    """Bits with names: ``wants: u8 = flags(Wants)``; they must have room in the field."""
    return Placing(values=values)


def bit(flag: IntFlag) -> int:
    """The number of a flag's one bit, for ``tbz`` and ``tbnz``.

    >>> class Wants(IntFlag):
    ...     CLOSE = 4
    >>> bit(Wants.CLOSE)
    2
    """
    assert flag.bit_count() == 1, f"{flag!r} is not one bit"
    return flag.bit_length() - 1


class Struct(Field):
    """A layout: annotate fields in order; each lies at the next multiple of its width.

    The class is the layout; where a struct is a field of another, an instance is that
    field: an offset, whose own fields are counted from the outer start.
    """

    alignment: int
    fields: dict[str, Field]
    exact: int
    """How many bytes it takes on each platform; ``size`` is room for it on any."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in type(self).fields:
            return moved(found, self.offset, f"{self.name}.{name}")
        return found

    def __init_subclass__(cls, *, size: int = 0) -> None:
        outside = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # for structs made inside of functions
        kinds = inspect.get_annotations(
            cls, globals=outside.f_globals, locals=outside.f_locals, eval_str=True
        )
        cls.fields, alignment = {}, 1
        for name, kind in kinds.items():
            reserved = ("size", "alignment", "fields", "exact", "offset", "on")
            assert name not in reserved, f"{name} is a name of every struct"
            field = cls._lay(name, kind, cls.__dict__.get(name, Placing()))
            cls.fields[name] = field
            setattr(cls, name, field)
            alignment = max(alignment, kind.alignment if issubclass(kind, Struct) else kind.width)
        end, room = cls._end(), largest(size)
        assert not room or room >= end, f"{cls.__name__} takes {end} bytes, more than {room}"
        cls.size = room or -(-end // alignment) * alignment
        cls.alignment, cls.exact = alignment, size if room else cls.size

    @classmethod
    def _end(cls) -> int:
        """How far the fields that have been laid reach, on the platform where they reach most."""
        return max((largest(field.offset + field.size) for field in cls.fields.values()), default=0)

    @classmethod
    def _lay(cls, name: str, kind: type[Any], placing: Placing) -> Field:
        """Put one field at its offset, or behind those before."""
        of_ours = isinstance(kind, type) and issubclass(kind, Field)  # pyright: ignore[reportUnnecessaryIsInstance]
        assert of_ours, f"{cls.__name__}.{name}: u8 to u64, i16 to i64 or a Struct fits, not {kind}"
        assert placing.count > 0, f"{cls.__name__}.{name}: an array of {placing.count} is nothing"
        nested = issubclass(kind, Struct)
        width = kind.size if nested else kind.width
        unit = kind.alignment if nested else width
        offset = -(-cls._end() // unit) * unit if placing.offset is None else placing.offset
        field: Field = placed(kind, offset)
        field.name, field.count = f"{cls.__name__}.{name}", placing.count
        field.size, field.values = width * placing.count, placing.values
        if nested:
            hidden = kind.fields.keys() & {"name", "count", "values", "width"}
            assert not hidden, f"{field.name}: {hidden} are names of every field"
        if placing.values:
            most = max((flag.value for flag in placing.values), default=0)
            assert most < 1 << 8 * width, f"{field.name} has no room for {placing.values.__name__}"
        for other in cls.fields.values():
            assert apart_everywhere(field, other), f"{field.name} overlaps {other.name}"
        return field


def apart_everywhere(one: Field, other: Field) -> bool:
    """Whether two fields of a struct share no byte on any platform."""
    return all(
        settled(one.offset + one.size, name) <= settled(other.offset, name)
        or settled(other.offset + other.size, name) <= settled(one.offset, name)
        for name in PLATFORMS
    )


def largest(number: int) -> int:
    """A number, or the largest that a platform has."""
    return max(number.values.values()) if isinstance(number, Either) else number


def sizeof(what: type[Struct] | Field) -> int:
    """How many bytes a struct or a field takes; a struct includes the room to align the next."""
    return what.size
