"""Every error's number, against the C library's header, and those of the machine under Python."""

from __future__ import annotations

import errno
import sys

import pytest

from svc0.kernel.errors import Errno
from tests.kernel.headers import disagreements


def test_errors() -> None:
    assert disagreements(["errno.h"], {e.name: f"{e.name} == {e.value}" for e in Errno}) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux's")
def test_errors_of_this_machine() -> None:
    assert {e.name: e.value for e in Errno} == {e.name: getattr(errno, e.name) for e in Errno}
