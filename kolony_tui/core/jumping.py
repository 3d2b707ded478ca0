"""Where a person may want to go who writes a number, an id, a name or a login."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.records import Destination

SHOWN = 8
"""At most so many are offered."""
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Meant:
    """What a text can be: the number of a command and of a run in it, the ids that begin so, words."""

    number: int | None = None
    ordinal: int | None = None
    first: UUID | None = None
    last: UUID | None = None
    words: str | None = None


def meant_by(text: str) -> Meant:
    """Reads what a person typed.

    >>> meant_by("#12.3")
    Meant(number=12, ordinal=3, first=None, last=None, words=None)
    >>> str(meant_by("01a1-fd2a").first), meant_by("bob").words
    ('01a1fd2a-0000-0000-0000-000000000000', 'bob')
    """
    text = text.strip()
    if not text.strip("#"):
        return Meant()
    number = ordinal = first = last = None
    if match := re.fullmatch(r"#?([0-9]{1,19})(?:\.([0-9]{0,9}))?", text):
        number = min(int(match[1]), _LARGEST)
        ordinal = min(int(match[2]), 2**31 - 1) if match[2] else None
    digits = text.replace("-", "").lower()
    if 4 <= len(digits) <= 32 and re.fullmatch(r"[0-9a-f]+", digits):
        first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    return Meant(number, ordinal, first, last, None if text.startswith("#") else text[:200])


async def destinations(session: PersonSession, text: str) -> list[Destination]:
    """Runs, commands, agents and people that may be meant, the nearest first; one round trip."""
    meant = meant_by(text)
    if meant == Meant():
        return []
    return await session.db.rows(
        Destination, "records/jump", session.workspace.workspace_id, meant.number, meant.ordinal, meant.first,
        meant.last, meant.words, SHOWN,
    )  # fmt: skip
