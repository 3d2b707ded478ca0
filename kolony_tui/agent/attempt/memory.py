"""The notes that an agent keeps from one run to the next: laid out as files for its program, and taken back at the end.

They are ``memory/NAME.md`` in the run's folder. What the program writes there is kept, what it removes is deleted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kolony_tui.agent.attempt.left_file import Unreadable, read_bounded
from kolony_tui.agent.attempt.masking import Masking

NOTE_BYTES = 64 * 1024
NOTES = 100
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Left:
    """``notes`` for ``kolony.keep_notes``; ``remarks``: what of it cannot be kept, in words."""

    notes: list[dict[str, Any]]
    remarks: list[str]


def files(notes: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """What goes into the run's folder, by path."""
    return {f"memory/{note['name']}.md": note["content"].encode() for note in notes}


def left(folder: Path, given: Sequence[Mapping[str, Any]], masking: Masking) -> Left:
    """What the program has made of its notes. Where the whole folder is gone, nothing was meant by it."""
    known = {note["name"]: note for note in given}
    try:
        with os.scandir(folder) as entries:
            there = sorted(entry.name for _, entry in zip(range(_LOOKED_AT), entries, strict=False))
    except OSError:
        return Left([], [])
    notes: list[dict[str, Any]] = []
    remarks: list[str] = []
    names = [name.removesuffix(".md") for name in there if name.endswith(".md")]
    for name in names:
        try:
            content = _read(folder / f"{name}.md", name)
        except Unreadable as error:
            remarks.append(error.line)
            continue
        if content is not None and (name not in known or known[name]["content"] != content):
            base = known[name].get("version", 0) if name in known else 0
            notes.append({"name": name, "content": masking.text(content), "base": base})
    if len(there) < _LOOKED_AT:
        notes += [{"name": name, "content": None, "base": note.get("version", 0)}
                  for name, note in known.items() if name not in names]  # fmt: skip
    if len(notes) > 2 * NOTES:
        remarks.append(f"it left {len(notes)} notes; {2 * NOTES} of them are looked at")
    return Left(notes[: 2 * NOTES], remarks)


def _read(file: Path, name: str) -> str | None:
    if _NAME.fullmatch(name) is None:
        raise Unreadable(f"the note {name[:100]!r} was not kept: its name has other characters than A-Z a-z 0-9 . _ -")
    content = read_bounded(file, NOTE_BYTES)
    return None if content is None else content.decode("utf-8", "replace").replace("\0", "\ufffd")
