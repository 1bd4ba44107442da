"""Every constant, against Linux's and the C library's headers for arm64."""

from __future__ import annotations

from svc0.kernel import constants
from tests.kernel.headers import disagreements

C_HEADERS = """
    fcntl.h sys/stat.h sys/socket.h netinet/in.h netinet/tcp.h sys/epoll.h sys/timerfd.h
    sys/signalfd.h time.h signal.h sys/mman.h sys/resource.h sys/wait.h sys/prctl.h
    linux/openat2.h
"""

OTHERWISE = {
    "SIGSET_SIZE": "_NSIG / 8",
    "SIG_DFL": "(long)SIG_DFL",
    "SIG_IGN": "(long)SIG_IGN",
}
"""What is not called so in C, or is no integer there."""


def test_constants() -> None:
    values = {name: value for name, value in vars(constants).items() if name.isupper()}
    assert len(values) > 50
    facts = {name: f"({OTHERWISE.get(name, name)}) == {value}" for name, value in values.items()}
    assert disagreements(C_HEADERS.split(), facts) == {}
