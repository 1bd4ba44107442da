"""One connection: what the client sent → what it reads, and how the connection ends."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tests.model import body, framing, target
from tests.model.head import Fault, Incomplete, Request, read_head
from tests.model.respond import Answer, respond, respond_to_fault
from tests.model.site import Directory

REQUESTS_MOST = 1000


class End(enum.Enum):
    """What the server does when it has read everything there is."""

    OPEN = "it waits for another request, or for the rest of one"
    CLOSED = "its last answer said that it closes"
    ENDED = "the client ended its input between two requests"
    SILENT = "the client ended its input inside of a request, which gets no answer"


@dataclass(frozen=True)
class Conversation:
    """The answers in order, the end, and how many bytes the requests that were answered took."""

    answers: list[Answer]
    end: End
    taken: int = 0

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


def converse(
    data: bytes, root: Directory, now: int, *, ended: bool = False, most: int = REQUESTS_MOST
) -> Conversation:
    """What a server with this site says to a client that sent data, and maybe ended its input."""
    answers: list[Answer] = []
    at = 0
    while True:
        try:
            request = read_head(data[at:])
            answer, size = read_and_respond(data[at:], request, root, now, len(answers) + 1 == most)
        except Incomplete:
            if not ended:
                return Conversation(answers, End.OPEN, at)
            inside = data[at:].strip(b"\r\n")
            return Conversation(answers, End.SILENT if inside else End.ENDED, at)
        except Fault as fault:
            return Conversation([*answers, respond_to_fault(fault, now)], End.CLOSED, at)
        answers.append(answer)
        if answer.closes:
            return Conversation(answers, End.CLOSED, at)
        at += size


def read_and_respond(
    data: bytes, request: Request, root: Directory, now: int, is_last: bool
) -> tuple[Answer, int]:
    """The answer to one request, and how many bytes it took with its body."""
    framed = framing.frame(request)
    asked = target.read_target(request)
    if framed.length > body.BODY_MOST:
        raise Fault(413, request=request)
    if framed.expects and framed.has_body:
        return respond(request, asked, root, now, closes=True), request.size
    size = body.skip_body(data, request.size, request, framed)
    return respond(request, asked, root, now, closes=is_last), size
