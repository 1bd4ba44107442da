"""Limits: how much of anything a client can make the server hold (docs/behaviour.md)."""

LINE_MAX = 8192
"""Bytes of a request line, CRLF included; beyond: 414."""

HEAD_MAX = 16384
"""Bytes of a head, all of it; beyond: 431."""

FIELDS_MAX = 100
"""Header fields of a request; beyond: 431."""

EMPTY_LINES_MAX = 4
"""Empty lines before a request line; beyond: 400."""

BODY_MAX = 1 << 20
"""Bytes of a request's body that are read and dropped; beyond: 413."""

CHUNK_LINE_MAX = 256
"""Bytes of a line that says how large a chunk is; beyond: 400."""

TRAILER_MAX = 4096
"""Bytes of a trailer section, its last CRLF included; beyond: 431."""

PATH_MAX = 4096
"""Bytes of a decoded path; beyond: 414."""

INPUT_MAX = HEAD_MAX + 2 * TRAILER_MAX
"""Room for what a client sent: a head, and behind it a piece of body or the next requests."""

OUTPUT_MAX = 24 * 1024
"""Room for a response's head, and for the small body of an error."""

assert LINE_MAX < HEAD_MAX < INPUT_MAX < 1 << 16, "offsets into the input fit 16 bits"
assert 3 * PATH_MAX + LINE_MAX + 2048 < OUTPUT_MAX, (
    "the longest Location fits, with all that goes with it"
)
assert CHUNK_LINE_MAX < TRAILER_MAX < INPUT_MAX - HEAD_MAX - 2 * EMPTY_LINES_MAX, (
    "a line of a body fits behind the longest head"
)
