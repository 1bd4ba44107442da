"""Cost: what a request takes of the server, exactly: instructions, system calls, and where.

The server runs in this very process, in the emulator, and every instruction of it is counted.
``stage`` is the world that it runs in, whose clock stands still and whose clients move only while
it waits; ``cases`` are the kinds of request; ``profile`` says which routine and which line of
Python wrote what was run; ``report`` and ``flame`` show it.
"""
