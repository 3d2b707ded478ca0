"""Seals: a change, a removal and an addition are named; late commits are sealed; what is exported proves more."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from kolony_tui.core import audit
from kolony_tui.core.session import PersonSession, log_in
from kolony_tui.models.audit import Difference
from kolony_tui.models.errors import UsageError
from tests.audit.reading import last_entry, sealed, tamper, verified
from tests.database import Agent, Workspace, refused
from tests.work.calls import send


async def grow(person: asyncpg.Connection, home: UUID, times: int = 3) -> None:
    """More entries."""
    for _ in range(times):
        await person.execute("SELECT kolony.note_login($1)", home)


async def chain(workspace: Workspace, links: int = 3) -> tuple[asyncpg.Connection, asyncpg.Connection]:
    """An admin and a superuser, after so many seals."""
    ada, superuser = await workspace.database.connect("ada"), await workspace.database.superuser()
    for _ in range(links):
        await grow(ada, workspace.workspace_id)
        assert await sealed(ada, workspace.workspace_id) >= 3
    return ada, superuser


async def test_what_is_as_it_was_sealed_verifies(workspace: Workspace) -> None:
    ada, superuser = await chain(workspace)
    found, difference = await verified(ada, workspace.workspace_id)
    count = await superuser.fetchval(
        "SELECT count(*) FROM kolony.audit_log WHERE workspace_id = $1", workspace.workspace_id
    )
    assert difference is None
    assert (found["seals"], found["unsealed"], found["sealed"]) == (3, 1, count - 1)  # the entry about the last seal
    assert await sealed(ada, workspace.workspace_id) == 0, "a seal about nothing but a seal"
    await ada.execute("SET timezone = 'Asia/Kolkata'; SET datestyle = 'German'; SET extra_float_digits = 0")
    assert (await verified(ada, workspace.workspace_id))[1] is None


async def test_no_other_workspace_is_touched(workspace: Workspace) -> None:
    ada, superuser = await chain(workspace, 1)
    await tamper(superuser, "UPDATE kolony.audit_log SET login = 'x' WHERE workspace_id = $1", workspace.other_id)
    assert (await verified(ada, workspace.workspace_id))[1] is None
    with refused("42501", "not a member"):
        await ada.execute("SELECT kolony.verify_audit($1)", workspace.other_id)


async def target_of(superuser: asyncpg.Connection, home: UUID, seal: int) -> int:
    """The middle entry of a seal."""
    return int(
        await superuser.fetchval(
            "SELECT entries[2] FROM kolony.audit_seals WHERE workspace_id = $1 AND number = $2", home, seal
        )
    )


@pytest.mark.parametrize(
    "assignment",
    [
        "event = 'USER_LOGOUT'", "login = 'somebody'", "at = at + interval '1 microsecond'", "details = '{\"x\": 1}'",
        "subject = NULL", "client_address = '10.0.0.1'", "application = 'psql'", "profile_id = NULL",
        "run_id = gen_random_uuid()", "at = at + interval '1 month'",
    ],
)  # fmt: skip
async def test_a_changed_entry_is_named(workspace: Workspace, assignment: str) -> None:
    ada, superuser = await chain(workspace)
    entry = await target_of(superuser, workspace.workspace_id, 2)
    await tamper(superuser, f"UPDATE kolony.audit_log SET {assignment} WHERE entry_id = $1", entry)
    assert (await verified(ada, workspace.workspace_id))[1] == Difference(2, entry, "the entry was changed")


async def test_a_removed_entry_is_named(workspace: Workspace) -> None:
    ada, superuser = await chain(workspace)
    entry = await target_of(superuser, workspace.workspace_id, 3)
    await tamper(superuser, "DELETE FROM kolony.audit_log WHERE entry_id = $1", entry)
    assert (await verified(ada, workspace.workspace_id))[1] == Difference(3, entry, "the entry is gone")
    entry = await target_of(superuser, workspace.workspace_id, 1)
    await tamper(superuser, "DELETE FROM kolony.audit_log WHERE entry_id = $1", entry)
    assert (await verified(ada, workspace.workspace_id))[1] == Difference(1, entry, "the entry is gone"), "the first"


ADD = """INSERT INTO kolony.audit_log (workspace_id, entry_id, at, event, login, application, details)
         SELECT workspace_id, $2, at + $3::text::interval, 'USER_LOGIN', 'nobody', '', '{}' FROM kolony.audit_log
         WHERE entry_id = $1"""


async def test_an_added_entry_is_named(workspace: Workspace) -> None:
    ada, superuser = await chain(workspace)
    entry = await target_of(superuser, workspace.workspace_id, 1)
    await tamper(superuser, ADD, entry, 0, "-1 second")
    assert (await verified(ada, workspace.workspace_id))[1] == Difference(None, 0, "the entry was put in")


@pytest.mark.parametrize(("shift", "seal"), [("1 day", None), ("1 microsecond", 2)])
async def test_a_second_entry_under_a_number_is_named(workspace: Workspace, shift: str, seal: int | None) -> None:
    ada, superuser = await chain(workspace)
    entry = await target_of(superuser, workspace.workspace_id, 2)
    await tamper(superuser, ADD, entry, entry, shift)
    difference = (await verified(ada, workspace.workspace_id))[1]
    assert difference is not None
    assert (difference.seal, difference.entry_id) == (seal, entry)


@pytest.mark.parametrize(
    ("statement", "seal", "words"),
    [
        ("UPDATE kolony.audit_seals SET rows_digest = sha256('x') WHERE number = 2", 2, "the seal was changed"),
        ("UPDATE kolony.audit_seals SET sealed_by = 'x' WHERE number = 2", 2, "the seal was changed"),
        ("UPDATE kolony.audit_seals SET entries = entries[1:2] WHERE number = 2", 2, "the seal was changed"),
        ("UPDATE kolony.audit_seals SET removed_at = now() WHERE number = 2", 2, "the seal was changed"),
        ("UPDATE kolony.audit_seals SET previous = sha256('x') WHERE number = 3", 3, "the seal was changed"),
        ("DELETE FROM kolony.audit_seals WHERE number = 1", 1, "the seal is gone"),
        ("DELETE FROM kolony.audit_seals WHERE number = 2", 2, "the seal is gone"),
    ],
)
async def test_a_changed_seal_is_named(workspace: Workspace, statement: str, seal: int, words: str) -> None:
    ada, superuser = await chain(workspace)
    await tamper(superuser, statement)
    difference = (await verified(ada, workspace.workspace_id))[1]
    assert difference is not None
    assert (difference.seal, difference.what) == (seal, words)


async def test_a_seal_that_was_made_anew_breaks_the_chain_after_it(workspace: Workspace) -> None:
    ada, superuser = await chain(workspace)
    await tamper(superuser, "UPDATE kolony.audit_seals SET sealed_by = 'x' WHERE number = 2")
    await tamper(superuser, "UPDATE kolony.audit_seals s SET digest = kolony.seal_digest(s) WHERE number = 2")
    forged = "(SELECT digest FROM kolony.audit_seals WHERE number = 2)"
    await tamper(superuser, f"UPDATE kolony.audit_seals SET previous = {forged} WHERE number = 3")
    assert (await verified(ada, workspace.workspace_id))[1] == Difference(3, None, "the seal was changed")


async def test_an_entry_that_commits_late_comes_into_the_next_seal(workspace: Workspace) -> None:
    ada, superuser = await chain(workspace, 1)
    late = await workspace.database.connect("eve")
    transaction = late.transaction()
    await transaction.start()
    await grow(late, workspace.workspace_id, 1)
    number = await last_entry(late)
    for _ in range(3):
        await grow(ada, workspace.workspace_id, 1)
        await sealed(ada, workspace.workspace_id)
    closed = "SELECT max(closed_to) FROM kolony.audit_seals WHERE workspace_id = $1"
    assert await superuser.fetchval(closed, workspace.workspace_id) < number, "it may still come"
    assert (await verified(ada, workspace.workspace_id))[1] is None
    await transaction.commit()
    found, difference = await verified(ada, workspace.workspace_id)
    assert (found["unsealed"], difference) == (2, None)
    for _ in range(3):
        await grow(ada, workspace.workspace_id, 1)
        await sealed(ada, workspace.workspace_id)
    found, difference = await verified(ada, workspace.workspace_id)
    assert (found["unsealed"], difference) == (1, None)
    assert await superuser.fetchval(closed, workspace.workspace_id) > number, "now nothing up to it can"


async def test_many_who_write_and_seal_at_once(workspace: Workspace, agent: Agent) -> None:
    """Whatever overlaps: each entry is in one seal, and everything verifies."""
    home = workspace.workspace_id
    writers = [await workspace.database.connect("bob") for _ in range(4)]
    sealers = [await workspace.database.connect("ada") for _ in range(2)]
    superuser = await workspace.database.superuser()

    async def write(person: asyncpg.Connection) -> None:
        for number in range(20):
            async with person.transaction():
                await send(person, agent, f"x{number}")
                await send(person, agent, f"y{number}")

    async def seal(admin: asyncpg.Connection) -> None:
        for _ in range(15):
            await sealed(admin, home)

    await asyncio.gather(*(write(each) for each in writers), *(seal(each) for each in sealers))
    await sealed(sealers[0], home)
    found, difference = await verified(sealers[0], home)
    assert (found["unsealed"], difference) == (1, None)
    numbers = "SELECT unnest(entries) AS e FROM kolony.audit_seals WHERE workspace_id = $1"
    row = await superuser.fetchrow(f"SELECT count(*), count(DISTINCT e) FROM ({numbers}) s", home)
    assert row is not None
    assert row[0] == row[1] == found["sealed"] >= 160


async def test_upkeep_seals_once_an_hour(workspace: Workspace) -> None:
    ada, superuser = await workspace.database.connect("ada"), await workspace.database.superuser()
    seal = "SELECT kolony.seal_audit($1)"
    assert await superuser.fetchval(seal, workspace.workspace_id) > 0
    await grow(ada, workspace.workspace_id)
    assert await superuser.fetchval(seal, workspace.workspace_id) == 0
    await tamper(superuser, "UPDATE kolony.audit_seals SET sealed_at = sealed_at - interval '61 minutes'")
    assert await superuser.fetchval(seal, workspace.workspace_id) == 4
    blocker = await workspace.database.superuser()
    await grow(ada, workspace.workspace_id)
    await tamper(superuser, "UPDATE kolony.audit_seals SET sealed_at = sealed_at - interval '61 minutes'")
    async with blocker.transaction():
        await blocker.execute("SELECT FROM kolony.workspaces FOR NO KEY UPDATE")
        assert await superuser.fetchval(seal, workspace.workspace_id) == 0, "somebody else is at it"


async def test_a_month_has_seals_of_its_own(workspace: Workspace) -> None:
    ada, superuser = await workspace.database.connect("ada"), await workspace.database.superuser()
    await grow(ada, workspace.workspace_id)
    await superuser.execute("SELECT kolony.ensure_audit_partition('2026-02-01')")
    await tamper(superuser, "UPDATE kolony.audit_log SET at = '2026-02-28 23:59:59.999999+00' WHERE entry_id % 2 = 0")
    await sealed(ada, workspace.workspace_id)
    months = await superuser.fetch("SELECT month::text, entries FROM kolony.audit_seals ORDER BY number")
    assert months[0]["month"] == "2026-02-01"
    assert len(months) == 2
    assert all(entry % 2 == 0 for entry in months[0]["entries"])
    assert (await verified(ada, workspace.workspace_id))[1] is None


async def session_of_ada(workspace: Workspace) -> PersonSession:
    """An admin as the program sees them."""
    return await log_in(workspace.database.target("ada"), "kolony tests", "main")


async def test_who_rewrites_entries_and_seals_is_found_by_an_exported_copy(workspace: Workspace) -> None:
    _, superuser = await chain(workspace, 2)
    session = await session_of_ada(workspace)
    exported = "SELECT number, 'main' AS workspace, encode(digest, 'hex') AS digest FROM kolony.audit_seals"
    copy = str(await superuser.fetchval(f"SELECT json_agg(s) FROM ({exported}) s"))
    assert (await audit.verify(session, copy)).ok
    assert [seal.number for seal in await audit.seals(session)] == [1, 2]
    await tamper(superuser, "UPDATE kolony.audit_log SET login = 'x' WHERE entry_id = $1",
                 await target_of(superuser, workspace.workspace_id, 1))  # fmt: skip
    await tamper(superuser, "DELETE FROM kolony.audit_seals")
    assert await audit.seal(session) > 0
    assert (await audit.verify(session)).ok, "in itself it is consistent again"
    found = await audit.verify(session, copy)
    assert found.difference == Difference(1, None, "the seal is not the one that was exported")
    await session.db.close()


@pytest.mark.parametrize("copy", ["", "[]", "[1]", "{}", "nonsense", '[{"number": 1}]',
                                  '[{"workspace": "elsewhere", "number": 1, "digest": "00"}]'])  # fmt: skip
async def test_what_is_no_exported_copy_is_said(workspace: Workspace, copy: str) -> None:
    session = await session_of_ada(workspace)
    with pytest.raises(UsageError):
        await audit.verify(session, copy)
    await session.db.close()
