"""What shows the server: how it was run, line by line, and what that cost.

The lab may look at everything and is looked at by nobody but the command line; the server runs
without it.  What it needs besides is in the extra ``lab``.

    coverage    which instructions the tests have run, and which ways of each branch
    cost        what a request costs: instructions and system calls, by routine and by line
"""
