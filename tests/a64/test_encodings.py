"""Every row of every mnemonic, against GNU as and against Capstone.

`SVC0_SEED=7 SVC0_OPERANDS=5000 pytest tests/a64/test_encodings.py` tries others, and more of them.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from random import Random

import pytest

from svc0.a64 import EncodingError, Routine, routine
from svc0.a64.errors import AssemblyError
from svc0.a64.mnemonic import Mnemonic, Row
from svc0.a64.places import Label

from .oracle import Case, assemble, cases, every_row, examples, read_back

SEED = int(os.environ.get("SVC0_SEED", "0"))
OPERAND_SETS = int(os.environ.get("SVC0_OPERANDS", "200"))

needs_binutils = pytest.mark.skipif(
    not shutil.which("aarch64-linux-gnu-as"), reason="there is no aarch64-linux-gnu-as here"
)

EXCEPTIONS = [
    # What Capstone prints, what is compared in its stead, and why.
    (r"(prfu?m) , .*", r".inst {word:#x}", "it prints nothing for prefetches that have no name"),
    (r"mov (w\d+|wsp), #(.*)", r"orr \1, wzr, #\2", "GNU as takes another instruction for it"),
    (r"mov (x\d+|sp), #(.*)", r"orr \1, xzr, #\2", "the same"),
]  # fmt: skip


@pytest.fixture(scope="module")
def made() -> list[Case]:
    return list(cases(every_row(), OPERAND_SETS, Random(SEED)))


def differences(made: list[Case], words: list[int]) -> list[str]:
    """What is not the same, once for each row."""
    assert len(made) == len(words)
    return list(
        {
            case.row: f"{case.text}: {case.word:#010x}, not {word:#010x}: {case.row.diagram}"
            for case, word in zip(made, words, strict=True)
            if case.word != word
        }.values()
    )


@needs_binutils
def test_gnu_as_makes_the_same_words_of_our_text(made: list[Case], tmp_path: Path) -> None:
    words = assemble((case.text for case in made), tmp_path)
    assert differences(made, words) == []


@needs_binutils
def test_capstone_reads_in_our_words_what_makes_the_same_words(
    made: list[Case], tmp_path: Path
) -> None:
    lines: list[str] = []
    for case, text in zip(made, read_back(made), strict=True):
        assert text, f"Capstone does not know {case.text} ({case.word:#010x})"
        lines.append(comparable(case, text))
    words = assemble(lines, tmp_path)
    assert differences(made, words) == []


def comparable(case: Case, text: str) -> str:
    """What Capstone printed, or what stands for it."""
    if case.mnemonic.name in ("orr", "prfm", "prfum"):
        for printed, instead, _ in EXCEPTIONS:
            if found := re.fullmatch(printed, text):
                return found.expand(instead).format(word=case.word)
    return text


def writes(mnemonic: Mnemonic, values: tuple[object, ...]) -> Routine:
    """A routine of one instruction."""

    @routine
    def one() -> None:
        mnemonic.write(*values)

    return one


LINE = writes.__code__.co_firstlineno + 5


def refused_nowhere(mnemonic: Mnemonic, row: Row) -> list[str]:
    """The wrong operands of a row that are not refused as they should be."""
    random, found = Random(SEED), list[str]()
    for n, operand in enumerate(row.operands):
        for wrong in operand.wrong(random):
            (values,) = examples(mnemonic, row, 1, random)
            values = (*values[:n], wrong, *values[n + 1 :])
            try:
                page = writes(mnemonic, values).listing()
            except EncodingError as error:
                message = str(error)
                if not message.startswith(f"test_encodings.py:{LINE}: {mnemonic.name}"):
                    found.append(f"no place in: {message}")
            except AssemblyError as error:
                found.append(f"not an EncodingError: {error}")
            else:
                if page.instructions[0].row is row:
                    found.append(f"not refused: {page.instructions[0].text}")
    return found


def test_what_does_not_fit_is_refused_at_its_line() -> None:
    assert [what for each in every_row() for what in refused_nowhere(*each)] == []


def test_places_out_of_reach_are_refused() -> None:
    for mnemonic, row in every_row():
        if row.place and row.place.step == 4:
            far = 4 << row.place.bits - 1
            for distance in (-far - 4, far, 2):
                with pytest.raises(EncodingError, match=r"bytes away|not at a multiple of 4"):
                    row.reach(1 << 40, (1 << 40) + distance, Label())
            assert mnemonic


def test_the_same_operands_are_the_same_words() -> None:
    again = cases(every_row(), 3, Random(SEED))
    first = cases(every_row(), 3, Random(SEED))
    assert [case.word for case in again] == [case.word for case in first]
