"""Linux on ARM64, as numbers: calls, errors, constants, and the layout of structs.

Names are the kernel's.  Values are those of ARM64, which for some constants (O_DIRECTORY and its
neighbours) are not those of the host.
"""

from __future__ import annotations

import struct

CALLS = {
    "getcwd": 17,
    "eventfd2": 19,
    "epoll_create1": 20,
    "epoll_ctl": 21,
    "epoll_pwait": 22,
    "dup": 23,
    "dup3": 24,
    "fcntl": 25,
    "inotify_init1": 26,
    "inotify_add_watch": 27,
    "inotify_rm_watch": 28,
    "ioctl": 29,
    "unlinkat": 35,
    "faccessat": 48,
    "chdir": 49,
    "fchdir": 50,
    "openat": 56,
    "close": 57,
    "pipe2": 59,
    "getdents64": 61,
    "lseek": 62,
    "read": 63,
    "write": 64,
    "readv": 65,
    "writev": 66,
    "pread64": 67,
    "pwrite64": 68,
    "sendfile": 71,
    "ppoll": 73,
    "signalfd4": 74,
    "readlinkat": 78,
    "newfstatat": 79,
    "fstat": 80,
    "timerfd_create": 85,
    "timerfd_settime": 86,
    "timerfd_gettime": 87,
    "exit": 93,
    "exit_group": 94,
    "set_tid_address": 96,
    "set_robust_list": 99,
    "nanosleep": 101,
    "clock_gettime": 113,
    "clock_nanosleep": 115,
    "sched_setaffinity": 122,
    "sched_getaffinity": 123,
    "sched_yield": 124,
    "kill": 129,
    "tkill": 130,
    "tgkill": 131,
    "rt_sigaction": 134,
    "rt_sigprocmask": 135,
    "rt_sigtimedwait": 137,
    "uname": 160,
    "getrlimit": 163,
    "setrlimit": 164,
    "umask": 166,
    "prctl": 167,
    "getcpu": 168,
    "getpid": 172,
    "getppid": 173,
    "getuid": 174,
    "geteuid": 175,
    "getgid": 176,
    "getegid": 177,
    "gettid": 178,
    "sysinfo": 179,
    "socket": 198,
    "socketpair": 199,
    "bind": 200,
    "listen": 201,
    "accept": 202,
    "connect": 203,
    "getsockname": 204,
    "getpeername": 205,
    "sendto": 206,
    "recvfrom": 207,
    "setsockopt": 208,
    "getsockopt": 209,
    "shutdown": 210,
    "sendmsg": 211,
    "recvmsg": 212,
    "brk": 214,
    "munmap": 215,
    "clone": 220,
    "mmap": 222,
    "mprotect": 226,
    "madvise": 233,
    "accept4": 242,
    "wait4": 260,
    "prlimit64": 261,
    "seccomp": 277,
    "getrandom": 278,
    "rseq": 293,
    "io_uring_setup": 425,
    "openat2": 437,
    "landlock_create_ruleset": 444,
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
    "EAGAIN": 11,
    "EWOULDBLOCK": 11,
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
    "EDEADLK": 35,
    "EDEADLOCK": 35,
    "ENAMETOOLONG": 36,
    "ENOLCK": 37,
    "ENOSYS": 38,
    "ENOTEMPTY": 39,
    "ELOOP": 40,
    "EPROTO": 71,
    "EBADMSG": 74,
    "EOVERFLOW": 75,
    "EILSEQ": 84,
    "ENOTSOCK": 88,
    "EDESTADDRREQ": 89,
    "EMSGSIZE": 90,
    "EPROTOTYPE": 91,
    "ENOPROTOOPT": 92,
    "EPROTONOSUPPORT": 93,
    "EOPNOTSUPP": 95,
    "ENOTSUP": 95,
    "EAFNOSUPPORT": 97,
    "EADDRINUSE": 98,
    "EADDRNOTAVAIL": 99,
    "ENETDOWN": 100,
    "ENETUNREACH": 101,
    "ENETRESET": 102,
    "ECONNABORTED": 103,
    "ECONNRESET": 104,
    "ENOBUFS": 105,
    "EISCONN": 106,
    "ENOTCONN": 107,
    "ESHUTDOWN": 108,
    "ETIMEDOUT": 110,
    "ECONNREFUSED": 111,
    "EHOSTDOWN": 112,
    "EHOSTUNREACH": 113,
    "EALREADY": 114,
    "EINPROGRESS": 115,
    "ESTALE": 116,
    "EDQUOT": 122,
    "ECANCELED": 125,
}

SIGNALS = {
    "SIGHUP": 1,
    "SIGINT": 2,
    "SIGQUIT": 3,
    "SIGILL": 4,
    "SIGTRAP": 5,
    "SIGABRT": 6,
    "SIGBUS": 7,
    "SIGFPE": 8,
    "SIGKILL": 9,
    "SIGUSR1": 10,
    "SIGSEGV": 11,
    "SIGUSR2": 12,
    "SIGPIPE": 13,
    "SIGALRM": 14,
    "SIGTERM": 15,
    "SIGCHLD": 17,
    "SIGCONT": 18,
    "SIGSTOP": 19,
    "SIGTSTP": 20,
    "SIGTTIN": 21,
    "SIGTTOU": 22,
    "SIGURG": 23,
    "SIGXCPU": 24,
    "SIGXFSZ": 25,
    "SIGVTALRM": 26,
    "SIGPROF": 27,
    "SIGWINCH": 28,
    "SIGIO": 29,
    "SIGSYS": 31,
}

OPEN_FLAGS = {
    "O_WRONLY": 1,
    "O_RDWR": 2,
    "O_CREAT": 0x40,
    "O_EXCL": 0x80,
    "O_NOCTTY": 0x100,
    "O_TRUNC": 0x200,
    "O_APPEND": 0x400,
    "O_NONBLOCK": 0x800,
    "O_DSYNC": 0x1000,
    "O_DIRECTORY": 0x4000,
    "O_NOFOLLOW": 0x8000,
    "O_DIRECT": 0x10000,
    "O_NOATIME": 0x40000,
    "O_CLOEXEC": 0x80000,
    "O_PATH": 0x200000,
}
O_NONBLOCK, O_CLOEXEC = OPEN_FLAGS["O_NONBLOCK"], OPEN_FLAGS["O_CLOEXEC"]
AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR, AT_EMPTY_PATH = -100, 0x100, 0x200, 0x1000
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 0x406
FD_CLOEXEC = 1
FIONREAD, FIONBIO, SIOCOUTQ = 0x541B, 0x5421, 0x5411
MOST_BYTES = 0x7FFFF000

FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
SOCKET_TYPES = {"SOCK_STREAM": 1, "SOCK_DGRAM": 2, "SOCK_SEQPACKET": 5}
SOCK_TYPE_MASK = 0xF
MESSAGE_FLAGS = {
    "MSG_OOB": 1,
    "MSG_PEEK": 2,
    "MSG_CTRUNC": 8,
    "MSG_TRUNC": 0x20,
    "MSG_DONTWAIT": 0x40,
    "MSG_EOR": 0x80,
    "MSG_WAITALL": 0x100,
    "MSG_NOSIGNAL": 0x4000,
    "MSG_MORE": 0x8000,
}
LEVELS = {"SOL_SOCKET": 1, "IPPROTO_TCP": 6, "IPPROTO_IPV6": 41, "IPPROTO_IP": 0}
OPTIONS = {
    "SOL_SOCKET": {
        "SO_REUSEADDR": 2,
        "SO_TYPE": 3,
        "SO_ERROR": 4,
        "SO_SNDBUF": 7,
        "SO_RCVBUF": 8,
        "SO_KEEPALIVE": 9,
        "SO_LINGER": 13,
        "SO_REUSEPORT": 15,
        "SO_RCVLOWAT": 18,
        "SO_RCVTIMEO": 20,
        "SO_SNDTIMEO": 21,
        "SO_ACCEPTCONN": 30,
        "SO_PROTOCOL": 38,
        "SO_DOMAIN": 39,
        "SO_INCOMING_CPU": 49,
    },
    "IPPROTO_TCP": {
        "TCP_NODELAY": 1,
        "TCP_MAXSEG": 2,
        "TCP_CORK": 3,
        "TCP_KEEPIDLE": 4,
        "TCP_KEEPINTVL": 5,
        "TCP_KEEPCNT": 6,
        "TCP_LINGER2": 8,
        "TCP_DEFER_ACCEPT": 9,
        "TCP_INFO": 11,
        "TCP_QUICKACK": 12,
        "TCP_USER_TIMEOUT": 18,
        "TCP_FASTOPEN": 23,
        "TCP_NOTSENT_LOWAT": 25,
    },
    "IPPROTO_IPV6": {"IPV6_V6ONLY": 26},
    "IPPROTO_IP": {"IP_TOS": 1, "IP_TTL": 2},
}
# Known to Linux and not to every Python; on a Linux host the numbers are the same.
LINUX_ONLY = {"TCP_NOTSENT_LOWAT", "SO_PROTOCOL", "SO_DOMAIN", "SO_INCOMING_CPU"}

EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD = 1, 2, 3

PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS = 1, 2, 0x10, 0x20
MAP_FIXED_NOREPLACE = 0x100000
MADV_DONTNEED = 4

SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = 0, 1, 2
SIG_DFL, SIG_IGN = 0, 1
WNOHANG = 1
TIMER_ABSTIME = 1
CLOCKS = {
    0: "CLOCK_REALTIME",
    1: "CLOCK_MONOTONIC",
    2: "CLOCK_PROCESS_CPUTIME_ID",
    3: "CLOCK_THREAD_CPUTIME_ID",
    4: "CLOCK_MONOTONIC_RAW",
    5: "CLOCK_REALTIME",  # coarse
    6: "CLOCK_MONOTONIC",  # coarse
    7: "CLOCK_BOOTTIME",
}
LIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
}
INFINITY = (1 << 64) - 1
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_NO_NEW_PRIVS = 1, 4, 15, 38
CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID = 0x1000000, 0x200000
GRND_FLAGS = 7
CPUS_MAX = 8192

AT_NULL, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY = (
    0,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
)
AT_UID, AT_EUID, AT_GID, AT_EGID, AT_PLATFORM, AT_HWCAP, AT_CLKTCK = 11, 12, 13, 14, 15, 16, 17
AT_SECURE, AT_RANDOM, AT_HWCAP2, AT_EXECFN = 23, 25, 26, 31
# FP ASIMD AES PMULL SHA1 SHA2 CRC32 ATOMICS ASIMDRDM SHA3 ASIMDDP SHA512: what the emulated
# processor has and programs ask about.
HWCAP = sum(1 << bit for bit in (0, 1, 3, 4, 5, 6, 7, 8, 12, 17, 20, 21))

STAT = struct.Struct("<QQIIIIQQqiiqqQqQqQII")
TIMESPEC = struct.Struct("<qq")
ITIMERSPEC = struct.Struct("<qqqq")
EPOLL_EVENT = struct.Struct("<IIQ")
POLLFD = struct.Struct("<ihh")
MSGHDR = struct.Struct("<QI4xQQQQi4x")
SIGACTION = struct.Struct("<QQQQ")
SIGNALFD_SIGINFO = struct.Struct("<I124x")
SIGINFO = struct.Struct("<I124x")
DIRENT = struct.Struct("<QqHB")
SYSINFO = struct.Struct("<q3Q6QHH4xQQI4x")
UTSNAME_FIELD = 65
SIGSET_SIZE = 8

assert STAT.size == SIGNALFD_SIGINFO.size == SIGINFO.size == 128
assert SYSINFO.size == 112
assert MSGHDR.size == 56
assert SIGACTION.size == ITIMERSPEC.size == 32
assert EPOLL_EVENT.size == TIMESPEC.size == 2 * POLLFD.size == 16
