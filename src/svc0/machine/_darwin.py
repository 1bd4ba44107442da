"""Darwin on ARM64 (macOS), as numbers: calls, errors, constants, and the layout of structs.

Names are the kernel's, values those of xnu's `bsd/kern/syscalls.master` and `bsd/sys/*.h`.
"""

from __future__ import annotations

import struct

CALLS = {
    "exit": 1,
    "fork": 2,
    "read": 3,
    "write": 4,
    "open": 5,
    "close": 6,
    "wait4": 7,
    "link": 9,
    "unlink": 10,
    "chdir": 12,
    "fchdir": 13,
    "getpid": 20,
    "getuid": 24,
    "geteuid": 25,
    "recvmsg": 27,
    "sendmsg": 28,
    "recvfrom": 29,
    "accept": 30,
    "getpeername": 31,
    "getsockname": 32,
    "access": 33,
    "kill": 37,
    "getppid": 39,
    "dup": 41,
    "pipe": 42,
    "getegid": 43,
    "sigaction": 46,
    "getgid": 47,
    "sigprocmask": 48,
    "sigpending": 52,
    "ioctl": 54,
    "readlink": 58,
    "umask": 60,
    "munmap": 73,
    "mprotect": 74,
    "madvise": 75,
    "getpgrp": 81,
    "dup2": 90,
    "fcntl": 92,
    "select": 93,
    "fsync": 95,
    "socket": 97,
    "connect": 98,
    "bind": 104,
    "setsockopt": 105,
    "listen": 106,
    "gettimeofday": 116,
    "getsockopt": 118,
    "readv": 120,
    "writev": 121,
    "fchmod": 124,
    "rename": 128,
    "sendto": 133,
    "shutdown": 134,
    "socketpair": 135,
    "mkdir": 136,
    "rmdir": 137,
    "pread": 153,
    "pwrite": 154,
    "fdatasync": 187,
    "getrlimit": 194,
    "setrlimit": 195,
    "mmap": 197,
    "lseek": 199,
    "ftruncate": 201,
    "sysctl": 202,
    "poll": 230,
    "sysctlbyname": 274,
    "issetugid": 327,
    "sendfile": 337,
    "stat64": 338,
    "fstat64": 339,
    "lstat64": 340,
    "getdirentries64": 344,
    "kqueue": 362,
    "kevent": 363,
    "kevent64": 369,
    "openat": 463,
    "renameat": 465,
    "faccessat": 466,
    "fstatat64": 470,
    "unlinkat": 472,
    "readlinkat": 473,
    "mkdirat": 475,
    "renameatx_np": 488,
    "getentropy": 500,
}
# The same without a point where a thread could be cancelled.
NOCANCEL = {
    "read": 396,
    "write": 397,
    "open": 398,
    "close": 399,
    "wait4": 400,
    "recvmsg": 401,
    "sendmsg": 402,
    "recvfrom": 403,
    "accept": 404,
    "fcntl": 406,
    "select": 407,
    "fsync": 408,
    "connect": 409,
    "readv": 411,
    "writev": 412,
    "sendto": 413,
    "pread": 414,
    "pwrite": 415,
    "poll": 417,
    "openat": 464,
}
# Known to the kernel, and not answered here: to be told from a number that means nothing.
OTHER_CALLS = {
    "chmod": 15,
    "setuid": 23,
    "sigaltstack": 53,
    "symlink": 57,
    "execve": 59,
    "chroot": 61,
    "getgroups": 79,
    "setgroups": 80,
    "setpgid": 82,
    "setitimer": 83,
    "fchown": 123,
    "flock": 131,
    "setsid": 147,
    "setgid": 181,
    "setegid": 182,
    "seteuid": 183,
    "sigreturn": 184,
    "truncate": 200,
    "posix_spawn": 244,
    "minherit": 250,
    "proc_info": 336,
    "statfs64": 345,
    "fstatfs64": 346,
    "bsdthread_create": 360,
    "bsdthread_terminate": 361,
    "kevent_qos": 374,
    "__mac_syscall": 381,
    "fchmodat": 467,
    "fchownat": 468,
    "linkat": 471,
    "symlinkat": 474,
    "ulock_wait": 515,
    "ulock_wake": 516,
    "preadv": 540,
    "pwritev": 541,
    "ulock_wait2": 544,
    "freadlink": 551,
}
TRAPS = {
    "mach_absolute_time": -3,
    "mach_continuous_time": -4,
    "mach_timebase_info": -89,
    "mach_wait_until": -90,
}

ERRORS = {
    "EPERM": 1,
    "ENOENT": 2,
    "ESRCH": 3,
    "EINTR": 4,
    "EIO": 5,
    "ENXIO": 6,
    "E2BIG": 7,
    "ENOEXEC": 8,
    "EBADF": 9,
    "ECHILD": 10,
    "EDEADLK": 11,
    "ENOMEM": 12,
    "EACCES": 13,
    "EFAULT": 14,
    "EBUSY": 16,
    "EEXIST": 17,
    "EXDEV": 18,
    "ENODEV": 19,
    "ENOTDIR": 20,
    "EISDIR": 21,
    "EINVAL": 22,
    "ENFILE": 23,
    "EMFILE": 24,
    "ENOTTY": 25,
    "ETXTBSY": 26,
    "EFBIG": 27,
    "ENOSPC": 28,
    "ESPIPE": 29,
    "EROFS": 30,
    "EMLINK": 31,
    "EPIPE": 32,
    "EDOM": 33,
    "ERANGE": 34,
    "EAGAIN": 35,
    "EINPROGRESS": 36,
    "EALREADY": 37,
    "ENOTSOCK": 38,
    "EDESTADDRREQ": 39,
    "EMSGSIZE": 40,
    "EPROTOTYPE": 41,
    "ENOPROTOOPT": 42,
    "EPROTONOSUPPORT": 43,
    "ENOTSUP": 45,
    "EAFNOSUPPORT": 47,
    "EADDRINUSE": 48,
    "EADDRNOTAVAIL": 49,
    "ENETDOWN": 50,
    "ENETUNREACH": 51,
    "ENETRESET": 52,
    "ECONNABORTED": 53,
    "ECONNRESET": 54,
    "ENOBUFS": 55,
    "EISCONN": 56,
    "ENOTCONN": 57,
    "ESHUTDOWN": 58,
    "ETOOMANYREFS": 59,
    "ETIMEDOUT": 60,
    "ECONNREFUSED": 61,
    "ELOOP": 62,
    "ENAMETOOLONG": 63,
    "EHOSTDOWN": 64,
    "EHOSTUNREACH": 65,
    "ENOTEMPTY": 66,
    "EDQUOT": 69,
    "ESTALE": 70,
    "ENOLCK": 77,
    "ENOSYS": 78,
    "EOVERFLOW": 84,
    "ECANCELED": 89,
    "EIDRM": 90,
    "ENOMSG": 91,
    "EILSEQ": 92,
    "EBADMSG": 94,
    "EPROTO": 100,
    "ETIME": 101,
    "EOPNOTSUPP": 102,
    "EQFULL": 106,
    "EWOULDBLOCK": 35,
}

SIGNALS = {
    "SIGHUP": 1,
    "SIGINT": 2,
    "SIGQUIT": 3,
    "SIGILL": 4,
    "SIGTRAP": 5,
    "SIGABRT": 6,
    "SIGEMT": 7,
    "SIGFPE": 8,
    "SIGKILL": 9,
    "SIGBUS": 10,
    "SIGSEGV": 11,
    "SIGSYS": 12,
    "SIGPIPE": 13,
    "SIGALRM": 14,
    "SIGTERM": 15,
    "SIGURG": 16,
    "SIGSTOP": 17,
    "SIGTSTP": 18,
    "SIGCONT": 19,
    "SIGCHLD": 20,
    "SIGTTIN": 21,
    "SIGTTOU": 22,
    "SIGIO": 23,
    "SIGXCPU": 24,
    "SIGXFSZ": 25,
    "SIGVTALRM": 26,
    "SIGPROF": 27,
    "SIGWINCH": 28,
    "SIGINFO": 29,
    "SIGUSR1": 30,
    "SIGUSR2": 31,
}

OPEN_FLAGS = {
    "O_WRONLY": 0x1,
    "O_RDWR": 0x2,
    "O_NONBLOCK": 0x4,
    "O_APPEND": 0x8,
    "O_SYNC": 0x80,
    "O_NOFOLLOW": 0x100,
    "O_CREAT": 0x200,
    "O_TRUNC": 0x400,
    "O_EXCL": 0x800,
    "O_RESOLVE_BENEATH": 0x1000,
    "O_EVTONLY": 0x8000,
    "O_NOCTTY": 0x20000,
    "O_DIRECTORY": 0x100000,
    "O_DSYNC": 0x400000,
    "O_CLOEXEC": 0x1000000,
    "O_NOFOLLOW_ANY": 0x20000000,
    "O_EXEC": 0x40000000,
}
O_CLOEXEC = OPEN_FLAGS["O_CLOEXEC"]
O_CREAT, O_DIRECTORY, O_EXEC = (OPEN_FLAGS[name] for name in ("O_CREAT", "O_DIRECTORY", "O_EXEC"))
O_NOFOLLOW_ANY, O_RESOLVE_BENEATH = (
    OPEN_FLAGS[name] for name in ("O_NOFOLLOW_ANY", "O_RESOLVE_BENEATH")
)
O_SEARCH = O_EXEC | O_DIRECTORY
AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW_ANY = -2, 0x20, 0x80, 0x800
RENAME_EXCL = 4
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETPATH, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 50, 67
F_SETNOSIGPIPE, F_GETNOSIGPIPE = 73, 74
FD_CLOEXEC = 1
FIONBIO, FIONREAD = 0x8004667E, 0x4004667F
SEEK_SET, SEEK_CUR, SEEK_END, SEEK_HOLE, SEEK_DATA = range(5)
PATH_MAX = 1024
MOST_BYTES = 0x7FFFFFFF

FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 30}
SOCKET_TYPES = {"SOCK_STREAM": 1, "SOCK_DGRAM": 2}
MESSAGE_FLAGS = {
    "MSG_OOB": 0x1,
    "MSG_PEEK": 0x2,
    "MSG_EOR": 0x8,
    "MSG_TRUNC": 0x10,
    "MSG_CTRUNC": 0x20,
    "MSG_WAITALL": 0x40,
    "MSG_DONTWAIT": 0x80,
    "MSG_NOSIGNAL": 0x80000,
}
LEVELS = {"SOL_SOCKET": 0xFFFF, "IPPROTO_TCP": 6, "IPPROTO_IPV6": 41, "IPPROTO_IP": 0}
OPTIONS = {
    "SOL_SOCKET": {
        "SO_ACCEPTCONN": 2,
        "SO_REUSEADDR": 4,
        "SO_KEEPALIVE": 8,
        "SO_LINGER": 0x80,
        "SO_REUSEPORT": 0x200,
        "SO_SNDBUF": 0x1001,
        "SO_RCVBUF": 0x1002,
        "SO_RCVLOWAT": 0x1004,
        "SO_SNDTIMEO": 0x1005,
        "SO_RCVTIMEO": 0x1006,
        "SO_ERROR": 0x1007,
        "SO_TYPE": 0x1008,
        "SO_NREAD": 0x1020,
        "SO_NOSIGPIPE": 0x1022,
        "SO_NWRITE": 0x1024,
        "SO_LINGER_SEC": 0x1080,
    },
    "IPPROTO_TCP": {
        "TCP_NODELAY": 1,
        "TCP_MAXSEG": 2,
        "TCP_KEEPALIVE": 0x10,
        "TCP_KEEPINTVL": 0x101,
        "TCP_KEEPCNT": 0x102,
        "TCP_NOTSENT_LOWAT": 0x201,
    },
    "IPPROTO_IPV6": {"IPV6_V6ONLY": 27},
    "IPPROTO_IP": {"IP_TOS": 3, "IP_TTL": 4},
}

PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_NORESERVE, MAP_ANON = 1, 2, 0x10, 0x40, 0x1000
MADV_FREE = 5

SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = 1, 2, 3
SIG_DFL, SIG_IGN = 0, 1
LIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_AS": 5,
    "RLIMIT_MEMLOCK": 6,
    "RLIMIT_NPROC": 7,
    "RLIMIT_NOFILE": 8,
}
INFINITY = (1 << 63) - 1

EVFILT_READ, EVFILT_WRITE, EVFILT_VNODE, EVFILT_PROC = -1, -2, -4, -5
EVFILT_SIGNAL, EVFILT_TIMER, EVFILT_USER = -6, -7, -10
EV_ADD, EV_DELETE, EV_ENABLE, EV_DISABLE = 1, 2, 4, 8
EV_ONESHOT, EV_CLEAR, EV_RECEIPT, EV_DISPATCH = 0x10, 0x20, 0x40, 0x80
EV_ERROR, EV_EOF = 0x4000, 0x8000
NOTE_LOWAT = 1
NOTE_DELETE, NOTE_WRITE, NOTE_EXTEND, NOTE_ATTRIB, NOTE_LINK = 1, 2, 4, 8, 0x10
NOTE_RENAME, NOTE_REVOKE = 0x20, 0x40
NOTE_EXIT, NOTE_EXITSTATUS = 0x80000000, 0x4000000
NOTE_SECONDS, NOTE_USECONDS, NOTE_NSECONDS, NOTE_ABSOLUTE, NOTE_MACHTIME = 1, 2, 4, 8, 0x100
NOTE_LEEWAY, NOTE_CRITICAL, NOTE_BACKGROUND, NOTE_MACH_CONTINUOUS_TIME = 0x10, 0x20, 0x40, 0x80
NOTE_TRIGGER = 0x1000000
NOTE_FFAND, NOTE_FFOR, NOTE_FFCOPY, NOTE_FFLAGSMASK = 0x40000000, 0x80000000, 0xC0000000, 0xFFFFFF
KEVENT_FLAG_IMMEDIATE, KEVENT_FLAG_ERROR_EVENTS = 1, 2

CTL_KERN, CTL_HW = 1, 6
# A device of Apple's tells time in ticks of 24 MHz: so many nanoseconds are so many of them.
TICK_NUMERATOR, TICK_DENOMINATOR = 125, 3

COMMPAGE = 0xFFFFFC000
COMMPAGE_VERSION, COMMPAGE_NCPUS, COMMPAGE_ACTIVE, COMMPAGE_PHYSICAL, COMMPAGE_LOGICAL = (
    0x1E,
    0x22,
    0x34,
    0x35,
    0x36,
)

STAT = struct.Struct("<iHHQIIi4xqqqqqqqqqqiII20x")
TIMESPEC = struct.Struct("<qq")
TIMEVAL = struct.Struct("<qi4x")
POLLFD = struct.Struct("<ihh")
MSGHDR = struct.Struct("<QI4xQi4xQIi")
SIGACTION_IN = struct.Struct("<QQIi")
SIGACTION_OUT = struct.Struct("<QIi")
DIRENT = struct.Struct("<QQHHB")
KEVENT = struct.Struct("<QhHIqQ")
KEVENT64 = struct.Struct("<QhHIqQQQ")
TIMEBASE = struct.Struct("<II")
LINGER = struct.Struct("<ii")
SF_HDTR = struct.Struct("<Qi4xQi4x")

assert STAT.size == 144
assert MSGHDR.size == KEVENT64.size == 48
assert KEVENT.size == SF_HDTR.size == 32
assert SIGACTION_IN.size == 24
assert SIGACTION_OUT.size == TIMEVAL.size == TIMESPEC.size == 2 * POLLFD.size == 16
