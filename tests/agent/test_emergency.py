"""The emergency stop and a runner that hangs (G6)."""

from __future__ import annotations

import signal

from tests.agent.colony import Colony, until


async def test_a_runner_that_hangs_is_named_until_it_has_confirmed(colony: Colony) -> None:
    await colony.quick()
    runner = colony.runner()
    run_id = await colony.send("exec sleep 613")
    await colony.status(run_id, "executing")
    runner.send(signal.SIGSTOP)
    await colony.operator.execute("SELECT kolony.stop_agents($1, NULL, 'a test')", colony.workspace.workspace_id)

    async def known() -> str:
        found = await colony.operator.fetchrow("SELECT agent, state FROM kolony.stop_acknowledgements")
        return f"{found['agent']} {found['state']}" if found is not None else ""

    assert await known() == "worker asked"

    async def named() -> bool:
        return await known() == "worker not confirmed"

    await until(named, deadline=10, what="the end of its lease")
    # That its run was taken to its end changes nothing about what may go on there.
    await colony.operator.execute("SELECT kolony.settle($1)", colony.workspace.workspace_id)
    assert (await colony.run(run_id))["status"] == "cancelled"
    assert await named()
    runner.send(signal.SIGCONT)

    async def confirmed() -> bool:
        return await known() == "worker ended"

    await until(confirmed, deadline=10, what="the confirmation of the same process")
