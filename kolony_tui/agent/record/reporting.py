"""The report of one attempt on its way into the database: again and again while it is written, and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kolony_tui.agent.adapter import Assignment
from kolony_tui.agent.link import Lapsed, Link
from kolony_tui.agent.record.answer_report import report_in
from kolony_tui.agent.record.report_file import NAME, read_report
from kolony_tui.models.errors import Fenced, KolonyError, LoginRefused, Refused
from kolony_tui.text import safe

LOOK_SECONDS = 1.0
ANSWER_BYTES = 256 * 1024
"""As much of what an agent prints may become a report."""


class Reporting:
    """Looks for ``report.json`` while the work goes on, and hands in what there is at its end.

    ``say`` is told what happens: an event's name, and words for people.
    """

    def __init__(
        self,
        work: Assignment,
        run_dir: Path,
        link: Link,
        alive: Callable[[], bool],
        say: Callable[[str, str], None],
    ) -> None:
        self._work = work
        self._run_dir = run_dir
        self._link = link
        self._alive = alive
        self._say = say
        self.mask: Callable[[Any], Any] = lambda document: document
        """Takes secrets out of what is handed in."""
        self._printed = bytearray()
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The work begins."""
        self._looking = asyncio.create_task(self._look())

    def printed(self, stream: str, data: bytes) -> None:
        """What the work printed, which is the answer of a plain program."""
        if self._work.kind == "investigate" and stream == "stdout":
            self._printed += data[: ANSWER_BYTES - len(self._printed)]

    async def ended(self) -> None:
        """The work has ended: nothing is looked for any more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
            self._looking = None

    async def error(self, outcome: str, answer: str) -> str | None:
        """Hands in the report at the end; says in a line why it is none, where the run has to fail for that.

        ``outcome``: of the attempt. Raises Fenced, Lapsed, LoginRefused.
        """
        if outcome == "released":
            return None
        wrong = await self._of_file(outcome)
        if wrong is None:
            return None
        if wrong:
            if outcome == "completed":
                return wrong
            self._say("no report", f"left no report that fits: {wrong}")
        elif self._work.kind == "investigate":
            await self._of_answer(outcome, answer)
        return None

    async def _of_file(self, outcome: str) -> str | None:
        """What is wrong with the file; '' where there is none, None where it was taken."""
        try:
            document = await asyncio.to_thread(read_report, self._run_dir)
            if document is None:
                return ""
            await self._put(document, "complete" if outcome == "completed" else "draft", NAME)
        except (Fenced, LoginRefused):
            raise
        except KolonyError as error:
            if not self._alive():
                raise
            return error.line if error.message.startswith(NAME) else f"{NAME}: {error.line}"
        self._say("reported", "left a report")
        return None

    async def _of_answer(self, outcome: str, answer: str) -> None:
        text = answer or self._printed.decode("utf-8", "replace")
        text = safe(text, limit=ANSWER_BYTES, newline="\n").plain
        status = "complete" if outcome == "completed" else "draft"
        found = await asyncio.to_thread(report_in, text)
        for document in [found, {"summary": text[:100_000]}] if found is not None else []:
            try:
                await self._put(document, status, "answer")
            except (Fenced, LoginRefused):
                raise
            except Refused:
                continue
            self._say("reported", "its answer is a report")
            return

    async def _look(self) -> None:
        """Keeps what is written so far; what does not fit yet may still be being written."""
        seen: tuple[int, int, int] | None = None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                facts = (self._run_dir / NAME).lstat()
                found = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
                if found != seen:
                    seen = found
                    document = await asyncio.to_thread(read_report, self._run_dir)
                    if document is not None:
                        await self._put(document, "in_progress", NAME)
            except (Fenced, Lapsed, LoginRefused):
                return
            except (OSError, KolonyError):
                continue

    async def _put(self, document: Any, status: str, source: str) -> None:
        await self._link.insist("put_report", self._work.attempt_id, self.mask(document), status, source,
                                alive=self._alive)  # fmt: skip
