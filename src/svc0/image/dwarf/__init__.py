"""DWARF 5: what a debugger shows of a program, which is Python.

    .debug_info       one unit for each Python file: its structs, its
                      routines, and the names that each has for
                      its registers                               info.py, types.py
    .debug_abbrev     which attributes the entries have           shapes.py
    .debug_line       the line that wrote each instruction        lines.py
    .debug_frame      where each frame keeps what is the caller's unwind.py
    .debug_loclists   which register a name means, and where      locations.py

Version 5 rather than 4, since gdb 13 and LLDB read both, and 5 is simpler to
write: one form of line header, lists of ranges that need no base.  On Linux the
language is "assembler", so that gdb stops at a routine's first instruction and
steps from line to line; on macOS it is C, without which LLDB shows no names.
"""

from __future__ import annotations

from svc0.a64.platforms import on

from ..layout import Program
from .info import Information
from .unwind import call_frames

__all__ = ["debug_sections"]


def debug_sections(program: Program, source_root: str = ".") -> dict[str, bytes]:
    """The sections by name; ``source_root`` is where a debugger begins to look for sources."""
    with on(program.platform):
        return {
            **Information(program, source_root).sections(),
            ".debug_frame": call_frames(program),
        }
