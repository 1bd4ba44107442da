"""Objects: memory that belongs together, and how far into it a pointer may reach.

An ``Object`` is what a pointer starts from: an argument, a constant, a variable, a mapping, a
slot of a pool, the room of a frame.  A pointer to one of its fields reaches less: an ``Extent``
is what the sanitizer remembers of every register and word that holds an address.

An extent of what is freed has no bytes left, so that the one comparison every access makes says no.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator

from svc0.a64 import Field, Platform, Struct

__all__ = ["Distance", "Extent", "Object", "Objects", "owner"]

NEVER = -1


def owner(field: Field) -> str:
    """The struct that a field is counted from the start of: ``Buffer`` for Buffer.request.line."""
    return field.name.partition(".")[0]


class Extent:
    """What a pointer may reach: ``low`` up to ``high``, an object or a field of it."""

    __slots__ = ("called", "fields", "high", "inner", "kind", "low", "name", "whole")

    whole: Object

    def __init__(self, name: str, low: int, high: int, kind: type[Struct] | None) -> None:
        self.name, self.low, self.high, self.kind = name, low, high, kind
        self.called = kind.__name__ if kind else ""
        self.fields: dict[str, Extent] = {}
        self.inner: Objects | None = None
        """Objects that lie in it, such as the slots of a pool."""

    def narrowed(self, field: Field) -> Extent:
        """The part of it that a field is; itself where the struct is another."""
        if self.kind is None or self.kind.__name__ != owner(field) or self.low == NEVER:
            return self
        found = self.fields.get(field.name)
        if found is None:
            low = self.low + int(field)
            kind = type(field) if isinstance(field, Struct) and field.count == 1 else None
            found = Extent(field.name, low, low + field.size, kind)
            found.whole, found.inner = self.whole, self.inner
            self.fields[field.name] = found
        return found

    def forget(self) -> None:
        """Nothing of it may be reached any more."""
        self.low = self.high = NEVER
        for field in self.fields.values():
            field.forget()

    def __str__(self) -> str:
        whole = str(self.whole)
        return whole if self is self.whole else f"{self.name} of {whole}"


class Object(Extent):
    """Memory that begins and ends as one."""

    __slots__ = ("begun", "end", "ended", "keeps", "linked_in", "links", "start")

    def __init__(
        self,
        name: str,
        start: int,
        end: int,
        kind: type[Struct] | None = None,
        begun: str = "",
    ) -> None:
        super().__init__(name, start, end, kind)
        self.whole = self
        self.start, self.end, self.begun, self.ended = start, end, begun, ""
        self.keeps: tuple[Field, ...] = ()
        self.links: tuple[Field, ...] = ()
        self.linked_in = ""

    def close(self, ended: str) -> None:
        """It is freed: who holds a pointer to it still, holds nothing."""
        self.ended = ended
        self.forget()

    def allows(self, address: int, size: int, file: str) -> bool:
        """Whether what is freed may be touched there all the same, by a routine of that file."""
        fields = self.keeps + (self.links if file == self.linked_in else ())
        at = address - self.start
        return any(int(field) <= at and at + size <= int(field) + field.size for field in fields)

    def part(self, address: int, platform: Platform) -> str:
        """What lies at an address, in the words of its struct: ``Buffer.request.known``."""
        at, kind = address - self.start, self.kind
        if kind is None:
            return f"offset {at}"
        return field_at(kind.fields.values(), at, platform) or f"offset {at} of {kind.__name__}"

    def __str__(self) -> str:
        return f"{self.name}, which {self.begun}" if self.begun else self.name


class Distance(Extent):
    """What a table of offsets holds: added to the table's address, it leads to a place."""

    __slots__ = ("table",)

    def __init__(self, table: Object, place: Extent) -> None:
        super().__init__(f"the distance of {place}", NEVER, NEVER, None)
        self.table, self.whole = table, place.whole


def field_at(fields: Iterable[Field], at: int, platform: Platform) -> str:
    """The innermost field that an offset is in, and how far in where that says more."""
    for field in fields:
        placed = field.on(platform)
        into = at - int(placed)
        if 0 <= into < placed.size:
            each = placed.size // placed.count
            name = f"{placed.name}[{into // each}]" if placed.count > 1 else placed.name
            if isinstance(placed, Struct):
                inner = field_at(type(placed).fields.values(), into % each, platform)
                return f"{name}.{inner.partition('.')[2]}" if inner else name
            return name
    return ""


class Objects:
    """All that there are, in the order of their addresses."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._objects: dict[int, Object] = {}

    def __iter__(self) -> Iterator[Object]:
        return (self._objects[start] for start in self._starts)

    def add(self, new: Object) -> None:
        """One more; what was at its start before is forgotten."""
        if new.start not in self._objects:
            insort(self._starts, new.start)
        self._objects[new.start] = new

    def remove(self, start: int) -> Object:
        """Take one away."""
        self._starts.remove(start)
        return self._objects.pop(start)

    def at(self, address: int) -> Object | None:
        """The innermost that an address is in; right behind one, if no other begins there."""
        place = bisect_right(self._starts, address) - 1
        if place < 0:
            return None
        found = self._objects[self._starts[place]]
        if address > found.end:
            return None
        if found.inner is not None:
            inner = found.inner.at(address)
            return inner if inner is not None and address < inner.end else found
        return found
