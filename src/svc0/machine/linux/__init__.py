"""Linux on ARM64, as a guest sees it: numbers in x8, structs in memory, -errno in x0.

Each call is a function in the module of its noun, and registered by `@call`; its annotations say
what each register holds, and it is decoded accordingly.  What a call then does is the world's
business.
"""

from .personality import Linux

__all__ = ["Linux"]
