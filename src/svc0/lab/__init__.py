"""What shows the server: how it was run, line by line.

The lab may look at everything and is looked at by nobody but the command line; the server runs
without it.  What it needs besides is in the extra ``lab``.

    coverage    which instructions the tests have run, and which ways of each branch
"""
