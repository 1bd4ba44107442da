"""Statuses: what an answer is called, and the small page that explains it.

One table says everything; made of it at build time are the status line of each
status and, where something went wrong or elsewhere, a body for people (HTML) and
one for programs (JSON).  A routine finds them by number:

    status ── INDEX ──► slot ── LINES, PAGES, OBJECTS ──► address
                          └──── their lengths ──────────► length
"""

from typing import NamedTuple

from svc0.a64 import *


class Status(NamedTuple):
    """One status: its reason phrase, and one sentence for people; none where there is no body."""

    number: int
    reason: str
    sentence: str = ""

    @property
    def line(self) -> bytes:
        """The status line of RFC 9112 4, whichever minor version was asked in."""
        return f"HTTP/1.1 {self.number} {self.reason}\r\n".encode()

    @property
    def page(self) -> bytes:
        """The body for people; the browser chooses light or dark."""
        title = f"{self.number} {self.reason}"
        return (
            "<!DOCTYPE html>\n"
            f'<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
            '<meta name="viewport" content="width=device-width">'
            '<meta name="color-scheme" content="light dark">\n'
            f"<style>{STYLE}</style>\n"
            f"<h1>{title}</h1><p>{self.sentence}</p></html>\n"
        ).encode() * bool(self.sentence)

    @property
    def object(self) -> bytes:
        """The body for programs."""
        return (
            f'{{"status":{self.number},"error":"{self.reason}","message":"{self.sentence}"}}\n'
        ).encode() * bool(self.sentence)


STYLE = "body{font:1.1em/1.5 system-ui,sans-serif;max-width:32em;margin:18vh auto;padding:0 1em}"

STATUSES = (
    Status(200, "OK"),
    Status(204, "No Content"),
    Status(206, "Partial Content"),
    Status(301, "Moved Permanently", "This is a directory: its address ends with a slash."),
    Status(304, "Not Modified"),
    Status(400, "Bad Request", "The server could not make sense of this request."),
    Status(403, "Forbidden", "The server may not show this."),
    Status(404, "Not Found", "There is nothing at this address; perhaps it is misspelt."),
    Status(405, "Method Not Allowed", "This server only shows: it knows GET, HEAD and OPTIONS."),
    Status(408, "Request Timeout", "The request took too long to arrive."),
    Status(412, "Precondition Failed", "What you asked for is no longer as your request says."),
    Status(413, "Content Too Large", "The request carries more data than the server reads."),
    Status(414, "URI Too Long", "The address is longer than the server reads."),
    Status(416, "Range Not Satisfiable", "There is less of it than the range that was asked for."),
    Status(417, "Expectation Failed", "The request expects something that the server does not do."),
    Status(
        431,
        "Request Header Fields Too Large",
        "The request has more header fields than the server reads.",
    ),
    Status(500, "Internal Server Error", "Something went wrong on the server."),
    Status(501, "Not Implemented", "The server does not know what to do with this request."),
    Status(503, "Service Unavailable", "The server has no room now; try again in a moment."),
    Status(505, "HTTP Version Not Supported", "The server speaks HTTP/1.1 and HTTP/1.0."),
)

SLOTS = {status.number: slot for slot, status in enumerate(STATUSES)}
LOWEST, HIGHEST = min(SLOTS), max(SLOTS)
BODY_MAX = 700

INDEX = Data((SLOTS.get(n, SLOTS[500]) for n in range(LOWEST, HIGHEST + 1)), align=1)


class Texts:
    """One text of every status: where they are, and how long."""

    def __init__(self, texts: list[bytes]) -> None:
        assert max(map(len, texts)) <= BODY_MAX, "an answer of this server is small"
        self.places = Offsets(Data(text, align=1) for text in texts)
        self.lengths = Data(b"".join(len(text).to_bytes(2, "little") for text in texts), align=2)


LINES = Texts([status.line for status in STATUSES])
PAGES = Texts([status.page for status in STATUSES])
OBJECTS = Texts([status.object for status in STATUSES])


def find_slot(slot: X, status: W, table: X) -> None:
    """Write: the place of a status in the tables, or that of 500; ``table`` is scratch."""
    known = label()
    sub(slot.w, status, LOWEST)
    cmp(slot.w, HIGHEST - LOWEST)  # unsigned: a status below the lowest has wrapped around
    b.ls(known)
    mov(slot.w, 500 - LOWEST)

    here(known)
    adr(table, INDEX)
    ldrb(slot.w, [table, slot])


def take_text(texts: Texts, slot: X, table: X) -> None:
    """Write: the address (x0) and length (x1) of the text in a slot."""
    adr(table, texts.lengths)
    ldrh(w1, [table, slot, lsl(1)])
    adr(table, texts.places)
    ldrsw(x0, [table, slot, lsl(2)])
    add(x0, x0, table)


@routine
def status_line(status: w0) -> tuple[x0, x1]:
    """The status line with its CRLF: address and length.  A status that is not in the table is 500.

    >>> status_line(404)[1] == len("HTTP/1.1 404 Not Found\\r\\n")
    True
    """
    slot, table = x9, x10
    find_slot(slot, status, table)
    take_text(LINES, slot, table)
    ret()


@routine
def error_body(status: w0, json: w1) -> tuple[x0, x1]:
    """What explains a status, a page or with ``json`` an object: address and length.

    A status that has no body has a length of 0; one that is not in the table is 500.

    >>> error_body(304, 0)[1], error_body(404, 1)[1] < error_body(404, 0)[1]
    (0, True)
    """
    slot, table = x9, x10
    page = label()
    find_slot(slot, status, table)
    cbz(json, page)
    take_text(OBJECTS, slot, table)
    ret()

    here(page)
    take_text(PAGES, slot, table)
    ret()
