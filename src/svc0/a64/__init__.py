"""A64: an assembler whose source is Python.  ``from svc0.a64 import *`` is meant.

A routine is a function each of whose calls writes one instruction; its signature is its contract.

    registers   x0, w0, v0 …: names that are types and values at once
    places      what has an address: Data, Bss, Offsets, labels
    platforms   either(linux=…, macos=…): numbers that differ between systems
    structs     layouts of memory whose fields are their own offsets
    listing     @routine, label(), here(): what a routine writes down
    frames      frame(): the only way to move the stack pointer
    notes       what the sources say of memory, for who watches it run
    integer, memory, control, simd, atomics, system    the instructions

    encoding, operands, vectors, mnemonic    rows of the manual: bits, operands, names
    parts, contract                          what a routine promises, proved along every path
    errors                                   what goes wrong, and how it is said

It knows the instruction set, and nothing of kernels, images or the web.
docs/reading-and-writing-a-routine.md is the way in.
"""

from . import (
    atomics,
    control,
    errors,
    frames,
    integer,
    listing,
    memory,
    notes,
    operands,
    places,
    platforms,
    registers,
    simd,
    structs,
    system,
)
from .atomics import *
from .control import *
from .errors import *
from .frames import *
from .integer import *
from .listing import *
from .memory import *
from .notes import *
from .operands import *
from .places import *
from .platforms import *
from .registers import *
from .simd import *
from .structs import *
from .system import *

__all__: list[
    str
] = []  # the names of instructions and what they take; none of the modules themselves
__all__ += atomics.__all__
__all__ += control.__all__
__all__ += errors.__all__
__all__ += frames.__all__
__all__ += integer.__all__
__all__ += listing.__all__
__all__ += memory.__all__
__all__ += notes.__all__
__all__ += operands.__all__
__all__ += places.__all__
__all__ += platforms.__all__
__all__ += registers.__all__
__all__ += simd.__all__
__all__ += structs.__all__
__all__ += system.__all__
