"""Places: what has an address once the image is laid out.

A label is a place in a routine; data are constants, laid out read-only; a
``Bss`` is memory that starts as zeros and takes no room in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .structs import Struct

__all__ = ["Bss", "Data", "Label", "Offsets", "Place"]


class Place:
    """Something with an address; routines are places too."""

    name: str = ""

    def __repr__(self) -> str:
        return self.name or "a place"


def name_places(places: Iterable[Place], names: Mapping[str, object]) -> None:
    """Call what has no name what a module calls it."""
    nameless = [place for place in places if not place.name]
    for place in nameless:
        place.name = next((name for name, value in names.items() if value is place), "")
    for place in nameless:
        if isinstance(place, Offsets):
            name_places(place.places, names)


class Label:
    """A place in a routine; it is called what the routine's Python calls it."""

    def __init__(self) -> None:
        self.name = "a label"
        self.index: int | None = None

    def __repr__(self) -> str:
        return self.name


class Data(Place, bytes):
    """Constant bytes; ``adr(x0, CRLF)`` takes their address, ``len(CRLF)`` is their length.

    Two constants with the same bytes are still two places.
    """

    align: int

    def __new__(
        cls, content: bytes | Iterable[int] = b"", *, align: int = 8, name: str = ""
    ) -> Data:
        self = super().__new__(cls, content)
        assert align > 0, "alignment is a power of two"
        assert align & align - 1 == 0, "alignment is a power of two"
        self.align, self.name = align, name
        return self

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return self.name or f"{len(self)} bytes of data"


class Offsets(Place):
    """A table of signed 32-bit distances from its own start to other places.

    Images are position-independent and have no relocations, so a table cannot
    hold addresses: load an entry with ``ldrsw`` and add the table's own address.
    """

    def __init__(self, places: Iterable[Place], *, name: str = "") -> None:
        self.places, self.name, self.align = tuple(places), name, 4

    def __len__(self) -> int:
        return 4 * len(self.places)

    def __repr__(self) -> str:
        return self.name or "a table of offsets"


class Bss(Place):
    """Memory that starts as zeros, readable and writable: so many bytes, or a struct."""

    def __init__(self, what: int | type[Struct], *, align: int = 16, name: str = "") -> None:
        size = what if isinstance(what, int) else what.size
        self.kind = None if isinstance(what, int) else what
        """The struct that lies there, if it is one."""
        assert size > 0, "memory that is not there has no address"
        assert align & align - 1 == 0, "alignment is a power of two"
        self.size, self.align, self.name = size, align, name

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return self.name or f"{self.size} bytes of bss"
