"""Options: what the executable was told when it was started.

    server [-r DIRECTORY] [-p PORT] [-b ADDRESS] [-w WORKERS] [-h] [-V]

What is not said is as it was decided when the executable was built (settings.py).
"""

from typing import Never

from svc0.a64 import *
from svc0.kernel import calls

from .framing import all_digits
from .macros import constant
from .settings import SETTINGS, Settings
from .terminal import end_line, length_of, say
from .text import parse_decimal

WORKERS_MAX = 64
PORT_MAX = 65535
USAGE_ERROR = 2
VERSION = "0.1.0"

HELP = f"""\
svc0 {VERSION}: a web server in pure ARM64 assembly

usage: server [-r DIRECTORY] [-p PORT] [-b ADDRESS] [-w WORKERS]

  -r DIRECTORY  serve the files below this directory
  -p PORT       listen on this port; 0: any that is free
  -b ADDRESS    listen on this IPv4 or IPv6 address
  -w WORKERS    so many worker processes, 1 to {WORKERS_MAX}; 0: one for each CPU
  -h            show this help
  -V            show the version

Log lines go to standard output, messages to standard error.
SIGTERM and SIGINT finish what is in flight and end; SIGHUP restarts the workers.
"""


class Options(Struct):
    """The options in force; texts are addresses of what ends with NUL."""

    root: u64
    address: u64
    port: u32
    workers: u32


OPTIONS = Bss(sizeof(Options))

LETTERS = {"r": Options.root, "b": Options.address, "p": Options.port, "w": Options.workers}
MOST = {"p": PORT_MAX, "w": WORKERS_MAX}


@routine
def read_options(stack: x0) -> None:
    """Read the arguments that the kernel put on the stack, above their number; a mistake ends the process."""
    at, word = x19, x20
    done, wrong, flag, value = label(), label(), label(), label()

    with frame(at, word, x21) as leave:
        add(at, stack, 16)  # behind the number of arguments and the program's name
        ldr(x9, [stack])
        cbz(x9, leave)
        adr(x10, OPTIONS)
        adr(x11, SETTINGS)
        add(x9, x11, int(Settings.root))
        str_(x9, [x10, Options.root])
        add(x9, x11, int(Settings.address))
        str_(x9, [x10, Options.address])
        ldrh(w9, [x11, Settings.port])
        str_(w9, [x10, Options.port])
        ldr(w9, [x11, Settings.workers])
        str_(w9, [x10, Options.workers])

        again = here()
        ldr(word, [at], 8)
        cbz(word, done)
        ldrb(w9, [word], 1)
        cmp(w9, ord("-"))
        b.ne(wrong)
        ldrb(w21, [word], 1)
        cbz(w21, wrong)
        ldrb(w9, [word])
        cbnz(w9, value)  # -p80
        cmp(w21, ord("h"))
        b.eq(flag)
        cmp(w21, ord("V"))
        b.eq(flag)
        ldr(word, [at], 8)
        cbz(word, wrong)

        here(value)
        mov(x0, x21)
        mov(x1, word)
        bl(take_option)
        cbnz(w0, again)

        here(wrong)
        bl(explain_usage)

        here(flag)
        mov(w0, w21)
        bl(show_text)

        here(done)
    ret()


@routine
def take_option(letter: x0, value: x1) -> w0:
    """Take the value of an option: 1, or 0 if there is no such option or it does not take this."""
    no, number = label(), label()
    places = {letter: label() for letter in LETTERS}

    for name, place in places.items():
        cmp(letter.w, ord(name))
        b.eq(place)
    b(no)

    for name, place in places.items():
        here(place)
        adr(x2, OPTIONS)
        field = LETTERS[name]
        if name in MOST:
            add(x2, x2, int(field))
            mov(x3, MOST[name])
            b(number)
        else:
            str_(value, [x2, field])
            mov(w0, 1)
            ret()

    here(number)
    with frame(x19, x20, x21, x22) as leave:
        mov(x19, value)
        mov(x20, x2)
        mov(x22, x3)
        mov(x0, value)
        bl(length_of)
        mov(x21, x0)
        mov(x1, x0)
        mov(x0, x19)
        bl(all_digits)
        cbz(w0, leave)
        mov(x0, x19)
        mov(x1, x21)
        bl(parse_decimal)
        cmp(x0, x22)
        mov(x9, x0)
        mov(w0, 0)
        b.hi(leave)  # unsigned: TOO_LARGE is larger than anything
        str_(w9, [x20])
        mov(w0, 1)
    ret()

    here(no)
    mov(w0, 0)
    ret()


@routine
def explain_usage() -> Never:
    """Say in one line that the arguments make no sense, and end."""
    say("svc0: these arguments are not understood: try -h")
    bl(end_line)
    mov(w0, USAGE_ERROR)
    calls.exit_group()


@routine
def show_text(letter: w0) -> Never:
    """Write the help or the version to standard output, and end."""
    version = label()

    cmp(letter, ord("V"))
    adr(x1, constant(f"svc0 {VERSION}\n".encode()))
    mov(x2, len(f"svc0 {VERSION}\n"))
    b.eq(version)
    adr(x1, constant(HELP.encode()))
    mov(x2, len(HELP.encode()))

    here(version)
    mov(w0, 1)
    calls.write()
    mov(w0, 0)
    calls.exit_group()
