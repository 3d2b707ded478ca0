"""What a person can do about themselves: how they are called, which password they may choose."""

from __future__ import annotations

from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import UsageError
from kolony_tui.models.secret import Secret

LONGEST_NAME, LONGEST_AVATAR = 200, 8
SHORTEST_PASSWORD = 12
"""Characters: who has a verifier can guess as long as they like."""


async def set_profile(session: PersonSession, display_name: str, avatar: str) -> None:
    """How one is called, and one's initials. Raises UsageError (too long), NoRight (disabled meanwhile)."""
    if len(display_name) > LONGEST_NAME or len(avatar) > LONGEST_AVATAR:
        raise UsageError(f"a name has at most {LONGEST_NAME} characters, initials at most {LONGEST_AVATAR}")
    await session.db.value("people/set_profile", display_name, avatar)


def chosen_password(first: str, again: str) -> Secret:
    """What a person typed twice. Raises UsageError where it differs or is too short."""
    if first != again:
        raise UsageError("the two passwords differ", "type the same one twice")
    if len(first) < SHORTEST_PASSWORD:
        raise UsageError(f"a password has at least {SHORTEST_PASSWORD} characters", "a few words will do")
    return Secret(first)
