"""Structs: what the kernels of Linux and macOS on arm64 read and write in our memory.

A field lies where each of them has it; a struct that only one of them has says so.

Sources: Linux include/uapi/ as compiled for arm64; xnu bsd/sys/ as the SDK's headers have it.
Offsets in bytes.
"""

from svc0.a64 import Struct, array, at, either, i16, i32, i64, u8, u16, u32, u64


class Timespec(Struct):
    """struct timespec: seconds and nanoseconds."""

    seconds: i64
    nanoseconds: i64


class Timeval(Struct, size=16):
    """struct timeval of Darwin: seconds and microseconds."""

    seconds: i64
    microseconds: i32


class Itimerspec(Struct):
    """struct itimerspec of Linux: a timer's period, and when it goes off first."""

    interval: Timespec
    value: Timespec


class Stat(Struct, size=either(linux=128, macos=144)):
    """struct stat, the part that is read here.  Linux's mode has 32 bits, the upper half zero."""

    device: u32 = at(0)  # its lower half, on Linux
    mode: u16 = at(either(linux=16, macos=4))
    inode: u64 = at(8)
    file_size: i64 = at(either(linux=48, macos=96))
    modified: Timespec = at(either(linux=88, macos=48))
    changed: Timespec = at(either(linux=104, macos=64))


class OpenHow(Struct):
    """struct open_how of Linux, for openat2."""

    flags: u64
    mode: u64
    resolve: u64


class EpollEvent(Struct):
    """struct epoll_event of Linux: not packed on arm64."""

    events: u32
    data: u64


class Kevent(Struct):
    """struct kevent of Darwin: one thing to wait for, or one that has happened."""

    ident: u64
    filter: i16
    flags: u16
    fflags: u32
    data: i64
    udata: u64


class SignalInfo(Struct, size=128):
    """struct signalfd_siginfo of Linux, the part that is read here."""

    number: u32 = at(0)


class SignalAction(Struct, size=either(linux=32, macos=24)):
    """What sigaction takes: Linux's struct sigaction, Darwin's struct __sigaction."""

    handler: u64 = at(0)


class SocketAddress(Struct):
    """Room for a sockaddr_in or a sockaddr_in6; port and addresses are big-endian.

    Linux's family has 16 bits, of which the upper 8 are zero; where those are, Darwin's is, and
    before it a length that nobody reads.
    """

    family: u8 = at(either(linux=0, macos=1))
    port: u16 = at(2)
    ipv4: u32
    ipv6: u8 = array(16)
    scope: u32


class IoVector(Struct):
    """struct iovec: bytes that lie in one place."""

    base: u64
    length: u64


class MessageHeader(Struct, size=either(linux=56, macos=48)):
    """struct msghdr, what sendmsg reads of it.

    Darwin's counts have 32 bits.  What it has in the other 32 is nothing behind the first, and
    behind the second flags that sendmsg does not look at: so both are written as Linux has them.
    """

    address: u64
    address_size: u32
    vectors: u64
    vectors_count: u64
    control: u64
    control_size: u64


class InotifyEvent(Struct):
    """struct inotify_event of Linux; a name of so many bytes follows, with NULs at its end."""

    watch: i32
    mask: u32
    cookie: u32
    name_size: u32


class Rlimit(Struct):
    """struct rlimit, which Linux calls rlimit64."""

    current: u64
    maximum: u64


assert SocketAddress.size == 28
assert EpollEvent.size == 16
assert Kevent.size == 32
