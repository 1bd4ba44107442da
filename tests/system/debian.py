"""Debian packages beside the machine: looked up, downloaded and unpacked below ./var.

Some tests want programs that the machine's own package set cannot hold: a second version of
qemu-user, or packages of another architecture.  For them apt is given a state of its own
(`-o Dir::State=…`), and the packages are unpacked with `dpkg -x`, so what is installed on the
machine, and what it knows of its sources, stays as it is.  The mirrors are the machine's own.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

VAR = Path(__file__).resolve().parents[2] / "var"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SECONDS = 300  # for one command of apt; a mirror that needs longer is not to be had


class UnavailableError(Exception):
    """A package that cannot be had on this machine, and why."""


def host_architecture() -> str:
    """This machine, in Debian's words."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def codename() -> str:
    """The release of the distribution, `bookworm` for one."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return ""


class Archive:
    """What the machine's mirrors offer for one architecture, its backports included."""

    def __init__(self, architecture: str) -> None:
        self.architecture = architecture
        self.home = VAR / "debian" / architecture
        self.state = self.home / "apt"
        self._updated = False

    def unpacked(self, package: str) -> Path | None:
        """The tree that the package was unpacked to, if it was."""
        trees = sorted(self.home.glob(f"{package}_*"), key=lambda tree: tree.stat().st_mtime)
        return trees[-1] if trees else None

    def unpack(self, package: str, suite: str = "") -> Path:
        """The tree of the package, fetched unless it is there already."""
        if tree := self.unpacked(package):
            return tree
        self._update()
        fetching = self.home / f"fetching.{os.getpid()}"
        shutil.rmtree(fetching, ignore_errors=True)
        fetching.mkdir(parents=True)
        try:
            wanted = f"{package}/{suite}" if suite else package
            self._apt("apt-get", "download", wanted, folder=fetching)
            [archive] = fetching.glob("*.deb")
            _run(["dpkg", "-x", str(archive), str(fetching / "tree")])
            tree = self.home / archive.stem
            if not tree.exists():
                (fetching / "tree").rename(tree)
            tree.touch()
            return tree
        finally:
            shutil.rmtree(fetching, ignore_errors=True)

    def names(self, pattern: str) -> list[str]:
        """The packages whose whole name is of this pattern, the newest version last."""
        self._update()
        found = self._apt("apt-cache", "pkgnames").split()
        return sorted(filter(re.compile(pattern).fullmatch, found), key=_by_numbers)

    def _update(self) -> None:
        """Learn, once for each Archive, what the mirrors have."""
        if self._updated:
            return
        if shutil.which("apt-get") is None:
            raise UnavailableError("apt-get is not here, so Debian's packages are not either")
        (self.state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (self.state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        (self.state / "sources.d").mkdir(exist_ok=True)
        (self.state / "status").touch()
        # The machine's sources, as they are; apt then tells which mirror is the distribution's.
        for source in [*Path("/etc/apt/sources.list.d").glob("*"), Path("/etc/apt/sources.list")]:
            if source.suffix in (".list", ".sources") and source.exists():
                shutil.copy(source, self.state / "sources.d" / source.name)
        self._apt("apt-get", "update", strict=False)  # others' mirrors may fail; see what came
        mirrors = self._apt(
            *("apt-get", "indextargets", "--format", "$(RELEASE) $(ORIGIN) $(REPO_URI)"),
            "Created-By: Packages",
        )
        for line in mirrors.splitlines():
            release, origin, mirror = line.split(" ", 2)
            if release == codename() and origin == "Debian":
                signed = f"Signed-By: {KEYRING}\n" if KEYRING.exists() else ""
                place = f"URIs: {mirror}\nSuites: {codename()}-backports\nComponents: main\n"
                source = f"Types: deb\n{place}{signed}"
                (self.state / "sources.d" / "svc0-backports.sources").write_text(source)
                self._apt("apt-get", "update", strict=False)
                break
        self._updated = True

    def _apt(self, *words: str, folder: Path | None = None, strict: bool = True) -> str:
        settings = {
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
            "APT::Sandbox::User": "root",  # the folder is ours, not the user _apt's
            "Dir::State": self.state,
            "Dir::State::status": self.state / "status",
            "Dir::State::lists": self.state / "lists",
            "Dir::Cache": self.state / "cache",
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": self.state / "sources.d",
            "Debug::NoLocking": "1",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        return _run([words[0], *options, *words[1:]], folder, strict)


def _run(words: Iterable[str], folder: Path | None = None, strict: bool = True) -> str:
    words = list(words)
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(str(error)) from error
    if strict and done.returncode:
        raise UnavailableError(done.stderr.strip() or f"{words[0]} ended with {done.returncode}")
    return done.stdout


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """A key that puts 6.12 after 6.9.

    >>> sorted(["linux-6.12.5", "linux-6.9.7", "linux-6.12.43"], key=_by_numbers)
    ['linux-6.9.7', 'linux-6.12.5', 'linux-6.12.43']
    """
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
