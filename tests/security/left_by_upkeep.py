"""What upkeep leaves in a workspace: settings, holds, output on its way to the archive, for the policy matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from tests.work.calls import Runner

if TYPE_CHECKING:
    from tests.security.furnishing import Furnisher

OBJECT = "ab" * 32
"""The SHA-256 of an object that nobody looks at."""
_ROW = """INSERT INTO kolony.output_archives (workspace_id, run_id, attempt, state, output_day, finished_at, location,
    object, sha256, object_bytes, digest, chunk_count, ticket, taken_until, archived_at)
    SELECT $1, $2, 1, $3, t.output_day, now(), 'file:///srv/archive', 'one', $4, 10, d.digest, d.chunks, $5,
           CASE WHEN $3 IN ('taken', 'removing') THEN now() + interval '1 hour' END, now()
    FROM kolony.attempts t CROSS JOIN LATERAL kolony.output_digest($1, $2, 1, t.output_day) d WHERE t.run_id = $2"""


async def keep(of: Furnisher) -> None:
    """Does it all, with ids of what functions are called with."""
    home, ids = of.home, of.ids
    await of.admin.execute("SELECT kolony.set_retention($1, 'output', 100)", home)
    await of.admin.execute("SELECT kolony.set_archive($1, 'file:///srv/archive')", home)
    hold = "SELECT kolony.place_hold($1, 'agent', $2, 'a case')"
    ids["hold"] = await of.admin.fetchval(hold, home, ids["second_agent"])
    await of.admin.execute("SELECT kolony.begin_job($1, 'archive', 'host-1', 4)", home)
    await of.superuser.execute(
        "INSERT INTO kolony.stale_agents (workspace_id, agent_id) VALUES ($1, $2)", home, ids["second_agent"]
    )
    ids["ticket"] = uuid4()
    for state, run_id in zip(("taken", "archived", "restoring", "removing"), await _ended(of, 4), strict=True):
        ids[state] = run_id
        await of.superuser.execute(_ROW, home, run_id, state, OBJECT, ids["ticket"])
    digest = "SELECT digest FROM kolony.output_archives WHERE run_id = $1"
    ids["digest"] = await of.superuser.fetchval(digest, ids["taken"])
    await of.viewer.execute("SELECT kolony.run_upkeep(false, 'orphans')")


async def _ended(of: Furnisher, count: int) -> list[UUID]:
    """Runs that have ended and left output, of an agent that nothing holds."""
    agent = await of.database.add_agent(f"past-{of.slug}", workspace=of.slug)
    runner = await Runner.of(of.database, agent, count)
    for _ in range(count):
        await of.operator.execute("SELECT kolony.send_command($1, $2, 'say it')", of.home, [agent.agent_id])
    ended: list[Any] = []
    for claimed in await runner.claim(count):
        await runner.start(claimed["attempt_id"])
        await runner.append(claimed["attempt_id"], [(0, b"said\n")])
        await runner.finish(claimed["attempt_id"], chunks=1)
        ended.append(claimed["run_id"])
    return ended
