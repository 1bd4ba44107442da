"""Clients of a running server: what they send, what they read, and whether that was right.

server      starts an executable on some machine and stops it
sites       the files that it serves here
wire        bytes → the answers that a client sees in them
compare     what a client saw ↔ what the reference says
drive       many connections at once, each sending its bytes in its own pieces
hostile     requests and expectations from tests/data/hostile/
fuzz        requests made up from a seed
"""
