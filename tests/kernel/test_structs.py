"""Every struct's offsets, widths and size, against Linux's headers for arm64."""

from __future__ import annotations

from svc0.a64 import Struct
from svc0.kernel import structs
from svc0.kernel.structs import (
    EpollEvent,
    Itimerspec,
    OpenHow,
    Rlimit,
    SignalAction,
    SignalInfo,
    SocketAddress,
    Stat,
    Timespec,
)
from tests.kernel.headers import disagreements

C_HEADERS = """
    stddef.h linux/time.h asm/stat.h linux/openat2.h linux/eventpoll.h linux/signalfd.h
    asm/signal.h linux/in.h linux/in6.h linux/resource.h
"""

IN_C = {
    Timespec: ("timespec", {"seconds": "tv_sec", "nanoseconds": "tv_nsec"}),
    Itimerspec: ("itimerspec", {"interval": "it_interval", "value": "it_value"}),
    Stat: ("stat", {"inode": "st_ino", "mode": "st_mode", "file_size": "st_size"}),
    OpenHow: ("open_how", {"flags": "flags", "mode": "mode", "resolve": "resolve"}),
    EpollEvent: ("epoll_event", {"events": "events", "data": "data"}),
    SignalInfo: ("signalfd_siginfo", {"number": "ssi_signo"}),
    SignalAction: (
        "sigaction",
        {
            "handler": "sa_handler",
            "flags": "sa_flags",
            "restorer": "sa_restorer",
            "mask": "sa_mask",
        },
    ),
    SocketAddress: (
        "sockaddr_in6",
        {"family": "sin6_family", "port": "sin6_port", "ipv4": "sin6_flowinfo"}
        | {"ipv6": "sin6_addr", "scope": "sin6_scope_id"},
    ),
    Rlimit: ("rlimit64", {"current": "rlim_cur", "maximum": "rlim_max"}),
}

APART = {
    "Stat.modified.seconds": f"offsetof(struct stat, st_mtime) == {int(Stat.modified.seconds)}",
    "Stat.modified.nanoseconds": (
        f"offsetof(struct stat, st_mtime_nsec) == {int(Stat.modified.nanoseconds)}"
    ),
    "family": f"offsetof(struct sockaddr_in, sin_family) == {int(SocketAddress.family)}",
    "port": f"offsetof(struct sockaddr_in, sin_port) == {int(SocketAddress.port)}",
    "ipv4": f"offsetof(struct sockaddr_in, sin_addr) == {int(SocketAddress.ipv4)}",
    "sockaddr_in": f"sizeof(struct sockaddr_in) <= {SocketAddress.size}",
}
"""What is one struct here and not in C, or the other way round."""


def test_every_struct_is_looked_at() -> None:
    kinds = {kind for kind in vars(structs).values() if isinstance(kind, type)}
    assert set(IN_C) == {kind for kind in kinds if issubclass(kind, Struct)} - {Struct}
    for kind, (_, fields) in IN_C.items():
        apart = {"modified"} if kind is Stat else set[str]()
        assert set(fields) == set(kind.fields) - apart


def test_structs() -> None:
    facts = dict(APART)
    for kind, (tag, fields) in IN_C.items():
        facts[f"size of {kind.__name__}"] = f"sizeof(struct {tag}) == {kind.size}"
        for name, in_c in fields.items():
            field, member = kind.fields[name], f"((struct {tag} *)0)->{in_c}"
            facts[field.name] = f"offsetof(struct {tag}, {in_c}) == {int(field)}"
            facts[f"size of {field.name}"] = f"sizeof({member}) == {field.size}"
    assert disagreements(C_HEADERS.split(), facts) == {}
