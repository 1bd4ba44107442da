"""Constants: flags and options of the kernels' calls on arm64.

A plain number is the same on Linux and macOS; what differs says so, and what only one of them has
cannot be used on the other.

Sources: Linux include/uapi/ and arch/arm64/include/uapi/asm/ (O_DIRECTORY, O_NOFOLLOW and O_DIRECT
differ from x86's), include/linux/socket.h for SOCK_ and MSG_; xnu bsd/sys/, bsd/netinet/.
"""

from svc0.a64 import either

AT_FDCWD = either(linux=-100, macos=-2)

O_RDONLY = 0
O_NOCTTY = either(linux=0x100, macos=0x2_0000)
O_NONBLOCK = either(linux=0x800, macos=0x4)
O_DIRECTORY = either(linux=0x4000, macos=0x10_0000)
O_NOFOLLOW = either(linux=0x8000, macos=0x100)
O_CLOEXEC = either(linux=0x8_0000, macos=0x100_0000)
O_PATH = either(linux=0x20_0000)
O_SEARCH = either(macos=0x4010_0000)
O_EVTONLY = either(macos=0x8000)
O_NOFOLLOW_ANY = either(macos=0x2000_0000)
O_RESOLVE_BENEATH = either(macos=0x1000)

RESOLVE_NO_MAGICLINKS = either(linux=0x02)
RESOLVE_NO_SYMLINKS = either(linux=0x04)
RESOLVE_BENEATH = either(linux=0x08)

F_SETFD = either(macos=2)
F_SETFL = either(macos=4)
FD_CLOEXEC = either(macos=1)

S_IFMT = 0o170000
S_IFDIR = 0o040000
S_IFREG = 0o100000

AF_INET = 2
AF_INET6 = either(linux=10, macos=30)
SOCK_STREAM = 1
SOCK_NONBLOCK = either(linux=0x800)
SOCK_CLOEXEC = either(linux=0x8_0000)
SOL_SOCKET = either(linux=1, macos=0xFFFF)
SO_REUSEADDR = either(linux=2, macos=4)
SO_REUSEPORT = either(linux=15, macos=0x200)
IPPROTO_TCP = 6
TCP_NODELAY = 1
TCP_DEFER_ACCEPT = either(linux=9)
SO_NWRITE = either(macos=0x1024)
SIOCOUTQ = either(linux=0x5411)
SHUT_RD = 0
SHUT_WR = 1
MSG_NOSIGNAL = either(linux=0x4000, macos=0x8_0000)
MSG_MORE = either(linux=0x8000)

EPOLL_CLOEXEC = either(linux=0x8_0000)
EPOLL_CTL_ADD = either(linux=1)
EPOLL_CTL_DEL = either(linux=2)
EPOLL_CTL_MOD = either(linux=3)
EPOLLIN = either(linux=0x001)
EPOLLOUT = either(linux=0x004)

EVFILT_READ = either(macos=-1)
EVFILT_WRITE = either(macos=-2)
EVFILT_VNODE = either(macos=-4)
EVFILT_PROC = either(macos=-5)
EVFILT_SIGNAL = either(macos=-6)
EVFILT_TIMER = either(macos=-7)
EV_ADD = either(macos=0x1)
EV_DELETE = either(macos=0x2)
EV_CLEAR = either(macos=0x20)
EV_RECEIPT = either(macos=0x40)
EV_ERROR = either(macos=0x4000)
NOTE_EXIT = either(macos=0x8000_0000)
NOTE_SECONDS = either(macos=0x1)
NOTE_DELETE = either(macos=0x01)
NOTE_WRITE = either(macos=0x02)
NOTE_EXTEND = either(macos=0x04)
NOTE_ATTRIB = either(macos=0x08)
NOTE_LINK = either(macos=0x10)
NOTE_RENAME = either(macos=0x20)
NOTE_REVOKE = either(macos=0x40)

IN_MODIFY = either(linux=0x2)
IN_ATTRIB = either(linux=0x4)
IN_CLOSE_WRITE = either(linux=0x8)
IN_MOVED_FROM = either(linux=0x40)
IN_MOVED_TO = either(linux=0x80)
IN_CREATE = either(linux=0x100)
IN_DELETE = either(linux=0x200)
IN_DELETE_SELF = either(linux=0x400)
IN_MOVE_SELF = either(linux=0x800)
IN_Q_OVERFLOW = either(linux=0x4000)
IN_IGNORED = either(linux=0x8000)
IN_ONLYDIR = either(linux=0x100_0000)
IN_EXCL_UNLINK = either(linux=0x400_0000)
IN_NONBLOCK = either(linux=0x800)
IN_CLOEXEC = either(linux=0x8_0000)

CLOCK_REALTIME = either(linux=0)
CLOCK_MONOTONIC = either(linux=1)
TFD_NONBLOCK = either(linux=0x800)
TFD_CLOEXEC = either(linux=0x8_0000)
SFD_NONBLOCK = either(linux=0x800)
SFD_CLOEXEC = either(linux=0x8_0000)

SIGHUP = 1
SIGINT = 2
SIGQUIT = 3
SIGKILL = 9
SIGPIPE = 13
SIGTERM = 15
SIGCHLD = either(linux=17, macos=20)
SIG_BLOCK = either(linux=0, macos=1)
SIG_DFL = 0
SIG_IGN = 1
SIGSET_SIZE = either(linux=8, macos=4)

PROT_READ = 1
PROT_WRITE = 2
PROT_NONE = 0
MAP_PRIVATE = 0x02
MAP_ANONYMOUS = either(linux=0x20, macos=0x1000)
MAP_NORESERVE = either(linux=0x4000, macos=0x40)

RLIMIT_NOFILE = either(linux=7, macos=8)
WNOHANG = 1
PR_SET_PDEATHSIG = either(linux=1)
CTL_HW = either(macos=6)
HW_NCPU = either(macos=3)
