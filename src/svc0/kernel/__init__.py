"""What a kernel promises: calls, structs, constants and errors.

Each call is declared once, with its registers and its number.  ``calls.write()``
inside of a routine writes the instructions that enter the kernel, and leaves a
result in x0, or -errno.  Linux is here; Darwin's numbers come beside it.
"""
