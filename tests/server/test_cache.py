"""The cache, against dicts and lists: what is found, whose place is taken, what is true still."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import cache as under_test
from svc0.server.cache import (
    BUCKETS,
    CACHE,
    HEAD_ROOM,
    KEY_MAX,
    NEWCOMERS,
    SHELVES,
    Cache,
    Entry,
    Life,
    Places,
    Size,
)
from svc0.server.connection import NO_FILE
from svc0.server.settings import SETTINGS, packed
from svc0.server.workspace import Workspace
from tests.model.conditions import format_date
from tests.model.site import Directory, File
from tests.server.kernel import Client
from tests.server.memory import Kept, Memory, lay_shelves
from tests.server.test_pool import NO_ROOM, Mapper

NOW = 1_700_000_000
OLD = (NOW - 1000) * 10**9 + 5

# --- an oracle for hashes -------------------------------------------------------------

CASTAGNOLI = 0x82F63B78
"""The polynomial of CRC-32C (RFC 3720, B.4): from x to the 31st in bit 0 to 1 in bit 31."""


def one_byte(state: int) -> int:
    for _ in range(8):
        state = state >> 1 ^ CASTAGNOLI * (state & 1)
    return state


TABLE = [one_byte(byte) for byte in range(256)]


def crc32c(state: int, data: bytes) -> int:
    """The state after some bytes; nothing is inverted."""
    for byte in data:
        state = state >> 8 ^ TABLE[(state ^ byte) & 0xFF]
    return state


def last_of(path: bytes) -> bytes:
    """The last eight bytes of a path, or all of fewer: of less than four the first, the middle one
    and the last."""
    if len(path) < 4:
        path = bytes(path[at] for at in (0, len(path) // 2, -1)) if path else b""
    return path[-8:].ljust(8, b"\0")


def hash_of(path: bytes) -> int:
    """From the size on: eight bytes after the other up to the last eight, and those."""
    if not path:
        return 0
    whole = path[: -(-max(len(path) - 8, 1) // 8) * 8] if len(path) >= 8 else b""
    return crc32c(len(path), whole + last_of(path))


def test_the_oracle_is_crc32c() -> None:
    """The examples of RFC 3720, B.4, which invert before and after."""
    ones = 2**32 - 1
    for data, expected in (
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ):
        assert crc32c(ones, data) ^ ones == expected


def twin(path: bytes, shift: int) -> bytes:
    """Another path with the same hash and the same last eight bytes; it takes 13 bytes at least.

    What differs is the polynomial itself, somewhere before those: no CRC can see that.
    """
    before = len(path) - 8
    number = int.from_bytes(path[:before], "little")
    number ^= (CASTAGNOLI << 1 | 1) << shift % (8 * before - 32)
    return number.to_bytes(before, "little") + path[before:]


def neighbours() -> list[bytes]:
    """Paths of which several share a bucket."""
    found: dict[int, list[bytes]] = defaultdict(list)
    for number in range(4000):
        path = b"%d/%d.html" % (number, number)
        found[hash_of(path) % BUCKETS].append(path)
    return sorted(found.values(), key=len)[-1]


NEIGHBOURS = neighbours()


# --- one machine for all that links entries -------------------------------------------

ROUTINES = (
    under_test.find_entry,
    under_test.take_entry,
    under_test.link_entry,
    under_test.drop_entry,
    under_test.free_entry,
    under_test.release_entry,
)


@routine
def use(first: x0, second: x1, which: x2) -> tuple[x0, x1]:
    """Call one of ROUTINES; 0 for what it does not leave."""
    with frame() as leave:
        for number, used in enumerate(ROUTINES):
            other = label()
            cmp(which, number)
            b.ne(other)
            bl(used)
            if len(used.results) < 1:
                mov(x0, 0)
            if len(used.results) < 2:
                mov(x1, 0)
            b(leave)

            here(other)
        mov(x0, 0)
        mov(x1, 0)
    ret()


class Using:
    """The cache in a machine, and its routines as methods."""

    def __init__(self, machine: Caller, places: int = 0, sizes: tuple[Size, ...] = ()) -> None:
        self.machine = machine
        self.kernel = Client(Directory())
        self.cache = lay_shelves(machine, places, sizes)

    def use(self, used: Routine, first: object, second: int = 0) -> tuple[int, int]:
        number = ROUTINES.index(used)
        return self.machine.call(first, second, number, kernel=self.kernel)

    def find(self, path: bytes) -> int:
        """The entry of a path, or 0; its hash is what the oracle says."""
        found, hashed = self.use(under_test.find_entry, path, len(path))
        assert hashed == hash_of(path)
        return found

    def entry(self, address: int) -> Memory:
        return Memory(self.machine, Entry, address)

    def name(self, entry: Memory, path: bytes) -> None:
        """Let an entry be about a path, and be found."""
        entry[Entry.key], entry[Entry.key_size] = path, len(path)
        entry[Entry.last] = last_of(path)
        entry[Entry.hash] = hash_of(path)
        self.use(under_test.link_entry, int(entry))

    def add(self, path: bytes) -> Memory:
        """A new entry of a path."""
        entry = Memory(self.machine, Entry)
        entry[Entry.file] = NO_FILE
        self.name(entry, path)
        assert entry[Entry.life] == Life.KEPT
        return entry


# --- finding --------------------------------------------------------------------------

sizes = st.integers(0, KEY_MAX) | st.integers(0, 40)
simple = sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size))
paths = st.lists(simple | st.sampled_from(NEIGHBOURS) | st.text("ab", max_size=4).map(str.encode))


@st.composite
def related(draw: st.DrawFn) -> list[bytes]:
    """Paths, and others that are nearly the same: by a byte, by one more, or by what CRC misses."""
    found: list[bytes] = []
    for path in draw(paths):
        found.append(path)
        match draw(st.sampled_from(["", "byte", "end", "start", "twin"])):
            case "byte" if path:
                near = bytearray(path)
                near[draw(st.integers(0, len(path) - 1))] ^= 1 << draw(st.integers(0, 7))
                found.append(bytes(near))
            case "end" if len(path) < KEY_MAX:
                found.append(path + path[-1:])
            case "start":
                found.append(path[1:])
            case "twin" if len(path) >= 13:
                found.append(twin(path, draw(st.integers(0, 10_000))))
            case _:
                pass
    return found


@given(paths=related(), dropped=st.sets(st.integers(0, 30)), known=st.sets(st.integers(0, 30)))
@example(paths=NEIGHBOURS, dropped=set(), known=set())
@example(paths=NEIGHBOURS, dropped={0}, known=set())
@example(paths=NEIGHBOURS, dropped={1}, known={0})
@example(paths=[bytes(20), twin(bytes(20), 5)], dropped={0}, known=set())
def test_find_entry(paths: list[bytes], dropped: set[int], known: set[int]) -> None:
    """What was linked is found by its path and by no other, until it is dropped."""
    with caller(use) as machine:
        using = Using(machine)
        found: dict[bytes, int] = {}
        for at, path in enumerate(paths):
            if path not in found and at not in known:
                found[path] = int(using.add(path))
        for path in paths:
            assert using.find(path) == found.get(path, 0)
        for at, path in enumerate(paths):
            if at in dropped and path in found:
                using.use(under_test.drop_entry, found.pop(path))
        for path in paths:
            assert using.find(path) == found.get(path, 0)


def test_twins_are_twins() -> None:
    for size in range(13, 60):
        path = bytes(range(size))
        for shift in range(8 * (size - 8) - 32):
            other = twin(path, shift)
            assert (hash_of(other), last_of(other)) == (hash_of(path), last_of(path))
            assert other != path


@pytest.mark.parametrize("last", range(8))
def test_hashes_of_every_size(last: int) -> None:
    with caller(under_test.find_entry) as machine:
        for size in range(last, KEY_MAX + 10, 8):
            path = bytes(at * 7 + size & 0xFF for at in range(size))
            assert machine.call(path, size) == (0, hash_of(path))


def test_every_byte_of_a_key_counts() -> None:
    """Even if the hash and the bucket say that two paths are the same."""
    with caller(use) as machine:
        using = Using(machine)
        entry = using.add(b"")
        for size in range(1, 41):
            path = bytes(range(1, size + 1))
            others = [bytes(byte ^ (at == n) for n, byte in enumerate(path)) for at in range(size)]
            others += [path[:-1], path + path[-1:], path[:1] * (size % 3 + 1)]
            for other in {path, *others}:
                using.use(under_test.drop_entry, int(entry))
                entry[Entry.key], entry[Entry.key_size] = path, size
                entry[Entry.last], entry[Entry.hash] = last_of(path), hash_of(other)
                using.use(under_test.link_entry, int(entry))
                assert using.find(other) == int(entry) * (other == path)


hashes = st.integers(0, 2**32 - 1) | st.integers(0, 3).map(lambda n: n * NEWCOMERS + 5)


@given(asked=st.lists(hashes, max_size=30))
@example(asked=[5, 5, 5 + NEWCOMERS, 5, 0, 0, 2**32 - 1, 2**32 - 1])
def test_is_known(asked: list[int]) -> None:
    """The last hash in its slot is known; in the beginning that is 0 in all."""
    slots: dict[int, int] = {}
    with caller(under_test.is_known) as machine:
        for number in asked:
            slot = number % NEWCOMERS
            assert machine.call(number) == (slots.get(slot, 0) == number)
            slots[slot] = number


# --- the start ------------------------------------------------------------------------


def test_open_cache() -> None:
    """Each shelf has room for as many entries and answers as it is said to."""
    kernel = Mapper()
    with caller(under_test.open_cache) as machine:
        worker = Memory(machine, Workspace)
        assert machine.call(int(worker), kernel=kernel) == 0
        cache = machine.address(CACHE)
        mapped = iter(kernel.usable)
        for size, shelf in SHELVES.items():
            place = Memory(machine, Places, cache + Cache.shelves[size])
            (entries, room), (answers, answers_room) = next(mapped), next(mapped)
            assert place[Places.begin] == place[Places.fresh] == place[Places.hand] == entries
            assert place[Places.end] - entries == shelf.places * Entry.size <= room
            assert place[Places.answers] == answers
            assert shelf.places * shelf.room <= answers_room
        assert next(mapped, None) is None


@pytest.mark.parametrize("failing", range(4 * len(SHELVES)))
def test_open_cache_without_room(failing: int) -> None:
    with caller(under_test.open_cache) as machine:
        worker = Memory(machine, Workspace)
        assert machine.call(int(worker), kernel=Mapper(failing)) == NO_ROOM


def test_buckets_are_not_crowded() -> None:
    assert sum(shelf.places for shelf in SHELVES.values()) <= BUCKETS // 2
    assert all(shelf.room > HEAD_ROOM or size == Size.OPEN for size, shelf in SHELVES.items())


# --- lives ----------------------------------------------------------------------------


@dataclass
class Model:
    """One place on a shelf."""

    life: Life = Life.FREE
    path: bytes = b""
    pins: int = 0
    used: bool = False
    file: int = NO_FILE


@dataclass
class Shelf:
    """A shelf as cache.py describes it: a clock with a second chance."""

    places: list[Model]
    fresh: int = 0
    hand: int = 0
    closed: list[int] = field(default_factory=list[int])

    def find(self, path: bytes) -> Model | None:
        return next(
            (one for one in self.places if one.life == Life.KEPT and one.path == path), None
        )

    def take(self) -> int | None:
        """Which place is taken, or None."""
        if self.fresh < len(self.places):
            self.fresh += 1
            return self.fresh - 1
        for _ in range(2 * len(self.places)):
            at, self.hand = self.hand, (self.hand + 1) % len(self.places)
            one = self.places[at]
            if one.pins:
                continue
            if one.life == Life.KEPT and one.used:
                one.used = False
                continue
            if one.life == Life.KEPT:
                self.drop(one)
            return at
        return None

    def drop(self, one: Model) -> None:
        one.life = Life.GONE
        if not one.pins:
            self.free(one)

    def free(self, one: Model) -> None:
        if one.file != NO_FILE:
            self.closed.append(one.file)
        one.life, one.used, one.file = Life.FREE, False, NO_FILE


class Living:
    """Shelves of the cache beside their models: the same is done to both, and then compared."""

    COUNT = 3
    SIZES = (Size.OPEN, Size.OTHER)

    def __init__(self, machine: Caller) -> None:
        self.using = Using(machine, self.COUNT, self.SIZES)
        self.shelves = {size: Shelf([Model() for _ in range(self.COUNT)]) for size in self.SIZES}
        self.first = {
            size: tuple(
                Memory(machine, Places, self.using.cache.address + Cache.shelves[size])[place]
                for place in (Places.begin, Places.answers)
            )
            for size in self.SIZES
        }
        self.files = 100

    def entry(self, size: Size, at: int) -> Memory:
        return self.using.entry(self.first[size][0] + at * Entry.size)

    def take(self, size: Size) -> int | None:
        """A place on a shelf, and the entry there is as it should be."""
        at = self.shelves[size].take()
        result, _ = self.using.use(under_test.take_entry, size)
        if at is None:
            assert result == 0
            return None
        entry = self.entry(size, at)
        assert result == int(entry)
        assert entry[Entry.answer] == self.first[size][1] + at * SHELVES[size].room
        assert entry[Entry.shelf] == size
        assert entry[Entry.file] == NO_FILE
        return at

    def keep(self, size: Size, path: bytes, opened: bool) -> None:
        """A path that is not kept is kept, if there is a place."""
        if any(shelf.find(path) for shelf in self.shelves.values()):
            return
        at = self.take(size)
        if at is None:
            return
        entry, one = self.entry(size, at), self.shelves[size].places[at]
        one.life, one.path = Life.KEPT, path
        if opened:
            self.files += 1
            entry[Entry.file] = one.file = self.files
            self.using.kernel.open[self.files] = File(b"", 0)
        self.using.name(entry, path)

    def fail(self, size: Size) -> None:
        """A place is taken, and not used: it was not the same file any more."""
        at = self.take(size)
        if at is not None:
            self.using.use(under_test.free_entry, int(self.entry(size, at)))

    def change(self, size: Size, at: int, how: str) -> None:
        """One entry is dropped, pinned, released, or marked as used."""
        entry, one, shelf = self.entry(size, at), self.shelves[size].places[at], self.shelves[size]
        if how == "release" and one.pins:
            self.using.use(under_test.release_entry, int(entry))
            one.pins -= 1
            if not one.pins and one.life == Life.GONE:
                shelf.free(one)
        elif one.life != Life.KEPT:
            return
        elif how == "drop":
            self.using.use(under_test.drop_entry, int(entry))
            shelf.drop(one)
        elif how == "pin":
            entry[Entry.pins] = one.pins = one.pins + 1
        elif how == "use":
            entry[Entry.used] = one.used = True

    def check(self) -> None:
        opened: set[int] = set()
        for size, shelf in self.shelves.items():
            for at, one in enumerate(shelf.places[: shelf.fresh]):
                entry = self.entry(size, at)
                assert (entry[Entry.life], entry[Entry.pins]) == (one.life, one.pins)
                assert (entry[Entry.used], entry[Entry.file]) == (one.used, one.file)
                opened |= {one.file} - {NO_FILE}
                if one.life == Life.KEPT:
                    assert self.using.find(one.path) == int(entry)
        assert set(self.using.kernel.open) == opened, "what is freed is closed, once"
        kept = {
            one.path for shelf in self.shelves.values() for one in shelf.places if one.life == 1
        }
        for path in {*PATHS} - kept:
            assert self.using.find(path) == 0


PATHS = [*NEIGHBOURS[:3], b"", b"a", b"b/c.html"]
on_shelf = st.sampled_from(Living.SIZES)
steps = st.lists(
    st.tuples(st.just("keep"), on_shelf, st.sampled_from(PATHS), st.booleans())
    | st.tuples(st.just("fail"), on_shelf)
    | st.tuples(
        st.just("change"),
        on_shelf,
        st.integers(0, Living.COUNT - 1),
        st.sampled_from(["drop", "pin", "pin", "release", "release", "use", "use"]),
    ),
    max_size=30,
)


@given(steps=steps)
def test_lives(steps: list[tuple[object, ...]]) -> None:
    """Whatever happens in any order: the model's place is taken, and its files are closed."""
    with caller(use) as machine:
        living = Living(machine)
        for how, *arguments in steps:
            getattr(living, str(how))(*arguments)
            living.check()


def full(machine: Caller) -> Living:
    """All places of a shelf are kept."""
    living = Living(machine)
    for path in PATHS[: living.COUNT]:
        living.keep(Size.OPEN, path, True)
    living.check()
    return living


@pytest.mark.parametrize("used", [(), (0,), (0, 1), (0, 1, 2), (1,), (2,)])
@pytest.mark.parametrize("pinned", [(), (0,), (0, 1), (1, 2), (0, 1, 2)])
def test_the_clock(used: tuple[int, ...], pinned: tuple[int, ...]) -> None:
    """Once round for those who were asked for, once more for all; never one that is sent."""
    with caller(use) as machine:
        living = full(machine)
        for at in used:
            living.change(Size.OPEN, at, "use")
        for at in pinned:
            living.change(Size.OPEN, at, "pin")
        for path in PATHS[living.COUNT :]:
            living.keep(Size.OPEN, path, False)
            living.check()
        if len(pinned) == living.COUNT:
            assert all(living.using.find(path) for path in PATHS[: living.COUNT])


@pytest.mark.parametrize("file", [NO_FILE, 0, 9])
@pytest.mark.parametrize("life", Life)
def test_free_entry(file: int, life: Life) -> None:
    with caller(under_test.free_entry) as machine:
        kernel = Client(Directory())
        kernel.open = {} if file == NO_FILE else {file: File(b"", 0)}
        entry = Memory(machine, Entry)
        entry[Entry.life], entry[Entry.used], entry[Entry.file] = life, 1, file
        machine.call(int(entry), kernel=kernel)
        assert (entry[Entry.life], entry[Entry.used]) == (Life.FREE, 0)
        assert entry[Entry.file] == NO_FILE
    assert not kernel.open


@pytest.mark.platform("macos")
@pytest.mark.parametrize("file", [NO_FILE, 9])
@pytest.mark.parametrize("watch", [0, 8])
def test_free_what_is_watched(file: int, watch: int) -> None:
    """What told of changes in its file is closed, too."""
    with caller(under_test.free_entry) as machine:
        kernel = Client(Directory())
        kernel.open = {at: File(b"", 0) for at in {file, watch} - {NO_FILE, 0}}
        entry = Memory(machine, Entry)
        entry[Entry.life], entry[Entry.file], entry[Entry.watch] = Life.KEPT, file, watch
        machine.call(int(entry), kernel=kernel)
        assert (entry[Entry.life], entry[Entry.file]) == (Life.FREE, NO_FILE)
        assert entry[Entry.watch] == 0
    assert not kernel.open


@given(pins=st.integers(1, 3), life=st.sampled_from([Life.KEPT, Life.GONE]))
def test_release_entry(pins: int, life: Life) -> None:
    """The last who sends one that is gone frees it."""
    with caller(under_test.release_entry) as machine:
        kernel = Client(Directory())
        kernel.open = {9: File(b"", 0)}
        entry = Memory(machine, Entry)
        entry[Entry.life], entry[Entry.pins], entry[Entry.file] = life, pins, 9
        machine.call(int(entry), kernel=kernel)
        freed = pins == 1 and life == Life.GONE
        assert entry[Entry.pins] == pins - 1
        assert entry[Entry.life] == (Life.FREE if freed else life)
        assert set(kernel.open) == (set() if freed else {9})


# --- truth ----------------------------------------------------------------------------


@routine
def remember_or_compare(entry: x0, status: w1, compare: x2, worker: x28) -> w0:
    """Note the file, or say whether it is the same."""
    again = label()

    with frame() as leave:
        cbnz(x2, again)
        bl(under_test.note_file)
        mov(w0, 0)
        b(leave)

        here(again)
        bl(under_test.is_same)
    ret()


def marks() -> dict[str, Field]:
    """What makes a file another one, where stat tells it."""
    stat = Workspace.stat
    return {
        "device": stat.device,
        "inode": stat.inode,
        "changed": stat.changed.seconds,
        "changed_part": stat.changed.nanoseconds,
        "size": stat.file_size,
    }


def same(before: dict[str, int], after: dict[str, int], known: int, status: int) -> int:
    with caller(remember_or_compare) as machine:
        worker, entry = Memory(machine, Workspace), Memory(machine, Entry)
        entry[Entry.status] = known
        for name, place in marks().items():
            worker[place] = before[name]
        machine.call(int(entry), 0, 0, int(worker))
        for name, place in marks().items():
            worker[place] = after[name]
        worker[Workspace.stat.modified.seconds] = 77  # it may be set to anything: changed is not
        return machine.call(int(entry), status, 1, int(worker))


FEW = {"device": 5, "inode": 6, "changed": 7, "changed_part": 8, "size": 9}


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("bit", [0, 7, 31, 32, 63])
def test_is_same_looks_at_each(name: str, bit: int) -> None:
    """One bit of one of them is enough."""
    if bit < 8 * marks()[name].width:
        assert same(FEW, FEW | {name: FEW[name] ^ 1 << bit}, 200, 200) == 0
    assert same(FEW, FEW, 200, 200) == 1


stats = st.fixed_dictionaries({name: st.integers(0, 1) for name in FEW})
statuses = st.sampled_from([200, 301, 404])


@given(before=stats, after=stats, known=statuses, status=statuses)
def test_is_same(before: dict[str, int], after: dict[str, int], known: int, status: int) -> None:
    """Only of what is a file there is more to compare than the status."""
    expected = known == status and (status != 200 or before == after)
    assert same(before, after, known, status) == expected


@pytest.mark.parametrize("file", [NO_FILE, 0, 9])
@pytest.mark.parametrize("now", [OLD, OLD + 1, OLD + 10**9, None])
@pytest.mark.parametrize("size", [3, 4])
def test_is_untouched(file: int, now: int | None, size: int) -> None:
    """A file that is kept open is looked at; what is not kept open cannot be touched."""

    class Looking(Client):
        """It may be that nothing can be told of a file."""

        def fstat(self, machine: Caller, file: int, stat: int) -> int:
            return -Errno.EIO if now is None else super().fstat(machine, file, stat)

    kernel = Looking(Directory())
    kernel.open[file] = File(bytes(size), now or 0)
    with caller(under_test.is_untouched) as machine:
        worker, entry = Memory(machine, Workspace), Memory(machine, Entry)
        entry[Entry.status], entry[Entry.file], entry[Entry.facts.total] = 200, file, 3
        entry[Entry.changed], entry[Entry.changed_part] = divmod(OLD, 10**9)
        untouched = file == NO_FILE or (now == OLD and size == 3)
        assert machine.call(int(entry), int(worker), kernel=kernel) == untouched
        assert kernel.names == ([] if file == NO_FILE else ["fstat"])


def kept_at(machine: Caller, second: int, body: bytes) -> Kept:
    """An entry whose heads were written at some time."""
    fields = {b"Last-Modified": format_date(1), b"ETag": b'"e"', b"Content-Type": b"text/x"}
    return Kept(machine, fields, second, body)


seconds = st.integers(0, 2**33)


@given(then=seconds, now=seconds, epoch=st.integers(0, 2**63), body=st.binary(max_size=20))
def test_confirm_entry(then: int, now: int, epoch: int, body: bytes) -> None:
    """Both heads have today's Date, and nothing else of the entry is another."""
    with caller(under_test.confirm_entry) as machine:
        kept = kept_at(machine, then, body)
        worker = Memory(machine, Workspace)
        worker[Workspace.date], worker[Workspace.epoch] = format_date(now), epoch
        before = bytearray(machine.read(int(kept), Entry.size))
        machine.call(int(kept), int(worker))
        whole = kept.head + kept.body
        today = whole.replace(format_date(then), format_date(now), 1)
        assert machine.read(kept[Entry.answer], len(whole)) == today
        fresh = kept.fresh.replace(format_date(then), format_date(now), 1)
        before[Entry.fresh : Entry.fresh + len(fresh)] = fresh
        before[Entry.epoch : Entry.epoch + 8] = epoch.to_bytes(8, "little")
        assert machine.read(int(kept), Entry.size) == before


near = st.integers(0, 6)


@given(
    epoch=near,
    changed=near,
    looked=near,
    keep=near,
    ticks=near,
    far=st.sampled_from([0, 2**32]),
)
@example(epoch=5, changed=5, looked=3, keep=2, ticks=4, far=0)
@example(epoch=5, changed=5, looked=3, keep=2, ticks=5, far=0)
@example(epoch=4, changed=5, looked=3, keep=2, ticks=4, far=0)
def test_may_be_sent(
    epoch: int, changed: int, looked: int, keep: int, ticks: int, far: int
) -> None:
    """If it was looked at in the last seconds, and nothing was told of since; then it says so."""
    with caller(under_test.may_be_sent) as machine:
        kept = kept_at(machine, NOW - 50, b"")
        kept[Entry.epoch], kept[Entry.looked] = epoch + far, looked + far
        worker = Memory(machine, Workspace)
        for place, value in {
            Workspace.changed: changed + far,
            Workspace.epoch: 99 + far,
            Workspace.ticks: ticks + far,
            Workspace.date: format_date(NOW),
        }.items():
            worker[place] = value
        try:
            machine.write(machine.address(SETTINGS), packed(cache_seconds=keep))
            result = machine.call(int(kept), int(worker))
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))
        assert result == (epoch >= changed and ticks - looked < keep)
        assert kept[Entry.epoch] == (99 if result else epoch) + far
        answer = machine.read(kept[Entry.answer], kept[Entry.answer_size])
        assert (format_date(NOW) in answer) == result
        assert kept[Entry.looked] == looked + far, "nobody has looked"
