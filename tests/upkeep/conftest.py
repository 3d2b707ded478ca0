"""What the tests of upkeep and watchdog share: less patience than a minute."""

from __future__ import annotations

import asyncio

import asyncpg


async def make_impatient(superuser: asyncpg.Connection) -> None:
    """From now on a tenth of a second is enough for the watchdog of this database."""
    await superuser.execute(
        """CREATE OR REPLACE FUNCTION kolony.watchdog_patience() RETURNS interval
           LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT interval '0.1 seconds' $$"""
    )


async def until_due(superuser: asyncpg.Connection, connection: asyncpg.Connection) -> None:
    """Waits until the watchdog's patience with this session is at an end."""
    async with asyncio.timeout(10):
        while not await superuser.fetchval(
            """SELECT state_change < clock_timestamp() - kolony.watchdog_patience() FROM pg_stat_activity
               WHERE pid = $1""",
            connection.get_server_pid(),
        ):
            await asyncio.sleep(0.02)
