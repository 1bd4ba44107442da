"""What a kernel promises: calls, structs, constants and errors.

    calls      every system call the server makes: registers in, number, result
    structs    what the kernel reads and writes in our memory
    constants  flags and options
    errors     what can go wrong: -Errno.… in x0

Each call is declared once.  ``calls.write()`` inside of a routine writes the instructions that
enter the kernel, and the checker knows what the call reads, leaves and destroys.  Nothing here
knows what the calls are for.  Linux is here; Darwin's numbers are to come beside it.
"""
