"""Calls: every system call the server makes, with its registers and its numbers.

``calls.write()`` inside of a routine writes the instructions that enter the kernel:

    Linux    mov x8, 64; svc 0              x0: the result, or -errno
    macOS    mov x16, 4; svc 0x80           x0: the result; with the carry flag set, errno
             csneg x0, x0, x0, lo           x0: the result, or -errno

So on both the result is in x0: a count, a descriptor, 0, or -errno.  Linux keeps every other
register, Darwin writes x1 and clears x18; the declared loss (x0, x1, x8, x16 and the flags) is that
of both kernels, so no register outlives a call on one platform only.

A call that only one kernel has is refused at its line on the other.

Numbers: Linux include/uapi/asm-generic/unistd.h; xnu bsd/kern/syscalls.master.
"""

from collections.abc import Callable, Mapping
from typing import Any, Never

from svc0.a64 import *
from svc0.a64 import parts

DESTROYED = parts.written(x0, x1, x8, x16) | parts.FLAGS


class SystemCall(Routine):
    """A contract with the kernels, and the way in."""

    def __init__(self, body: Callable[..., Any], numbers: Mapping[Platform, int]) -> None:
        super().__init__(body)
        self.numbers = dict(numbers)
        """What each kernel calls it; a platform without the call is not among them."""

    def __call__(self, *arguments: Any, **options: Any) -> None:
        assert (arguments, options) == ((), {}), "arguments of a system call go in registers"
        if platform() not in self.numbers:
            raise AssemblyError(f"{platform()} has no system call {self}")
        number = self.numbers[platform()]
        if platform() == "linux":
            mov(x8, number)
            svc(0, self, DESTROYED)
        else:
            mov(x16, number)
            svc(0x80, self, DESTROYED, leaves=parts.FLAGS)
            if self.results:
                csneg(x0, x0, x0, Condition.lo)


CALLS: dict[Platform, dict[int, SystemCall]] = {name: {} for name in PLATFORMS}
"""Every call by its number on each platform, for whoever plays the kernel."""


def syscall(
    *, linux: int | None = None, macos: int | None = None
) -> Callable[[Callable[..., Any]], SystemCall]:
    """Declare a call: the body is empty, the signature is the contract."""
    given: tuple[tuple[Platform, int | None], ...] = (("linux", linux), ("macos", macos))
    numbers: dict[Platform, int] = {name: number for name, number in given if number is not None}

    def declare(body: Callable[..., Any]) -> SystemCall:
        call = SystemCall(body, numbers)
        for name, number in numbers.items():
            assert number not in CALLS[name], f"call {number} of {name} is declared twice"
            CALLS[name][number] = call
        return call

    return declare


# --- files ------------------------------------------------------------------------


@syscall(linux=56, macos=463)
def openat(directory: w0, path: x1, flags: w2, mode: w3) -> x0:
    """Open a file by a path that is relative to a directory: a descriptor."""


@syscall(linux=437)
def openat2(directory: w0, path: x1, how: x2, size: x3) -> x0:
    """Open a file under rules (struct open_how): a descriptor."""


@syscall(linux=57, macos=6)
def close(file: w0) -> x0:
    """Give a descriptor back."""


@syscall(linux=80, macos=339)
def fstat(file: w0, stat: x1) -> x0:
    """What is known of an open file, into a struct stat."""


@syscall(linux=63, macos=3)
def read(file: w0, data: x1, size: x2) -> x0:
    """Read up to size bytes: how many there were, 0 at the end."""


@syscall(linux=67, macos=153)
def pread(file: w0, data: x1, size: x2, offset: x3) -> x0:
    """Read up to size bytes from an offset on, wherever the file is: how many, 0 at the end."""


@syscall(linux=64, macos=4)
def write(file: w0, data: x1, size: x2) -> x0:
    """Write up to size bytes: how many were taken."""


@syscall(linux=71)
def sendfile(out: w0, file: w1, offset: x2, count: x3) -> x0:
    """Send part of a file to a socket: how many bytes; the offset in memory moves on."""


@syscall(macos=337)
def sendfile_counted(file: w0, out: w1, offset: x2, count: x3, headers: x4, flags: w5) -> x0:
    """Darwin's sendfile: 0 or -errno; the count in memory becomes how many bytes were sent.

    It is stored also with -EAGAIN and -EINTR, and need not be 0 then.
    """


@syscall(macos=92)
def fcntl(file: w0, command: w1, argument: x2) -> x0:
    """Ask for something about a descriptor, or change it."""


# --- sockets ----------------------------------------------------------------------


@syscall(linux=198, macos=97)
def socket(family: w0, kind: w1, protocol: w2) -> x0:
    """A new socket."""


@syscall(linux=200, macos=104)
def bind(socket: w0, address: x1, size: w2) -> x0:
    """Give a socket its address."""


@syscall(linux=201, macos=106)
def listen(socket: w0, backlog: w1) -> x0:
    """Let clients connect."""


@syscall(macos=30)
def accept(socket: w0, address: x1, size: x2) -> x0:
    """The next client: a socket, non-blocking if this one is, and where it comes from."""


@syscall(linux=242)
def accept4(socket: w0, address: x1, size: x2, flags: w3) -> x0:
    """The next client: a socket, and where it comes from."""


@syscall(linux=204, macos=32)
def getsockname(socket: w0, address: x1, size: x2) -> x0:
    """The address a socket really has."""


@syscall(linux=208, macos=105)
def setsockopt(socket: w0, level: w1, option: w2, value: x3, size: w4) -> x0:
    """Set an option of a socket."""


@syscall(linux=207, macos=29)
def recvfrom(socket: w0, data: x1, size: x2, flags: w3, address: x4, address_size: x5) -> x0:
    """Receive up to size bytes: how many there were, 0 when the client is done."""


@syscall(linux=206, macos=133)
def sendto(socket: w0, data: x1, size: x2, flags: w3, address: x4, address_size: w5) -> x0:
    """Send up to size bytes: how many were taken."""


@syscall(linux=211, macos=28)
def sendmsg(socket: w0, header: x1, flags: w2) -> x0:
    """Send what lies in several places (struct msghdr): how many bytes were taken."""


@syscall(macos=118)
def getsockopt(socket: w0, level: w1, option: w2, value: x3, size: x4) -> x0:
    """Read an option of a socket."""


@syscall(linux=29)
def ioctl(file: w0, request: w1, argument: x2) -> x0:
    """Ask or tell a file what only its kind has a word for."""


@syscall(linux=210, macos=134)
def shutdown(socket: w0, how: w1) -> x0:
    """End one direction of a connection."""


# --- waiting ----------------------------------------------------------------------


@syscall(linux=20)
def epoll_create1(flags: w0) -> x0:
    """A set of descriptors to wait for."""


@syscall(linux=21)
def epoll_ctl(epoll: w0, operation: w1, file: w2, event: x3) -> x0:
    """Add a descriptor to the set, change what is waited for, or take it out."""


@syscall(linux=22)
def epoll_pwait(epoll: w0, events: x1, most: w2, milliseconds: w3, mask: x4, mask_size: x5) -> x0:
    """Wait until something is ready: how many events."""


@syscall(linux=85)
def timerfd_create(clock: w0, flags: w1) -> x0:
    """A descriptor that becomes readable when time is up."""


@syscall(linux=86)
def timerfd_settime(timer: w0, flags: w1, new: x2, old: x3) -> x0:
    """Set when a timer goes off (struct itimerspec)."""


@syscall(linux=74)
def signalfd4(file: w0, mask: x1, mask_size: x2, flags: w3) -> x0:
    """A descriptor that becomes readable when one of some blocked signals comes."""


@syscall(linux=26)
def inotify_init1(flags: w0) -> x0:
    """A descriptor that becomes readable when what is watched changes."""


@syscall(linux=27)
def inotify_add_watch(inotify: w0, path: x1, mask: w2) -> x0:
    """Watch a file or a directory: the number of the watch, the same for the same one."""


@syscall(linux=28)
def inotify_rm_watch(inotify: w0, watch: w1) -> x0:
    """Watch it no more; IN_IGNORED is the last that is heard of the watch."""


@syscall(macos=362)
def kqueue() -> x0:
    """A queue of events to wait for; a child made by fork does not have it."""


@syscall(macos=363)
def kevent(queue: w0, changes: x1, changes_count: w2, events: x3, most: w4, time: x5) -> x0:
    """Change what is waited for, then wait for so long (struct timespec): how many events."""


@syscall(macos=93)
def select(files: w0, readable: x1, writable: x2, exceptional: x3, time: x4) -> x0:
    """Wait for files; with none of them, sleep for a struct timeval."""


@syscall(macos=116)
def gettimeofday(time: x0, zone: x1, ticks: x2) -> x0:
    """The time, into a struct timeval."""


@syscall(linux=113)
def clock_gettime(clock: w0, time: x1) -> x0:
    """The time, into a struct timespec."""


@syscall(linux=101)
def nanosleep(time: x0, left: x1) -> x0:
    """Sleep for a struct timespec."""


# --- processes --------------------------------------------------------------------


@syscall(macos=2)
def fork() -> tuple[x0, x1]:
    """Another process: in the parent its number and 0; in the child its own number and 1."""


@syscall(linux=220)
def clone(flags: x0, stack: x1, parent_id: x2, tls: x3, child_id: x4) -> x0:
    """With the flags SIGCHLD and all else 0: fork.  0 in the child, its number in the parent."""


@syscall(linux=260, macos=7)
def wait4(process: w0, status: x1, options: w2, usage: x3) -> x0:
    """Which child ended, and how."""


@syscall(linux=129, macos=37)
def kill(process: w0, signal: w1, posix: w2) -> x0:
    """Send a signal; Darwin wants a 1 behind it, for what POSIX says of process groups."""


@syscall(linux=172, macos=20)
def getpid() -> x0:
    """The number of this process."""


@syscall(linux=173, macos=39)
def getppid() -> x0:
    """The number of the process that made this one."""


@syscall(macos=46)
def sigaction(signal: w0, action: x1, old: x2) -> x0:
    """Say what a signal does."""


@syscall(macos=48)
def sigprocmask(how: w0, mask: x1, old: x2) -> x0:
    """Block signals, or let them through."""


@syscall(macos=52)
def sigpending(mask: x0) -> x0:
    """Which blocked signals have come."""


@syscall(linux=134)
def rt_sigaction(signal: w0, action: x1, old: x2, mask_size: x3) -> x0:
    """Say what a signal does."""


@syscall(linux=135)
def rt_sigprocmask(how: w0, mask: x1, old: x2, mask_size: x3) -> x0:
    """Block signals, or let them through."""


@syscall(linux=167)
def prctl(option: w0, a: x1, b: x2, c: x3, d: x4) -> x0:
    """Change something about this process."""


@syscall(linux=261)
def prlimit64(process: w0, resource: w1, new: x2, old: x3) -> x0:
    """Read and set a limit (struct rlimit64)."""


@syscall(macos=194)
def getrlimit(resource: w0, limit: x1) -> x0:
    """Read a limit (struct rlimit)."""


@syscall(macos=195)
def setrlimit(resource: w0, limit: x1) -> x0:
    """Set a limit."""


@syscall(macos=202)
def sysctl(name: x0, parts: w1, old: x2, old_size: x3, new: x4, new_size: x5) -> x0:
    """Read something that the kernel knows, by a name of numbers, or write it."""


@syscall(linux=123)
def sched_getaffinity(process: w0, size: x1, mask: x2) -> x0:
    """The CPUs a process may run on, as bits: how many bytes were written."""


@syscall(linux=122)
def sched_setaffinity(process: w0, size: x1, mask: x2) -> x0:
    """Let a process run on some CPUs alone, given as bits; 0 is this process."""


@syscall(linux=222, macos=197)
def mmap(address: x0, length: x1, protection: w2, flags: w3, file: w4, offset: x5) -> x0:
    """Map memory: its address."""


@syscall(linux=226, macos=74)
def mprotect(address: x0, length: x1, protection: w2) -> x0:
    """Change what may be done with mapped memory."""


@syscall(linux=94, macos=1)
def exit(status: w0) -> Never:
    """End the process: on Linux this is exit_group."""
