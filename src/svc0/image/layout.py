"""Layout: routines and data put at addresses, with every distance known.

Only what is reached is laid out: the entry, what it calls, what those take the
address of.  Three segments, each with its own rights and on pages of its own:

    constants   read-only: the executable's headers come before them, then Data and Offsets
    text        executable: routines, in order of first mention
    zeros       writable: Bss, which takes no room in the file

Segments lie a multiple of 64 KiB apart in memory, so that kernels with pages
of 4, 16 and 64 KiB can all give them different rights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from svc0.a64 import AssemblyError, Bss, Data, Label, Offsets, Place, Platform, Routine
from svc0.a64.contract import check
from svc0.a64.listing import Instruction, Listing

__all__ = ["Program", "Segment", "Spot", "lay_out"]

PAGE_MAX = 0x1_0000
"""The largest page of an arm64 kernel: segments with different rights never share one."""

PAGE_MIN = 0x1000
"""The smallest: in the file, segments begin at multiples of it."""


@dataclass(frozen=True)
class Spot:
    """One instruction of a program: where it is, and where it was written."""

    address: int
    routine: Routine
    instruction: Instruction

    @property
    def line(self) -> str:
        """``text.py:67``"""
        return self.routine.at(self.instruction.line)


@dataclass
class Segment:
    """Bytes with the same rights: ``size`` in memory, of which ``content`` comes from the file."""

    name: str
    address: int
    offset: int
    content: bytes
    size: int


@dataclass
class Program:
    """Everything a routine needs, at addresses."""

    entry: Routine
    platform: Platform
    listings: dict[Routine, Listing]
    constants: Segment
    text: Segment
    zeros: Segment
    addresses: dict[Place, int] = field(default_factory=dict[Place, int])

    @cached_property
    def spots(self) -> dict[int, Spot]:
        """Every instruction by its address."""
        return {
            address + 4 * n: Spot(address + 4 * n, routine, instruction)
            for routine, page in self.listings.items()
            for address in [self.addresses[routine]]
            for n, instruction in enumerate(page.instructions)
        }

    @property
    def segments(self) -> tuple[Segment, Segment, Segment]:
        """In the order of their addresses."""
        return self.constants, self.text, self.zeros


def lay_out(
    entry: Routine, platform: Platform = "linux", *, headers: int = 0, base: int = 0
) -> Program:
    """Assemble a routine and everything it needs.

    ``headers`` bytes are left free before the constants; ``base`` is added to every
    address.  A broken contract anywhere is an AssemblyError that lists all of them.
    """
    listings, places = reach(entry, platform)
    broken = [what for page in listings.values() for what in check(page)]
    broken += landings_missing(listings, places)
    if broken:
        raise AssemblyError("\n".join(broken))

    addresses: dict[Place, int] = {}
    constants = [p for p in places if isinstance(p, Data | Offsets)]
    end = stack(base + headers, constants, addresses)
    text_offset = up(end - base, PAGE_MIN)
    text_address = up(end, PAGE_MAX) + text_offset % PAGE_MAX
    address = text_address
    for routine, page in listings.items():
        addresses[routine] = address
        address += 4 * len(page.instructions)
    zeros_address = up(address, PAGE_MAX)
    zeros_end = stack(zeros_address, [p for p in places if isinstance(p, Bss)], addresses)

    return Program(
        entry,
        platform,
        listings,
        Segment("constants", base, 0, bytes(headers) + fill(base + headers, constants, addresses), end - base),
        Segment("text", text_address, text_offset, encode(listings, addresses), address - text_address),
        Segment("zeros", zeros_address, up(text_offset + address - text_address, PAGE_MIN), b"", zeros_end - zeros_address),
        addresses,
    )  # fmt: skip


def reach(entry: Routine, platform: Platform) -> tuple[dict[Routine, Listing], dict[Place, None]]:
    """The listings of all routines that are reached, and the data, in order of first mention."""
    listings: dict[Routine, Listing] = {}
    places: dict[Place, None] = {}
    queue: list[Place] = [entry]
    for place in queue:
        if isinstance(place, Routine):
            if place not in listings:
                listings[place] = page = place.listing(platform)
                queue += [i.to for i in page.instructions if isinstance(i.to, Place)]
        elif place not in places:
            places[place] = None
            if isinstance(place, Offsets):
                queue += place.places
    return listings, places


def landings_missing(listings: dict[Routine, Listing], places: Iterable[Place]) -> list[str]:
    """Complaints about routines called by address that do not begin with a landing pad (BTI)."""
    by_address = {p for table in places if isinstance(table, Offsets) for p in table.places}
    by_address |= {
        i.to
        for page in listings.values()
        for i in page.instructions
        if isinstance(i.to, Routine) and i.name in ("adr", "adrp")
    }
    return [
        f"{r.at(page.instructions[0].line)}: {r}: its address is taken, so it must begin with bti.c() or a frame()"
        for r, page in listings.items()
        if r in by_address and page.instructions[0].name not in ("bti c", "bti jc", "paciasp")
    ]


def stack(start: int, places: Iterable[Data | Offsets | Bss], addresses: dict[Place, int]) -> int:
    """Give each place the next address of its alignment; the address after the last."""
    for place in places:
        start = up(start, place.align)
        addresses[place] = start
        start += len(place)
    return start


def fill(start: int, places: Iterable[Data | Offsets], addresses: dict[Place, int]) -> bytes:
    """The bytes of constants from an address on."""
    content = bytearray()
    for place in places:
        content += bytes(addresses[place] - start - len(content))
        if isinstance(place, Data):
            content += place
        else:
            for target in place.places:
                distance = addresses[target] - addresses[place]
                content += distance.to_bytes(4, "little", signed=True)
    return bytes(content)


def encode(listings: dict[Routine, Listing], addresses: dict[Place, int]) -> bytes:
    """The instructions of all routines, with every distance put in."""
    words = bytearray()
    for routine, page in listings.items():
        start = addresses[routine]
        for n, instruction in enumerate(page.instructions):
            to = instruction.to
            target = None
            if isinstance(to, Label):
                target = start + 4 * (to.index or 0)
            elif to is not None:
                target = addresses[to]
            try:
                word = instruction.encode(start + 4 * n, target)
            except AssemblyError as error:
                where = routine.at(instruction.line)
                raise AssemblyError(f"{where}: {instruction.text}: {error}") from None
            words += word.to_bytes(4, "little")
    return bytes(words)


def up(value: int, step: int) -> int:
    """The next multiple of a step."""
    return -(-value // step) * step
