"""An open app keeps things up, and says nothing where that fails."""

from __future__ import annotations

import asyncio

import asyncpg

from tests.database import Agent, Workspace
from tests.ui.stage import Stage, toasts, until


async def until_done(superuser: asyncpg.Connection) -> None:
    """Waits until every job was done."""
    async with asyncio.timeout(20):
        while await superuser.fetchval("SELECT count(*) FROM kolony.upkeep WHERE last_ended IS NULL"):
            await asyncio.sleep(0.05)


async def test_a_viewers_app_does_what_is_due(workspace: Workspace, agent: Agent) -> None:
    superuser = await workspace.database.superuser()
    async with Stage(workspace, agent).app("eve"):
        await until_done(superuser)


async def test_a_job_that_fails_is_no_business_of_the_person(workspace: Workspace, agent: Agent) -> None:
    superuser = await workspace.database.superuser()
    await superuser.execute("ALTER FUNCTION kolony.retain_audit() RENAME TO retain_no_audit")
    async with Stage(workspace, agent).app("eve") as (app, _):
        await until_done(superuser)
        assert await superuser.fetchval("SELECT count(*) FROM kolony.upkeep WHERE last_result ? 'error'") == 1
        await until(lambda: app.live.link.state == "live", "live")
        assert toasts(app) == ""
