"""A site in memory, and what the kernel says when one of its paths is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as DiskPath
from typing import TypeAlias

from tests.model.target import Path, Refused


@dataclass(frozen=True)
class File:
    """A regular file; `forbidden` ones exist but cannot be opened."""

    content: bytes
    mtime_ns: int
    forbidden: bool = False


@dataclass(frozen=True)
class Link:
    """A symbolic link, wherever it points."""

    to: bytes


@dataclass(frozen=True)
class Fifo:
    """A named pipe: to open it for reading would block."""


@dataclass(frozen=True)
class Directory:
    """A directory; in a `forbidden` one nothing can be looked up."""

    entries: Mapping[bytes, Entry] = field(default_factory=dict[bytes, "Entry"])
    forbidden: bool = False


Entry: TypeAlias = File | Link | Fifo | Directory


def find(root: Directory, path: Path) -> tuple[bytes, File] | None:
    """The file that answers for a path with its name; None for a directory without its slash."""
    entry = walk(root, path.segments)
    if not path.is_directory:
        if isinstance(entry, Directory):
            return None
        return path.segments[-1], openable(entry)
    if not isinstance(entry, Directory):
        raise Refused(404)
    if entry.forbidden or b"index.html" not in entry.entries:
        raise Refused(403)
    return b"index.html", openable(entry.entries[b"index.html"])


def walk(root: Directory, segments: tuple[bytes, ...]) -> Entry:
    """The entry at the end of the segments, reached through directories only."""
    entry: Entry = root
    for segment in segments:
        if not isinstance(entry, Directory):
            raise Refused(404)
        if entry.forbidden:
            raise Refused(403)
        if segment not in entry.entries:
            raise Refused(404)
        entry = entry.entries[segment]
    return entry


def openable(entry: Entry) -> File:
    if not isinstance(entry, File):
        raise Refused(404)
    if entry.forbidden:
        raise Refused(403)
    return entry


def write(directory: Directory, where: DiskPath) -> None:
    """Make a directory on disk that is like the one in memory."""
    where.mkdir(exist_ok=True)
    for name, entry in directory.entries.items():
        path = where / os.fsdecode(name)
        match entry:
            case File():
                path.write_bytes(entry.content)
                os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))
                if entry.forbidden:
                    path.chmod(0)
            case Link():
                path.symlink_to(os.fsdecode(entry.to))
            case Fifo():
                os.mkfifo(path)
            case Directory():
                write(entry, path)
                if entry.forbidden:
                    path.chmod(0)


def read(where: DiskPath) -> Directory:
    """The directory in memory that is like one on disk."""
    entries: dict[bytes, Entry] = {}
    for path in where.iterdir():
        name = os.fsencode(path.name)
        if path.is_symlink():
            entries[name] = Link(os.fsencode(path.readlink()))
        elif not os.access(path, os.R_OK):
            entries[name] = Directory({}, True) if path.is_dir() else File(b"", 0, True)
        elif path.is_dir():
            entries[name] = read(path)
        elif path.is_file():
            entries[name] = File(path.read_bytes(), path.stat().st_mtime_ns)
        else:
            entries[name] = Fifo()
    return Directory(entries)


def whole_seconds(root: Directory) -> Directory:
    """The same site where files have no times but whole seconds, as in an archive."""

    def rounded(entry: Entry) -> Entry:
        if isinstance(entry, File):
            return replace(entry, mtime_ns=entry.mtime_ns // 10**9 * 10**9)
        if isinstance(entry, Directory):
            return whole_seconds(entry)
        return entry

    return replace(root, entries={name: rounded(entry) for name, entry in root.entries.items()})
