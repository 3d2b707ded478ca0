"""Retention: nothing younger than a month ever, whole months where all agree, seals stay, and it is written down."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.audit.reading import last_entry, sealed, tamper, verified, written
from tests.database import Workspace, refused


async def age(superuser: asyncpg.Connection, workspace: Workspace, days: int) -> datetime:
    """Makes everything that is there this old; answers with its time."""
    then = datetime.now(UTC) - timedelta(days=days)
    await superuser.execute("SELECT kolony.ensure_audit_partition($1)", then.date())
    await tamper(superuser, "UPDATE kolony.audit_log SET at = $1", then)
    for admin, home in (("ada", workspace.workspace_id), ("olga", workspace.other_id)):
        assert await sealed(await workspace.database.connect(admin), home) > 0
    return then


async def retain(superuser: asyncpg.Connection) -> Any:
    """As upkeep calls it."""
    return json.loads(await superuser.fetchval("SELECT kolony.retain_audit()"))


async def older(superuser: asyncpg.Connection, workspace: Workspace) -> dict[str, int]:
    """How many entries of each workspace are more than a day old."""
    counted = "SELECT count(*) FROM kolony.audit_log WHERE workspace_id = $1 AND at < now() - interval '1 day'"
    homes = {"main": workspace.workspace_id, "other": workspace.other_id}
    return {name: await superuser.fetchval(counted, home) for name, home in homes.items()}


async def test_nothing_younger_than_the_days_that_are_set(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    await age(superuser, workspace, 29)
    before = await older(superuser, workspace)
    assert await retain(superuser) == {"months": 0, "entries": 0}
    assert await older(superuser, workspace) == before
    assert min(before.values()) > 0


async def test_a_workspace_that_keeps_longer_keeps_its_own(workspace: Workspace) -> None:
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    olga = await workspace.database.connect("olga")
    await olga.execute("SELECT kolony.set_audit_retention($1, 400)", workspace.other_id)
    await age(superuser, workspace, 100)
    before = await older(superuser, workspace)
    start = await last_entry(superuser)
    assert await retain(superuser) == {"months": 0, "entries": before["main"]}
    assert await older(superuser, workspace) == {**before, "main": 0}
    [told] = await written(superuser, start)
    assert (told["event"], told["workspace_id"]) == ("AUDIT_RETAINED", workspace.workspace_id)
    assert json.loads(told["details"]) == {"entries": before["main"]}
    found, difference = await verified(ada, workspace.workspace_id)
    assert (found["seals"], found["removed"], found["sealed"], difference) == (1, before["main"], 0, None)
    await sealed(ada, workspace.workspace_id)
    assert (await verified(ada, workspace.workspace_id))[1] is None, "the chain goes on from a removed link"
    assert await retain(superuser) == {"months": 0, "entries": 0}


async def test_a_month_that_nobody_keeps_is_dropped(workspace: Workspace) -> None:
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    then = await age(superuser, workspace, 100)
    part = f"kolony.audit_log_{then:%Y_%m}"
    before = await older(superuser, workspace)
    assert await retain(superuser) == {"months": 1, "entries": sum(before.values())}
    assert await superuser.fetchval("SELECT to_regclass($1) IS NULL", part)
    found, difference = await verified(ada, workspace.workspace_id)
    assert (found["removed"], found["sealed"], difference) == (before["main"], 0, None)
    left = "SELECT sum(cardinality(entries) + length(marks)) FROM kolony.audit_seals WHERE removed_at IS NOT NULL"
    assert await superuser.fetchval(left) == 0


async def test_what_is_not_sealed_is_not_removed(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    then = datetime.now(UTC) - timedelta(days=100)
    await superuser.execute("SELECT kolony.ensure_audit_partition($1)", then.date())
    await tamper(superuser, "UPDATE kolony.audit_log SET at = $1", then)
    before = await older(superuser, workspace)
    assert await retain(superuser) == {"months": 0, "entries": 0}
    assert await older(superuser, workspace) == before


async def test_a_reader_who_takes_long_is_not_waited_for(workspace: Workspace) -> None:
    superuser, reader = await workspace.database.superuser(), await workspace.database.superuser()
    await age(superuser, workspace, 100)
    before = await older(superuser, workspace)
    async with reader.transaction():
        await reader.execute("LOCK TABLE kolony.audit_log IN ACCESS SHARE MODE")
        assert await retain(superuser) == {"months": 0, "entries": sum(before.values())}  # by seals instead
    assert await retain(superuser) == {"months": 1, "entries": 0}


async def test_thirty_days_stand_whatever_is_asked(workspace: Workspace) -> None:
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    for days in (29, 0, -1, 3651, None):
        with refused("22023", "30 to 3650 days"):
            await ada.execute("SELECT kolony.set_audit_retention($1, $2)", workspace.workspace_id, days)
    with refused("23514"):
        await superuser.execute("UPDATE kolony.workspaces SET audit_days = 1")
    for admin, home in ((ada, workspace.workspace_id), (await workspace.database.connect("olga"), workspace.other_id)):
        await sealed(admin, home)
    # So that nothing but its age keeps the month.
    await tamper(superuser, "DELETE FROM kolony.audit_log WHERE event = 'AUDIT_SEALED'")
    start = await last_entry(superuser)
    gone = await superuser.fetchval("SELECT kolony.remove_sealed_entries($1, 1)", workspace.workspace_id)
    month = datetime.now(UTC).date().replace(day=1)
    assert gone == 0
    assert await superuser.fetch("SELECT * FROM kolony.remove_audit_month($1)", month) == []
    assert await last_entry(superuser) == start


async def test_the_next_month_is_there_before_it_begins_and_is_made_when_it_is_not(workspace: Workspace) -> None:
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    month = f"audit_log_{datetime.now(UTC):%Y_%m}"
    for part in await superuser.fetch("SELECT inhrelid::regclass::text AS name FROM pg_inherits"
                                      " WHERE inhparent = 'kolony.audit_log'::regclass"):  # fmt: skip
        await superuser.execute(f"DROP TABLE {part['name']}")
    await ada.execute("SELECT kolony.note_login($1)", workspace.workspace_id)
    assert await superuser.fetchval(f"SELECT count(*) FROM kolony.{month}") == 1
    await retain(superuser)
    count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'kolony.audit_log'::regclass"
    assert await superuser.fetchval(count) == 2
    with refused("42501", "only added to"):
        await superuser.execute(f"DELETE FROM kolony.{month}")


@pytest.mark.parametrize("who", ["bob", "eve"])
async def test_how_long_is_for_admins_to_say(workspace: Workspace, who: str) -> None:
    person = await workspace.database.connect(who)
    with refused("42501", "needs the role admin"):
        await person.execute("SELECT kolony.set_audit_retention($1, 60)", workspace.workspace_id)
    assert await person.fetchval("SELECT audit_days FROM kolony.workspaces") == 30
