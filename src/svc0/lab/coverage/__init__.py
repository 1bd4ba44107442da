"""Coverage: what the tests have run of the server, by instruction and by way of each branch.

`svc0.machine.coverage` records addresses.  ``counts`` gives them back to routines and lines,
``report`` does so for the whole server, ``rule`` says what must not be missing, and ``pages`` makes
a folder of HTML.
"""
