"""Where one attempt works, from before its program starts to after its end, and what the database knows of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kolony_tui.agent.adapter import Assignment
from kolony_tui.agent.attempt.work_folder import Isolation, prepare, settle
from kolony_tui.agent.link import Link
from kolony_tui.models.errors import Fenced, LoginRefused, Refused


class WorkPlace:
    """Makes the worktree of an attempt and takes it away; nothing where the runner has no ``isolation``."""

    def __init__(
        self,
        work: Assignment,
        isolation: Isolation | None,
        link: Link,
        alive: Callable[[], bool],
        say: Callable[[str, str], None],
    ) -> None:
        self._attempt = work.attempt_id
        self._isolation = isolation
        self._link = link
        self._alive = alive
        self._say = say
        self._folder: Path | None = None
        self._shared = False

    async def prepare(self, folder: Path, work: Assignment) -> None:
        """Before the program starts. Raises CannotStart, Fenced, Lapsed, LoginRefused."""
        if self._isolation is None:
            return
        facts = await asyncio.to_thread(prepare, self._isolation, folder)
        self._folder = folder
        self._shared = self._isolation.per == "conversation" and work.brief.conversation_id is not None
        if facts.get("base_dirty"):
            self._say("base", f"works at commit {facts['base_commit'][:12]}; what is not committed is not there")
        await self._note(facts)

    async def settle(self) -> None:
        """After the program's end: a clean worktree goes, unless a conversation goes on in it. Raises as above."""
        folder, self._folder = self._folder, None
        if folder is None or self._isolation is None or not self._alive():
            return
        if self._isolation.per == "none":
            return
        facts = await asyncio.to_thread(settle, folder, remove_clean=not self._shared)
        if facts is None:
            self._say("folder", f"{folder} is no worktree any more; it is left as it is")
            return
        if facts["state"] == "kept" and not self._shared:
            self._say("kept", f"leaves {folder}: {facts.get('dirty_files', '?')} changed files,"
                      f" {facts.get('new_commits', '?')} new commits")  # fmt: skip
        await self._note(facts)

    async def _note(self, facts: dict[str, Any]) -> None:
        try:
            await self._link.insist("note_folder", self._attempt, facts, alive=self._alive)
        except (Fenced, LoginRefused):
            raise
        except Refused as error:
            # A path that no text can hold, for example; the work is none the worse.
            self._say("folder", f"its folder is not in the database: {error.line}")
