"""What a person can do about commands and runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kolony_tui.core.retention import archived_of_run, holds_of_run
from kolony_tui.core.session import PersonSession
from kolony_tui.core.work_folders import folder_of_run
from kolony_tui.db.rows import read
from kolony_tui.models.approvals import Approval
from kolony_tui.models.constraints import Limits
from kolony_tui.models.errors import NotFound, UsageError
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import (
    Attempt,
    AttemptStep,
    Command,
    Dependency,
    Draft,
    Run,
    RunDetail,
    SentCommand,
    SentRun,
)

LONGEST_COMMAND = 4 * 1024 * 1024
"""Bytes of UTF-8; the same bound as the table's check, told before anything is sent."""

_REFERENCE = re.compile(r"#?(\d{1,18})(?:\.(\d{1,9}))?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Sending:
    """How a command is carried out.

    ``retries``: further tries after a failure; the limits are of each try, and what is None of them comes from the
    constraint profile. ``about``: the runs that a review or a synthesis is about. ``after``: the commands that have to
    be completed first (``after_any_end``: ended, however). ``at_a_time`` of its runs are let in at once, and after
    ``stop_after`` failures the rest is held. The same ``idempotency_key`` again sends nothing. ``target_words``: how
    the person said to whom it goes.
    """

    priority: int = 50
    draft: bool = False
    retries: int | None = None
    time_limit_ms: int | None = None
    kind: str = "natural"
    about: tuple[UUID, ...] = ()
    after: tuple[UUID, ...] = ()
    after_any_end: bool = False
    not_before: datetime | None = None
    at_a_time: int | None = None
    stop_after: int | None = None
    idempotency_key: str | None = None
    constraint_id: UUID | None = None
    token_budget: int | None = None
    memory_limit_mb: int | None = None
    cpu_limit_percent: int | None = None
    target_words: str | None = None
    preset_id: UUID | None = None
    preset_version: int | None = None


def checked_content(text: str) -> str:
    """The text of a command. Raises UsageError where it is empty, too long, or holds what Postgres cannot store."""
    if not text.strip():
        raise UsageError("the command is empty", "say what is to be done, after --")
    if "\x00" in text:
        raise UsageError("the command holds a NUL character", "take it out")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise UsageError("the command is not valid UTF-8", "send it as UTF-8 text") from error
    if size > LONGEST_COMMAND:
        raise UsageError(
            f"the command has {size} bytes, more than the {LONGEST_COMMAND} that are allowed",
            "put it in a file that the agent can read",
        )
    return text


async def send(session: PersonSession, agent_ids: Sequence[UUID], text: str, how: Sending | None = None) -> SentCommand:
    """Sends a command to agents, one run each; or keeps it as a draft.

    Raises UsageError, NoRight, NotFound, WrongState.
    """
    how = how or Sending()
    if not 0 <= how.priority <= 100:
        raise UsageError(f"a priority is 0 to 100, not {how.priority}")
    rows = await session.db.call(
        "send_command",
        session.workspace.workspace_id,
        list(agent_ids),
        checked_content(text),
        how.priority,
        how.draft,
        3 if how.retries is None else how.retries + 1,
        "lost" if how.retries is None else "failure",
        how.time_limit_ms,
        how.kind,
        list(how.about),
        None,
        how.not_before,
        list(how.after),
        "ended" if how.after_any_end else "completed",
        how.at_a_time,
        how.stop_after,
        how.idempotency_key,
        how.constraint_id,
        how.token_budget,
        how.memory_limit_mb,
        how.cpu_limit_percent,
        how.target_words,
        how.preset_id,
        how.preset_version,
    )
    runs = tuple(SentRun(row["run_id"], row["agent_id"], Untrusted(row["agent"])) for row in rows)
    return SentCommand(rows[0]["command_id"], rows[0]["number"], runs, rows[0]["repeated"])


async def queue(session: PersonSession, limit: int = 500) -> list[Run]:
    """What runs and what waits: executing first, then in the order in which it will be taken."""
    return await session.db.rows(Run, "work/queue", session.workspace.workspace_id, limit)


async def queue_and_recent(
    session: PersonSession, since: datetime, *, limit: int = 500, recent: int = 50
) -> tuple[list[Run], list[Run]]:
    """The queue as ``queue`` gives it, and the runs that ended after ``since``, newest end first; in one round trip."""
    found = await session.db.rows(Run, "work/recent", session.workspace.workspace_id, limit, since, recent)
    return [run for run in found if not run.status.ended], [run for run in found if run.status.ended]


async def runs(
    session: PersonSession, *, status: str | None = None, agent_id: UUID | None = None, limit: int = 200
) -> list[Run]:
    """Runs, newest first."""
    return await session.db.rows(Run, "work/runs", session.workspace.workspace_id, status, agent_id, limit)


async def settle(session: PersonSession) -> int:
    """Takes back what lost runners held; the clock has decided it already. Answers how many runs that were."""
    settled: int = await session.db.value("work/settle", session.workspace.workspace_id)
    return settled


async def find_run(session: PersonSession, reference: str) -> UUID:
    """The id of a run from what a person types: an id, ``12`` or ``#12``, or ``#12.3``. Raises UsageError, NotFound."""
    if _UUID.fullmatch(reference):
        return UUID(reference)
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise UsageError(f"{reference!r} names no run", "give its id or its number, for example 12 or 12.3")
    ordinal = int(match[2]) if match[2] else None
    found = await session.db.records("work/run_by_number", session.workspace.workspace_id, int(match[1]), ordinal)
    if not found:
        raise NotFound(f"there is no run {reference} in {session.workspace.slug}", "see kolony run list")
    if len(found) > 1:
        raise UsageError(f"command {match[1]} has several runs", f"say which, for example {match[1]}.1")
    run_id: UUID = found[0]["run_id"]
    return run_id


async def find_command(session: PersonSession, reference: str) -> UUID:
    """The id of a command from its id or number. Raises UsageError, NotFound."""
    if _UUID.fullmatch(reference):
        return UUID(reference)
    match = _REFERENCE.fullmatch(reference)
    if match is None or match[2]:
        raise UsageError(f"{reference!r} names no command", "give its id or its number, for example 12")
    command_id: UUID | None = await session.db.value(
        "work/command_by_number", session.workspace.workspace_id, int(match[1])
    )
    if command_id is None:
        raise NotFound(f"there is no command {reference} in {session.workspace.slug}", "see kolony command list")
    return command_id


async def run_detail(session: PersonSession, run_id: UUID) -> RunDetail:
    """A run with its whole text and its attempts. Raises NotFound."""
    found = await session.db.records("work/run", session.workspace.workspace_id, run_id)
    if not found:
        raise NotFound("there is no such run here", "see kolony run list")
    run, home = read(Run, found[0]), session.workspace.workspace_id
    attempts = await session.db.rows(Attempt, "work/attempts", home, run_id)
    steps = await session.db.rows(AttemptStep, "work/attempt_steps", home, run_id) if attempts else []
    after = await comes_after(session, run.command_id)
    approvals = await session.db.rows(Approval, "work/approvals", home, run_id) if attempts else []
    named: str | None = found[0]["constraint_name"]
    return RunDetail(
        run,
        Untrusted(found[0]["content"]),
        read(Limits, found[0]),
        None if named is None else Untrusted(named),
        tuple(attempts),
        tuple(steps),
        tuple(after),
        tuple(approvals),
        await folder_of_run(session, run_id) if attempts else None,
        tuple(await archived_of_run(session, run_id)) if run.status.ended else (),
        tuple(await holds_of_run(session, run_id)) if run.status.ended else (),
    )


async def commands(session: PersonSession, *, status: str | None = None, limit: int = 200) -> list[Command]:
    """Commands, newest first."""
    return await session.db.rows(Command, "work/commands", session.workspace.workspace_id, status, limit)


async def commands_of(
    session: PersonSession, number: int, *, status: str | None = None, limit: int = 200
) -> list[Command]:
    """The commands that came from one (a plan's drafts, and what became of them), in their order."""
    home = session.workspace.workspace_id
    return await session.db.rows(Command, "work/commands_of_parent", home, number, status, limit)


async def drafts(session: PersonSession, limit: int = 200) -> list[Draft]:
    """Commands that nobody has sent yet, newest first."""
    return await session.db.rows(Draft, "work/drafts", session.workspace.workspace_id, limit)


async def command_detail(session: PersonSession, command_id: UUID) -> tuple[Command, Untrusted, list[Run]]:
    """A command, its whole text and its runs. Raises NotFound."""
    found = await session.db.records("work/command", session.workspace.workspace_id, command_id)
    if not found:
        raise NotFound("there is no such command here", "see kolony command list")
    its_runs = await session.db.rows(Run, "work/runs_of_command", session.workspace.workspace_id, command_id)
    return read(Command, found[0]), Untrusted(found[0]["content"]), its_runs


async def comes_after(session: PersonSession, command_id: UUID) -> list[Dependency]:
    """The commands that a command comes after, by number."""
    return await session.db.rows(Dependency, "work/dependencies", session.workspace.workspace_id, command_id)


async def edit_command(session: PersonSession, command_id: UUID, text: str | None, priority: int | None) -> None:
    """Changes a draft. Raises WrongState where it is none any more."""
    await session.db.call("edit_command", command_id, None if text is None else checked_content(text), priority)


async def submit_command(session: PersonSession, command_id: UUID) -> None:
    """Sends a draft."""
    await session.db.call("submit_command", command_id)


async def cancel_command(session: PersonSession, command_id: UUID, why: str = "") -> tuple[int, int]:
    """Cancels what has not ended. Answers how many runs are cancelled, and how many were asked to end."""
    row = (await session.db.call("cancel_command", command_id, why))[0]
    return row["cancelled"], row["requested"]


async def retry_command(session: PersonSession, command_id: UUID) -> int:
    """Queues its failed and cancelled runs again; answers how many."""
    retried: int = (await session.db.call("retry_command", command_id))[0][0]
    return retried


async def cancel_run(session: PersonSession, run_id: UUID, why: str = "") -> str:
    """Cancels a run: ``cancelled`` at once while it waits, or ``requested`` until its runner confirms."""
    became: str = (await session.db.call("cancel_run", run_id, why))[0][0]
    return became


async def retry_run(session: PersonSession, run_id: UUID) -> None:
    """Queues a failed or cancelled run again."""
    await session.db.call("retry_run", run_id)


async def set_run_priority(session: PersonSession, run_id: UUID, priority: int) -> None:
    """Moves a waiting run within its agent's queue (0 to 100, higher first)."""
    await session.db.call("set_run_priority", run_id, priority)
