"""Structs: layouts of memory, as classes whose fields are their own offsets.

    class Connection(Struct):
        socket: u32
        received: u64

``Connection.received`` is a ``u64`` whose value is 8, so ``[conn,
Connection.received]`` is an address, and ``ldr`` of the wrong width is refused.
A field may be another struct (``request: Request``; then ``Connection.request.method``
is an offset too), an array (``head: u8 = array(4096)``, of which ``Connection.head[9]`` is
one; of structs, too), a set of flags
(``wants: u8 = flags(Wants)``), or lie where a kernel says (``size: u64 = at(48)``).
"""

from __future__ import annotations

import inspect
import sys
from enum import IntFlag
from typing import Any, Self, TypeVar

__all__ = [
    "Field",
    "Struct",
    "array",
    "at",
    "bit",
    "flags",
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
    many there are, ``size`` how many bytes all of them take.
    """

    width: int = 0
    name: str = "?"
    count: int = 1
    size: int = 0
    values: type[IntFlag] | None = None

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


class i32(Field):
    width = 4


class i64(Field):
    width = 8


F = TypeVar("F", bound=Field)


def moved(field: F, by: int, name: str) -> F:
    """The same field, counted from another start."""
    other = type(field)(int(field) + by)
    other.name, other.count, other.size = name, field.count, field.size
    other.values = field.values
    return other


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
    """At this offset, whatever comes before: for the kernel's structs, listed in part."""
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

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in type(self).fields:
            return moved(found, int(self), f"{self.name}.{name}")
        return found

    def __init_subclass__(cls, *, size: int = 0) -> None:
        outside = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # for structs made inside of functions
        kinds = inspect.get_annotations(
            cls, globals=outside.f_globals, locals=outside.f_locals, eval_str=True
        )
        cls.fields, end, alignment = {}, 0, 1
        for name, kind in kinds.items():
            assert name not in ("size", "alignment", "fields"), f"{name} is a name of every struct"
            placing: Placing = cls.__dict__.get(name, Placing())
            field = cls._lay(name, kind, placing, end)
            cls.fields[name] = field
            setattr(cls, name, field)
            end = field + field.size
            alignment = max(alignment, kind.alignment if issubclass(kind, Struct) else kind.width)
        assert not size or size >= end, f"{cls.__name__} takes {end} bytes, more than {size}"
        cls.size = size or -(-end // alignment) * alignment
        cls.alignment = alignment

    @classmethod
    def _lay(cls, name: str, kind: type[Any], placing: Placing, end: int) -> Field:
        """Put one field at its offset, at or after the end of the one before."""
        of_ours = isinstance(kind, type) and issubclass(kind, Field)  # pyright: ignore[reportUnnecessaryIsInstance]
        assert of_ours, f"{cls.__name__}.{name}: u8 to u64, i32, i64 or a Struct fits, not {kind}"
        assert placing.count > 0, f"{cls.__name__}.{name}: an array of {placing.count} is nothing"
        nested = issubclass(kind, Struct)
        width = kind.size if nested else kind.width
        unit = kind.alignment if nested else width
        offset = -(-end // unit) * unit if placing.offset is None else placing.offset
        assert offset >= end, f"{cls.__name__}.{name} overlaps the field before it"
        field: Field = kind(offset)
        field.name, field.count = f"{cls.__name__}.{name}", placing.count
        field.size, field.values = width * placing.count, placing.values
        if nested:
            hidden = kind.fields.keys() & {"name", "count", "size", "values", "width"}
            assert not hidden, f"{field.name}: {hidden} are names of every field"
        if placing.values:
            most = max((flag.value for flag in placing.values), default=0)
            assert most < 1 << 8 * width, f"{field.name} has no room for {placing.values.__name__}"
        return field


def sizeof(what: type[Struct] | Field) -> int:
    """How many bytes a struct or a field takes; a struct includes the room to align the next."""
    return what.size
