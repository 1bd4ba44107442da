"""Images: what a kernel can start.

    layout      routines and data at addresses, in three segments
    symbols     what lies at an address, in the words of the source
    sources     the Python files of a program, by names that are the same everywhere
    elf         the executable for Linux
    macho       the executable for macOS
    signature   what says that such a file is as it was written
    dwarf/      debug information: lines, names, frames

It knows instructions and data, and nothing of the web or of what runs images.
docs/images.md has the drawings, and how to debug one.
"""
