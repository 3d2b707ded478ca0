"""What a workspace's plan allows is enforced by the database, also against those who come at the same moment."""

from __future__ import annotations

import asyncio
import secrets

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused, until_blocked, verifier
from tests.work.calls import send


async def limit(
    workspace: Workspace, *, members: int | None = None, agents: int | None = None, waiting: int | None = None
) -> asyncpg.Connection:
    """Sets the plan, and answers with the admin's connection."""
    ada = await workspace.database.connect("ada")
    call = "SELECT kolony.set_limits($1, 'free', $2, $3, $4)"
    await ada.execute(call, workspace.workspace_id, members, agents, waiting)
    return ada


async def add(admin: asyncpg.Connection, workspace: Workspace) -> str:
    """A new person of a name that nobody has."""
    login = f"p{secrets.token_hex(6)}"
    call = "SELECT kolony.add_person($1, $2, $3, 'viewer')"
    await admin.execute(call, workspace.workspace_id, login, verifier())
    return login


async def test_members_are_counted_without_who_is_disabled(workspace: Workspace) -> None:
    home = workspace.workspace_id
    ada = await limit(workspace, members=4)  # ada, bob, eve; dan is disabled
    login = await add(ada, workspace)
    superuser = await workspace.database.superuser()
    with refused("54000", "this workspace's plan allows 4 members"):
        await add(ada, workspace)
    with refused("54000", "4 members"):
        await ada.execute("SELECT kolony.enable_person($1, $2)", home, workspace.database.cluster.login("dan"))
    with refused("54000", "4 members"):
        await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", home, workspace.database.cluster.login("sam"))
    with refused("54000", "4 members"):
        await ada.execute("SELECT kolony.set_role($1, $2, 'viewer')", home, workspace.database.cluster.login("otto"))
    assert await superuser.fetchval("SELECT count(*) FROM kolony.memberships WHERE workspace_id = $1", home) == 5
    await ada.execute("SELECT kolony.set_role($1, $2, 'operator')", home, login)  # a member already
    await ada.execute("SELECT kolony.disable_person($1, $2)", home, login)
    await add(ada, workspace)
    await limit(workspace)
    await add(ada, workspace)


async def test_a_full_workspace_admits_no_viewers(workspace: Workspace) -> None:
    database = workspace.database
    await limit(workspace, members=3)
    sam = await database.connect("sam")
    await sam.execute("SELECT kolony.ensure_profile()")
    assert await sam.fetch("SELECT * FROM kolony.workspaces") == []


async def test_two_who_are_added_at_once_count_each_other(workspace: Workspace) -> None:
    first = await limit(workspace, members=4)
    second, superuser = await workspace.database.connect("ada"), await workspace.database.superuser()
    async with first.transaction():
        await first.execute("SELECT kolony.enable_person($1, $2)", workspace.workspace_id,
                            workspace.database.cluster.login("dan"))  # fmt: skip
        sam = await workspace.database.connect("sam")
        coming = asyncio.create_task(sam.execute("SELECT kolony.ensure_profile()"))
        await until_blocked(superuser, sam)
    await coming
    assert await sam.fetch("SELECT * FROM kolony.workspaces") == []
    with refused("54000", "4 members"):
        await add(second, workspace)


async def test_agents_are_counted_without_the_retired(workspace: Workspace) -> None:
    home = workspace.workspace_id
    ada = await limit(workspace, agents=2)
    made = [await ada.fetchval("SELECT kolony.create_agent($1, $2)", home, name) for name in ("one", "two")]
    with refused("54000", "this workspace's plan allows 2 agents"):
        await ada.execute("SELECT kolony.create_agent($1, 'three')", home)
    await ada.execute("SELECT kolony.set_agent_desired($1, 'retired')", made[0])
    await ada.execute("SELECT kolony.create_agent($1, 'three')", home)
    with refused("54000", "2 agents"):
        await ada.execute("SELECT kolony.set_agent_desired($1, 'active')", made[0])
    await ada.execute("SELECT kolony.set_agent_desired($1, 'paused')", made[1])
    await ada.execute("SELECT kolony.set_agent_desired($1, 'active')", made[1])
    assert await ada.fetchval("SELECT count(*) FROM kolony.agents WHERE desired = 'retired'") == 1
    olga = await workspace.database.connect("olga")
    await olga.execute("SELECT kolony.create_agent($1, 'elsewhere')", workspace.other_id)


async def test_two_agents_made_at_once_are_both_counted(workspace: Workspace) -> None:
    home = workspace.workspace_id
    ada, bob = await limit(workspace, agents=1), await workspace.database.connect("bob")
    superuser = await workspace.database.superuser()
    async with ada.transaction():
        await ada.execute("SELECT kolony.create_agent($1, 'one')", home)
        second = asyncio.create_task(bob.execute("SELECT kolony.create_agent($1, 'two')", home))
        await until_blocked(superuser, bob)
    with refused("54000", "1 agent"):
        await second
    assert await superuser.fetchval("SELECT array_agg(name) FROM kolony.agents") == ["one"]


async def test_waiting_runs_are_counted_by_run(workspace: Workspace, agent: Agent) -> None:
    database, home = workspace.database, workspace.workspace_id
    ada = await limit(workspace, waiting=2)
    [first] = await send(ada, agent)
    other = await ada.fetchval("SELECT kolony.create_agent($1, 'other')", home)
    both = "SELECT * FROM kolony.send_command($1, $2, 'x')"
    with refused("54000", "this workspace's plan allows 2 waiting runs"):
        await ada.execute(both, home, [agent.agent_id, other])
    draft = await ada.fetchval(
        "SELECT command_id FROM kolony.send_command($1, $2, 'x', as_draft => true)", home, [agent.agent_id, other]
    )
    with refused("54000", "2 waiting runs"):
        await ada.execute("SELECT kolony.submit_command($1)", draft)
    await ada.execute("SELECT kolony.cancel_run($1)", first)
    await ada.execute("SELECT kolony.submit_command($1)", draft)
    for retry in ("retry_run($1)", "retry_command((SELECT command_id FROM kolony.runs WHERE run_id = $1))"):
        with refused("54000", "2 waiting runs"):
            await ada.execute(f"SELECT kolony.{retry}", first)
    assert await ada.fetchval("SELECT count(*) FROM kolony.ready_runs") == 2
    assert await ada.fetchval("SELECT outcome FROM kolony.runs WHERE run_id = $1", first) == "cancelled"
    await (await database.connect("ada")).execute("SELECT kolony.set_limits($1, 'team', NULL, NULL, NULL)", home)
    await ada.execute("SELECT kolony.retry_run($1)", first)


async def test_many_who_send_at_once_stay_within_the_limit(workspace: Workspace, agent: Agent) -> None:
    await limit(workspace, waiting=5)
    senders = [await workspace.database.connect("bob") for _ in range(4)]

    async def keep_sending(sender: asyncpg.Connection) -> int:
        sent = 0
        for _ in range(5):
            try:
                sent += len(await send(sender, agent))
            except asyncpg.ProgramLimitExceededError:
                continue
        return sent

    assert sum(await asyncio.gather(*map(keep_sending, senders))) == 5
    assert await senders[0].fetchval("SELECT count(*) FROM kolony.ready_runs") == 5


@pytest.mark.parametrize(
    ("plan", "members", "agents", "waiting", "words"),
    [
        ("", 1, 1, 1, "a plan is named"),
        (None, 1, 1, 1, "a plan is named"),
        ("\x1b[31mfree", 1, 1, 1, "a plan is named"),
        ("free", 0, 1, 1, "at least one member"),
        ("free", 1, -1, 1, "no negative number"),
        ("free", 1, 1, -1, "no negative number"),
    ],
)
async def test_an_odd_plan_is_refused(
    workspace: Workspace, plan: str | None, members: int, agents: int, waiting: int, words: str
) -> None:
    ada = await workspace.database.connect("ada")
    with refused("22023", words):
        await ada.execute(
            "SELECT kolony.set_limits($1, $2, $3, $4, $5)", workspace.workspace_id, plan, members, agents, waiting
        )


async def test_a_workspace_is_renamed_and_opened(workspace: Workspace) -> None:
    home = workspace.workspace_id
    ada = await workspace.database.connect("ada")
    look = "SELECT name, slug, admits_viewers FROM kolony.workspaces"
    await ada.execute("SELECT kolony.change_workspace($1, 'Élan [b]', NULL)", home)
    assert tuple((await ada.fetch(look))[0]) == ("Élan [b]", "main", True)
    await ada.execute("SELECT kolony.change_workspace($1, NULL, false)", home)
    assert tuple((await ada.fetch(look))[0]) == ("Élan [b]", "main", False)
    for name in ("", " ", "x" * 201, "a\x1b[31m", "a\nb", "\x9b31m"):
        with refused("22023", "printable"):
            await ada.execute("SELECT kolony.change_workspace($1, $2, true)", home, name)
    assert tuple((await ada.fetch(look))[0]) == ("Élan [b]", "main", False)
    sam = await workspace.database.connect("sam")
    await sam.execute("SELECT kolony.ensure_profile()")
    assert await sam.fetch("SELECT * FROM kolony.workspaces") == []
