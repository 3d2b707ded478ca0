"""What a person can do about the audit log: read, verify, seal, keep; and note that their program comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from datetime import datetime

from kolony_tui import __version__
from kolony_tui.core.session import PersonSession
from kolony_tui.models.audit import AuditEntry, AuditSeal, Difference, Verification
from kolony_tui.models.errors import KolonyError, UsageError


async def entries(
    session: PersonSession,
    *,
    events: Sequence[str] | None = None,
    login: str | None = None,
    agent: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 200,
) -> list[AuditEntry]:
    """The newest so many entries, newest last. An admin sees the whole log, everybody else what they did themselves."""
    return await session.db.rows(
        AuditEntry,
        "audit/log",
        session.workspace.workspace_id,
        list(events) if events else None,
        login,
        agent,
        None if since is None else since.isoformat(),
        None if until is None else until.isoformat(),
        limit,
    )


async def seals(session: PersonSession) -> list[AuditSeal]:
    """The chain, oldest first; empty for who is no admin."""
    return await session.db.rows(AuditSeal, "audit/seals", session.workspace.workspace_id)


async def seal(session: PersonSession) -> int:
    """Seals what is in no seal yet; answers how many entries. Raises NoRight."""
    sealed: int = (await session.db.call("seal_audit_now", session.workspace.workspace_id))[0][0]
    return sealed


async def verify(session: PersonSession, exported: str | None = None) -> Verification:
    """Computes every seal again; with ``exported`` (what ``seals`` once were, as JSON), also compares with that copy.

    Raises:
        NoRight: not an admin.
        UsageError: ``exported`` is no such copy, or of another workspace.
    """
    copy = _parsed(exported, session.workspace.slug) if exported is not None else {}
    row = (await session.db.call("verify_audit", session.workspace.workspace_id))[0]
    found = None if row["ok"] else Difference(row["at_seal"], row["at_entry"], row["difference"])
    if found is None and copy:
        live = {each.number: each.digest for each in await seals(session)}
        found = _first_other(copy, live)
    return Verification(row["seals"], row["sealed"], row["removed"], row["unsealed"], found)


def _parsed(exported: str, workspace: str) -> dict[int, str]:
    """The digests of an exported chain by the seals' numbers."""
    hint = "it is what kolony audit seals --json has printed"
    try:
        listed = json.loads(exported)
        of = {each["workspace"] for each in listed}
        copy = {int(each["number"]): str(each["digest"]) for each in listed}
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError("that file holds no exported seals", hint) from error
    if not copy:
        raise UsageError("that file holds no seal", hint)
    if of != {workspace}:
        raise UsageError(f"those seals are not of the workspace {workspace}", hint)
    return copy


def _first_other(copy: dict[int, str], live: dict[int, str]) -> Difference | None:
    """The first seal of a copy that is gone or another one.

    >>> _first_other({1: "a", 2: "b"}, {1: "a", 2: "x", 3: "c"}).words
    'seal 2: the seal is not the one that was exported'
    >>> _first_other({1: "a", 2: "b"}, {1: "a"}).words
    'seal 2: the seal is gone'
    """
    for number, digest in sorted(copy.items()):
        if number not in live:
            return Difference(number, None, "the seal is gone")
        if live[number] != digest:
            return Difference(number, None, "the seal is not the one that was exported")
    return None


async def kept_days(session: PersonSession) -> int:
    """For how many days the workspace's log is kept."""
    days: int = await session.db.value("audit/kept_days", session.workspace.workspace_id)
    return days


async def keep_for(session: PersonSession, days: int) -> None:
    """Sets that. Raises NoRight, and Refused below 30 days."""
    await session.db.call("set_audit_retention", session.workspace.workspace_id, days)


async def note_login(session: PersonSession) -> None:
    """Notes that this person's program has come; whatever goes wrong with that is not worth stopping for."""
    with contextlib.suppress(KolonyError):
        await session.db.call("note_login", session.workspace.workspace_id, __version__)


async def note_logout(session: PersonSession) -> None:
    """Notes that it leaves, in a second at most. A program that is killed, or that the server is gone for, does not."""
    if session.db.connected:
        with contextlib.suppress(KolonyError, TimeoutError):
            async with asyncio.timeout(1):
                await session.db.call("note_logout", session.workspace.workspace_id)
