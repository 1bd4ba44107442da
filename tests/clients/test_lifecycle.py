"""From the first line on standard error to the last process: starting, stopping, and in between.

A download that is under way is one that the client has begun to read: the file is larger than all
buffers on the way, so most of it is still with the server.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.clients.raw import (
    GET,
    PATIENCE,
    SMALL,
    Client,
    children,
    connections,
    descriptors,
    eventually,
    is_running,
    proc,
    workers,
)
from tests.clients.server import STOP_SECONDS, Server, command, machines_here, start
from tests.clients.wire import split

PAGE = b"<!DOCTYPE html><title>a page</title>\n"
LARGE = 48 << 20
ALONE = "-w", "1"
MACHINES = [machine for machine in machines_here() if machine != "model"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_bytes(PAGE)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGE)
    return tmp_path


@pytest.fixture
def lone(machine: str, site: Path) -> Iterator[Server]:
    """One with one worker; it must stop well when the test is over."""
    with start(site, machine, ALONE) as lone:
        yield lone


@pytest.fixture
def mortal(machine: str, site: Path) -> Iterator[Server]:
    """One that the test ends."""
    with start(site, machine, ALONE, stop=False) as lone:
        yield lone


def download(client: Client, target: str = "/large") -> int:
    """Begin to read a large file: how many bytes of it are still to come."""
    client.send(f"GET {target} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    while b"\r\n\r\n" not in client.data:
        client.data += client.socket.recv(SMALL)
    head, _, begin = client.data.partition(b"\r\n\r\n")
    [length] = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")]
    client.data = begin
    return int(length.split()[1]) - len(begin)


def refuses(lone: Server) -> bool:
    """Whether nobody can connect any more."""
    try:
        Client(lone).socket.close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


# --- stopping --------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_finished(mortal: Server, number: int) -> None:
    with Client(mortal) as idle, Client(mortal) as half, Client(mortal, room=SMALL) as reader:
        assert idle.ask().status == 200
        half.send(GET[:20])
        left = download(reader)
        [worker] = workers(mortal)
        mortal.process.send_signal(number)
        assert idle.rest() == b"", "it asked for nothing"
        eventually(lambda: refuses(mortal), "nobody new is served")
        assert mortal.process.poll() is None
        half.send(GET[20:])
        answer = half.answer()
        assert (answer.status, answer.value(b"Connection")) == (200, b"close")
        assert half.rest() == b""
        assert len(reader.data) + reader.take(left) == len(reader.data) + left
        assert reader.socket.recv(1) == b""
    assert mortal.process.wait(STOP_SECONDS) == 0
    assert not is_running(worker)


DEAF = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_whoever_starts_it_may_have_ignored_sigchld(machine: str, site: Path) -> None:
    """Workers that end are noticed nevertheless: it is replaced, and SIGTERM ends all of it."""
    before = [sys.executable, "-c", DEAF]
    with start(site, machine, ALONE, before=before) as server:
        [worker] = workers(server)
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: children(server.process.pid) not in ([], [worker]), "another worker")
        with Client(server) as client:
            assert client.ask().status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(mortal: Server, number: int) -> None:
    with Client(mortal) as idle, Client(mortal, room=SMALL) as reader:
        assert idle.ask().status == 200
        left = download(reader)
        [worker] = workers(mortal)
        mortal.process.send_signal(signal.SIGTERM)
        assert idle.rest() == b""
        assert is_running(worker)
        mortal.process.send_signal(number)
        assert mortal.process.wait(STOP_SECONDS) == 0
        assert not is_running(worker)
        with suppress(ConnectionResetError):
            assert reader.take(left) < left


def test_what_is_not_finished_in_time_is_cut(machine: str, site: Path) -> None:
    with (
        start(site, machine, ALONE, {"stop_seconds": 1}, stop=False) as lone,
        Client(lone, room=SMALL) as reader,
    ):
        left = download(reader)
        lone.process.terminate()
        assert lone.process.wait(STOP_SECONDS) == 0
        with suppress(ConnectionResetError):
            assert reader.take(left) < left


def test_workers_end_with_their_supervisor(mortal: Server) -> None:
    with Client(mortal) as idle:
        assert idle.ask().status == 200
        [worker] = workers(mortal)
        mortal.process.kill()
        mortal.process.wait()
        assert idle.rest() == b""
    eventually(lambda: not is_running(worker), "nobody is left")
    eventually(lambda: refuses(mortal), "its threads are gone too, and the listener with them")


# --- workers come and go -----------------------------------------------------------------


def test_sighup_brings_new_workers_and_refuses_nobody(lone: Server) -> None:
    with Client(lone, room=SMALL) as reader:
        left = download(reader)
        [old] = workers(lone)
        lone.process.send_signal(signal.SIGHUP)

        def served_by_another() -> bool:
            with Client(lone) as client:
                assert client.ask().status == 200
            return len(children(lone.process.pid)) == 2

        eventually(served_by_another, "a new worker serves, and the old one finishes")
        for _ in range(20):
            with Client(lone) as client:
                assert client.ask().status == 200
        assert is_running(old)
        assert reader.take(left) == left
    eventually(lambda: not proc(old).exists(), "it has finished, and the supervisor knows it")
    [new] = children(lone.process.pid)
    assert new != old
    lone.process.send_signal(signal.SIGHUP)
    eventually(lambda: children(lone.process.pid) not in ([new], []), "and once more")


def test_a_worker_that_dies_is_replaced(lone: Server) -> None:
    for _ in range(2):
        [worker] = workers(lone)
        with Client(lone) as lost:
            assert lost.ask().status == 200
            os.kill(worker, signal.SIGKILL)
            with Client(lone) as waiting:
                assert waiting.ask().status == 200
            with suppress(ConnectionResetError):
                assert lost.rest() == b""
        assert children(lone.process.pid) != [worker]
        eventually(
            lambda line=f"svc0: worker {worker} was killed by signal 9\n": line in lone.log,
            "people are told",
        )


def test_every_worker_gets_clients(machine: str, site: Path) -> None:
    with start(site, machine, ("-w", "3")) as lone, ExitStack() as stack:
        all_three = workers(lone, 3)
        before = {worker: connections(worker) for worker in all_three}
        for _ in range(48):
            assert stack.enter_context(Client(lone)).ask().status == 200
        more = {worker: connections(worker) - before[worker] for worker in all_three}
        assert min(more.values()) > 0, more


PINNING = [machine for machine in MACHINES if machine in ("qemu", "native")]
"""Where a worker's process is the host's own to place; the emulator only says that it did."""


@pytest.mark.parametrize("machine", PINNING)
def test_each_worker_has_a_cpu_and_so_has_who_replaces_it(machine: str, site: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        pytest.skip("there is one CPU for all")
    with start(site, machine, ("-w", "2")) as server:
        first, second = workers(server, 2)

        def places() -> list[set[int]]:
            return [os.sched_getaffinity(worker) for worker in children(server.process.pid)]

        eventually(lambda: sorted(map(sorted, places())) == [[cpu] for cpu in cpus], "each has one")
        assert os.sched_getaffinity(server.process.pid) == os.sched_getaffinity(0)
        [lost] = os.sched_getaffinity(first)
        os.kill(first, signal.SIGKILL)
        eventually(
            lambda: len(children(server.process.pid)) == 2 and {lost} in places(), "it has the same"
        )
        assert os.sched_getaffinity(second) == {*cpus} - {lost}


# --- clients come and go -----------------------------------------------------------------


def test_clients_that_vanish_do_no_harm(lone: Server) -> None:
    [worker] = workers(lone)
    for number in range(100):
        with Client(lone, room=SMALL) as client:
            download(client)
            if number % 2:
                client.reset()
    with Client(lone) as client:
        assert client.ask().status == 200
    assert children(lone.process.pid) == [worker]


def ask_and_stay(client: Client) -> None:
    assert client.ask().status == 200
    assert client.ask("/nothing").status == 404


def ask_and_be_left(client: Client) -> None:
    client.send(b"HEAD / HTTP/1.0\r\n\r\n")
    assert split(client.rest(), [True])[0][0].status == 200


def ask_nonsense(client: Client) -> None:
    client.send(b"nonsense\r\n\r\n")
    assert split(client.rest(), [False])[0][0].status == 400


def leave_in_a_head(client: Client) -> None:
    client.send(GET[:10])


def leave_in_a_body(client: Client) -> None:
    client.send(GET[:-2] + b"Content-Length: 5\r\n\r\nab")


def leave_in_a_download(client: Client) -> None:
    client.send(b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n")
    client.reset()


def say_nothing(client: Client) -> None:
    del client


WAYS: list[Callable[[Client], None]] = [
    *(ask_and_stay, ask_and_be_left, ask_nonsense, say_nothing),
    *(leave_in_a_head, leave_in_a_body, leave_in_a_download),
]


def of_clients(worker: int, site: Path) -> list[str]:
    """What a worker has open besides the site, and the files of it that the cache keeps open."""
    return [name for name in descriptors(worker) if not name.startswith(str(site))]


def test_a_thousand_clients_leave_nothing_open(lone: Server, site: Path) -> None:
    [worker] = workers(lone)
    os.utime(site / "index.html", (1, 1))  # what was changed just now would not be kept
    with Client(lone) as client:
        for _ in range(3):  # it is kept, and whatever tells of changes is open
            assert client.ask().status == 200
        watched, page = lone.machine == "macos", str(site / "index.html")
        eventually(lambda: descriptors(worker).count(page) == watched, "it is closed")
        most = len(of_clients(worker, site))
    chance = random.Random(1)
    with ExitStack() as stack:
        for number in range(1000):
            if number % 20 == 0:
                stack.close()
            client = stack.enter_context(Client(lone))
            chance.choice(WAYS)(client)
    eventually(lambda: len(of_clients(worker, site)) < most, "as much is open as without clients")
    assert len(of_clients(worker, site)) == most - 1
    kept = [name for name in descriptors(worker) if name.startswith(f"{site}/")]
    assert len(kept) == len(set(kept)), "a large file is kept open once, for all"
    assert children(lone.process.pid) == [worker]


# --- files that change -------------------------------------------------------------------


def test_a_file_that_is_cut_short_ends_the_connection(lone: Server, site: Path) -> None:
    with Client(lone, room=SMALL) as client:
        left = download(client)
        os.truncate(site / "large", 100_000)
        assert client.take(left) < left
        with Client(lone) as other:
            assert other.ask().status == 200


def test_a_file_that_is_replaced_is_sent_as_it_was(lone: Server, site: Path) -> None:
    content = random.Random(2).randbytes(1 << 20) * 24
    (site / "old").write_bytes(content)
    with Client(lone, room=SMALL) as client:
        left = download(client, "/old")
        (site / "new").write_bytes(b"new")
        (site / "new").rename(site / "old")
        got = hashlib.sha256(client.data)
        while left:
            part = client.socket.recv(min(left, 1 << 20))
            assert part
            got.update(part)
            left -= len(part)
        assert got.digest() == hashlib.sha256(content).digest()
        client.data = b""
        assert client.ask("/old").body == b"new"


# --- where it listens --------------------------------------------------------------------


def test_listens_on_ipv6(machine: str, site: Path) -> None:
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with start(site, machine, (*ALONE, "-b", "::1")) as lone:
        assert lone.address[0] == "::1"
        assert f"http://[::1]:{lone.address[1]}/\n" in lone.log[-1]
        with Client(lone) as client:
            assert client.ask().body == PAGE


def test_options_may_be_attached(machine: str, site: Path) -> None:
    with start(site, machine, ("-w1", "-p0", "-b127.0.0.2")) as lone:
        assert lone.address[0] == "127.0.0.2"
        assert len(workers(lone)) == 1


def ended(machine: str, site: Path, *options: str, user: int | None = None) -> tuple[int, str, str]:
    """What a server that does not come up says: its exit code, its output and its errors."""
    words = command(machine, site, site.parent, options)
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, user=user)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("others", ["1", "3"])
def test_a_port_that_is_taken(machine: str, site: Path, workers: str, others: str) -> None:
    with start(site, MACHINES[-1], ("-w", others)) as lone:
        port = lone.address[1]
        said = ended(machine, site, "-p", str(port), "-w", workers)
    assert said == (
        1,
        "",
        f"svc0: cannot listen on 127.0.0.1 port {port}: the port is taken\n",
    )


def test_what_cannot_be_done_is_one_line_and_1(machine: str, site: Path) -> None:
    page = site / "index.html"
    for options, message in {
        ("-b", "192.0.2.1"): "cannot listen on 192.0.2.1 port 0: "
        "the address is not one of this machine's",
        ("-b", "nonsense"): "cannot listen on nonsense port 0: that is not an IPv4 or IPv6 address",
        ("-b", ""): "cannot listen on  port 0: that is not an IPv4 or IPv6 address",
        ("-r", "/not/there"): "cannot serve /not/there: there is no such file or directory",
        ("-r", str(page)): f"cannot serve {page}: it is not a directory",
        ("-r", ""): "cannot serve : there is no such file or directory",
    }.items():
        assert ended(machine, site, *options) == (1, "", f"svc0: {message}\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_directory_that_may_not_be_reached() -> None:
    if "qemu" not in MACHINES:
        pytest.skip("there is no qemu-aarch64")
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are nobody else's
        place = Path(name)
        place.chmod(0o755)
        (place / "closed" / "site").mkdir(parents=True)
        (place / "closed").chmod(0o700)
        (place / "site").mkdir()
        outside = str(place / "closed" / "site")
        said = ended("qemu", place / "site", "-r", outside, user=65534)
    assert said == (
        1,
        "",
        f"svc0: cannot serve {place}/closed/site: permission denied\n",
    )


@pytest.mark.parametrize(
    "options",
    [
        "-x",
        "site",
        "-",
        "-p",
        "-p ",
        "-p 65536",
        "-p 9" + 20 * "9",
        "-p-1",
        "-w 65",
        "-r",
        "--help",
    ],
)
def test_what_is_not_understood_is_one_line_and_2(site: Path, options: str) -> None:
    message = "svc0: these arguments are not understood: try -h\n"
    assert ended(MACHINES[-1], site, *options.split(" ")) == (2, "", message)


def test_help_and_version(machine: str, site: Path) -> None:
    status, out, errors = ended(machine, site, "-V")
    assert (status, out, errors) == (0, "svc0 0.1.0\n", "")
    status, out, errors = ended(machine, site, "-h")
    assert (status, errors) == (0, "")
    for letter in "rpbwhV":
        assert f"\n  -{letter}" in out
    assert max(map(len, out.splitlines())) <= 80
