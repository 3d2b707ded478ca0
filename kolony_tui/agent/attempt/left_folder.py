"""Walking a folder that a program left, without trusting anything in it: no link is followed, nothing is waited for."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from mimetypes import MimeTypes
from pathlib import Path

FILE_BYTES = 16 * 1024 * 1024
"""The largest file that is read."""

_DEPTH = 32
_ENTRIES = 20_000
_NAME_BYTES = 1000
_PIECE = 512 * 1024
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_TYPES = MimeTypes(())
_TYPES.add_type("text/markdown", ".md")
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
)


@dataclass(frozen=True, slots=True)
class LeftFile:
    """Something in the folder. ``descriptor``: open for reading, whoever gets it closes it; None: ``why_not``."""

    name: str
    size: int
    descriptor: int | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file holds, as it was read: ``size`` in bytes, ``sha256`` in hex, and its media type."""

    size: int
    sha256: str
    media_type: str


def left_files(folder: Path) -> Generator[LeftFile]:
    """All files below a folder, by name, of the first 20,000 entries; none where it is not there. Blocks."""
    top = _opened(os.fsencode(folder), None)
    if top is None:
        return
    left, names = [_ENTRIES], set[str]()
    yield from _walk(top, b"", 0, left, names)


def facts_of(file: LeftFile) -> Facts | None:
    """Reads an open file once; None where it has become too large."""
    assert file.descriptor is not None
    digest, size, head = hashlib.sha256(), 0, b""
    while data := os.pread(file.descriptor, _PIECE, size):
        head = head or data[:4096]
        size += len(data)
        if size > FILE_BYTES:
            return None
        digest.update(data)
    return Facts(size, digest.hexdigest(), media_type(file.name, head))


def media_type(name: str, head: bytes) -> str:
    """By what it begins with, then by its name.

    >>> media_type("a.png", b"x = 1"), media_type("run.log", b"fine"), media_type("x", b"\\x00")
    ('image/png', 'text/plain', 'application/octet-stream')
    """
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    known = _TYPES.guess_type(name)[0]
    if known is not None:
        return known.lower()
    try:
        # A character may be cut at the end of the head.
        head[:-3].decode() if len(head) >= 4096 else head.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/octet-stream" if b"\0" in head else "text/plain"


def clean_name(raw: str) -> str:
    """A relative path as the database takes it: no control characters, no way up, not too long.

    >>> clean_name("/../a/./b\\x1b[31m.txt")
    'a/b�[31m.txt'
    """
    text = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = "".join("\ufffd" if unicodedata.category(each) in _UNPRINTABLE else each for each in text)
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    clean = "/".join(parts) or "unnamed"
    while len(clean.encode()) > _NAME_BYTES:
        clean = clean[len(clean) // 10 + 1 :].lstrip("/")
    return clean if clean.strip("./") else "unnamed"


def _opened(name: bytes, within: int | None) -> int | None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=within)
    except OSError:
        return None


def _walk(folder: int, path: bytes, depth: int, left: list[int], names: set[str]) -> Iterator[LeftFile]:
    try:
        entries = _entries(folder, left)
        for name in entries:
            yield from _one(folder, name, path, depth, left, names)
    finally:
        os.close(folder)


def _entries(folder: int, left: list[int]) -> list[bytes]:
    found: list[bytes] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if left[0] <= 0:
                break
            left[0] -= 1
            found.append(os.fsencode(entry.name))
    return sorted(found)


def _one(
    folder: int, name: bytes, path: bytes, depth: int, left: list[int], names: set[str]
) -> Iterator[LeftFile]:  # fmt: skip
    whole = path + name
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return
    if stat.S_ISDIR(facts.st_mode):
        inner = _opened(name, folder) if depth < _DEPTH else None
        if inner is not None:
            yield from _walk(inner, whole + b"/", depth + 1, left, names)
        else:
            yield LeftFile(_named(whole, names), 0, None, "the folder cannot be read")
        return
    yield _file(folder, name, _named(whole, names), facts)


def _file(folder: int, name: bytes, shown: str, facts: os.stat_result) -> LeftFile:
    if stat.S_ISLNK(facts.st_mode):
        return LeftFile(shown, 0, None, "it is a link; links are not followed")
    if not stat.S_ISREG(facts.st_mode):
        return LeftFile(shown, 0, None, "it is no regular file")
    if facts.st_size > FILE_BYTES:
        return LeftFile(shown, facts.st_size, None, "a file of more than 16 MiB is not kept")
    try:
        # Without waiting: by now it may be a pipe.
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        return LeftFile(shown, facts.st_size, None, f"it cannot be read: {error.strerror}")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return LeftFile(shown, 0, None, "it is no regular file")
    return LeftFile(shown, facts.st_size, descriptor)


def _named(path: bytes, names: set[str]) -> str:
    """The clean name; another one where two become the same."""
    clean = shown = clean_name(os.fsdecode(path))
    number = 1
    while shown in names:
        number += 1
        shown = f"{clean}~{number}"
    names.add(shown)
    return shown
