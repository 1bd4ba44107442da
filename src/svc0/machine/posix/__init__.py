"""Calls that Linux and Darwin answer alike, once a platform's dialect has read the arguments.

A platform's own table begins with this one, and its numbers say which of them it has.
"""

from . import files, mappings, processes, sockets
from .table import CALLS

# Importing them has filled the table.
ROOMS = (files, mappings, processes, sockets)

__all__ = ["CALLS"]
