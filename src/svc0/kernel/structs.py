"""Structs: what Linux on arm64 reads and writes in our memory.

Sources: include/uapi/ as compiled for arm64; offsets in bytes.
"""

from svc0.a64 import Struct, array, at, i64, u8, u16, u32, u64


class Timespec(Struct):
    """struct timespec: seconds and nanoseconds."""

    seconds: i64
    nanoseconds: i64


class Itimerspec(Struct):
    """struct itimerspec: a timer's period, and when it goes off first."""

    interval: Timespec
    value: Timespec


class Stat(Struct, size=128):
    """struct stat, the part that is read here."""

    inode: u64 = at(8)
    mode: u32 = at(16)
    file_size: i64 = at(48)
    modified: Timespec = at(88)


class OpenHow(Struct):
    """struct open_how, for openat2."""

    flags: u64
    mode: u64
    resolve: u64


class EpollEvent(Struct):
    """struct epoll_event: not packed on arm64."""

    events: u32
    data: u64


class SignalInfo(Struct, size=128):
    """struct signalfd_siginfo, the part that is read here."""

    number: u32 = at(0)


class SignalAction(Struct):
    """The kernel's struct sigaction."""

    handler: u64
    flags: u64
    restorer: u64
    mask: u64


class SocketAddress(Struct):
    """Room for a sockaddr_in or a sockaddr_in6; port and addresses are big-endian."""

    family: u16
    port: u16
    ipv4: u32
    ipv6: u8 = array(16)
    scope: u32


class Rlimit(Struct):
    """struct rlimit64."""

    current: u64
    maximum: u64


assert Stat.size == 128
assert SocketAddress.size == 28
assert EpollEvent.size == 16
