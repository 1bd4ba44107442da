"""The oracle itself: a wrong number is told by its name, and so is a missing header."""

from __future__ import annotations

from tests.kernel.headers import disagreements


def test_what_is_wrong_is_named() -> None:
    facts = {"right": "EINTR == 4", "wrong": "EINTR == 5", "unknown": "EMISSING == 1"}
    wrong = disagreements(["errno.h"], facts)
    assert list(wrong) == ["wrong", "unknown"]
    assert "EMISSING" in wrong["unknown"]


def test_a_header_that_is_not_there() -> None:
    assert "file not found" in disagreements(["errno.h", "missing.h"], {})["missing.h"]


def test_it_is_arm64_that_is_asked() -> None:
    """x86's O_DIRECTORY is another, and its struct epoll_event is packed."""
    facts = {"flag": "O_DIRECTORY == 0x4000", "size": "sizeof(struct epoll_event) == 16"}
    assert disagreements(["fcntl.h", "sys/epoll.h"], facts) == {}


def test_it_is_macos_that_is_asked() -> None:
    facts = {"right": "EAGAIN == 35", "wrong": "EAGAIN == 11", "long": "sizeof(struct stat) == 144"}
    assert list(disagreements(["errno.h", "sys/stat.h"], facts, "macos")) == ["wrong"]
