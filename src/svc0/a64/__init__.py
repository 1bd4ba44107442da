"""A64: an assembler whose source is Python.  ``from svc0.a64 import *`` is meant."""

from . import (
    atomics,
    control,
    errors,
    frames,
    integer,
    listing,
    memory,
    operands,
    places,
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
from .operands import *
from .places import *
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
__all__ += operands.__all__
__all__ += places.__all__
__all__ += registers.__all__
__all__ += simd.__all__
__all__ += structs.__all__
__all__ += system.__all__
