"""A request that was read whole → the answer to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tests.model import accept, conditions, site, target
from tests.model.head import REFUSED, Fault, Request

REASONS: Final = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
"""As RFC 9110 15 and RFC 6585 call them."""

MEDIA_TYPES: Final = {
    b"html": b"text/html; charset=utf-8",
    b"htm": b"text/html; charset=utf-8",
    b"css": b"text/css; charset=utf-8",
    b"js": b"text/javascript; charset=utf-8",
    b"mjs": b"text/javascript; charset=utf-8",
    b"txt": b"text/plain; charset=utf-8",
    b"csv": b"text/csv; charset=utf-8",
    b"json": b"application/json; charset=utf-8",
    b"svg": b"image/svg+xml; charset=utf-8",
    b"png": b"image/png",
    b"jpg": b"image/jpeg",
    b"jpeg": b"image/jpeg",
    b"gif": b"image/gif",
    b"webp": b"image/webp",
    b"pdf": b"application/pdf",
    b"wasm": b"application/wasm",
    b"woff2": b"font/woff2",
    b"mp4": b"video/mp4",
    b"mp3": b"audio/mpeg",
    b"zip": b"application/zip",
}
"""From the IANA registry (application/json and image/svg+xml with the charset of the server)."""

ALLOW: Final = b"GET, HEAD, OPTIONS"
SENTENCE: Final = "\x00"
"""Stands in a model's body for the one sentence that the server's table may word as it likes."""

HOW_A_PAGE_LOOKS: Final = (
    '<meta name="viewport" content="width=device-width">'
    '<meta name="color-scheme" content="light dark">\n'
    "<style>body{font:1.1em/1.5 system-ui,sans-serif;"
    "max-width:32em;margin:18vh auto;padding:0 1em}</style>\n"
)

FIELD_ORDER: Final = [
    b"Server",
    b"Date",
    b"Content-Type",
    b"Content-Length",
    b"Vary",
    b"Last-Modified",
    b"ETag",
    b"Accept-Ranges",
    b"Content-Range",
    b"Location",
    b"Allow",
    b"Retry-After",
    b"Connection",
]


@dataclass(frozen=True)
class Answer:
    """One response. Of a HEAD request it has the fields, and `bodiless`."""

    status: int
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""
    bodiless: bool = False
    closes: bool = False
    has_sentence: bool = False
    """SENTENCE stands in the body; that of a file may hold the same bytes by itself."""

    def with_sentence(self, sentence: str) -> Answer:
        """The same with a real sentence, and the length that comes with it."""
        if not self.has_sentence:
            return self
        body = self.body.replace(SENTENCE.encode(), sentence.encode())
        length = (b"Content-Length", str(len(body)).encode())
        fields = tuple(
            length if name == b"Content-Length" else (name, value) for name, value in self.fields
        )
        return replace(self, body=body, fields=fields)

    def encode(self) -> bytes:
        """The bytes on the wire."""
        head = [f"HTTP/1.1 {self.status} {REASONS[self.status]}".encode()]
        head += [name + b": " + value for name, value in self.fields]
        return b"\r\n".join([*head, b"", b""]) + (b"" if self.bodiless else self.body)


def answer(
    status: int,
    now: int,
    *,
    fields: dict[bytes, bytes] | None = None,
    body: bytes | None = None,
) -> Answer:
    """An answer with its fields in order; a body brings its Content-Length."""
    given = {b"Server": b"svc0", b"Date": conditions.format_date(now), **(fields or {})}
    if body is not None:
        given[b"Content-Length"] = str(len(body)).encode()
    ordered = tuple((name, given[name]) for name in FIELD_ORDER if name in given)
    return Answer(status, ordered, body or b"")


def error(status: int, now: int, request: Request | None, **fields: bytes) -> Answer:
    """An answer that says in a sentence what is wrong; no request: its head is not whole."""
    reason = REASONS[status]
    if request is not None and accept.prefers_json(request):
        kind = b"application/json"
        body = f'{{"status":{status},"error":"{reason}","message":"{SENTENCE}"}}\n'
    else:
        kind = b"text/html; charset=utf-8"
        title = f"{status} {reason}"
        body = (
            "<!DOCTYPE html>\n"
            f'<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
            f"{HOW_A_PAGE_LOOKS}"
            f"<h1>{title}</h1><p>{SENTENCE}</p></html>\n"
        )
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    always = {b"Content-Type": kind, b"Vary": b"Accept"}
    made = answer(status, now, fields={**always, **named}, body=body.encode())
    return replace(made, has_sentence=True)


def respond_to_fault(fault: Fault, now: int) -> Answer:
    """The last answer of a connection."""
    last = with_connection(error(fault.status, now, fault.request), b"close")
    return replace(last, bodiless=fault.bodiless, closes=True)


def respond(
    request: Request,
    asked: target.Target,
    root: site.Directory,
    now: int,
    *,
    closes: bool = False,
) -> Answer:
    """The answer to a request whose head and body were read without a fault."""
    made = choose(request, asked, root, now)
    closes = closes or wants_close(request)
    if closes:
        made = with_connection(made, b"close")
    elif request.minor == 0:
        made = with_connection(made, b"keep-alive")
    bodiless = request.method == b"HEAD" or made.status in (204, 304)
    return replace(made, bodiless=bodiless, closes=closes)


def with_connection(made: Answer, value: bytes) -> Answer:
    return replace(made, fields=(*made.fields, (b"Connection", value)))


def wants_close(request: Request) -> bool:
    """RFC 9112 9.3."""
    options = [option.lower() for option in request.elements(b"connection")]
    return b"close" in options or (request.minor == 0 and b"keep-alive" not in options)


def choose(request: Request, asked: target.Target, root: site.Directory, now: int) -> Answer:
    """Status, fields and body, without what concerns the connection."""
    try:
        if request.method in REFUSED:
            return error(405, now, request, Allow=ALLOW)
        if asked.path is None:
            return answer(204, now, fields={b"Allow": ALLOW})
        path = target.normalize(target.decode(asked.path))
        target.judge_segments(path)
        if request.method == b"OPTIONS":
            return answer(204, now, fields={b"Allow": ALLOW})
        found = site.find(root, path)
    except target.Refused as refused:
        return error(refused.status, now, request)
    if found is None:
        return error(301, now, request, Location=path.location(asked.query))
    return serve_file(request, *found, now)


def serve_file(request: Request, name: bytes, file: site.File, now: int) -> Answer:
    """200, 206, 304, 412 or 416."""
    compared = conditions.validators(file, now)
    same = {b"Last-Modified": compared.last_modified, b"ETag": bytes(compared.tag)}
    size = len(file.content)
    status = conditions.precondition(request, compared, now)
    if status == 304:
        return answer(304, now, fields=same)
    if status == 412:
        return error(412, now, request)
    try:
        part = conditions.select_range(request, compared, size, now)
    except conditions.Unsatisfiable:
        return error(416, now, request, Content_Range=b"bytes */%d" % size)
    fields = {**same, b"Content-Type": media_type(name), b"Accept-Ranges": b"bytes"}
    if part is None:
        return answer(200, now, fields=fields, body=file.content)
    first, last = part
    fields[b"Content-Range"] = b"bytes %d-%d/%d" % (first, last, size)
    return answer(206, now, fields=fields, body=file.content[first : last + 1])


def media_type(name: bytes) -> bytes:
    """By the last extension.

    >>> media_type(b"a.tar.HTML"), media_type(b"html")
    (b'text/html; charset=utf-8', b'application/octet-stream')
    """
    _, dot, extension = name.rpartition(b".")
    return MEDIA_TYPES.get(extension.lower() if dot else b"", b"application/octet-stream")
