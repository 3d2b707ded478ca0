"""What runs leave: files, diffs and patches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something that an attempt of a run left; ``name``: a relative path. ``kind``: file, diff or patch.

    ``size`` in bytes. ``kept``: its content is there, under ``content_id``; ``why_not``: why it is not.
    """

    artifact_id: UUID
    run_id: UUID
    attempt: int
    name: Untrusted
    kind: str
    media_type: str
    size: int
    sha256: str | None
    content_id: UUID | None
    kept: bool
    why_not: Untrusted | None
    created_at: datetime

    @property
    def is_text(self) -> bool:
        """Whether a person can read it as it is."""
        known = ("application/json", "application/xml", "application/javascript", "image/svg+xml")
        return self.media_type.startswith("text/") or self.media_type in known or self.media_type.endswith("+json")
