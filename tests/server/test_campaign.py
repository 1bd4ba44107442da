"""A hundred thousand heads and targets from seeds, through machines that are not set up in between.

Property tests look closely at few cases; this looks at many, as fast as the emulator goes.  What
one case leaves in memory and registers is there for the next one.
"""

from __future__ import annotations

from collections import Counter

import pytest

from svc0.a64 import Routine, platform
from svc0.a64.registers import XS
from svc0.machine.call import NUMBER, RETURN, SP, STACK, Caller
from svc0.server.connection import Buffer
from svc0.server.framing import judge
from svc0.server.limits import BODY_MAX, INPUT_MAX, LINE_MAX, PATH_MAX
from svc0.server.methods import Method
from svc0.server.request import COMPLETE, INCOMPLETE, parse
from svc0.server.target import BAD_REQUEST, NOT_FOUND, TOO_LONG, Form, normalize, split
from tests.clients.fuzz import generate, generate_targets
from tests.model import target as model
from tests.model.framing import frame
from tests.model.head import Fault, Incomplete, Request, read_head

SEEDS = range(10)
TARGETS, HEADS = 7_000, 3_000
assert len(SEEDS) * (TARGETS + HEADS) >= 100_000
METHODS = [Method.GET, Method.OPTIONS, Method.HEAD, Method.CONNECT]

KEPT = [NUMBER[register] for register in XS[18:30]] + [SP]


class Again:
    """A routine to be called again and again, with bytes that end where a page does."""

    def __init__(self, routine: Routine) -> None:
        self.machine = Caller(routine)
        self.machine.trust()  # what is judged closely is judged elsewhere: this is about numbers
        self.start = self.machine.address(routine)
        self.end = self.machine.place(bytes(LINE_MAX)) + LINE_MAX
        self.machine.uc.reg_write(SP, STACK)

    def place(self, text: bytes) -> int:
        """Where a text lies from now on."""
        self.machine.write(self.end - len(text), text)
        return self.end - len(text)

    def __call__(self, *arguments: int, results: int = 1) -> list[int]:
        """The first registers of results, unsigned."""
        uc = self.machine.uc
        for register, argument in zip(XS, arguments, strict=False):
            uc.reg_write(NUMBER[register], argument)
        uc.reg_write(NUMBER[XS[30]], RETURN)
        kept = [uc.reg_read(number) for number in KEPT]
        uc.emu_start(self.start, RETURN)
        assert [uc.reg_read(number) for number in KEPT] == kept
        return [int(uc.reg_read(NUMBER[register])) for register in XS[:results]]


def signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def expected_split(target: bytes, method: Method) -> model.Target | int:
    try:
        return model.read_target(Request(method.name.encode(), target, 1, ()))
    except Fault as fault:
        return -fault.status


def expected_path(path: bytes) -> bytes | int:
    try:
        normal = model.normalize(model.decode(path))
        model.judge_segments(normal, hfs=platform() == "macos")
    except model.Refused as refused:
        return -refused.status
    return b"".join(segment + b"/" for segment in normal.segments)[
        : None if normal.is_directory else -1
    ]


def split_once(routine: Again, target: bytes, method: Method) -> tuple[int, model.Target | int]:
    """The form or minus a status; and what the model says of it."""
    found = routine(routine.place(target), len(target), method, results=5)
    form, read = signed(found[0]), routine.machine.read
    if form < 0:
        return form, form
    if form in (Form.ASTERISK, Form.AUTHORITY):
        return form, model.Target()
    return form, model.Target(read(found[1], found[2]), read(found[3], found[4]))


def normalize_once(routine: Again, out: int, path: bytes) -> bytes | int:
    """The path, or minus a status."""
    length = signed(routine(out, routine.place(path), len(path))[0])
    if length < 0:
        return length
    found = routine.machine.read(out, length + 1)
    assert found[-1] == 0
    return found[:-1]


OUTCOMES = {
    *Form,
    BAD_REQUEST,
    *(
        ("path", outcome)
        for outcome in (BAD_REQUEST, NOT_FOUND, TOO_LONG, "root", "file", "directory")
    ),
}


def lengthened(target: bytes, number: int) -> bytes:
    """Now and then a target near one of the limits, or beyond it."""
    if number % 50 or not target.startswith(b"/"):
        return target
    return (b"/%61bc" * (number * 7919 % 1250) + target)[: LINE_MAX - 1]


@pytest.mark.parametrize("seed", SEEDS)
def test_targets(seed: int) -> None:
    """Every target, as the model reads it; and every outcome, or the seeds would prove little."""
    splitter, normalizer = Again(split), Again(normalize)
    out = normalizer.machine.place(bytearray(PATH_MAX + 2))
    outcomes: Counter[object] = Counter()
    for number, target in enumerate(generate_targets(seed, TARGETS)):
        target = lengthened(target, number)
        if len(target) >= LINE_MAX:
            continue
        method = METHODS[number % len(METHODS)]
        form, found = split_once(splitter, target, method)
        expected = expected_split(target, method)
        assert found == expected, (target, method)
        outcomes[Form(form) if form > 0 else form] += 1
        if isinstance(expected, int) or expected.path is None:
            continue
        path = normalize_once(normalizer, out, expected.path)
        assert path == expected_path(expected.path), expected.path
        outcomes["path", kind(path)] += 1
    assert outcomes.keys() == OUTCOMES


def kind(path: bytes | int) -> str | int:
    """What a path is: a status, or of what."""
    if isinstance(path, int):
        return path
    return "root" if not path else "directory" if path.endswith(b"/") else "file"


def expected_head(data: bytes) -> Request | int:
    """What the model says of bytes that a client has sent: minus a status if it refuses them."""
    try:
        return read_head(data)
    except Incomplete:
        return INCOMPLETE
    except Fault as fault:
        return -fault.status


def expected_judgement(request: Request) -> int:
    """What the model says of a whole head: 0, or minus a status."""
    try:
        framing = frame(request)
        model.read_target(request)
    except Fault as fault:
        return -fault.status
    return -413 if framing.length > BODY_MAX else 0


class Parser(Again):
    """`parse`, and `judge` after it, with a Buffer to look at."""

    def __init__(self) -> None:
        super().__init__(parse)
        self.buffer = self.machine.place(bytearray(Buffer.size))

        self.judge = Again(judge)
        self.judged = self.judge.machine.place(bytearray(Buffer.size))

    def field(self, offset: int, size: int) -> int:
        return int.from_bytes(self.machine.read(self.buffer + offset, size), "little")

    def head(self, data: bytes, cut: int) -> int:
        """COMPLETE, INCOMPLETE or minus a status, for bytes that come in two pieces."""
        self.machine.write(self.buffer, bytes(Buffer.input))
        self.machine.write(self.buffer + Buffer.input, data)
        for received in (cut, len(data)):
            size = received.to_bytes(4, "little")
            self.machine.write(self.buffer + Buffer.received, size)
            result = signed(self(self.buffer)[0])
            if result != INCOMPLETE:
                break
        return result

    def judgement(self) -> int:
        """0, or minus a status, for the head that was parsed last."""
        self.judge.machine.write(self.judged, self.machine.read(self.buffer, Buffer.size))
        return signed(self.judge(self.judged)[0])


STATUSES = {-400, -414, -431, -501, -505}
JUDGEMENTS = {0, -400, -413, -417, -501}


@pytest.mark.parametrize("seed", SEEDS)
def test_heads(seed: int) -> None:
    """Every head, cut in two anywhere, as the model reads it."""
    parser = Parser()
    outcomes: Counter[int] = Counter()
    judgements: Counter[int] = Counter()
    for number, data in enumerate(generate(seed, HEADS)):
        data = data[:INPUT_MAX]
        expected = expected_head(data)
        found = parser.head(data, number * 7919 % (len(data) + 1))
        outcomes[found] += 1
        if isinstance(expected, int):
            assert found == expected, data
            continue
        assert found == COMPLETE, data
        assert parser.field(Buffer.request.head_end, 4) == expected.size
        method = parser.field(Buffer.request.method, 1)
        assert Method(method).name.encode() == expected.method
        target = parser.field(Buffer.request.target, 4)
        size = parser.field(Buffer.request.target_size, 4)
        assert data[target : target + size] == expected.target
        assert parser.field(Buffer.request.minor, 1) == expected.minor
        assert parser.field(Buffer.request.field_count, 4) == len(expected.fields)
        judgement = parser.judgement()
        assert judgement == expected_judgement(expected), data
        judgements[judgement] += 1
    assert outcomes.keys() >= STATUSES | {COMPLETE, INCOMPLETE}
    assert judgements.keys() == JUDGEMENTS
