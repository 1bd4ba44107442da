"""What fails, by Darwin's numbers."""

from __future__ import annotations

import errno

from .. import _darwin as darwin


class DarwinError(OSError):
    """A failure by its Darwin name, which the host may not know or tell from another."""

    def __init__(self, name: str) -> None:
        super().__init__(darwin.ERRORS[name], name)


def guest_error(error: OSError) -> int:
    """By name, since numbers differ between kernels."""
    if isinstance(error, DarwinError):
        return error.args[0]
    return guest_number(error.errno)


def guest_number(number: int | None) -> int:
    name = errno.errorcode.get(number or 0, "EIO")
    return darwin.ERRORS.get(name, darwin.ERRORS["EIO"])
