"""The folder in which a runner and the program of one attempt hand things to each other (KOLONY_RUN_DIR).

Laid out for the program: command.txt, instructions.txt, limits.json, conversation.json, attachments/, subjects/,
memory/; written to it: answers/. Taken from it: plan.json, report.json, artifacts/, ask/, usage.json, trace.jsonl,
memory/. Each file appears at once, by a rename; ``kolony agent run --help`` tells programs so.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kolony_tui.agent.adapter import Assignment, CannotStart
from kolony_tui.agent.attempt import memory
from kolony_tui.agent.attempt.left_file import Unreadable, read_bounded
from kolony_tui.agent.attempt.told import ATTACHMENTS
from kolony_tui.agent.brief import NO_BRIEF, Brief

PLAN_BYTES = 4 * 1024 * 1024
SUBJECT_BYTES = 256 * 1024
"""How much of the text and of the output of a run that a command is about is handed over."""

_STALE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A run that a command is about. ``output``: the last of ``output_bytes``; ``content``: the first of its text."""

    reference: str
    agent: str
    status: str
    exit_code: int | None
    error: str | None
    content: str
    content_bytes: int
    output: bytes
    output_bytes: int


class RunFolder:
    """The folder of one attempt: ``make``, then files come and go, then ``remove``.

    It is locked while its runner lives, so that ``sweep`` can tell what a killed one left.
    """

    def __init__(self, scratch: Path, work: Assignment) -> None:
        self._work = work
        self.path = scratch / f"run-{work.attempt_id.hex}"
        self._lock: int | None = None

    @property
    def asks(self) -> Path:
        """Where the program puts its questions."""
        return self.path / "ask"

    @property
    def memory(self) -> Path:
        """Where the agent's notes are."""
        return self.path / "memory"

    def make(self, subjects: list[Subject], brief: Brief = NO_BRIEF) -> None:
        """Makes it with all that goes in but attachments. Raises CannotStart."""
        new = self.path.with_name(f"new-{self.path.name}")
        try:
            new.mkdir(mode=0o700)
            self._lock = os.open(new, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            new.rename(self.path)
            parts = {"subjects": subjects, ATTACHMENTS: brief.attachments}
            for name in ("ask", "answers", "artifacts", "memory", *(name for name, there in parts.items() if there)):
                (self.path / name).mkdir(mode=0o700)
            self._put("command.txt", self._work.content.encode())
            self._put("instructions.txt", self._work.instructions.encode())
            self._put("limits.json", _document(_limits(self._work)))
            for name, content in memory.files(brief.memory).items():
                self._put(name, content)
            if brief.conversation_id is not None:
                self._put("conversation.json", _document(_conversation(brief)))
            for subject in subjects:
                self._put(f"subjects/{subject.reference}.json", _document(_facts(subject)))
                self._put(f"subjects/{subject.reference}.txt", subject.output)
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            self.remove()
            raise CannotStart(f"the run's folder {self.path} cannot be made: {error.strerror}") from error

    def attach(self, name: str, content: bytes) -> None:
        """Lays out a file that came with a message. Raises CannotStart."""
        try:
            # Not by ``_put``: the person's own file may be called NAME.tmp.
            (self.path / ATTACHMENTS / name).write_bytes(content)
        except OSError as error:
            raise CannotStart(f"the attachment {name!r} cannot be laid out: {error.strerror}") from error

    def plan(self) -> Any | None:
        """What ``plan.json`` holds; None where there is none. Raises Unreadable."""
        return self.document("plan.json", PLAN_BYTES)

    def document(self, name: str, most: int) -> Any | None:
        """What a JSON file that the program left holds; None where there is none. Raises Unreadable."""
        content = read_bounded(self.path / name, most)
        if content is None:
            return None
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            raise Unreadable(f"{name} is no JSON{place}") from error

    def answer(self, name: str, document: dict[str, Any]) -> None:
        """Writes ``answers/NAME.json``, all at once; nothing where the program has taken the folder away."""
        with contextlib.suppress(OSError):
            self._put(f"answers/{name}.json", _document(document))

    def remove(self) -> None:
        """Removes it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _put(self, name: str, content: bytes) -> None:
        target = self.path / name
        unfinished = target.with_name(f"{target.name}.tmp")
        unfinished.unlink(missing_ok=True)
        # Exclusive: the program may have put a link or a pipe there.
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
        unfinished.rename(target)


def sweep(scratch: Path) -> None:
    """Removes the folders of runners that were killed: what nobody holds the lock of any more."""
    for folder in scratch.glob("*run-*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # One that is just being made has its lock in a moment.
            if folder.name.startswith("run-") or time.time() - os.fstat(lock).st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(lock)


def _limits(work: Assignment) -> dict[str, Any]:
    return {
        "time_limit_s": None if work.time_limit_ms is None else work.time_limit_ms / 1000,
        "token_budget": work.token_budget,
        "memory_limit_mb": work.memory_limit_mb,
        "cpu_limit_percent": work.cpu_limit_percent,
    }


def _conversation(brief: Brief) -> dict[str, Any]:
    return {
        "conversation_id": str(brief.conversation_id),
        "messages": list(brief.missed),
        "attachments": [f"{ATTACHMENTS}/{one['name']}" for one in brief.attachments],
    }


def _facts(subject: Subject) -> dict[str, Any]:
    return {
        "run": f"#{subject.reference}",
        "agent": subject.agent,
        "status": subject.status,
        "exit_code": subject.exit_code,
        "error": subject.error,
        "command": subject.content,
        "command_cut": len(subject.content.encode()) < subject.content_bytes,
        "output_file": f"subjects/{subject.reference}.txt",
        "output_bytes": subject.output_bytes,
        "output_cut": len(subject.output) < subject.output_bytes,
    }


def _document(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"
