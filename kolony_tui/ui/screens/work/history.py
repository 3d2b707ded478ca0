"""`History`: what a person sent before, gone through in the composer."""

from __future__ import annotations

from uuid import UUID

from kolony_tui.core import work
from kolony_tui.core.session import PersonSession
from kolony_tui.text import safe

_REMEMBERED = 50


class History:
    """The last commands of this person, newest first; before them stands what is not sent yet."""

    def __init__(self) -> None:
        self._sent: list[str | UUID] | None = None
        self._at = 0
        self._unsent = ""

    async def go(self, session: PersonSession, by: int, text: str) -> str | None:
        """The text so many steps further back (negative: towards now); None where there is no further one.

        ``text`` is what is written now; it is there again when one comes back. Raises KolonyError.
        """
        if self._sent is None:
            found = await work.commands(session, limit=_REMEMBERED)
            self._sent = [each.command_id for each in found if each.created_by_login == session.me.login]
        if self._at == 0:
            self._unsent = text
        at = min(max(self._at + by, 0), len(self._sent))
        if at == self._at:
            return None
        self._at = at
        if at == 0:
            return self._unsent
        past = self._sent[at - 1]
        if isinstance(past, UUID):
            # A sent command is somebody's text by now: what it shows is made safe, as anywhere.
            past = safe((await work.command_detail(session, past))[1], limit=100_000, newline="\n").plain
            self._sent[at - 1] = past
        return past
