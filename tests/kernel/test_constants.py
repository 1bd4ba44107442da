"""Every constant, against the platforms' own headers for arm64."""

from __future__ import annotations

import pytest

from svc0.a64.platforms import PLATFORMS, Either, Platform
from svc0.kernel import constants
from tests.kernel.headers import disagreements

HEADERS: dict[Platform, str] = {
    "linux": """
        fcntl.h sys/stat.h sys/socket.h netinet/in.h netinet/tcp.h sys/epoll.h sys/timerfd.h
        sys/signalfd.h time.h signal.h sys/mman.h sys/resource.h sys/wait.h sys/prctl.h
        linux/openat2.h sys/inotify.h sys/ioctl.h linux/sockios.h
    """,
    "macos": """
        fcntl.h sys/stat.h sys/socket.h netinet/in.h netinet/tcp.h sys/event.h signal.h
        sys/mman.h sys/resource.h sys/wait.h sys/sysctl.h sys/syslimits.h
    """,
}

OTHERWISE: dict[Platform, dict[str, str]] = {
    "linux": {"SIGSET_SIZE": "_NSIG / 8", "SIG_IGN": "(long)SIG_IGN"},
    "macos": {
        "SIGSET_SIZE": "(int)sizeof(sigset_t)",
        "SIG_IGN": "(long)SIG_IGN",
        "NOTE_EXIT": "(unsigned)NOTE_EXIT",
    },
}
"""What is not called so in C, or is no integer there."""


@pytest.mark.parametrize("platform", PLATFORMS)
def test_constants(platform: Platform) -> None:
    facts: dict[str, str] = {}
    for name, value in vars(constants).items():
        if not name.isupper() or (isinstance(value, Either) and platform not in value.values):
            continue
        number = value.on(platform) if isinstance(value, Either) else value
        facts[name] = f"({OTHERWISE[platform].get(name, name)}) == {number}"
    assert len(facts) > 50
    assert disagreements(HEADERS[platform].split(), facts, platform) == {}


def test_a_constant_is_of_some_platform() -> None:
    """One that neither has would be looked up nowhere."""
    for name, value in vars(constants).items():
        assert not isinstance(value, Either) or value.values, name
