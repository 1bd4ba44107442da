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
from .terminal import STDOUT, end_line, length_of, say
from .text import parse_decimal

WORKERS_MAX = 64
PORT_MAX = 65535
USAGE_ERROR = 2
VERSION = "0.1.0"

HELP = f"""\
svc0 {VERSION}: a web server in pure ARM64 assembly

usage: server [-r DIRECTORY] [-p PORT] [-b ADDRESS] [-w WORKERS] [-h] [-V]

  -r DIRECTORY  serve the files below this directory
  -p PORT       listen on this port; 0: any that is free
  -b ADDRESS    listen on this IPv4 or IPv6 address
  -w WORKERS    so many worker processes, 1 to {WORKERS_MAX}; 0: one for each CPU
  -h            show this help
  -V            show the version

Log lines go to standard output, messages to standard error.
SIGTERM and SIGINT finish what is in flight, and end; SIGHUP: new workers.
"""


class Options(Struct):
    """The options in force; texts are addresses of what ends with NUL."""

    root: u64
    address: u64
    port: u32
    workers: u32


OPTIONS = Bss(Options)

LETTERS = {"r": Options.root, "b": Options.address, "p": Options.port, "w": Options.workers}
MOST = {"p": PORT_MAX, "w": WORKERS_MAX}


@routine
def read_options(arguments: x0) -> None:
    """Read the arguments (addresses of texts, behind the last a 0); a mistake ends the process."""
    at, word, letter = x19, x20, w21
    wrong, flag, value = label(), label(), label()

    with frame(at, word, letter.x) as leave:
        mov(at, arguments)
        bl(use_settings)
        ldr(x9, [at], 8)  # the program's name, if it was given one
        cbz(x9, leave)

        again = here()
        ldr(word, [at], 8)
        cbz(word, leave)
        ldrb(w9, [word], 1)
        cmp(w9, ord("-"))
        b.ne(wrong)
        ldrb(letter, [word], 1)
        cbz(letter, wrong)
        ldrb(w9, [word])
        cbnz(w9, value)  # -p80
        cmp(letter, ord("h"))
        b.eq(flag)
        cmp(letter, ord("V"))
        b.eq(flag)
        ldr(word, [at], 8)
        cbz(word, wrong)

        here(value)
        mov(w0, letter)
        mov(x1, word)
        bl(take_option)
        cbnz(w0, again)

        here(wrong)
        bl(explain_usage)

        here(flag)
        mov(w0, letter)
        bl(show_text)
    ret()


@routine
def use_settings() -> None:
    """Begin with what was decided when the executable was built."""
    to, settings = x9, x10

    adr(to, OPTIONS)
    adr(settings, SETTINGS)
    add(x11, settings, Settings.root)
    str_(x11, [to, Options.root])
    add(x11, settings, Settings.address)
    str_(x11, [to, Options.address])
    ldrh(w11, [settings, Settings.port])
    str_(w11, [to, Options.port])
    ldr(w11, [settings, Settings.workers])
    str_(w11, [to, Options.workers])
    ret()


@routine
def take_option(letter: w0, value: x1) -> w0:
    """Take the value of an option: 1, or 0 if there is no such option or it does not take this."""
    options = x9

    adr(options, OPTIONS)
    for name, field in LETTERS.items():
        other = label()
        cmp(letter, ord(name))
        b.ne(other)
        if name in MOST:
            add(x0, options, int(field))
            mov(x2, MOST[name])
            b(take_number)
        else:
            str_(value, [options, field])
            mov(w0, 1)
            ret()
        here(other)
    mov(w0, 0)
    ret()


@routine
def take_number(out: x0, text: x1, most: x2) -> w0:
    """Store the number that text (ends with NUL) is: 1, or 0 if it is none or too large.

    >>> out = bytearray(4)
    >>> take_number(out, b"8080\\0", PORT_MAX), out.hex()
    (1, '901f0000')
    """
    to, digits, limit, length = x19, x20, x21, x22

    with frame(to, digits, limit, length) as leave:
        mov(to, out)
        mov(digits, text)
        mov(limit, most)
        mov(x0, digits)
        bl(length_of)
        mov(length, x0)
        mov(x1, x0)
        mov(x0, digits)
        bl(all_digits)
        cbz(w0, leave)
        mov(x0, digits)
        mov(x1, length)
        bl(parse_decimal)
        mov(x9, x0)
        mov(w0, 0)
        cmp(x9, limit)
        b.hi(leave)  # unsigned: TOO_LARGE is larger than anything
        str_(w9, [to])
        mov(w0, 1)
    ret()


@routine
def explain_usage() -> Never:
    """Say in one line that the arguments make no sense, and end."""
    say("svc0: these arguments are not understood: try -h")
    bl(end_line)
    mov(w0, USAGE_ERROR)
    calls.exit()


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
    mov(w0, STDOUT)
    calls.write()
    mov(w0, 0)
    calls.exit()
