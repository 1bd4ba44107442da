"""The web server, in assembly: every function here is a routine, a macro, a struct or a table."""
