"""A64: an assembler whose source is Python.  ``from svc0.a64 import *`` is meant."""

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
