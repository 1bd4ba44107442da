"""Darwin on ARM64, as a guest sees it: numbers in x16, structs in memory, carry and errno in x0.

Each call is a function in the module of its noun, and registered by `@call`, as Linux's are.  Where
the real kernel is free to be unkind it is unkind here: x1 and x18 never survive a call, a socket
that does not block takes less than it is offered, and a number that means nothing kills.
docs/decisions/0007-darwin-personality.md says what is emulated, and how exactly.
"""

from .personality import Darwin

__all__ = ["Darwin"]
