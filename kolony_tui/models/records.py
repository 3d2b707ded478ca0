"""Records: what a run leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted

OutputStream = Literal["stdout", "stderr", "log"]


@dataclass(frozen=True, slots=True)
class OutputPiece:
    """One chunk of an attempt's output, as its runner cut it.

    ``seq`` counts from 0 over all streams of the attempt; ``data`` is what the program wrote, byte for byte;
    ``first_line`` counts the newlines in all earlier chunks.
    """

    seq: int
    stream: OutputStream
    at: datetime
    data: bytes
    first_line: int = 0


@dataclass(frozen=True, slots=True)
class Destination:
    """Something that has a screen of its own. ``kind``: run, command, agent or person; a person's ``label`` is the
    login."""

    kind: str
    id: UUID
    label: Untrusted
    detail: Untrusted
