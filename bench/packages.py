"""The peers' Debian packages for arm64, with the libraries they need, unpacked below ./var.

apt is given a state of its own, as in tests/system/debian.py, and believes that nothing is
installed: so it fetches whatever a peer needs.  Nothing is installed, and no script of a package
is run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from tests.system.debian import VAR, Archive, UnavailableError

WANTED: Final = ("nginx", "lighttpd", "h2o", "caddy", "webfs", "busybox-static", "wrk")
HOME: Final = VAR / "bench"
TREE: Final = HOME / "arm64"
VERSIONS: Final = HOME / "versions.json"


class Peers(Archive):
    """The archive for arm64, asked for packages together with what they depend on."""

    def fetch(self, names: tuple[str, ...]) -> list[Path]:
        """The files of the packages, and of all that they need."""
        self._update()
        archives = self.state / "cache" / "archives"
        for old in archives.glob("*.deb"):
            old.unlink()
        how = "--no-install-recommends", "--download-only"
        self._apt("apt-get", "install", "-y", *how, *names)
        return sorted(archives.glob("*.deb"))


def versions() -> dict[str, str]:
    """The version of each package that is unpacked."""
    return json.loads(VERSIONS.read_text()) if VERSIONS.exists() else {}


@cache
def tree() -> Path:
    """The folder that holds usr, etc and lib of all of them; fetched unless it is there."""
    if set(WANTED) <= set(versions()):
        return TREE
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise UnavailableError("no peers: apt-get and dpkg, which fetch them, are not here")
    fetching = HOME / "fetching"
    shutil.rmtree(fetching, ignore_errors=True)
    fetching.mkdir(parents=True)
    found: dict[str, str] = {}
    for archive in Peers("arm64").fetch(WANTED):
        name, version, _ = archive.stem.split("_")
        found[name] = unquote(version)
        subprocess.run(["dpkg", "-x", archive, fetching], check=True)
        archive.unlink()
    shutil.rmtree(TREE, ignore_errors=True)
    fetching.rename(TREE)
    VERSIONS.write_text(json.dumps(found, indent=1))
    return TREE
