"""What one attempt's program and the database hand to each other beside text and output: subjects, questions, plans."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from kolony_tui.agent.adapter import Assignment, CannotStart
from kolony_tui.agent.attempt import memory
from kolony_tui.agent.attempt.asking import Asking
from kolony_tui.agent.attempt.limits import Clock
from kolony_tui.agent.attempt.masking import UNMASKED, Masking
from kolony_tui.agent.attempt.run_folder import SUBJECT_BYTES, RunFolder, Subject
from kolony_tui.agent.brief import Brief
from kolony_tui.agent.link import Link
from kolony_tui.agent.record.reporting import Reporting
from kolony_tui.models.errors import Fenced, KolonyError, LoginRefused, Refused


class Handover:
    """One attempt's folder and what goes through it. ``say`` is told what happens: an event's name and words."""

    def __init__(
        self,
        work: Assignment,
        link: Link,
        scratch: Path,
        alive: Callable[[], bool],
        clock: Clock,
        say: Callable[[str, str], None],
    ) -> None:
        self._work = work
        self._link = link
        self._alive = alive
        self._say = say
        self._folder = RunFolder(scratch, work)
        self._asking = Asking(work.attempt_id, self._folder, link, alive, clock, say)
        self._memory: Sequence[Mapping[str, Any]] = ()
        self._masking: Masking = UNMASKED
        self._laid_out = False
        self._reporting = Reporting(work, self._folder.path, link, alive, say)

    @property
    def run_dir(self) -> Path:
        """The folder that the program is to find."""
        return self._folder.path

    async def lay_out(self, brief: Brief, masking: Masking) -> None:
        """Fills the folder; until then nothing is taken from it. Raises CannotStart, Lapsed, LoginRefused."""
        self._laid_out = True
        self._memory, self._masking, self._asking.masking = brief.memory, masking, masking
        self._reporting.mask = masking.value
        subjects = []
        for run_id in self._work.subjects:
            try:
                [row] = await self._link.insist(
                    "read_subject", self._work.attempt_id, run_id, SUBJECT_BYTES, alive=self._alive
                )
            except Fenced:
                raise
            except Refused as error:
                raise CannotStart(f"a run that this one is about cannot be read: {error.line}") from error
            subjects.append(Subject(**dict(row)))
        await asyncio.to_thread(self._folder.make, subjects, brief)
        for one in brief.attachments:
            await self._attach(one)

    async def _attach(self, attachment: dict[str, Any]) -> None:
        """Lays out one file that came with a message: one at a time in memory."""
        wanted = UUID(attachment["attachment_id"])
        try:
            [row] = await self._link.insist("read_attachment", self._work.attempt_id, wanted, alive=self._alive)
        except Fenced:
            raise
        except Refused as error:
            raise CannotStart(f"the attachment {attachment['name']!r} cannot be read: {error.line}") from error
        await asyncio.to_thread(self._folder.attach, attachment["name"], row["read_attachment"])

    def start(self) -> None:
        """The program runs, and may ask."""
        if not self._laid_out:
            return
        self._asking.start()
        self._reporting.start()

    def printed(self, stream: str, data: bytes) -> None:
        """What the work printed."""
        self._reporting.printed(stream, data)

    def answered(self, approval_id: UUID) -> None:
        """The database has the end of a question."""
        self._asking.answered(approval_id)

    async def ended(self) -> None:
        """The program has ended: nothing is asked or answered any more."""
        await self._asking.close()
        await self._reporting.ended()

    async def keep_memory(self) -> None:
        """Takes back the agent's notes. Raises Fenced, Lapsed, LoginRefused."""
        if not self._laid_out:
            return
        left = await asyncio.to_thread(memory.left, self._folder.memory, self._memory, self._masking)
        remarks = list(left.remarks)
        if left.notes:
            try:
                rows = await self._link.insist("keep_notes", self._work.attempt_id, left.notes, alive=self._alive)
            except Fenced:
                raise
            except Refused as error:
                remarks.append(f"its notes were not kept: {error.line}")
            else:
                remarks += [f"the note {row['name']!r}: {row['became']}" for row in rows]
        for remark in remarks:
            self._say("memory", remark)

    async def plan_error(self) -> str | None:
        """Hands in the plan that was asked for; says in a line why it is none.

        Raises Fenced, Lapsed, LoginRefused.
        """
        if self._work.kind != "plan":
            return None
        try:
            items = await asyncio.to_thread(self._folder.plan)
            if items is None:
                self._say("no plan", "left no plan.json")
                return None
            items = self._masking.value(items)
            [row] = await self._link.insist("propose_plan", self._work.attempt_id, items, alive=self._alive)
        except (Fenced, LoginRefused):
            raise
        except KolonyError as error:
            if not self._alive():
                raise
            return error.line if error.message.startswith("plan.json") else f"plan.json: {error.line}"
        drafts = row["propose_plan"]
        self._say("planned", f"proposes {drafts} draft{'s' if drafts != 1 else ''}")
        return None

    async def report_error(self, outcome: str, answer: str) -> str | None:
        """Hands in the report that was left, or that the answer is; says in a line why the run has to fail for it.

        Raises Fenced, Lapsed, LoginRefused.
        """
        if not self._laid_out and self._work.kind != "investigate":
            return None
        return await self._reporting.error(outcome, answer)

    async def close(self) -> None:
        """Takes the folder away."""
        if not self._laid_out:
            return
        await self._asking.close()
        await self._reporting.ended()
        await asyncio.to_thread(self._folder.remove)
