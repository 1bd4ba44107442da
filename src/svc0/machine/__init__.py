"""What runs an image: this CPU, qemu-user, the emulator, and the kernels behind the emulator.

Three machines can start the same bytes, and who starts them need not know which it is:

    native      an ARM64 Linux host, or an Apple Silicon Mac: the image becomes this process
    qemu        qemu-user: another program translates, this host's kernel answers
    emulator    Unicorn translates, Python answers; there wherever Python is, and for both kernels

The emulator is a `Process` (a `Cpu`, its `Memory`, its `Descriptors`) that stops at every system
call.  A *personality* (`linux`, `darwin`, and `posix` for what is the same in both) reads the
registers and structs of one platform; it asks a *world* (`host`: real sockets and files) for the
deed.  Between the two the language is Python's: `os.O_CREAT`, `socket.AF_INET6`, `OSError`.  So a
personality knows no host, and a world no registers.

Nothing here knows what it runs.
"""

from .choose import NAMES, choose
from .errors import Fault, MachineError, Symbols
from .machine import Machine

__all__ = ["NAMES", "Fault", "Machine", "MachineError", "Symbols", "choose"]
