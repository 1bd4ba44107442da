"""Layout: routines and data put at addresses, with every distance known.

Only what is reached is laid out: the entry, what it calls, what those take the
address of.  There are three segments, each with its own rights and on pages of
its own:

    in the file                     in memory, from the base up

                                    Linux      macOS
    0       headers ─┐              0          0        constants   read-only: headers,
            constants┘                                              Data, Offsets
    0x3000  text                    0x1_3000   0x3000   text        executable: routines
                                    0x2_0000   0x8000   zeros       writable: Bss; nothing in
                                                                    the file

In the file, segments begin on pages of 4 KiB.

For Linux, in memory they keep 64 KiB apart, so that kernels with pages of 4, 16
and 64 KiB can all give them different rights; the low 16 bits of an address and
of its place in the file agree, because a kernel maps whole pages.

For macOS, whose pages have 16 KiB, constants and text are one piece: its kernel
wants the headers in the segment that can be executed.  An address in it is the
base and the place in the file.

The order is that of first mention, which Python decides and nothing else: the
same source gives the same bytes.  Bss is put in order of size, so that ``adr``
reaches the small variables however large the pools are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from svc0.a64 import AssemblyError, Bss, Data, Label, Offsets, Place, Platform, Routine
from svc0.a64.contract import check
from svc0.a64.listing import Instruction, Listing

__all__ = ["Program", "Segment", "Spot", "lay_out"]

PAGE_MAX = 0x1_0000
"""The largest page of an arm64 Linux: segments with different rights never share one."""

PAGE_MACOS = 0x4000
"""The page of macOS on arm64."""

PAGE_MIN = 0x1000
"""The smallest page of a kernel: in the file, segments begin at multiples of it."""

ROUTINE_ALIGN = 16
"""Where routines begin, as compilers have it for these cores: a whole fetch of instructions."""

OFFSET_MAX = 1 << 31
"""How far apart the places of an Offsets table may be: its entries are signed words."""

Listings: TypeAlias = dict[Routine, Listing]
Addresses: TypeAlias = Mapping[Place, int]

CALL_LANDINGS = ("bti c", "bti jc", "paciasp")


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

    def __contains__(self, address: int) -> bool:
        return self.address <= address < self.address + self.size


@dataclass
class Program:
    """Everything a routine needs, at addresses."""

    entry: Routine
    platform: Platform
    listings: Listings
    constants: Segment
    text: Segment
    zeros: Segment
    addresses: dict[Place, int] = field(default_factory=dict[Place, int])

    @cached_property
    def spots(self) -> dict[int, Spot]:
        """Every instruction by its address, in the order of addresses."""
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

    @cached_property
    def names(self) -> dict[Place, str]:
        """What everything is called, in the order of addresses.

        Data without a name of their own are called what the modules of the routines call them;
        ``data.2`` is the second that nobody has a name for.
        """
        given = module_names(self.listings)
        nameless: Counter[str] = Counter()
        names: dict[Place, str] = {}
        for place in sorted(self.addresses, key=lambda place: self.addresses[place]):
            name = place.name or given.get(place)
            if not name:
                kind = type(place).__name__.lower()
                nameless[kind] += 1
                name = f"{kind}.{nameless[kind]}"
            names[place] = name
        return names

    def size(self, place: Place) -> int:
        """How many bytes a routine or data take."""
        if isinstance(place, Routine):
            return 4 * len(self.listings[place].instructions)
        assert isinstance(place, Data | Offsets | Bss), "there are no other places"
        return len(place)


def lay_out(
    entry: Routine, platform: Platform = "linux", *, headers: int = 0, base: int = 0
) -> Program:
    """Assemble a routine and everything it needs.

    ``headers`` bytes are left free before the constants; ``base``, a multiple of 64 KiB, is added
    to every address.  Mistakes are one AssemblyError that lists all of a kind: what cannot be
    assembled, else what breaks a contract, else what does not reach.
    """
    assert base % PAGE_MAX == 0, "what is aligned stays so wherever the base is"
    listings, places = reach(entry, platform)
    constants = [p for p in places if isinstance(p, Data | Offsets)]
    variables = sorted((p for p in places if isinstance(p, Bss)), key=len)
    refuse(
        [what for page in listings.values() for what in check(page)]
        + calls_without_landing(listings, places)
        + too_aligned([*constants, *variables])
    )

    addresses: dict[Place, int] = {}
    constants_end = stack(base + headers, constants, addresses)
    text_offset = up(constants_end - base, PAGE_MIN)
    text_start = base + text_offset
    if platform == "linux":
        text_start = up(constants_end, PAGE_MAX) + text_offset % PAGE_MAX
    text_end = line_up(text_start, listings, addresses)
    zeros_start = up(text_end, PAGE_MAX if platform == "linux" else PAGE_MACOS)
    zeros_end = stack(zeros_start, variables, addresses)

    content = bytes(headers) + fill(base + headers, constants, addresses)
    words = encode(text_start, listings, addresses)
    zeros_offset = up(text_offset + len(words), PAGE_MIN)
    return Program(
        entry,
        platform,
        listings,
        Segment("constants", base, 0, content, constants_end - base),
        Segment("text", text_start, text_offset, words, text_end - text_start),
        Segment("zeros", zeros_start, zeros_offset, b"", zeros_end - zeros_start),
        addresses,
    )


def refuse(mistakes: Sequence[str]) -> None:
    """One error for all of them, if there are any."""
    if mistakes:
        raise AssemblyError("\n".join(mistakes))


def up(value: int, step: int) -> int:
    """The next multiple of a step.

    >>> up(1, 16), up(16, 16)
    (16, 16)
    """
    return -(-value // step) * step


# --- what there is ----------------------------------------------------------------


def reach(entry: Routine, platform: Platform) -> tuple[Listings, dict[Place, None]]:
    """The listings of all routines that are reached, and the data, in order of first mention.

    A routine that cannot be assembled does not hide what is wrong with the others.
    """
    listings: Listings = {}
    places: dict[Place, None] = {}
    queue: list[Place] = [entry]
    seen: set[Place] = set()
    errors: list[AssemblyError] = []
    for place in queue:
        if place in seen:
            continue
        seen.add(place)
        if isinstance(place, Routine):
            try:
                listings[place] = page = place.listing(platform)
            except AssemblyError as error:
                errors.append(error)
                continue
            queue += [i.to for i in page.instructions if isinstance(i.to, Place)]
        else:
            places[place] = None
            if isinstance(place, Offsets):
                queue += place.places
    if len(errors) == 1:
        raise errors[0]
    refuse([str(error) for error in errors])
    return listings, places


def calls_without_landing(listings: Listings, places: Iterable[Place]) -> list[str]:
    """Complaints about routines whose address is taken, without the pad that BTI asks for."""
    by_address = {p for table in places if isinstance(table, Offsets) for p in table.places}
    by_address |= {
        i.to
        for page in listings.values()
        for i in page.instructions
        if isinstance(i.to, Routine) and i.name in ("adr", "adrp")
    }
    return [
        f"{r.at(page.instructions[0].line)}: {r}: its address is taken, "
        f"so it must begin with bti.c() or a frame()"
        for r, page in listings.items()
        if r in by_address and page.instructions and page.instructions[0].name not in CALL_LANDINGS
    ]


def too_aligned(places: Iterable[Data | Offsets | Bss]) -> list[str]:
    """Complaints about alignment that no kernel keeps when it moves an image."""
    return [
        f"{place!r}: aligned to {place.align}, but kernels move images by pages of {PAGE_MIN}: "
        f"align to at most that, or leave room and align the address in the routine"
        for place in places
        if place.align > PAGE_MIN
    ]


def module_names(routines: Iterable[Routine]) -> dict[Place, str]:
    """What the modules of routines call data: the first name that there is."""
    names: dict[Place, str] = {}
    for routine in routines:
        for name, value in routine.body.__globals__.items():
            if isinstance(value, Data | Offsets | Bss):
                names.setdefault(value, name)
    return names


# --- where it is ------------------------------------------------------------------


def stack(start: int, places: Iterable[Data | Offsets | Bss], addresses: dict[Place, int]) -> int:
    """Give each place the next address of its alignment; the address after the last."""
    for place in places:
        start = up(start, place.align)
        addresses[place] = start
        start += len(place)
    return start


def line_up(start: int, listings: Listings, addresses: dict[Place, int]) -> int:
    """Give each routine the next address that routines begin at; the address after the last."""
    for routine, page in listings.items():
        start = up(start, ROUTINE_ALIGN)
        addresses[routine] = start
        start += 4 * len(page.instructions)
    return start


# --- what it holds ----------------------------------------------------------------


def fill(start: int, places: Iterable[Data | Offsets], addresses: Addresses) -> bytes:
    """The bytes of constants from an address on."""
    content = bytearray()
    for place in places:
        content += bytes(addresses[place] - start - len(content))
        content += place if isinstance(place, Data) else distances(place, addresses)
    return bytes(content)


def distances(table: Offsets, addresses: Addresses) -> bytes:
    """The entries of a table: how far each of its places is from the table's start."""
    content = bytearray()
    for place in table.places:
        distance = addresses[place] - addresses[table]
        if not -OFFSET_MAX <= distance < OFFSET_MAX:
            raise AssemblyError(
                f"{table!r}: {place!r} is {distance:+} bytes away, and an entry has 32 bits: "
                f"make what lies between smaller"
            )
        content += distance.to_bytes(4, "little", signed=True)
    return bytes(content)


def encode(start: int, listings: Listings, addresses: Addresses) -> bytes:
    """The instructions of all routines, with every distance put in.

    Between routines are zeros, which is ``udf #0``: nothing goes there, and what does is a mistake
    that shall stop at once, where a ``nop`` would slide into the next routine.
    """
    text = bytearray()
    mistakes: list[str] = []
    for routine, page in listings.items():
        address = addresses[routine]
        text += bytes(address - start - len(text))
        for n, instruction in enumerate(page.instructions):
            at = address + 4 * n
            try:
                word = instruction.encode(at, aim(instruction.to, address, addresses))
            except AssemblyError as error:
                where = f"{routine.at(instruction.line)}: {instruction.text}"
                mistakes.append(f"{where}: {error}{advice(instruction)}")
                word = 0
            text += word.to_bytes(4, "little")
    refuse(mistakes)
    return bytes(text)


def aim(to: Place | Label | None, start: int, addresses: Addresses) -> int | None:
    """The address an instruction is about; labels count from the start of their routine."""
    if isinstance(to, Label):
        assert to.index is not None, "the contract's proof found every label"
        return start + 4 * to.index
    return None if to is None else addresses[to]


def advice(instruction: Instruction) -> str:
    """What to write instead of an instruction that does not reach."""
    to = instruction.to
    if instruction.name == "adr":
        return f": write adrp(d, {to}) and add(d, d, lo12({to})), which reach 4 GiB"
    if isinstance(to, Label) and instruction.name in ("tbz", "tbnz", "cbz", "cbnz"):
        return f": branch over a b({to}) on the opposite condition, which reaches 128 MiB"
    return ""
