"""What became of steps on runs, and why a run waits."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step on several runs did to one of them: ``became`` a word, or ``refused`` with the reason."""

    run_id: UUID
    became: str | None
    refused: Untrusted | None


@dataclass(frozen=True, slots=True)
class WaitReason:
    """One reason why a run waits, in the order of a tree read from its top.

    ``depth`` 0 stands at the top; ``kind`` is a word of the database's, ``remedy`` what would free it (None where the
    line only explains), ``subject_id`` the run, command, agent or stop that the reason is about.
    """

    depth: int
    kind: str
    words: Untrusted
    remedy: Untrusted | None
    subject_id: UUID | None
