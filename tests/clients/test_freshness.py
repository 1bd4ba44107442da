"""Files that change under the cache: what is served is whole, old or new, and soon new.

The kernel tells of changes: whoever asks after one is answered with what is there now.  Where it
does not, that may take ``cache_seconds`` and a second, by the clock that Date is of.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Final

import pytest

from tests.clients.conftest import chosen_machines
from tests.clients.raw import PATIENCE, Client, descriptors, eventually, workers
from tests.clients.server import Server, start
from tests.clients.wire import Received
from tests.tools import without_privileges

CACHE_SECONDS: Final = 1
LONG: Final = 86400
"""For what is told: that time has passed is no reason to look."""

NOON: Final = 1_700_000_000 * 10**9
"""When files were changed last that have settled, so that they are kept."""

SIZES: Final = {"small": 12, "medium": 16 << 10, "large": 64 << 10, "open": 1 << 20}
"""Each is kept in another way (cache.py); of the last the file is kept open."""

ALONE: Final = "-w", "1"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="drops rights as Linux does")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On every machine whose files are the host's; those of one machine share a server."""
    if "machine" in metafunc.fixturenames:
        names = [name for name in chosen_machines(metafunc.config) if name != "kernel"]
        machines = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]
        metafunc.parametrize("machine", machines, scope="session")


# --- a site that changes ------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """What a path answers with: of files also what they hold, and their entity-tag."""

    status: int
    body: bytes = b""
    etag: bytes = b""
    modified: bytes = b""

    def is_of(self, answer: Received) -> bool:
        """Whether an answer to GET is this, whole."""
        if answer.status != self.status:
            return False
        if answer.status != 200:
            return answer.value(b"ETag") == b""
        same = answer.value(b"Last-Modified") == self.modified or self.is_young
        return answer.body == self.body and self.is_tag(answer) and same

    def is_tag(self, answer: Received) -> bool:
        """A file that was changed just now has a weak one."""
        return answer.value(b"ETag").removeprefix(b"W/") == self.etag

    @property
    def is_young(self) -> bool:
        """It may be of this very second, and Last-Modified is never later than Date."""
        return parsedate_to_datetime(self.modified.decode()).timestamp() > NOON / 10**9 + 10**6


def state_of(place: Path) -> State:
    """What a path must answer with now, by Python's idea of it."""
    if place.is_symlink() or not place.exists():
        return State(404)
    if place.is_dir():
        return State(301)
    if not place.stat().st_mode & 0o400:
        return State(403)
    now = place.stat()
    etag = b'"%x-%x"' % (now.st_mtime_ns, now.st_size)
    modified = formatdate(now.st_mtime_ns // 10**9, usegmt=True).encode()
    return State(200, place.read_bytes(), etag, modified)


def settled(place: Path, content: bytes, age: int = 0) -> Path:
    """A file that was changed long ago."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    os.utime(place, ns=(NOON - age, NOON - age))
    return place


def filled(size: int, letter: str) -> bytes:
    """Content that no other has a part of."""
    return (letter * 11 + "\n").encode() * (size // 12) + b"." * (size % 12)


@dataclass
class Site:
    """A server on a machine, and the folder that it serves."""

    machine: str
    root: Path
    server: Server

    def ask(self, client: Client, place: Path, *lines: str, method: str = "GET") -> Received:
        target = "/" + str(place.relative_to(self.root)) if place != self.root else "/"
        fields = "".join(f"{line}\r\n" for line in lines)
        client.send(f"{method} {target} HTTP/1.1\r\nHost: here\r\n{fields}\r\n".encode())
        return client.answer(head=method == "HEAD")

    def let_keep(self, client: Client, place: Path, state: State) -> None:
        """Ask until it is kept, and again, also for several at once."""
        for _ in range(4):
            assert state.is_of(self.ask(client, place))
        request = f"GET /{place.relative_to(self.root)} HTTP/1.1\r\nHost: here\r\n\r\n".encode()
        client.send(request * 3)
        for _ in range(3):
            assert state.is_of(client.answer())
        if state.etag:
            self.check_conditions(client, place, state)

    def check_conditions(self, client: Client, place: Path, state: State) -> None:
        """What a browser asks with that has this version."""
        tag = f"If-None-Match: {state.etag.decode()}"
        since = f"If-Modified-Since: {state.modified.decode()}"
        for lines in ([tag], [since], [tag, since]):
            answer = self.ask(client, place, *lines)
            assert (answer.status, answer.body) == (304, b"")
            assert state.is_tag(answer)
        head = self.ask(client, place, method="HEAD")
        assert head.status == 200
        assert int(head.value(b"Content-Length")) == len(state.body)
        assert state.is_tag(head)
        part = self.ask(client, place, "Range: bytes=2-5")
        assert (part.status, part.body) == (206, state.body[2:6])

    def see(self, client: Client, place: Path, new: State) -> None:
        """From now on answers are the new one: the kernel has told of the change."""
        answer = self.ask(client, place)
        assert new.is_of(answer), (answer.status_line, answer.fields)

    def see_soon(self, client: Client, place: Path, old: State, new: State) -> None:
        """The same after a while, if nothing tells."""
        changed = time.time()
        deadline = time.monotonic() + PATIENCE
        while not new.is_of(answer := self.ask(client, place)):
            assert old.is_of(answer), ("of both, or of none", answer.status_line, answer.fields)
            said = parsedate_to_datetime(answer.value(b"Date").decode()).timestamp()
            assert said <= changed + CACHE_SECONDS + 1, "it is known to be old for too long"
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="session")
def site(machine: str) -> Iterator[Site]:
    """One that heeds the rights of files, for all tests of a machine here."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "site"
        root.mkdir()
        settings = {"cache_seconds": LONG}
        with start(root, machine, ALONE, settings, before=without_privileges()) as server:
            yield Site(machine, root, server)


numbers = itertools.count()


@pytest.fixture
def folder(site: Site) -> Iterator[Path]:
    """A folder of this test alone, below another, that are there; afterwards they are not."""
    place = site.root / f"above-{next(numbers)}" / "folder"
    place.mkdir(parents=True)
    yield place
    shutil.rmtree(place.parent, ignore_errors=True)


# --- each way to change a file -----------------------------------------------------------


def replace(place: Path, content: bytes, age: int = 1) -> None:
    """Another file takes its place."""
    settled(place.with_name("new"), content, age).rename(place)


def write_over(place: Path, content: bytes) -> None:
    """The same file gets other content, all of it."""
    with place.open("r+b") as file:
        file.write(content)
        file.truncate()


def replaced_by_as_large(place: Path, size: int) -> None:
    replace(place, filled(size, "b"))


def replaced_by_larger(place: Path, size: int) -> None:
    replace(place, filled(size + 5, "b"))


def replaced_by_smaller(place: Path, size: int) -> None:
    replace(place, filled(size // 2, "b"))


def replaced_as_old(place: Path, size: int) -> None:
    """Neither its time nor its size is another: the entity-tag cannot tell."""
    replace(place, filled(size, "b"), age=0)


def replaced_by_young(place: Path, size: int) -> None:
    place.with_name("new").write_bytes(filled(size, "b"))
    place.with_name("new").rename(place)


def written_as_large(place: Path, size: int) -> None:
    write_over(place, filled(size, "b"))


def written_as_old(place: Path, size: int) -> None:
    write_over(place, filled(size, "b"))
    os.utime(place, ns=(NOON, NOON))


def written_larger(place: Path, size: int) -> None:
    write_over(place, filled(2 * size, "b"))


def truncated(place: Path, size: int) -> None:
    os.truncate(place, size // 3)


def emptied(place: Path, size: int) -> None:
    del size
    os.truncate(place, 0)


def appended(place: Path, size: int) -> None:
    with place.open("ab") as file:
        file.write(filled(size, "b"))


def touched(place: Path, size: int) -> None:
    del size
    os.utime(place, ns=(NOON, NOON + 5))


def set_back(place: Path, size: int) -> None:
    del size
    os.utime(place, ns=(NOON, NOON - 86400 * 10**9))


def deleted(place: Path, size: int) -> None:
    del size
    place.unlink()


def made_again(place: Path, size: int) -> None:
    place.unlink()
    settled(place, filled(size, "b"))


def forbidden(place: Path, size: int) -> None:
    del size
    place.chmod(0)


def a_directory(place: Path, size: int) -> None:
    del size
    place.unlink()
    place.mkdir()


def a_link(place: Path, size: int) -> None:
    settled(place.with_name("other"), filled(size, "b"))
    place.unlink()
    place.symlink_to("other")


def folder_renamed(place: Path, size: int) -> None:
    del size
    place.parent.rename(place.parent.with_name("elsewhere"))


def folder_replaced(place: Path, size: int) -> None:
    folder_renamed(place, size)
    settled(place, filled(size, "b"))


def folder_swapped(place: Path, size: int) -> None:
    other = settled(place.parent.with_name("prepared") / place.name, filled(size, "b")).parent
    place.parent.rename(place.parent.with_name("elsewhere"))
    other.rename(place.parent)


def folder_forbidden(place: Path, size: int) -> None:
    del size
    place.parent.chmod(0)


def above_replaced(place: Path, size: int) -> None:
    above = place.parent.parent
    above.rename(above.with_name(f"{above.name}-was"))
    settled(place, filled(size, "b"))


def above_gone(place: Path, size: int) -> None:
    del size
    shutil.rmtree(place.parent.parent)


CHANGES: list[Callable[[Path, int], None]] = [
    *(replaced_by_as_large, replaced_by_larger, replaced_by_smaller, replaced_as_old),
    *(replaced_by_young, written_as_large, written_as_old, written_larger),
    *(truncated, emptied, appended, touched, set_back, deleted, made_again, forbidden),
    *(a_directory, a_link, folder_renamed, folder_replaced, folder_swapped),
    *(above_replaced, above_gone),
]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_file_that_changes(
    site: Site, folder: Path, change: Callable[[Path, int], None], size: int
) -> None:
    """And with it the answers to whoever has the old one, and to whoever has the new one."""
    place = settled(folder / "page.txt", filled(size, "a"))
    old = state_of(place)
    with Client(site.server) as client, Client(site.server) as other:
        site.let_keep(client, place, old)
        change(place, size)
        new = state_of(place)
        site.see(client, place, new)
        assert new.is_of(site.ask(other, place))
        answer = site.ask(client, place, f"If-None-Match: {old.etag.decode()}")
        if new.etag in (b"", old.etag):
            assert answer.status == (304 if new.etag else new.status)
        else:
            assert new.is_of(answer), "the old version is not the new one"
        for _ in range(3):
            assert new.is_of(site.ask(client, place))
        if new.etag and not new.is_young and new.body:
            site.check_conditions(client, place, new)


def test_a_hard_link_elsewhere_is_written_through(machine: str, tmp_path: Path) -> None:
    """Linux tells nothing of that, since nothing in this folder has changed: but time does.

    On macOS the file itself is watched, whatever it is called.
    """
    root = tmp_path / "site"
    root.mkdir()
    settings = {"cache_seconds": LONG if machine == "macos" else CACHE_SECONDS}
    with start(root, machine, ALONE, settings) as server, Client(server) as client:
        site = Site(machine, root, server)
        for name, size in SIZES.items():
            place = settled(root / name, filled(size, "a"))
            elsewhere = tmp_path / f"{name}-elsewhere"
            os.link(place, elsewhere)
            os.utime(place, ns=(NOON, NOON))
            old = state_of(place)
            site.let_keep(client, place, old)
            write_over(elsewhere, filled(size, "b"))
            os.utime(elsewhere, ns=(NOON, NOON - 9))
            if machine == "macos":
                site.see(client, place, state_of(place))
            else:
                site.see_soon(client, place, old, state_of(place))


def test_with_few_descriptors_time_tells(tmp_path: Path) -> None:
    """macOS watches with descriptors; rather than have clients want for one, it does not."""
    root = tmp_path / "site"
    root.mkdir()
    few = ("prlimit", "--nofile=1200")
    with start(root, "macos", ALONE, {"cache_seconds": CACHE_SECONDS}, before=few) as server:
        site = Site("macos", root, server)
        place = settled(root / "page.txt", b"a page")
        old = state_of(place)
        with Client(server) as client:
            site.let_keep(client, place, old)
            replace(place, b"another")
            site.see_soon(client, place, old, state_of(place))
        [worker] = workers(server)
        assert not opened(worker, root)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_what_is_forbidden_is_allowed_again(site: Site, folder: Path, size: int) -> None:
    place = settled(folder / "page.txt", filled(size, "a"))
    allowed = state_of(place)
    with Client(site.server) as client:
        for _ in range(2):
            site.let_keep(client, place, allowed)
            place.chmod(0)
            site.see(client, place, State(403))
            place.chmod(0o644)
            site.see(client, place, allowed)
            place.parent.chmod(0)
            site.see(client, place, State(403))
            place.parent.chmod(0o755)
            site.see(client, place, allowed)


# --- what is no file ----------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_what_was_not_there_comes_to_exist(site: Site, folder: Path, size: int) -> None:
    place = folder / "page.txt"
    with Client(site.server) as client:
        site.let_keep(client, place, State(404))
        settled(place, filled(size, "a"))
        new = state_of(place)
        site.see(client, place, new)
        site.let_keep(client, place, new)
        place.unlink()
        site.see(client, place, State(404))


def test_a_whole_path_comes_to_exist(site: Site, folder: Path) -> None:
    """Folders that came after it was kept that there is nothing are watched when somebody asks."""
    place = folder / "deep" / "deeper" / "page.txt"
    with Client(site.server) as client:
        site.let_keep(client, place, State(404))
        place.parent.mkdir(parents=True)
        site.see(client, place, State(404))
        settled(place, b"there")
        site.see(client, place, state_of(place))


def test_a_directory_that_becomes_a_file_and_back(site: Site, folder: Path) -> None:
    place = folder / "thing"
    place.mkdir()
    with Client(site.server) as client:
        for _ in range(2):
            site.let_keep(client, place, State(301))
            place.rmdir()
            site.see(client, place, State(404))
            settled(place, b"now a file")
            file = state_of(place)
            site.see(client, place, file)
            site.let_keep(client, place, file)
            place.unlink()
            place.mkdir()
            site.see(client, place, State(301))


def test_an_index_that_comes_and_goes(site: Site, folder: Path) -> None:
    """What a directory says with its slash; without, it always redirects there."""
    index = folder / "index.html"

    class Slashed(Site):
        """Who asks for the index asks for its folder."""

        def ask(self, client: Client, place: Path, *lines: str, method: str = "GET") -> Received:
            target = f"/{place.parent.relative_to(self.root)}/"
            fields = "".join(f"{line}\r\n" for line in lines)
            client.send(f"{method} {target} HTTP/1.1\r\nHost: here\r\n{fields}\r\n".encode())
            return client.answer(head=method == "HEAD")

    slashed = Slashed(site.machine, site.root, site.server)
    with Client(site.server) as client:
        for number in range(3):
            for _ in range(4):
                assert State(403).is_of(slashed.ask(client, index))
                assert State(301).is_of(site.ask(client, folder))
            settled(index, b"index %d" % number)
            there = state_of(index)
            slashed.see(client, index, there)
            for _ in range(4):
                assert there.is_of(slashed.ask(client, index))
                assert there.is_of(site.ask(client, index))
                assert State(301).is_of(site.ask(client, folder))
            replace(index, b"another")
            other = state_of(index)
            slashed.see(client, index, other)
            for _ in range(4):
                assert other.is_of(slashed.ask(client, index))
            index.unlink()
            slashed.see(client, index, State(403))


# --- while it is asked for -----------------------------------------------------------------

VERSION_SIZES: Final = (12, 900, 16 << 10, 64 << 10, 300 << 10)


def version(number: int, size: int) -> bytes:
    """The content of a version, each part of which says of which it is."""
    return (b"%011d\n" % number * (size // 12 + 1))[: size - number % 3]


class Reader(threading.Thread):
    """It asks for one file after the other, and tells what it got that is of no version."""

    def __init__(self, site: Site, places: list[Path], count: int) -> None:
        super().__init__()
        self.site, self.places, self.count = site, places, count
        self.broken: list[str] = []
        self.answers = 0
        self.done = False

    def run(self) -> None:
        try:
            while not self.done or self.answers < self.count:
                with Client(self.site.server) as client:
                    self.converse(client)
        except (AssertionError, OSError) as error:
            self.broken.append(repr(error))

    def converse(self, client: Client) -> None:
        """Ask on one connection, until the server ends it."""
        for number in itertools.count():
            at = number % len(self.places)
            answer = self.site.ask(client, self.places[at])
            self.answers += 1
            tag = answer.value(b"ETag").strip(b'"')
            number = int(tag.partition(b"-")[0], 16) - NOON
            if answer.status != 200 or answer.body != version(number, VERSION_SIZES[at]):
                self.broken.append(f"{answer.status_line} {answer.fields} {answer.body[:30]}")
            enough = self.done and self.answers >= self.count
            if answer.value(b"Connection") == b"close" or self.broken or enough:
                return


def test_files_that_are_replaced_under_load(site: Site, folder: Path) -> None:
    """Each answer is one of the versions, whole, with the entity-tag of that version."""
    places = [folder / f"{size}.txt" for size in VERSION_SIZES]

    def put(number: int) -> None:
        for place, size in zip(places, VERSION_SIZES, strict=True):
            replace(place, version(number, size), age=-number)

    put(0)
    readers = [Reader(site, places, 40) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, 300):
            put(number)
            time.sleep(0.003)  # others shall have their turn
    finally:
        for reader in readers:
            reader.done = True
        for reader in readers:
            reader.join()
    assert not [broken for reader in readers for broken in reader.broken]
    assert min(reader.answers for reader in readers) >= 40
    with Client(site.server) as client:
        for place in places:
            site.see(client, place, state_of(place))


def test_a_kept_file_that_is_replaced_while_it_is_read(site: Site, folder: Path) -> None:
    """Who has begun to read the old one gets all of it, with others behind who get the new one."""
    size = 1 << 20
    place = settled(folder / "page.bin", filled(size, "a"))
    old = state_of(place)
    with Client(site.server) as client, ExitStack() as stack:
        site.let_keep(client, place, old)
        readers = [stack.enter_context(Client(site.server, room=4096)) for _ in range(3)]
        request = f"GET /{place.relative_to(site.root)} HTTP/1.1\r\nHost: here\r\n\r\n".encode()
        for reader in readers:
            reader.send(request)
            reader.data += reader.socket.recv(4096)
        replace(place, filled(size, "b"))
        new = state_of(place)
        site.see(client, place, new)
        for reader in readers:
            assert old.is_of(reader.answer())
            assert new.is_of(site.ask(reader, place))


# --- without a cache ------------------------------------------------------------------------


def test_without_a_cache_every_request_looks(machine: str, tmp_path: Path) -> None:
    """Then nothing need be told, nor is time of any matter."""
    root = tmp_path / "site"
    root.mkdir()
    with start(root, machine, ALONE, {"cache_seconds": 0}) as server, Client(server) as client:
        site = Site(machine, root, server)
        for name, size in SIZES.items():
            place = settled(root / name, filled(size, "a"))
            elsewhere = root.parent / f"{name}-elsewhere"
            os.link(place, elsewhere)
            site.let_keep(client, place, state_of(place))
            for letter in "bcde":
                write_over(elsewhere, filled(size, letter))
                os.utime(elsewhere, ns=(NOON, NOON))
                assert state_of(place).is_of(site.ask(client, place))
                replace(place, filled(size, letter.upper()))
                assert state_of(place).is_of(site.ask(client, place))
                place.unlink()
                assert State(404).is_of(site.ask(client, place))
                elsewhere.unlink()
                os.link(settled(place, filled(size, "f")), elsewhere)
                assert state_of(place).is_of(site.ask(client, place))
        [worker] = workers(server)
        eventually(lambda: not opened(worker, root), "what was sent is closed")


# --- what is left open -------------------------------------------------------------------------


def opened(worker: int, root: Path) -> list[str]:
    """The files below a folder that a process has open; those that are gone too."""
    return [name for name in descriptors(worker) if name.startswith(f"{root}/")]


def beside(worker: int, root: Path) -> int:
    """How many descriptors a process has that are of nothing it serves, nor of a client."""
    return sum(not name.startswith((str(root), "socket:")) for name in descriptors(worker))


@pytest.mark.parametrize("size", [1000, 100_000])
def test_no_descriptors_leak(site: Site, folder: Path, size: int) -> None:
    """However many files are asked for, changed and deleted: in the end none of them is open.

    Large ones are kept open, but not all of them; on macOS small ones are open to be watched.
    """
    places = [folder / f"{number}.bin" for number in range(160)]
    [worker] = workers(site.server)
    with Client(site.server) as client:
        site.let_keep(client, folder, State(301))
        others = beside(worker, site.root)
        for age in range(2):
            for place in places:
                with settled(place, b"", 0).open("r+b") as file:
                    file.truncate(size + age)
                os.utime(place, ns=(NOON - age, NOON - age))
            for place in places:
                for _ in range(3):
                    answer = site.ask(client, place)
                    assert answer.status == 200
            most = len(opened(worker, folder))
            if size == 1000:
                assert most == (len(places) if site.machine == "macos" else 0)
            else:
                assert 1 < most < len(places), "not all are kept open"

    with Client(site.server) as client:
        for place in places:
            place.unlink()
        if site.machine != "macos" or size > 1000:
            for place in places:
                site.ask(client, place, method="HEAD")
        site.see(client, folder, State(301))
        eventually(lambda: not opened(worker, folder), "files that are gone are closed")
        assert beside(worker, site.root) == others


def test_no_directories_leak(site: Site, folder: Path) -> None:
    """On macOS each that is watched is open: no more than so many, and none that is gone."""
    places = [settled(folder / f"{number}" / "page.txt", b"a page") for number in range(300)]
    [worker] = workers(site.server)
    with Client(site.server) as client:
        for place in places:
            for _ in range(2):
                assert site.ask(client, place).status == 200
    directories = [name for name in opened(worker, site.root) if ".txt" not in name]
    assert len(directories) <= 256
    assert (len(directories) > 200) == (site.machine == "macos")
    shutil.rmtree(folder)
    with Client(site.server) as client:
        for place in places:
            site.see(client, place, State(404))
    eventually(lambda: not opened(worker, folder), "directories that are gone are closed")
