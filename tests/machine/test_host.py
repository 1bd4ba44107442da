"""The host world, also where a host lacks what Linux has: epoll, sendfile."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from svc0.machine.host import HostWorld
from svc0.machine.host.files import HostFile
from svc0.machine.host.watches import InotifyChanges
from svc0.machine.world import ALTERED, WRITTEN, Events, File

READABLE, WRITABLE, HUNG_UP = 1, 4, 0x10


@pytest.fixture
def world() -> Generator[HostWorld, None, None]:
    made = HostWorld()
    yield made
    made.end()


@pytest.fixture(params=["epoll", "poll"])
def events(
    request: pytest.FixtureRequest, world: HostWorld, monkeypatch: pytest.MonkeyPatch
) -> Generator[Events, None, None]:
    if request.param == "poll":
        monkeypatch.setattr("sys.platform", "something else")
    made = world.events()
    yield made
    made.close()


@pytest.fixture
def pipe(world: HostWorld) -> Generator[tuple[File, File], None, None]:
    reader, writer = world.pipe(os.O_NONBLOCK)
    yield reader, writer
    reader.close()
    writer.close()


def test_states_are_waited_for(events: Events, pipe: tuple[File, File]) -> None:
    reader, writer = pipe
    events.add(reader, READABLE, 1 << 63)
    events.add(writer, 0, 2)
    assert events.wait(8, 0) == []
    events.modify(writer, WRITABLE, 3)
    assert events.wait(8, None) == [(WRITABLE, 3)]
    writer.write([memoryview(b"some")])
    assert sorted(events.wait(8, None)) == [(READABLE, 1 << 63), (WRITABLE, 3)]
    assert len(events.wait(1, None)) == 1
    events.remove(writer)
    assert events.wait(8, None) == [(READABLE, 1 << 63)]


def test_what_is_wrong_is_an_error(events: Events, pipe: tuple[File, File]) -> None:
    reader, _ = pipe
    for operation in (lambda: events.modify(reader, 1, 1), lambda: events.remove(reader)):
        with pytest.raises(OSError, match="No such file") as caught:
            operation()
        assert caught.value.errno == errno.ENOENT
    events.add(reader, READABLE, 1)
    with pytest.raises(OSError, match="File exists"):
        events.add(reader, READABLE, 1)


def test_a_closed_file_is_forgotten(world: HostWorld, events: Events) -> None:
    reader, writer = world.pipe(os.O_NONBLOCK)
    events.add(reader, READABLE, 1)
    writer.close()
    assert events.wait(8, None) == [(HUNG_UP, 1)]
    reader.close()
    assert events.wait(8, 0) == []


def test_a_signal_is_an_event(world: HostWorld, events: Events) -> None:
    chosen = frozenset({int(signal.SIGUSR1)})
    world.block(chosen)
    queue = world.signal_queue(chosen, blocking=False)
    events.add(queue, READABLE, 5)
    assert events.wait(8, 0) == []
    world.kill(world.process(), signal.SIGUSR1)
    assert events.wait(8, None) == [(READABLE, 5)]
    assert world.blocked == chosen
    assert (events.wait(8, 0), queue.take(4)) == ([(READABLE, 5)], [signal.SIGUSR1])
    assert events.wait(8, 0) == []
    queue.close()


def test_a_file_is_sent_without_sendfile(
    world: HostWorld, pipe: tuple[File, File], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EINVAL, "not between these")

    monkeypatch.setattr("os.sendfile", refuse)
    (tmp_path / "file").write_bytes(b"0123456789")
    reader, writer = pipe
    source = world.open(None, os.fsencode(tmp_path / "file"), os.O_RDONLY, 0)
    assert world.send_file(writer, source, 4, 3) == 3
    assert world.send_file(writer, source, None, 99) == 10
    assert world.send_file(writer, source, None, 99) == 0
    into = bytearray(99)
    assert reader.read([memoryview(into)]) == 13
    assert into[:13] == b"4560123456789"
    source.close()


def test_python_is_left_as_it_was() -> None:
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    world = HostWorld()
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL
    world.block(frozenset({int(signal.SIGTERM), int(signal.SIGINT)}))
    world.end()
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before
    assert signal.set_wakeup_fd(-1) == -1


# Files that are watched

needs_inotify = pytest.mark.skipif(sys.platform != "linux", reason="other hosts have no inotify")


@needs_inotify
def test_more_happens_than_anybody_can_say(tmp_path: Path) -> None:
    """Then it may have been anything, to any of them."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 1 << 17:
        pytest.skip(f"that would take {most} changes")
    names = [tmp_path / "one", tmp_path / "other"]
    for name in names:
        name.touch()
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    files = [HostFile(os.open(path, os.O_RDONLY)) for path in (tmp_path, quiet)]
    changes = InotifyChanges()
    numbers = [changes.watch(file) for file in files]
    for turn in range(most + 1):
        os.utime(names[turn % 2])
    told = dict(changes.take())
    assert all(told[number] & (WRITTEN | ALTERED) == WRITTEN | ALTERED for number in numbers)
    assert changes.take() == []
    for file in (*files, changes):
        file.close()


@needs_inotify
def test_the_directory_around_may_be_closed_to_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not look there does not hear that a directory is no more, but hears the rest."""
    inner = tmp_path / "inner"
    inner.mkdir()
    file = HostFile(os.open(inner, os.O_RDONLY))
    changes = InotifyChanges()

    def refuse(*_arguments: object, **_options: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as closed:
        closed.setattr("os.open", refuse)
        number = changes.watch(file)
    (inner / "file").touch()
    assert changes.take() == [(number, WRITTEN)]
    (inner / "file").unlink()
    inner.rmdir()
    assert changes.take() == [(number, WRITTEN)]
    for each in (file, changes):
        each.close()


def test_a_host_without_inotify(world: HostWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "something else")
    with pytest.raises(OSError, match=os.strerror(errno.ENOSYS)):
        world.watches(blocking=False)
