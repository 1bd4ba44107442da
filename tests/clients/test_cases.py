"""The request cases of gunicorn and llhttp: we say what they say, or say why not.

Accepted: every request in a case was understood (there may be no such file). Refused: at least
one was not. `DEVIATIONS` is the table of the cases where our verdict is another; a case that is
not in it must agree, and one that is must not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from tests.clients import cases, drive
from tests.clients.cases import Case
from tests.clients.compare import describe
from tests.clients.server import Server
from tests.clients.sites import SITE
from tests.model.conversation import Conversation, End, converse


@dataclass(frozen=True)
class Deviation:
    """Why some cases come out otherwise here."""

    section: str
    reason: str
    names: tuple[str, ...]


DEVIATIONS: Final = (
    Deviation(
        "RFC 9112 3",
        "the limit that the case sets by a configuration is higher here: 8,192 bytes for a line",
        ("gunicorn/invalid/006.http",),
    ),
    Deviation(
        "RFC 9110 5.4",
        "the limit that the case sets by a configuration is higher here: 16,384 bytes for a head",
        (
            "gunicorn/invalid/007.http",
            "gunicorn/invalid/008.http",
            "gunicorn/invalid/010.http",
            "gunicorn/invalid/011.http",
            "gunicorn/invalid/012.http",
            "gunicorn/invalid/017.http",
            "gunicorn/invalid/limit_header_default_01.http",
        ),
    ),
    Deviation(
        "RFC 9110 5.4",
        "the limit that the case lifts by a configuration is there: 16,384 bytes for a head",
        ("gunicorn/valid/024.http",),
    ),
    Deviation(
        "RFC 9110 5.1",
        "fields that nothing here looks at are ignored, also those with an underscore or twice",
        (
            "gunicorn/invalid/019.http",
            "gunicorn/invalid/040.http",
            "gunicorn/invalid/041.http",
            "gunicorn/invalid/chunked_07.http",
        ),
    ),
    Deviation(
        "RFC 9112 3.2",
        "no form of a request target has a fragment",
        (
            "gunicorn/valid/005.http",
            "gunicorn/valid/009.http",
            "llhttp/uri: Fragment in URI",
        ),
    ),
    Deviation(
        "RFC 9110 4.2.4",
        "userinfo before a host makes the URI invalid, and deceives",
        (
            "gunicorn/valid/rfc9112_target_absolute_userinfo_01.http",
            "llhttp/uri: `host:port` and basic auth",
        ),
    ),
    Deviation(
        "RFC 9112 6.1",
        "a transfer coding other than chunked is not understood: 501, or 400 over several fields",
        (
            "gunicorn/valid/025.http",
            "gunicorn/valid/025_line.http",
            "gunicorn/valid/029.http",
            "gunicorn/valid/030.http",
            "gunicorn/valid/rfc9112_smuggle_gzip_chunked_01.http",
            "gunicorn/valid/rfc9112_smuggle_te_identity_chunked_01.http",
            "llhttp/transfer-encoding: POST with `chunked` as last transfer-encoding",
            "llhttp/transfer-encoding: POST with `chunked` as last transfer-encoding "
            "(multiple headers)",
        ),
    ),
    Deviation(
        "RFC 3986 2",
        "a target has no bytes above 0x7F",
        ("gunicorn/valid/027.http",),
    ),
    Deviation(
        "RFC 9112 5.1",
        "whitespace before the colon is refused; the case allows it by a configuration",
        ("gunicorn/valid/028.http",),
    ),
    Deviation(
        "RFC 9112 5.2",
        "a folded field is refused; the case allows it by a configuration",
        (
            "gunicorn/valid/compat_obs_fold.http",
            "gunicorn/valid/compat_obs_fold_huge.http",
        ),
    ),
    Deviation(
        "RFC 9110 9.1",
        "a method that is not known is answered with 501",
        (
            "gunicorn/valid/031.http",
            "gunicorn/valid/031compat.http",
            "gunicorn/valid/031compat2.http",
            "llhttp/method: REPORT request",
            "llhttp/method: M-SEARCH request",
            "llhttp/method: PURGE request",
            "llhttp/method: SEARCH request",
            "llhttp/method: LINK request",
            "llhttp/method: LINK request (2)",
            "llhttp/method: SOURCE request",
            "llhttp/method: PRI request HTTP2",
            "llhttp/method: QUERY request",
        ),
    ),
    Deviation(
        "RFC 9112 3",
        "another protocol than HTTP is refused",
        (
            "gunicorn/valid/pp_01.http",
            "gunicorn/valid/pp_02.http",
            "gunicorn/valid/pp_04.http",
            "gunicorn/valid/pp_05.http",
            "llhttp/method: SOURCE request with ICE",
            "llhttp/method: OPTIONS request with RTSP",
            "llhttp/method: ANNOUNCE request with RTSP",
        ),
    ),
    Deviation(
        "RFC 9112 2.3",
        "HTTP/0.9 is not spoken",
        ("llhttp/sample: No HTTP version",),
    ),
    Deviation(
        "RFC 9112 8",
        "the body of the case is shorter than its Content-Length: there is nothing to answer yet",
        ("gunicorn/valid/099.http",),
    ),
    Deviation(
        "RFC 9112 2.2",
        "the case ends before the line, or the head, that it is wrong in: judged when it is whole",
        (
            "llhttp/content-length: Error on `Content-Length` overflow",
            "llhttp/content-length: Error on duplicate `Content-Length`",
            "llhttp/content-length: Missing CRLF-CRLF before body",
            "llhttp/invalid: Invalid HTTP version",
            "llhttp/invalid: Invalid space after start line",
        ),
    ),
    Deviation(
        "RFC 9112 7.1.1",
        "chunk extensions are ignored, whatever they look like, as long as they are text",
        (
            "llhttp/transfer-encoding: No extension after semicolon",
            "llhttp/transfer-encoding: Unbalanced chunk extensions quoting",
        ),
    ),
)
LISTED: Final = {name for deviation in DEVIATIONS for name in deviation.names}
ALL: Final = cases.everything()


def accepts(said: Conversation) -> bool:
    """Every request was understood, and none was cut off."""
    return said.end != End.SILENT and not cases.REFUSALS & set(said.statuses)


def predict(case: Case) -> Conversation:
    return converse(case.data, SITE, int(time.time()), ended=case.ended)


def test_the_cases_are_there() -> None:
    assert sum(case.name.startswith("gunicorn/") for case in ALL) == 137
    assert sum(case.name.startswith("llhttp/") for case in ALL) == 137
    assert len({case.name for case in ALL}) == len(ALL)


def test_the_reference_agrees_or_says_why_not() -> None:
    others = {case.name: case for case in ALL if accepts(predict(case)) != case.accepted}
    unlisted = {
        name: f"is {'accepted' if case.accepted else 'refused'} there; here {describe(said)}"
        for name, case in others.items()
        if name not in LISTED
        for said in [predict(case)]
    }
    assert not unlisted
    assert others.keys() == LISTED, "these are listed, but they agree"


def test_the_table_has_each_case_once() -> None:
    assert sum(len(deviation.names) for deviation in DEVIATIONS) == len(LISTED)


def test_whole(server: Server) -> None:
    trials = (drive.Trial(case.name, [case.data], case.ended) for case in ALL)
    drive.agree(server, trials, SITE)


def test_byte_by_byte(server: Server) -> None:
    trials = (
        drive.Trial(case.name, drive.byte_by_byte("", case.data, most=200).pieces, case.ended)
        for case in ALL
    )
    drive.agree(server, trials, SITE)
