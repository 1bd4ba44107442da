"""A sanitizer for assembly: what a program does to memory, judged as it does it.

    sanitizer      the judge, beside a processor: every load, every store, every system call
    objects        memory that belongs together, and how far into it a pointer may reach
    shadow         which bytes were written, and which words are addresses
    flow           what instructions do to the pointers in registers
    steps          blocks of instructions, as what there is to do when they run
    transfers      which bytes a load or a store moves
    engine         the processor's own hooks

docs/decisions/0008-sanitizer.md says what it finds, and what it cannot follow.
"""

from .sanitizer import Mistake, Sanitizer

__all__ = ["Mistake", "Sanitizer"]
