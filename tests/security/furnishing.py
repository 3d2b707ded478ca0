"""Something of each kind in a workspace: what the policy matrix tells rights apart by."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import asyncpg

from tests.database import Agent, Database
from tests.security.left_by_agents import leave, thread
from tests.security.left_by_upkeep import keep
from tests.security.probes import Place
from tests.work.calls import Runner, let_pass

_SEND = """SELECT run_id, command_id FROM kolony.send_command($1, $2, 'x', max_attempts => $3, as_draft => $4,
    kind => $5, about_runs => $6, after_commands => $7)"""


class Furnisher:
    """Fills one workspace, as the people and the runner who belong to it."""

    def __init__(self, database: Database, superuser: asyncpg.Connection, agent: Agent, slug: str) -> None:
        self.database = database
        self.superuser = superuser
        self.agent = agent
        self.slug = slug
        now, hour = datetime.now(UTC), timedelta(hours=1)
        self.ids: dict[str, Any] = {"agent": agent.agent_id, "now": now, "hour": hour, "later": now + hour}

    async def furnish(self) -> Place:
        """Does it all."""
        nicknames = {"main": ("ada", "bob", "eve"), "other": ("olga", "otto", "")}[self.slug]
        self.admin = await self.database.connect(nicknames[0])
        self.operator = await self.database.connect(nicknames[1])
        viewer = nicknames[2] or await self.database.add_person("viewer", workspace=self.slug)
        self.viewer = await self.database.connect(viewer)
        self.home = await self.operator.fetchval("SELECT workspace_id FROM kolony.workspaces")
        self.ids["workspace"] = self.home
        await self._people()
        await self._work()
        await self._steering()
        await self._stop()
        await self._kept_by_people()
        await keep(self)
        await self._told()
        await leave(self)
        await self.admin.execute("SELECT kolony.seal_audit_now($1)", self.home)
        return Place(self.slug, self.ids)

    async def _send(self, tries: int = 3, *, draft: bool = False, kind: str = "natural",
                    about: Any = (), after: Any = ()) -> asyncpg.Record:  # fmt: skip
        row = await self.operator.fetchrow(
            _SEND, self.home, [self.agent.agent_id], tries, draft, kind, list(about), list(after)
        )
        assert row is not None
        return row

    async def _people(self) -> None:
        self.ids["login"] = await self.database.add_person("operator", workspace=self.slug)
        self.ids["loose"] = await self.database.add_person("viewer", workspace=self.slug)
        await self.admin.execute("SELECT kolony.remove_person($1, $2)", self.home, self.ids["loose"])
        spare = await self.database.issue_token(self.admin, self.agent.agent_id)
        self.ids["token"] = spare.token_id

    async def _work(self) -> None:
        silent = await Runner.of(self.database, self.agent, 2)
        await self._send(2)
        failed = await self._send(1)
        assert len(await silent.claim(2)) == 2
        await let_pass(self.superuser, silent.session_id)
        self.runner = await Runner.of(self.database, self.agent, 5)
        # Trying everything may take longer than a lease.
        await self.superuser.execute(
            "UPDATE kolony.agent_sessions SET lease_seconds = 3600 WHERE session_id = $1", self.runner.session_id
        )
        await thread(self)
        await self._send()
        plan = await self._send(kind="plan")
        await self._send(kind="review", about=[failed["run_id"]])
        claimed = {row["kind"]: row for row in await self.runner.claim(4)}
        self.ids |= {
            "session": self.runner.session_id, "attempt": claimed["natural"]["attempt_id"],
            "at_work": claimed["natural"]["run_id"], "failed": failed["run_id"], "failed_command": failed["command_id"],
            "planning": claimed["plan"]["attempt_id"], "plan": plan["run_id"],
            "reviewing": claimed["review"]["attempt_id"],
        }  # fmt: skip
        await self.runner.append(self.ids["attempt"], [(0, b"something\n")])
        waiting, draft, held = await self._send(), await self._send(draft=True), await self._send()
        self.ids |= {"run": waiting["run_id"], "command": waiting["command_id"], "draft": draft["command_id"],
                     "held": held["run_id"], "held_command": held["command_id"]}  # fmt: skip
        await self._send(after=[waiting["command_id"]])

    async def _steering(self) -> None:
        await self.operator.execute("SELECT kolony.hold_run($1)", self.ids["held"])
        agent = self.runner.connection
        await agent.execute("SELECT kolony.note_step($1, 'heard')", self.ids["attempt"])
        await agent.execute("""SELECT kolony.propose_plan($1, '[{"content": "one"}]')""", self.ids["planning"])
        asked = """SELECT approval_id FROM kolony.ask($1, $2, 'permission', 'may I?', tool => 'execute',
            command => 'git log -3')"""
        self.ids["approval"] = await agent.fetchval(asked, self.ids["attempt"], "first")
        self.ids["answered"] = await agent.fetchval(asked, self.ids["attempt"], "second")
        await self.operator.execute("SELECT kolony.answer_approval($1, true)", self.ids["answered"])

    async def _stop(self) -> None:
        """Of an agent of its own: the others are to go on."""
        stopped = await self.database.add_agent(f"stopped-{self.slug}", workspace=self.slug)
        runner = await Runner.of(self.database, stopped)
        await self.operator.execute("SELECT kolony.stop_agents($1, $2, 'fire')", self.home, [stopped.agent_id])
        await runner.connection.execute("SELECT kolony.acknowledge_stop($1)", runner.session_id)
        self.ids["second_agent"] = stopped.agent_id

    async def _kept_by_people(self) -> None:
        home, ids = self.home, self.ids
        make = "SELECT kolony.make_constraint($1, $2, time_limit_ms => 1000)"
        ids["constraint"] = await self.admin.fetchval(make, home, "tight")
        ids["deleted_constraint"] = await self.admin.fetchval(make, home, "gone")
        await self.admin.execute("SELECT kolony.delete_constraint($1)", ids["deleted_constraint"])
        make = "SELECT kolony.make_preset($1, 'greet', 'hello', '{}', true)"
        ids["preset"] = await self.operator.fetchval(make, home)
        for person in (self.admin, self.operator, self.viewer):
            view = await person.fetchval("SELECT kolony.save_view($1, 'fleet', 'mine', '{}')", home)
            await person.execute("SELECT kolony.delete_view($1)", view)
        # Trying everything takes longer than a step can be undone.
        await self.superuser.execute("UPDATE kolony.undo_steps SET made_at = now() + interval '1 hour'")
        ids["view"] = await self.viewer.fetchval("SELECT kolony.save_view($1, 'fleet', 'kept', '{}')", home)
        await self.viewer.execute(
            "SELECT kolony.mark_inbox($1, $2, now() + interval '1 hour')", home, [ids["approval"]]
        )

    async def _told(self) -> None:
        home, ids = self.home, self.ids
        ids["rule"] = await self.viewer.fetchval("SELECT kolony.make_notification_rule($1, 'run_failed')", home)
        await self.viewer.execute(
            "SELECT kolony.set_notification_settings($1, $2, 'UTC', 'always', 'off', 'low')", time(22), time(7)
        )
        hook = "SELECT kolony.add_webhook($1, 'hook', 'https://example.org/in', $2)"
        ids["webhook"] = await self.admin.fetchval(hook, home, "a secret of twenty-four letters")
        ids["delivery"] = await self.admin.fetchval("SELECT kolony.test_webhook($1)", ids["webhook"])
        await self.admin.execute("SELECT kolony.take_deliveries($1)", home)
        await self.viewer.execute("SELECT kolony.take_notice($1)", home)
        # What happens after the notice was taken waits for the next one.
        await self.runner.connection.execute(
            "SELECT kolony.ask($1, 'third', 'question', 'and now?')", self.ids["attempt"]
        )
