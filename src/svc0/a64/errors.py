"""What goes wrong while assembling, and how it is said: what fits, and where."""

__all__ = ["AssemblyError", "EncodingError"]


class AssemblyError(Exception):
    """The listing makes no sense, whatever its instructions say one by one."""


class EncodingError(AssemblyError, ValueError):
    """No instruction has these operands; the message says what fits."""
