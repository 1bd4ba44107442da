"""The sanitizer: every access of a program that runs in the emulator, judged before it happens.

It sits beside a processor, knows the program's instructions, and follows three things:

    objects     what memory there is, and where each piece of it begins and ends
    shadow      which bytes were ever written, and which words hold addresses
    extents     of every register, what the address in it may reach

A load or a store must stay inside of what its base register may reach, must not touch what is
freed, and a load must find bytes that somebody wrote.  What an address in a register leads to
follows from how it came there; where an instruction makes something of a pointer that cannot be
followed, the result is a number, ``unfollowed`` counts it, and an access by a number is judged by
where it arrives alone.

The first mistake stops the processor; ``mistake`` says what it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from errno import EBADF

from svc0.a64 import Bss, Condition, Offsets, Place, Struct, W, X
from svc0.a64.notes import Begins, Ends
from svc0.image.layout import Program, Spot

from .engine import WRITES, Engine, Hooks
from .flow import STACK, numbers
from .objects import Distance, Extent, Object, Objects
from .shadow import PAGE, PAGE_BITS, SET, Shadow
from .steps import KEPT, SAME, Access, Block, Call, Choice, Names, Noted, Plan, Step

__all__ = ["Mistake", "Sanitizer"]

MOST = 1 << 64
"""Instructions of a run that nobody limits."""


CARRY = 29
"""The flag by which Darwin says that a call failed."""

MOST_LENT = 1 << 31
"""A number beyond is no count of bytes."""


class Mistake(Exception):  # noqa: N818  (it is what happened, not how Python failed)
    """What the program did that it must not, in one line."""


class Sanitizer:
    """One processor that runs one program, ``bias`` bytes from where it was laid out."""

    def __init__(
        self, engine: Engine, program: Program, bias: int = 0, *, most: int = MOST
    ) -> None:
        self.program, self.bias, self.most = program, bias, most
        self.objects, self.shadow = Objects(), Shadow()
        self.mistake: Mistake | None = None
        self.unfollowed: Counter[tuple[str, str]] = Counter()
        """Routine and instruction that lost a pointer, and how often."""
        self.instructions = 0
        self._engine = engine
        self._plan = Plan(program)
        self._blocks: dict[int, Block] = {}
        self._step: Step | None = None
        self._left = 0
        self._extents: list[Extent | None] = [None] * 37
        self._frames: list[tuple[Object, Object, Extent | None, Extent | None]] = []
        self._names = Names(self._lose, self._distance, self._total, self._extent)
        self._places: dict[Place, Object] = {}
        self._tables: dict[int, Offsets] = {}
        self.reset()
        stops = [address + bias for address in self._plan.stops]
        self._lent: list[tuple[int, int]] = []
        self._way: Extent | None = None
        self._hooks = Hooks(engine, self._enter, self._touch, self._arrive, stops)

    # --- what there is ------------------------------------------------------------------

    def _lay(self, place: Place, address: int) -> None:
        """Constants and variables are objects; routines are, for who reads code."""
        kind = place.kind if isinstance(place, Bss) else None
        name = self.program.names[place]
        new = Object(name, address, address + self.program.size(place), kind)
        self._places[place] = new
        if isinstance(place, Offsets):
            self._tables[address] = place
        self.objects.add(new)

    def _extent(self, place: Place) -> Extent | None:
        return self._places.get(place)

    def begin(
        self, name: str, start: int, content: bytes, kind: type[Struct] | None = None
    ) -> None:
        """Memory is there from now on, and this is in it."""
        self.objects.add(Object(name, start, start + len(content), kind))
        self.shadow.wrote(start, content, self.objects)

    def reset(self) -> None:
        """Nothing is there but the program, as it was laid out."""
        self.objects, self.shadow = Objects(), Shadow()
        for place, address in self.program.addresses.items():
            self._lay(place, address + self.bias)

    def at(self, address: int) -> Object | None:
        """The innermost object that an address is in, or right behind."""
        found = self.objects.at(address)
        if found is None:
            for kept, room, *_ in reversed(self._frames):
                if room.start <= address < kept.end:
                    return room if address < room.end else kept
        return found

    def stack(self, sp: int, end: int) -> None:
        """The first routine finds something on its stack."""
        found = Object("what the kernel left on the stack", sp, end)
        self.objects.add(found)
        self._extents[STACK] = found

    # --- a run --------------------------------------------------------------------------

    def start(self, arguments: Mapping[int, int]) -> None:
        """A routine is about to be called, with these numbers in these general registers."""
        while self._frames:
            self._pop()
        self._extents[:] = [None] * len(self._extents)
        for register, value in arguments.items():
            self._extents[register] = self.at(value)
        self._step, self._left, self.mistake, self.instructions = None, 0, None, 0

    def _enter(self, _engine: int, address: int, size: int, _data: int) -> None:
        """A block begins: whatever came before has been told of."""
        try:
            while isinstance(self._step, Access) and self._step.optional:
                self._step = self._step.next
            if self._step is not None and self.mistake is None:
                raise Mistake(f"{self.words(self._step.spot)}: this was never seen to run")
            block = self._blocks.get(address)
            if block is None or block.count != size >> 2:
                block = self._blocks[address] = self._block(address, size)
            self.instructions += block.count
            if self.instructions > self.most:
                where = self.words(self.program.spots.get(address - self.bias))
                raise Mistake(f"{where}: still running after {self.most:,} instructions")
            if block.flow:
                block.flow(self._extents)
            self._expect(block.first)
        except Mistake as mistake:
            self._stop(mistake)

    def _block(self, address: int, size: int) -> Block:
        """The steps of the instructions there."""
        spots = self.program.spots
        first = address - self.bias
        here = [spots[at] for at in range(first, first + size, 4) if at in spots]
        return Block(here, self._plan, self._names)

    def _expect(self, step: Step | None) -> None:
        self._step = step
        if isinstance(step, Access):
            self._left = step.size

    def _touch(
        self, _engine: int, kind: int, address: int, size: int, _value: int, _data: int
    ) -> None:
        """Some bytes are about to be loaded or stored; a vector's come in pieces."""
        step = self._step
        if self.mistake is not None:
            return
        try:
            while isinstance(step, Access) and step.optional and step.stores != (kind == WRITES):
                step = step.next
            if not isinstance(step, Access):
                where = self.words(step.spot if step else None)
                raise Mistake(f"{where}: an access that nobody expected")
            if step.enters:
                self._push(step, address)
            extents = self._extents
            extent = extents[step.base]
            if step.again:
                extents[SAME] = extent
            if (
                extent is None
                or address < extent.low
                or address + size > extent.high
                or extent.inner is not None
                or (step.owner == extent.called and address != extent.low + step.at)
            ):
                self._judge(step, extent, address, size)
            shadow = self.shadow
            page = shadow.pages.get(address >> PAGE_BITS)
            at = address & PAGE - 1
            if step.stores:
                if at + size > PAGE:
                    shadow.set(address, address + size)
                elif page is not None:
                    page[at : at + size] = SET[size]
                words = shadow.words
                if words:
                    words.pop(address & -8, None)
                    words.pop(address + size - 1 & -8, None)
                if step.pointer and (extent := extents[step.register]) is not None:
                    if address & 7:
                        self._lose(step.spot)
                    else:
                        words[address] = extent
            else:
                if at + size > PAGE or (page is not None and page.find(0, at, at + size) >= 0):
                    self._refuse_unset(step, address, size)
                words = shadow.words
                if step.pointer:
                    extents[step.register] = words.get(address)
                else:
                    extents[step.register] = self._entry(extent, address) if step.entry else None
                    if words and size == 8 and address & -8 in words:
                        self._lose(step.spot)
            left = self._left - size
            if left > 0:
                self._left = left
                return
            if step.leaves:
                self._pop()
            if step.then:
                step.then(extents)
            self._step = step = step.next
            if isinstance(step, Access):
                self._left = step.size
        except Mistake as mistake:
            self._stop(mistake)

    def _arrive(self, _engine: int, address: int, _size: int, _data: int) -> None:
        """An instruction is next that chooses, or before which the sources say something."""
        if self.mistake is not None:
            return
        try:
            here, step = address - self.bias, self._step
            while step is not None and step.spot.address == here:
                if isinstance(step, Choice):
                    chosen = step.n if self._holds(step.condition) else step.m
                    self._extents[step.d] = self._extents[chosen]
                elif isinstance(step, Noted):
                    self._note(step)
                else:
                    break
                if step.then:
                    step.then(self._extents)
                step = step.next
            self._expect(step)
        except Mistake as mistake:
            self._stop(mistake)

    def _holds(self, condition: Condition) -> bool:
        """Whether a condition holds now."""
        flags = self._engine.flags()
        n, z, c, v = (bool(flags >> bit & 1) for bit in (31, 30, 29, 28))
        base = (z, c, n, v, c and not z, n == v, n == v and not z, True)[condition >> 1]
        return base != (condition & 1 == 1 and condition < Condition.al)

    # --- frames ---------------------------------------------------------------------------

    def _push(self, step: Access, address: int) -> None:
        """A frame is opened: what it keeps begins at the address, and its room lies below."""
        assert step.enters, "it opens one"
        size, room_size = step.enters
        name, extents = step.spot.routine.name, self._extents
        kept = Object(f"what {name} keeps for its caller", address, address + size)
        room = Object(f"the room of {name}", address - room_size, address)
        self._frames.append((kept, room, extents[STACK], extents[KEPT]))
        extents[STACK], extents[KEPT] = room, kept
        self.shadow.unset(room.start, kept.end)

    def _pop(self) -> None:
        """The innermost frame is closed."""
        kept, room, stack, before = self._frames.pop()
        self._extents[STACK], self._extents[KEPT] = stack, before
        kept.close("returned")
        room.close("returned")

    # --- notes ------------------------------------------------------------------------------

    def _note(self, step: Noted) -> None:
        """The sources say that an object begins or ends here."""
        note, spot = step.note, step.spot
        address = self._engine.register(note.register.number)
        where = f"({spot.routine.at(note.line)})"
        if isinstance(note, Begins):
            new = self._slot(step, address, note.kind)
            if not note.zeroed:
                self.shadow.unset(new.start, new.end)
            new.begun = f"{spot.routine} began {where}"
            self._extents[note.register.number] = new
        elif isinstance(note, Ends):
            found = self.at(address)
            if found is None or found.start != address or found.kind is not note.kind:
                found = self._slot(step, address, note.kind)  # it was there before we looked
            if found.ended:
                raise Mistake(f"{self.words(spot)}: ends {found} again: {found.ended}")
            found.keeps, found.links = note.keeps, note.links
            found.linked_in = spot.routine.file
            found.close(f"{spot.routine} ended it {where}")

    def _slot(self, step: Noted, address: int, kind: type[Struct]) -> Object:
        """A new object in the memory that an address is in."""
        new = Object(kind.__name__, address, address + kind.size, kind)
        around = self.objects.at(address)
        outer = next((one for one in self.objects if one.start <= address < one.end), None)
        if outer is None or new.end > outer.end:
            raise Mistake(f"{self.words(step.spot)}: a {kind.__name__} has no room at {address:#x}")
        if around is not None and around is not outer and not around.ended:
            raise Mistake(f"{self.words(step.spot)}: begins where {around} still is")
        if outer.start == new.start and outer.end == new.end:
            self.objects.add(new)
            return new
        if outer.inner is None:
            outer.inner = Objects()
            for field in outer.fields.values():
                field.inner = outer.inner
        outer.inner.add(new)
        return new

    # --- judging ------------------------------------------------------------------------------

    def judge(self, address: int, size: int) -> None:
        """The processor refuses what the instruction wants that runs: say what is wrong with it."""
        if isinstance(self._step, Access):
            try:
                self._judge(self._step, self._extents[self._step.base], address, size)
            except Mistake as mistake:
                self._stop(mistake)

    def _judge(self, step: Access, extent: Extent | None, address: int, size: int) -> None:
        """Look closely at an access; raise Mistake, or let it be."""
        if extent is None:  # by a number: only where it arrives can be judged
            self.unfollowed[step.spot.routine.name, step.spot.instruction.text] += 1
            found = self.at(address)
            if found is None or address == found.end:
                raise self._refusal(step, size, f"at {address:#x}, where there is nothing")
            extent = found
        whole = extent.whole
        if whole.ended:
            if not whole.allows(address, size, step.spot.routine.file):
                part = whole.part(address, self.program.platform)
                raise self._refusal(step, size, f"of {part} of {whole}, after {whole.ended}")
            return
        if address < extent.low or address + size > extent.high:
            raise self._refusal(step, size, beyond(extent, address, size))
        if step.owner == extent.called and address != extent.low + step.at:
            far = f"{address - step.at - extent.low:+} from the start of {extent}"
            raise self._refusal(step, size, f"of {step.field}, through an address {far}")
        if extent.inner is not None:
            part = extent.inner.at(address)
            if part is not None and address < part.end:
                self._judge(step, part, address, size)

    def _refuse_unset(self, step: Access, address: int, size: int) -> None:
        """A load finds bytes that nobody has written, unless the page's end misled us."""
        unset = self.shadow.first_unset(address, address + size)
        if unset is not None:
            raise self._refusal(step, size, self._unset(unset))

    def _unset(self, address: int) -> str:
        found = self.at(address)
        if found is None:
            return f"of which the one at {address:#x} was never written"
        return f"of which {found.part(address, self.program.platform)} of {found} was never written"

    def _refusal(self, step: Access, size: int, what: str) -> Mistake:
        """What an access did."""
        verb = "writes" if step.stores else "reads"
        return Mistake(f"{self.words(step.spot)}: {verb} {count(size)} {what}")

    def _lose(self, spot: Spot) -> None:
        """A pointer went into something that is not followed."""
        self.unfollowed[spot.routine.name, spot.instruction.text] += 1

    def _distance(self, one: Extent | None, other: Extent, spot: Spot) -> None:
        """Two pointers were subtracted: a number, if they lead to the same object."""
        if one is None or one.whole is not other.whole:
            self._lose(spot)

    def _total(self, one: Extent, other: Extent, spot: Spot) -> Extent | None:
        """Two pointers were added: only a table and an entry of it make an address."""
        for table, entry in ((one, other), (other, one)):
            if isinstance(entry, Distance) and entry.table is table.whole:
                return entry.whole
        self._lose(spot)
        return None

    def _entry(self, extent: Extent | None, address: int) -> Extent | None:
        """What is loaded from a table of offsets; of anything else, a number."""
        if extent is None or extent.whole.start not in self._tables:
            return None
        table = self._tables[extent.whole.start]
        leads = self._extent(table.places[(address - extent.whole.start) // 4])
        return Distance(extent.whole, leads) if leads else None

    def words(self, spot: Spot | None) -> str:
        """Where an instruction was written, whose it is, and what it is."""
        return f"{spot.line}: {spot.routine}: {spot.instruction.text}" if spot else "nowhere"

    def _stop(self, mistake: Mistake) -> None:
        """The program goes no further; what the line's names hold is said, too."""
        names = self._step.spot.instruction.names if self._step else {}
        held = [
            f"{name} = {self._engine.register(register.number):#x}"
            for name, register in names.items()
            if isinstance(register, X | W)
        ]
        self.mistake = Mistake(f"{mistake} ({', '.join(held)})" if held else str(mistake))
        self._step = None
        self._engine.halt()

    def retire(self) -> None:
        """What runs is no longer the program: look no more."""
        self._hooks.remove()

    # --- what a kernel does ---------------------------------------------------------------------

    @property
    def calling(self) -> Spot | None:
        """The system call that is being made."""
        return self._step.spot if isinstance(self._step, Call) else None

    def reads(self, address: int, size: int) -> None:
        """A kernel reads what the program hands it: it must be there, and set."""
        if size:
            self._reach("reads", address, size)
            unset = self.shadow.first_unset(address, address + size)
            if unset is not None:
                raise self._accusation("reads", size, self._unset(unset))

    def writes(self, address: int, content: bytes, *, by_kernel: bool = True) -> None:
        """A kernel writes where the program told it to; or a test does, wherever it wants."""
        if content and by_kernel:
            self._reach("writes", address, len(content))
        self.shadow.wrote(address, content, self.objects)

    def lends(self, address: int, size: int) -> None:
        """A kernel may write there; how much of it, its answer says."""
        if size:
            self._reach("writes", address, size)
            self._lent.append((address, size))

    def follows(self, place: int) -> None:
        """What a kernel touches next, it was led to by the address that lies there."""
        self._way = self.shadow.words.get(place)

    def mapped(self, start: int, size: int) -> None:
        """There are new pages of zeros."""
        by = f"{self.calling.routine} mapped ({self.calling.line})" if self.calling else ""
        self.objects.add(Object("memory", start, start + size, begun=by))
        self.shadow.set(start, start + size)

    def unmapped(self, start: int, size: int) -> None:
        """Pages are there no more."""
        for each in list(self.objects):
            if start <= each.start < start + size:
                self.objects.remove(each.start).close("it was unmapped")

    def opened(self, start: int, size: int) -> None:
        """Of what was mapped, this may be touched: the rest are guards around it."""
        found = self.objects.at(start)
        if found is not None and found.start <= start and start + size <= found.end:
            self.objects.remove(found.start)
            found.start = found.low = start
            found.end = found.high = start + size
            self.objects.add(found)

    def _reach(self, verb: str, address: int, size: int) -> None:
        """All of it must lie in what the argument, or the word in memory, may reach."""
        extent, self._way = self._way or self._argument(address) or self.at(address), None
        if extent is None:
            raise self._accusation(verb, size, f"at {address:#x}, where there is nothing")
        if extent.whole.ended:
            raise self._accusation(verb, size, f"of {extent.whole}, after {extent.whole.ended}")
        if address < extent.low or address + size > extent.high:
            raise self._accusation(verb, size, beyond(extent, address, size))

    def _argument(self, address: int) -> Extent | None:
        """What the register may reach in which a system call was given an address."""
        for register in range(6):
            extent = self._extents[register]
            if extent is not None and self._engine.register(register) == address:
                return extent
        return None

    def _accusation(self, verb: str, size: int, what: str) -> Mistake:
        """What a kernel was made to do."""
        return Mistake(f"{self.words(self.calling)}: the kernel {verb} {count(size)} {what}")

    def answered(self) -> None:
        """A system call returns: what it leaves in registers are numbers, or new addresses."""
        step, result = self._step, self._engine.register(0)
        if isinstance(step, Call):
            self._take_back(result)
            self._way = None
            i = step.spot.instruction
            for register in numbers(i.writes | i.clobbers):
                self._extents[register] = None
            self._extents[0] = self.at(result)
            if step.then:
                step.then(self._extents)
            self._expect(step.next)

    def refuse_closed(self) -> None:
        """The call that was just answered must not have been about a descriptor that is closed."""
        result, failed = self._engine.register(0), self._engine.flags() >> CARRY & 1
        on_linux = self.program.platform == "linux"
        if result == (-EBADF % MOST if on_linux else EBADF) and (on_linux or failed):
            raise Mistake(f"{self.words(self.calling)}: its descriptor is not open")

    def _take_back(self, result: int) -> None:
        """So many bytes of what was lent to the kernel are written now."""
        for address, size in self._lent:
            written = min(size, result) if result <= MOST_LENT else 0
            self.shadow.set(address, address + written)
            self.shadow.forget_words(address, address + written)
            result -= written
        self._lent.clear()


def count(size: int) -> str:
    """``1 byte``, ``2 bytes``"""
    return f"{size} byte{'s' * (size != 1)}"


def beyond(extent: Extent, address: int, size: int) -> str:
    """How far outside of an extent an access is."""
    if address + size <= extent.low:
        return f"{extent.low - address} before the start of {extent}"
    if address >= extent.high:
        return f"{address - extent.high + 1} behind the end of {extent}"
    if address < extent.low:
        return f"of which {extent.low - address} lie before the start of {extent}"
    return f"of which {address + size - extent.high} lie behind the end of {extent}"
