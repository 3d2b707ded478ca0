"""Attacks on what a person may see: every way of asking shows one's own workspaces, also after a mistake of ours."""

from __future__ import annotations

import asyncpg
import pytest

from kolony_tui.server.lint import lint
from tests.database import Agent, Workspace, refused
from tests.security.unchanged import unchanged
from tests.work.calls import Runner, send


async def _both_sides(workspace: Workspace, agent: Agent) -> tuple[asyncpg.Connection, asyncpg.Connection]:
    """``bob`` with a command of his own, and ``otto`` of the other workspace with his."""
    database = workspace.database
    theirs = await database.add_agent("theirs", workspace="other")
    bob, otto = await database.connect("bob"), await database.connect("otto")
    await send(bob, agent, "our own")
    await otto.execute("SELECT kolony.send_command($1, $2, 'their secret')", workspace.other_id, [theirs.agent_id])
    return bob, otto


async def test_a_person_sees_one_workspace_in_every_way_of_asking(workspace: Workspace, agent: Agent) -> None:
    """Attacks 12 and 27."""
    bob, otto = await _both_sides(workspace, agent)
    for person, own in ((bob, "our own"), (otto, "their secret")):
        for statement in (
            "SELECT content FROM kolony.commands",
            "SELECT title FROM kolony.run_overview",
            "SELECT content FROM kolony.commands WHERE length(content) / (length(content) - 7 + 100) >= 0 OR true",
            "SELECT c.content FROM kolony.commands c LEFT JOIN kolony.agents a USING (workspace_id)",
            "SELECT (SELECT content FROM kolony.commands c2 WHERE c2.command_id = c.command_id) FROM kolony.commands c",
        ):
            assert [row[0] for row in await person.fetch(statement)] == [own], statement
        copied = bytearray()

        async def keep(data: bytes, into: bytearray = copied) -> None:
            into.extend(data)

        await person.copy_from_query("SELECT content FROM kolony.commands", output=keep)
        await person.copy_from_table("commands", schema_name="kolony", columns=["content"], output=keep)
        assert copied == f"{own}\n".encode() * 2


async def test_a_condition_that_tells_what_it_sees_meets_own_rows_only(workspace: Workspace, agent: Agent) -> None:
    """Attack 27: a cheap function of the attacker's own, which the planner likes to call first."""
    database = workspace.database
    bob, _ = await _both_sides(workspace, agent)
    superuser = await database.superuser()
    # He may make none himself (attack 26); let him have found one.
    await superuser.execute(
        """CREATE FUNCTION public.tell(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
           $$ BEGIN RAISE NOTICE 'seen: %', t; RETURN true; END $$;
           GRANT USAGE ON SCHEMA public TO PUBLIC; GRANT EXECUTE ON FUNCTION public.tell TO PUBLIC"""
    )
    for asking, expected in ((bob, {"seen: our own"}), (superuser, {"seen: our own", "seen: their secret"})):
        said: set[str] = set()

        def listen(connection: object, message: object, into: set[str] = said) -> None:
            into.add(str(getattr(message, "message", message)))

        await asking.execute("SET client_min_messages = notice")
        asking.add_log_listener(listen)
        await asking.fetch("SELECT 1 FROM kolony.commands WHERE public.tell(content)")
        await asking.execute("SELECT 1")
        asking.remove_log_listener(listen)
        assert said == expected


async def test_a_cast_that_fails_on_hidden_rows_does_not_fail(workspace: Workspace, agent: Agent) -> None:
    """Attack 27: a condition that is not leakproof meets visible rows only."""
    database = workspace.database
    theirs = await database.add_agent("theirs", workspace="other")
    otto, bob = await database.connect("otto"), await database.connect("bob")
    await otto.execute("SELECT kolony.send_command($1, $2, 'no number')", workspace.other_id, [theirs.agent_id])
    await send(bob, agent, "12")
    assert await bob.fetchval("SELECT sum(content::int) FROM kolony.commands") == 12
    with refused("22P02", "no number"):
        await otto.fetchval("SELECT sum(content::int) FROM kolony.commands")


async def test_names_and_ids_of_another_workspace_are_not_told(workspace: Workspace, agent: Agent) -> None:
    """Attacks 28 and 29."""
    database = workspace.database
    theirs = await database.add_agent("theirs", workspace="other")
    bob, superuser = await database.connect("bob"), await database.superuser()
    said = []
    async with unchanged(superuser):
        for target in (theirs.agent_id, workspace.workspace_id):
            with pytest.raises(asyncpg.NoDataFoundError) as caught:
                await send(bob, [target])
            said.append((str(caught.value).replace(str(target), "ID"), caught.value.detail))
    assert said[0] == said[1]
    # A name that is taken over there is free here, and one that is taken here is refused without a DETAIL.
    assert await bob.fetchval("SELECT kolony.create_agent($1, 'theirs')", workspace.workspace_id) is not None
    with pytest.raises(asyncpg.UniqueViolationError) as taken:
        await bob.fetchval("SELECT kolony.create_agent($1, 'theirs')", workspace.workspace_id)
    assert taken.value.detail is None


async def test_a_view_that_reads_as_its_owner_still_shows_no_foreign_row(workspace: Workspace, agent: Agent) -> None:
    """Attack 31: row security that is forced holds for the owner too; not forced, such a view leaks everything."""
    database = workspace.database
    bob, _ = await _both_sides(workspace, agent)
    superuser = await database.superuser()
    await superuser.execute(
        """GRANT EXECUTE ON FUNCTION kolony.my_workspace_ids() TO kolony_owner; SET ROLE kolony_owner;
           CREATE VIEW kolony.all_commands AS SELECT content FROM kolony.commands;
           GRANT SELECT ON kolony.all_commands TO kolony_user; RESET ROLE"""
    )
    assert "a view reads as its owner" in [finding.rule for finding in await lint(bob)]
    assert [row[0] for row in await bob.fetch("SELECT * FROM kolony.all_commands")] == ["our own"]
    await superuser.execute("ALTER TABLE kolony.commands NO FORCE ROW LEVEL SECURITY")
    assert len(await bob.fetch("SELECT * FROM kolony.all_commands")) == 2


async def test_a_partition_that_was_given_away_by_mistake_shows_nothing(workspace: Workspace, agent: Agent) -> None:
    """Attack 32."""
    database = workspace.database
    superuser, bob = await database.superuser(), await database.connect("bob")
    await send(bob, agent)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    await runner.append(held["attempt_id"], [(0, b"secret\n")])
    news = [{"key": "turn:1", "position": 0, "revision": 1, "type": "llm_prompt"}]
    await runner.connection.execute("SELECT kolony.append_trace($1, $2)", held["attempt_id"], news)
    await superuser.execute("GRANT SELECT ON ALL TABLES IN SCHEMA kolony TO kolony_user")
    assert "a partition can be reached directly" in [finding.rule for finding in await lint(bob)]
    parts = await superuser.fetch(
        """SELECT i.inhrelid::regclass::text AS name, p.oid::regclass::text AS of
           FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
           WHERE p.relkind = 'p' AND p.relnamespace = 'kolony'::regnamespace"""
    )
    assert {row["of"] for row in parts} == {
        "kolony.output_chunks", "kolony.trace_entries", "kolony.audit_log", "kolony.events"
    }  # fmt: skip
    for row in parts:
        assert await bob.fetchval(f"SELECT count(*) FROM {row['name']}") == 0, row["name"]
    assert await bob.fetchval("SELECT count(*) FROM kolony.output_chunks") == 1
    # One that was made without row security is what the lint is for: there, the grant is enough.
    await superuser.execute(
        """CREATE TABLE kolony.output_chunks_2001_01 PARTITION OF kolony.output_chunks
           FOR VALUES FROM ('2001-01-01') TO ('2001-02-01')"""
    )
    assert ("row security is not forced", "kolony.output_chunks_2001_01") in [
        (finding.rule, finding.subject) for finding in await lint(bob)
    ]


async def test_row_locks_reach_no_further_than_ones_own_profile(workspace: Workspace) -> None:
    """Attack 35: where a person has a column to change, they may lock rows, but only their own."""
    database = workspace.database
    eve, superuser = await database.connect("eve"), await database.superuser()
    assert await eve.fetchval("SELECT count(*) FROM kolony.profiles") > 1
    for lock in ("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"):
        async with eve.transaction():
            locked = await eve.fetch(f"SELECT login FROM kolony.profiles FOR {lock}")
            assert [row["login"] for row in locked] == [database.cluster.login("eve")]
            others = "SELECT count(*) FROM (SELECT FROM kolony.profiles WHERE login <> $1 FOR UPDATE NOWAIT) x"
            assert await superuser.fetchval(others, database.cluster.login("eve")) >= 5


async def test_a_spoofed_hint_carries_nothing_and_shows_nothing(workspace: Workspace, agent: Agent) -> None:
    """Attack 61, the database's side: NOTIFY knows no rights, so a hint only makes people look again, as themselves."""
    database = workspace.database
    bob, _ = await _both_sides(workspace, agent)
    eve, superuser = await database.connect("eve"), await database.superuser()
    async with unchanged(superuser):
        await eve.execute("SELECT pg_notify($1, $2)", workspace.channel, "\x1b]0;x\x07[@click=app.quit]run:*")
        await eve.execute("SELECT pg_notify($1, $2)", workspace.channel, "x" * 7999)
        with refused("22023"):
            await eve.execute("SELECT pg_notify($1, $2)", workspace.channel, "x" * 8000)
        with refused("42501"):
            await eve.execute("SELECT kolony.hint($1, 'run:*')", workspace.workspace_id)
    assert [row[0] for row in await bob.fetch("SELECT content FROM kolony.commands")] == ["our own"]
