"""Limits: of time, of connections, of requests, and what a client sees of them.

The settings are built into the image and as small as they can be.  Nothing here says how fast the
server is: what is checked is what comes, and in which order.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from svc0.server.limits import HEAD_MAX, INPUT_MAX
from tests.clients.raw import GET, PATIENCE, SMALL, Client, connections, eventually, workers
from tests.clients.server import Server, machines_here, start
from tests.clients.wire import split

PAGE = b"<!DOCTYPE html><title>a page</title>\n"
LARGE = 64 << 20
ALONE = "-w", "1"
DRIP_SECONDS = 0.3
MOST_DRIPS = 100
MACHINES = [machine for machine in machines_here() if machine != "model"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page, and a file that no socket's buffer holds."""
    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_bytes(PAGE)
    with (site / "large").open("wb") as file:
        file.truncate(LARGE)
    return site


@pytest.fixture(scope="module", params=MACHINES)
def hasty(request: pytest.FixtureRequest, site: Path) -> Iterator[Server]:
    """A server that waits for a second or two, for whatever it waits for."""
    names = "head_seconds", "body_seconds", "idle_seconds"
    seconds: dict[str, str | int] = {**dict.fromkeys(names, 1), "send_seconds": 2}
    with start(site, request.param, ALONE, seconds) as server:
        yield server


def only_answer(data: bytes) -> int:
    """The status of the one answer that there is, which says that it is the last."""
    [answer], left = split(data, [False])
    assert not left
    assert answer.value(b"Connection") == b"close"
    return answer.status


@pytest.mark.parametrize("part", [b"G", GET[:-1]])
def test_a_head_that_does_not_come_is_408(hasty: Server, part: bytes) -> None:
    with Client(hasty) as client:
        client.send(part)
        asked = time.monotonic()
        assert only_answer(client.rest()) == 408
        assert time.monotonic() - asked >= 0.9, "a second is a second"


def test_bytes_one_by_one_do_not_make_the_time_for_a_head_longer(hasty: Server) -> None:
    with Client(hasty) as client:
        client.socket.settimeout(DRIP_SECONDS)
        sent = 0
        data = b""
        for byte in (GET[:-4] + b"\r\nX: " + b"x" * MOST_DRIPS)[:MOST_DRIPS]:
            client.send(bytes([byte]))
            sent += 1
            try:
                data = client.socket.recv(SMALL)
                break
            except TimeoutError:
                continue
        assert only_answer(data) == 408
        assert 3 <= sent < MOST_DRIPS, "it came while there was more, but not at once"


def test_a_body_that_does_not_come_is_408(hasty: Server) -> None:
    with Client(hasty) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345")
        assert only_answer(client.rest()) == 408


@pytest.mark.parametrize("requests", [b"", GET])
def test_who_asks_nothing_more_is_left_without_a_word(hasty: Server, requests: bytes) -> None:
    with Client(hasty) as client:
        client.send(requests)
        answers, left = split(client.rest(), [False] * bool(requests))
        assert [answer.status for answer in answers] == [200] * bool(requests)
        assert not left


@pytest.mark.skipif(platform.system() != "Linux", reason="it is the host's kernel that waits")
@pytest.mark.parametrize("machine", MACHINES)
def test_who_says_nothing_is_noticed_late_or_when_it_does(machine: str, site: Path) -> None:
    """Late on Linux alone; and then its time runs as that of any other."""
    with start(site, machine, ALONE, {"idle_seconds": 1}) as server:
        [worker] = workers(server)
        with Client(server) as client:
            assert client.ask().status == 200
            before = connections(worker) - 1
        eventually(lambda: connections(worker) == before, "nobody is connected")
        with Client(server) as silent, Client(server) as client:
            time.sleep(0.3)
            assert connections(worker) == before + (2 if machine == "macos" else 0)
            assert client.ask().status == 200
            eventually(lambda: connections(worker) >= before + 1, "it was noticed")
            assert not silent.rest()


def test_who_takes_nothing_is_cut_off(hasty: Server) -> None:
    [worker] = workers(hasty)
    with Client(hasty) as client:
        assert client.ask().status == 200
        before = connections(worker) - 1
    eventually(lambda: connections(worker) == before, "nobody is connected")
    with Client(hasty, room=SMALL) as client:
        client.send(b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n")
        eventually(lambda: connections(worker) > before, "it was taken")
        eventually(lambda: connections(worker) == before, "it was cut off")
        try:
            received = len(client.rest())
        except ConnectionResetError:
            received = 0
        assert received < LARGE


def test_who_takes_a_little_now_and_then_is_served(hasty: Server, site: Path) -> None:
    """The time to send is that without a byte, whatever the kernel keeps for the client."""
    little = 40_000
    with Client(hasty, room=1 << 16) as client:
        client.send(b"GET /large HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        for _ in range(18):
            assert client.take(little) == little
            time.sleep(0.25)
        assert 18 * little + len(client.rest()) > LARGE


def test_an_error_is_read_whole_by_who_goes_on_sending(hasty: Server) -> None:
    """No reset destroys the answer while the client still sends what nobody will read."""
    with Client(hasty) as client:
        client.send(b"GET / HTTP/1.1\r\nbad\r\n\r\n")
        for _ in range(8):
            client.send(b"x" * 50_000)
            time.sleep(0.02)
        assert only_answer(client.rest()) == 400


def test_who_never_stops_sending_is_left_in_the_end(hasty: Server) -> None:
    with Client(hasty) as client:
        client.send(b"GET / HTTP/1.1\r\nbad\r\n\r\n")
        assert only_answer(client.rest()) == 400
        asked = time.monotonic()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012
            while time.monotonic() < asked + PATIENCE:
                client.send(b"x" * 1000)
                time.sleep(0.05)
        assert time.monotonic() - asked >= 1.5, "two seconds are for the answer to arrive"


@pytest.mark.parametrize("machine", MACHINES)
def test_the_last_request_of_a_connection_is_told(machine: str, site: Path) -> None:
    with start(site, machine, ALONE, {"requests": 3}) as server:
        for together in (True, False):
            with Client(server) as client:
                if together:
                    client.send(GET * 5)
                    answers, left = split(client.rest(), [False] * 5)
                    assert not left
                else:
                    answers = [client.ask() for _ in range(3)]
                    assert not client.rest()
            assert [answer.value(b"Connection") for answer in answers] == [b"", b"", b"close"]


def padded(target: str, size: int) -> bytes:
    """A request of so many bytes."""
    begin = f"GET {target} HTTP/1.1\r\nHost: here\r\nX-Padding: ".encode()
    return begin.ljust(size - len(b"\r\n\r\n"), b"x") + b"\r\n\r\n"


@pytest.mark.parametrize("machine", MACHINES)
def test_the_last_answer_is_read_whole_by_who_asked_for_more(machine: str, tmp_path: Path) -> None:
    """No reset destroys it, though a second room full of requests waits in the kernel."""
    fit = 12
    assert INPUT_MAX % fit == 0
    (tmp_path / "file").write_bytes(bytes(600_000))
    with (
        start(tmp_path, machine, ALONE, {"requests": fit}) as server,
        Client(server, room=SMALL) as client,
    ):
        requests = [padded("/nothing", INPUT_MAX // fit)] * (fit - 1)
        requests.append(padded("/file", INPUT_MAX // fit))
        client.send(b"".join(requests * 2))
        time.sleep(0.5)  # long enough to be closed before the first byte is read
        answers, left = split(client.rest(), [False] * fit)
        assert not left
        assert answers[-1].body == bytes(600_000)
        assert [answer.value(b"Connection") for answer in answers[-2:]] == [b"", b"close"]


@pytest.mark.parametrize("machine", MACHINES)
def test_beyond_the_most_connections_there_is_503(machine: str, site: Path) -> None:
    with start(site, machine, ALONE, {"connections": 3}) as server, ExitStack() as stack:
        inside = [stack.enter_context(Client(server)) for _ in range(3)]
        assert [client.ask().status for client in inside] == [200] * 3

        # On Linux a request is there before its client is taken: none is answered with a reset.
        asked = [b"", b"", b""] if machine == "macos" else [b"", GET, padded("/", HEAD_MAX)] * 3
        for request in asked:
            with Client(server) as one_more:
                one_more.send(request)
                [busy], left = split(one_more.rest(), [False])
                assert not left
                assert (busy.status, busy.value(b"Connection")) == (503, b"close")
                assert busy.value(b"Retry-After") == b"1"
        assert [client.ask().status for client in inside] == [200] * 3

        inside.pop().socket.close()

        def has_room() -> bool:
            with Client(server) as client:
                try:
                    return client.ask().status == 200
                except (ConnectionResetError, BrokenPipeError):
                    return False

        eventually(has_room, "who leaves makes room")
        assert [client.ask().status for client in inside] == [200] * 2
