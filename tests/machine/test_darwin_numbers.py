"""Darwin's numbers and layouts, against Apple's own headers."""

from __future__ import annotations

import struct

import pytest

from svc0.machine import _darwin as darwin
from svc0.machine import dialect
from svc0.machine.posix import addresses, processes
from tests.kernel.headers import disagreements

HEADERS = """
    errno.h fcntl.h signal.h sys/stat.h sys/socket.h sys/un.h netinet/in.h netinet/tcp.h sys/event.h
    sys/mman.h sys/resource.h sys/wait.h sys/sysctl.h sys/ioctl.h sys/filio.h sys/uio.h sys/time.h
    sys/dirent.h dirent.h poll.h limits.h unistd.h stdio.h mach/mach_time.h stddef.h
"""
# What is not called so in C, is no integer there, or has another type.
OTHERWISE = {
    "SIG_DFL": "(long)SIG_DFL",
    "SIG_IGN": "(long)SIG_IGN",
    "NOTE_EXIT": "(unsigned)NOTE_EXIT",
    "NOTE_FFOR": "(unsigned)NOTE_FFOR",
    "NOTE_FFCOPY": "(unsigned)NOTE_FFCOPY",
    "FIONBIO": "(unsigned)FIONBIO",
    "FIONREAD": "(unsigned)FIONREAD",
    "INFINITY": "RLIM_INFINITY",
    "MOST_BYTES": "INT_MAX",
}
# Ours alone, or of headers that no SDK has: xnu's bsd/sys/event_private.h and cpu_capabilities.h.
PRIVATE = {"TICK_NUMERATOR", "TICK_DENOMINATOR"}

LAYOUTS = {
    "STAT": (
        "struct stat",
        darwin.STAT,
        """st_dev st_mode st_nlink st_ino st_uid st_gid st_rdev st_atimespec.tv_sec
        st_atimespec.tv_nsec st_mtimespec.tv_sec st_mtimespec.tv_nsec st_ctimespec.tv_sec
        st_ctimespec.tv_nsec st_birthtimespec.tv_sec st_birthtimespec.tv_nsec st_size st_blocks
        st_blksize st_flags st_gen""",
    ),
    "TIMESPEC": ("struct timespec", darwin.TIMESPEC, "tv_sec tv_nsec"),
    "TIMEVAL": ("struct timeval", darwin.TIMEVAL, "tv_sec tv_usec"),
    "POLLFD": ("struct pollfd", darwin.POLLFD, "fd events revents"),
    "MSGHDR": (
        "struct msghdr",
        darwin.MSGHDR,
        "msg_name msg_namelen msg_iov msg_iovlen msg_control msg_controllen msg_flags",
    ),
    "SIGACTION_IN": (
        "struct __sigaction",
        darwin.SIGACTION_IN,
        "__sigaction_u sa_tramp sa_mask sa_flags",
    ),
    "SIGACTION_OUT": ("struct sigaction", darwin.SIGACTION_OUT, "__sigaction_u sa_mask sa_flags"),
    "DIRENT": (
        "struct dirent",
        darwin.DIRENT,
        "d_ino d_seekoff d_reclen d_namlen d_type",
    ),
    "KEVENT": ("struct kevent", darwin.KEVENT, "ident filter flags fflags data udata"),
    "KEVENT64": (
        "struct kevent64_s",
        darwin.KEVENT64,
        "ident filter flags fflags data udata ext[0] ext[1]",
    ),
    "TIMEBASE": ("struct mach_timebase_info", darwin.TIMEBASE, "numer denom"),
    "LINGER": ("struct linger", darwin.LINGER, "l_onoff l_linger"),
    "SF_HDTR": ("struct sf_hdtr", darwin.SF_HDTR, "headers hdr_cnt trailers trl_cnt"),
}


def numbers() -> dict[str, int]:
    found = {name: value for name, value in vars(darwin).items() if isinstance(value, int)}
    for table in darwin.OPEN_FLAGS, darwin.MESSAGE_FLAGS, darwin.FAMILIES, darwin.SOCKET_TYPES:
        found |= table
    for table in (
        darwin.LEVELS,
        darwin.LIMITS,
        darwin.SIGNALS,
        darwin.ERRORS,
        *darwin.OPTIONS.values(),
    ):
        found |= table
    return {
        name: value
        for name, value in found.items()
        if name not in PRIVATE and not name.startswith("COMMPAGE")
    }


def test_numbers() -> None:
    facts = {name: f"({OTHERWISE.get(name, name)}) == {value}" for name, value in numbers().items()}
    assert len(facts) > 250
    assert disagreements(HEADERS.split(), facts, "macos") == {}


def test_what_is_shared_with_linux() -> None:
    """The addresses that `posix` reads begin behind length and family."""
    facts = {
        "WNOHANG": "WNOHANG == 1",
        "IOV_MAX": f"IOV_MAX == {dialect.MOST_VECTORS}",
        "iovec": f"sizeof(struct iovec) == {dialect.IOVEC.size}",
        "rlimit": f"sizeof(struct rlimit) == {processes.RLIMIT.size}",
        "rusage": f"sizeof(struct rusage) == {processes.RUSAGE_SIZE}",
        "sockaddr_in": f"sizeof(struct sockaddr_in) == {2 + addresses.SOCKADDR_IN.size}",
        "sin_addr": "__builtin_offsetof(struct sockaddr_in, sin_addr) == 2 + 2",
        "sin6_addr": "__builtin_offsetof(struct sockaddr_in6, sin6_addr) == 2 + 6",
        "sin6_scope_id": "__builtin_offsetof(struct sockaddr_in6, sin6_scope_id) == 2 + 22",
        "sun_path": "__builtin_offsetof(struct sockaddr_un, sun_path) == 2",
    }
    assert disagreements(HEADERS.split(), facts, "macos") == {}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name: str) -> None:
    """Size, and of each field its place and its size; a dirent goes on with its name."""
    kind, layout, fields = LAYOUTS[name]
    facts = {} if name == "DIRENT" else {"size": f"sizeof({kind}) == {layout.size}"}
    for field, (place, size) in zip(fields.split(), places(layout), strict=True):
        facts[field] = (
            f"__builtin_offsetof({kind}, {field}) == {place}"
            f" && sizeof((({kind} *)0)->{field}) == {size}"
        )
    assert disagreements(HEADERS.split(), facts, "macos") == {}


def places(layout: struct.Struct) -> list[tuple[int, int]]:
    """Where each value of a layout is, and how large."""
    found: list[tuple[int, int]] = []
    place, count = 0, ""
    for letter in layout.format[1:]:
        if letter.isdigit():
            count += letter
            continue
        size = struct.calcsize("<" + letter)
        if letter == "x":
            place += int(count or 1)
        else:
            found.append((place, size))
            place += size
        count = ""
    return found
