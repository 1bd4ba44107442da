"""Every struct's offsets, widths and size, against the platforms' own headers for arm64."""

from __future__ import annotations

import pytest

from svc0.a64 import Struct
from svc0.a64.platforms import PLATFORMS, Platform, settled
from svc0.kernel import structs
from svc0.kernel.structs import (
    EpollEvent,
    InotifyEvent,
    IoVector,
    Itimerspec,
    Kevent,
    MessageHeader,
    OpenHow,
    Rlimit,
    SignalAction,
    SignalInfo,
    SocketAddress,
    Stat,
    Timespec,
    Timeval,
)
from tests.kernel.headers import disagreements

HEADERS: dict[Platform, str] = {
    "linux": """
        stddef.h linux/time.h asm/stat.h linux/openat2.h linux/eventpoll.h linux/signalfd.h
        asm/signal.h linux/in.h linux/in6.h linux/resource.h
        linux/inotify.h sys/socket.h
    """,
    "macos": """
        stddef.h sys/time.h sys/stat.h sys/event.h signal.h netinet/in.h sys/resource.h
        sys/socket.h sys/uio.h
    """,
}

SHARED: dict[type[Struct], tuple[str, dict[str, str]]] = {
    IoVector: ("iovec", {"base": "iov_base", "length": "iov_len"}),
    MessageHeader: (
        "msghdr",
        {"address": "msg_name", "address_size": "msg_namelen"}
        | {"vectors": "msg_iov", "control": "msg_control"},
    ),
    Timespec: ("timespec", {"seconds": "tv_sec", "nanoseconds": "tv_nsec"}),
    SocketAddress: (
        "sockaddr_in6",
        {"port": "sin6_port", "ipv4": "sin6_flowinfo", "ipv6": "sin6_addr"}
        | {"scope": "sin6_scope_id"},
    ),
}

IN_C: dict[Platform, dict[type[Struct], tuple[str, dict[str, str]]]] = {
    "linux": SHARED
    | {
        Itimerspec: ("itimerspec", {"interval": "it_interval", "value": "it_value"}),
        Stat: ("stat", {"inode": "st_ino", "file_size": "st_size"}),
        OpenHow: ("open_how", {"flags": "flags", "mode": "mode", "resolve": "resolve"}),
        EpollEvent: ("epoll_event", {"events": "events", "data": "data"}),
        SignalInfo: ("signalfd_siginfo", {"number": "ssi_signo"}),
        SignalAction: ("sigaction", {"handler": "sa_handler"}),
        InotifyEvent: (
            "inotify_event",
            {"watch": "wd", "mask": "mask", "cookie": "cookie", "name_size": "len"},
        ),
        Rlimit: ("rlimit64", {"current": "rlim_cur", "maximum": "rlim_max"}),
    },
    "macos": SHARED
    | {
        Timeval: ("timeval", {"seconds": "tv_sec", "microseconds": "tv_usec"}),
        Stat: (
            "stat",
            {"device": "st_dev", "inode": "st_ino", "mode": "st_mode", "file_size": "st_size"}
            | {"modified": "st_mtimespec", "changed": "st_ctimespec"},
        ),
        Kevent: ("kevent", {name: name for name in Kevent.fields}),
        SignalAction: ("__sigaction", {"handler": "__sigaction_u"}),
        Rlimit: ("rlimit", {"current": "rlim_cur", "maximum": "rlim_max"}),
    },
}

APART: dict[Platform, dict[str, str]] = {
    "linux": {
        "Stat.modified.seconds": "offsetof(struct stat, st_mtime) == {Stat.modified.seconds}",
        "Stat.modified.nanoseconds": (
            "offsetof(struct stat, st_mtime_nsec) == {Stat.modified.nanoseconds}"
        ),
        "Stat.changed.seconds": "offsetof(struct stat, st_ctime) == {Stat.changed.seconds}",
        "Stat.changed.nanoseconds": (
            "offsetof(struct stat, st_ctime_nsec) == {Stat.changed.nanoseconds}"
        ),
        "device": "offsetof(struct stat, st_dev) == {Stat.device}",
        "device's lower half": "sizeof(((struct stat *)0)->st_dev) == 8",
        "mode": "offsetof(struct stat, st_mode) == {Stat.mode}",
        "mode's lower half": "sizeof(((struct stat *)0)->st_mode) == 4",
        "family": "offsetof(struct sockaddr_in6, sin6_family) == {SocketAddress.family}",
        "family's lower half": "sizeof(((struct sockaddr_in6 *)0)->sin6_family) == 2",
        "family of both": "offsetof(struct sockaddr_in, sin_family) == {SocketAddress.family}",
    },
    "macos": {
        "family": "offsetof(struct sockaddr_in6, sin6_family) == {SocketAddress.family}",
        "family's size": "sizeof(((struct sockaddr_in6 *)0)->sin6_family) == 1",
        "family of both": "offsetof(struct sockaddr_in, sin_family) == {SocketAddress.family}",
    },
}
"""What is not the same in C: a part of a field, or a field that another struct calls otherwise."""

BOTH = {
    "vectors_count": "offsetof(struct msghdr, msg_iovlen) == {MessageHeader.vectors_count}",
    "vectors_count's room": "offsetof(struct msghdr, msg_control) == "
    "{MessageHeader.vectors_count} + 8",
    "control_size": "offsetof(struct msghdr, msg_controllen) == {MessageHeader.control_size}",
    "control_size's room": "sizeof(struct msghdr) >= {MessageHeader.control_size} + 8",
    "port": "offsetof(struct sockaddr_in, sin_port) == {SocketAddress.port}",
    "ipv4": "offsetof(struct sockaddr_in, sin_addr) == {SocketAddress.ipv4}",
    "sockaddr_in": "sizeof(struct sockaddr_in) <= {SocketAddress.size}",
}


def test_every_struct_is_looked_at() -> None:
    kinds = {kind for kind in vars(structs).values() if isinstance(kind, type)}
    known = {kind for kind in kinds if issubclass(kind, Struct)} - {Struct}
    assert {*IN_C["linux"], *IN_C["macos"]} == known
    apart = {"Stat.mode", "Stat.modified", "Stat.changed", "Stat.device", "SocketAddress.family"}
    apart |= {"MessageHeader.vectors_count", "MessageHeader.control_size"}
    for of_platform in IN_C.values():
        for kind, (_, fields) in of_platform.items():
            missing = {kind.fields[name].name for name in kind.fields.keys() - fields.keys()}
            assert missing <= apart, kind


@pytest.mark.parametrize("platform", PLATFORMS)
def test_structs(platform: Platform) -> None:
    places = {
        "Stat.modified.seconds": Stat.modified.seconds,
        "Stat.modified.nanoseconds": Stat.modified.nanoseconds,
        "Stat.changed.seconds": Stat.changed.seconds,
        "Stat.changed.nanoseconds": Stat.changed.nanoseconds,
        "Stat.device": Stat.device,
    }
    names = {"Stat.mode": Stat.mode, "SocketAddress.size": SocketAddress.size, **places}
    for kind in SocketAddress, MessageHeader:
        names |= {field.name: field for field in kind.fields.values()}
    facts: dict[str, str] = {}
    for name, fact in (APART[platform] | BOTH).items():
        for field, place in names.items():
            fact = fact.replace(f"{{{field}}}", str(+settled(place, platform)))
        facts[name] = fact
    for kind, (tag, fields) in IN_C[platform].items():
        size = settled(kind.exact, platform)
        facts[f"size of {kind.__name__}"] = f"sizeof(struct {tag}) == {size}"
        for name, in_c in fields.items():
            field, member = kind.fields[name], f"((struct {tag} *)0)->{in_c}"
            offset = int(field.on(platform))
            facts[field.name] = f"offsetof(struct {tag}, {in_c}) == {offset}"
            facts[f"size of {field.name}"] = f"sizeof({member}) == {field.size}"
    assert disagreements(HEADERS[platform].split(), facts, platform) == {}
