"""What the program of one attempt asks people, on its way into the database, and the answers on their way back."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from kolony_tui.agent.attempt.left_file import read_bounded
from kolony_tui.agent.attempt.limits import Clock
from kolony_tui.agent.attempt.masking import UNMASKED, Masking
from kolony_tui.agent.attempt.run_folder import RunFolder
from kolony_tui.agent.link import Lapsed, Link
from kolony_tui.models.errors import Fenced, KolonyError, LoginRefused, Refused, UsageError

POLL_SECONDS = 0.15
ASK_BYTES = 256 * 1024

_UNFINISHED_SECONDS = 1.0
"""A file that is no JSON may still be being written: until it has been left alone for so long."""

_LONGEST_SECONDS = 31_536_000
_CLOCKS_DIFFER_SECONDS = 0.5
_FIELDS = ("title", "detail", "kind", "options", "risk", "expires_s")


@dataclass(frozen=True, slots=True)
class Question:
    """What a file in ``ask/`` holds, in the order of the arguments of ``kolony.ask``."""

    kind: str
    title: str
    detail: str
    options: list[dict[str, str]] | None
    risk: str
    expires_seconds: int | None


class Asking:
    """Looks for questions while the work goes on, and holds its ``clock`` while one is open.

    ``say`` is told what happens: an event's name, and words for people.
    """

    def __init__(
        self,
        attempt_id: UUID,
        folder: RunFolder,
        link: Link,
        alive: Callable[[], bool],
        clock: Clock,
        say: Callable[[str, str], None],
    ) -> None:
        self._attempt_id = attempt_id
        self._folder = folder
        self._link = link
        self._alive = alive
        self._clock = clock
        self._say = say
        self.masking: Masking = UNMASKED
        self._seen: set[str] = set()
        self._open: dict[UUID, str] = {}
        self._hearing: set[UUID] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """The work begins."""
        self._spawn(self._look())

    def answered(self, approval_id: UUID) -> None:
        """The database has the end of a question; however often that is said."""
        if approval_id in self._open and approval_id not in self._hearing:
            self._hearing.add(approval_id)
            self._spawn(self._hear(approval_id))

    async def close(self) -> None:
        """The work has ended: nothing is asked or answered any more."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _look(self) -> None:
        while True:
            for name in self._new_names():
                self._take(name)
            await asyncio.sleep(POLL_SECONDS)

    def _new_names(self) -> list[str]:
        try:
            with os.scandir(self._folder.asks) as entries:
                found = [entry.name[:-5] for entry in entries if entry.name.endswith(".json")]
        except OSError:
            return []
        return sorted(name for name in found if name not in self._seen)

    def _take(self, name: str) -> None:
        try:
            question = self._read(name)
        except KolonyError as error:
            self._refuse(name, error)
            return
        if question is not None:
            self._seen.add(name)
            self._clock.hold()
            self._spawn(self._ask(name, question))

    def _read(self, name: str) -> Question | None:
        """The question; None where the file is not finished. Raises UsageError, Unreadable."""
        file = self._folder.asks / f"{name}.json"
        content = read_bounded(file, ASK_BYTES)
        if content is None:
            return None
        try:
            return question_in(self.masking.value(json.loads(content)))
        except (ValueError, RecursionError) as error:
            if _just_written(file):
                return None
            raise UsageError("it is no JSON document") from error

    async def _ask(self, name: str, question: Question) -> None:
        arguments = (question.kind, question.title, question.detail, question.options, question.risk,
                     question.expires_seconds)  # fmt: skip
        try:
            [row] = await self._link.insist("ask", self._attempt_id, name, *arguments, alive=self._alive)
        except Refused as error:
            self._clock.release()
            if not isinstance(error, Fenced):
                self._refuse(name, error)
            return
        except BaseException:
            self._clock.release()
            raise
        approval_id: UUID = row["approval_id"]
        self._open[approval_id] = name
        self._say("asks", f"asks for {question.title!r}")
        if row["state"] != "open":
            self.answered(approval_id)
        elif question.expires_seconds is not None:
            await asyncio.sleep(question.expires_seconds)
            self.answered(approval_id)

    async def _hear(self, approval_id: UUID) -> None:
        while True:
            [row] = await self._link.insist("hear_answer", approval_id, alive=self._alive)
            if row["state"] != "open":
                break
            await asyncio.sleep(_CLOCKS_DIFFER_SECONDS)
        answer = {"state": row["state"], "answer": row["answer"], "note": row["note"], "by": row["answered_by"]}
        self._folder.answer(self._open.pop(approval_id), answer)
        self._hearing.discard(approval_id)
        self._clock.release()
        self._say("answered", f"{row['state']}" + (f" by {row['answered_by']}" if row["answered_by"] else ""))

    def _refuse(self, name: str, error: KolonyError) -> None:
        self._seen.add(name)
        self._folder.answer(name, {"state": "refused", "error": error.line})
        self._say("ask refused", f"ask/{name}.json was refused: {error.line}")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        """What keeps a question from being asked ends the attempt by other ways: its lease, its end."""
        try:
            await work
        except (Lapsed, LoginRefused, Refused) as error:
            self._say("ask failed", error.line)


def _just_written(file: Path) -> bool:
    try:
        return abs(time.time() - file.lstat().st_mtime) < _UNFINISHED_SECONDS
    except OSError:
        return True


def question_in(document: object) -> Question:
    """The question that a document holds, with what may be left out filled in. Raises UsageError.

    What the texts may be is the database's to judge.
    """
    if not isinstance(document, dict):
        raise UsageError("it is no JSON object")
    if stray := [key for key in document if key not in _FIELDS]:
        raise UsageError(f"{stray[0][:40]!r} is no part of a question", f"it has {', '.join(_FIELDS)}")
    expires = document.get("expires_s")
    if expires is not None:
        if isinstance(expires, bool) or not isinstance(expires, int | float) or not 1 <= expires <= _LONGEST_SECONDS:
            raise UsageError(f"expires_s is a number of seconds from 1 to {_LONGEST_SECONDS}")
        expires = int(expires)
    return Question(
        kind=_text(document, "kind", "permission"),
        title=_text(document, "title", ""),
        detail=_text(document, "detail", ""),
        options=_options(document.get("options")),
        risk=_text(document, "risk", "medium"),
        expires_seconds=expires,
    )


def _text(document: dict[str, Any], field: str, otherwise: str) -> str:
    value = document.get(field)
    if value is None:
        return otherwise
    if not isinstance(value, str):
        raise UsageError(f"its {field} is no text")
    # What Postgres cannot store: NUL, and halves of characters.
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _options(given: object) -> list[dict[str, str]] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(option, dict) for option in given):
        raise UsageError('options are a list of {"id", "label"}')
    return [{field: _text(option, field, "") for field in ("id", "label")} for option in given]
