"""What the kernels of Linux and macOS promise: calls, structs, constants and errors.

    calls      every system call the server makes: registers in, number, result
    structs    what the kernel reads and writes in our memory
    constants  flags and options
    errors     what can go wrong: -Errno.… in x0

Each thing is declared once, with the number that each kernel has for it.  ``calls.write()`` inside
of a routine writes the instructions that enter the kernel assembled for, and the checker knows what
the call reads, leaves and destroys.  Nothing here knows what the calls are for.
"""
