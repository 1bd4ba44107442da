"""Programs that are kept, for a kernel that runs none without a name.

macOS remembers of a file whether its signature is good, so one that was run is never written to
again: a program is written beside, and renamed to a name that says what is in it.
"""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path

from .errors import MachineError


def folder() -> Path:
    """Where macOS wants such things, for this user."""
    return Path.home() / "Library" / "Caches" / "svc0"


def kept(image: bytes, place: Path) -> Path:
    """An executable file with exactly this content, in a folder that nobody else can write to."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = place.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise MachineError(f"others can write to {place}: programs in it cannot be trusted")
    path = place / sha256(image).hexdigest()
    if not path.is_file() or path.read_bytes() != image:
        write(path, image)
    return path


def write(path: Path, image: bytes) -> None:
    """Whole or not at all, and always a new file."""
    number, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(image)
            os.fchmod(number, 0o700)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
