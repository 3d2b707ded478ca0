"""Any order of steps: the database agrees with the model after each (G1, G2, G4, G5, G14)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.database import Agent, Database, refused
from tests.work.calls import Runner, let_backoff_pass, let_pass, send_rows
from tests.work.model import Model, ModelAgent, ModelCommand, ModelRun, ModelSession, Refusal

_Value = TypeVar("_Value")

ENDS = ["completed", "failed", "failed", "cancelled", "released"]
HOT_TABLES = "kolony.commands, kolony.runs, kolony.attempts, kolony.ready_runs, kolony.scheduled_runs, kolony.leases, "
HOT_TABLES += "kolony.agent_sessions, kolony.output_chunks, kolony.blocked_runs, kolony.undo_steps"
WHOLE = """
SELECT (SELECT count(*) FROM kolony.ready_runs q WHERE q.run_id = r.run_id) AS ready,
       (SELECT count(*) FROM kolony.scheduled_runs q WHERE q.run_id = r.run_id) AS scheduled,
       b.run_id IS NOT NULL AS blocked, coalesce(b.held, false) AS hold, coalesce(b.after, false) AS after,
       coalesce(b.beyond, false) AS beyond, r.held_at IS NOT NULL AS marked_held, r.agent_id,
       (SELECT count(*) FROM kolony.leases l WHERE l.run_id = r.run_id) AS leased,
       (SELECT count(*) FROM kolony.attempts t WHERE t.run_id = r.run_id AND t.outcome IS NULL) AS open_attempts,
       r.outcome IS NOT NULL AS ended, o.run_id, o.status, o.attempt, o.priority
FROM kolony.runs r JOIN kolony.run_overview o USING (run_id) LEFT JOIN kolony.blocked_runs b USING (run_id)"""
QUEUE = """
SELECT o.run_id, o.priority FROM kolony.run_overview o
WHERE o.agent_id = $1 AND o.position IS NOT NULL ORDER BY o.position"""


class Scene:
    """The connections of one test, on a loop of its own: hypothesis' machines are not asynchronous."""

    def __init__(self, database: Database) -> None:
        self.database = Database(database.cluster, database.name)
        self.loop = asyncio.new_event_loop()
        self.bob = self.run(self.database.connect("bob"))
        self.superuser = self.run(self.database.superuser())
        self.agents: list[Agent] = [self.run(self.database.add_agent(name)) for name in ("one", "two")]
        self.tokens = {agent.agent_id: self.run(self.database.open(agent.target)) for agent in self.agents}
        self.home: UUID = self.run(self.bob.fetchval("SELECT workspace_id FROM kolony.workspaces"))
        # A backoff is over when the machine says so.
        self.run(self.superuser.execute("UPDATE kolony.workspaces SET backoff_seconds = 600"))

    def run(self, awaitable: Awaitable[_Value]) -> _Value:
        """Waits for it."""
        return self.loop.run_until_complete(awaitable)

    def reset(self) -> None:
        """No work, no sessions, both agents active."""
        self.run(self.superuser.execute(f"TRUNCATE {HOT_TABLES} CASCADE; UPDATE kolony.agents SET desired = 'active'"))

    def close(self) -> None:
        """Closes connections and loop."""
        for connection in self.database.opened:
            self.run(connection.close())
        self.loop.close()


class Machine(RuleBasedStateMachine):
    """Steps of people, runners and the clock."""

    scene: Scene

    def __init__(self) -> None:
        super().__init__()
        self.scene.reset()
        self.model = Model([ModelAgent(agent.agent_id) for agent in self.scene.agents])
        self.runners: dict[UUID, Runner] = {}
        self.past: list[tuple[ModelRun, UUID, Runner]] = []
        self.targets: dict[UUID, list[ModelAgent]] = {}

    def step(self, awaitable: Awaitable[_Value], refusal: Refusal | None) -> _Value | None:
        """The database does as the model said."""
        if refusal is None:
            return self.scene.run(awaitable)
        with refused(str(refusal)):
            self.scene.run(awaitable)
        return None

    def expected(self, model_step: Any, *arguments: Any) -> tuple[Any, Refusal | None]:
        """What the model says of a step, and whether it refuses it."""
        things = (*self.model.runs, *self.model.sessions, *self.model.commands, *self.model.agents, *self.model.done)
        before = [(thing, dict(thing.__dict__)) for thing in things]
        done = list(self.model.done)
        try:
            return model_step(*arguments), None
        except Refusal as refusal:
            # A step that is refused leaves nothing behind, what the clock had decided by then included.
            for thing, as_it_was in before:
                thing.__dict__.update(as_it_was)
            self.model.done = done
            return None, refusal

    def as_bob(self, call: str, *arguments: Any) -> Awaitable[Any]:
        """A person's step."""
        marks = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
        return self.scene.bob.fetchval(f"SELECT kolony.{call}({marks})", *arguments)

    @initialize(
        concurrency=st.integers(1, 3),
        most=st.integers(1, 2),
        retry_on=st.sampled_from(["lost", "failure"]),
        at_a_time=st.sampled_from([1, None]),
        stop_after=st.sampled_from([None, 1, 2]),
        need=st.sampled_from([None, "completed", "ended"]),
    )
    def begin(self, concurrency: int, most: int, retry_on: str, at_a_time: int | None, stop_after: int | None,
              need: str | None) -> None:  # fmt: skip
        """Something to do and somebody to do it: hypothesis leaves out rules at random, the first ones too."""
        for agent in self.model.agents:
            self._open(agent, concurrency)
        more: dict[str, Any] = {"at_a_time": at_a_time, "stop_after": stop_after}
        self._send(self.model.agents, draft=False, priority=1, most=most, retry_on=retry_on, **more)
        if need:
            last = self.model.commands[-1:]
            self._send(self.model.agents[:1], False, 2, most, retry_on, after=last, after_need=need)
        self._send(self.model.agents[:1], draft=False, priority=2, most=most, retry_on=retry_on)
        for session in self.model.sessions:
            self._claim(session, 1)

    @rule(
        both=st.booleans(),
        draft=st.booleans(),
        priority=st.integers(0, 3),
        most=st.integers(1, 3),
        retry_on=st.sampled_from(["lost", "failure"]),
        at_a_time=st.sampled_from([None, None, 1]),
        stop_after=st.sampled_from([None, None, 1]),
        data=st.data(),
    )
    def send(self, both: bool, draft: bool, priority: int, most: int, retry_on: str, data: st.DataObject,
             at_a_time: int | None, stop_after: int | None) -> None:  # fmt: skip
        agents = self.model.agents if both else [data.draw(st.sampled_from(self.model.agents))]
        after = data.draw(st.lists(st.sampled_from(self.model.commands), max_size=2, unique_by=id))
        need = data.draw(st.sampled_from(["completed", "ended"]))
        more: dict[str, Any] = {"at_a_time": at_a_time, "stop_after": stop_after, "after_need": need}
        self._send(agents, draft, priority, most, retry_on, after=after, **more)

    def _send(self, agents: list[ModelAgent], draft: bool, priority: int, most: int, retry_on: str,
              after: Sequence[ModelCommand] = (), **more: Any) -> None:  # fmt: skip
        given: dict[str, Any] = {"priority": priority, "as_draft": draft, "max_attempts": most, "retry_on": retry_on}
        given |= {**more, "after_commands": [command.command_id for command in after]}
        call = send_rows(self.scene.bob, [agent.agent_id for agent in agents], **given)
        if not draft and any(agent.desired == "retired" for agent in agents):
            self.step(call, Refusal("55000"))
            return
        rows = self.scene.run(call)
        command = ModelCommand(rows[0]["command_id"], priority, most, retry_on, draft)
        command.at_a_time, command.stop_after = more.get("at_a_time"), more.get("stop_after")
        command.comes_after = [(each, more["after_need"]) for each in after]
        self.model.commands.append(command)
        self.targets[command.command_id] = agents
        if not draft:
            self._enqueued(command)

    def _enqueued(self, command: ModelCommand) -> None:
        sql = "SELECT run_id FROM kolony.runs WHERE command_id = $1 ORDER BY ordinal"
        rows = self.scene.run(self.scene.bob.fetch(sql, command.command_id))
        agents = self.targets[command.command_id]
        command.runs = [
            ModelRun(row["run_id"], command, agent, command.priority) for row, agent in zip(rows, agents, strict=True)
        ]
        self.model.enqueue(command)

    @precondition(lambda self: self.model.commands)
    @rule(data=st.data(), priority=st.integers(0, 3))
    def edit(self, data: st.DataObject, priority: int) -> None:
        command = data.draw(st.sampled_from(self.model.commands))
        _, refusal = self.expected(self.model.edit, command, priority)
        self.step(self.as_bob("edit_command", command.command_id, "changed", priority), refusal)

    @precondition(lambda self: self.model.commands)
    @rule(data=st.data())
    def submit(self, data: st.DataObject) -> None:
        command = data.draw(st.sampled_from(self.model.commands))
        _, refusal = self.expected(self.model.submit, command)
        if refusal is None and any(agent.desired == "retired" for agent in self.targets[command.command_id]):
            refusal = Refusal("55000")
        self.step(self.as_bob("submit_command", command.command_id), refusal)
        if refusal is None:
            command.draft = False
            self._enqueued(command)

    @rule(data=st.data(), concurrency=st.integers(1, 3))
    def open_session(self, data: st.DataObject, concurrency: int) -> None:
        self._open(data.draw(st.sampled_from(self.model.agents)), concurrency)

    def _open(self, agent: ModelAgent, concurrency: int) -> None:
        connection: asyncpg.Connection = self.scene.tokens[agent.agent_id]
        call = connection.fetchval(
            "SELECT session_id FROM kolony.open_session('h', 1, '0', 'process', $1)", concurrency
        )
        if agent.desired == "retired":
            self.step(call, Refusal("55000"))
            return
        session_id = self.scene.run(call)
        self.model.settle(agent)
        self.model.sessions.append(ModelSession(session_id, agent, concurrency))
        self.runners[session_id] = Runner(connection, session_id)

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data(), up_to=st.integers(0, 4))
    def claim(self, data: st.DataObject, up_to: int) -> None:
        self._claim(data.draw(st.sampled_from(self.model.sessions)), up_to)

    def _claim(self, session: ModelSession, up_to: int) -> None:
        runner = self.runners[session.session_id]
        found, refusal = self.expected(self.model.claimable, session, up_to)
        claimed = self.step(runner.claim(up_to), refusal)
        if claimed is None:
            return
        waiting, count = found
        by_id = {run.run_id: run for run in waiting}
        taken = [by_id[row["run_id"]] for row in claimed]
        highest = sorted((run.priority for run in waiting), reverse=True)[:count]
        assert [run.priority for run in taken] == highest
        for run, row in zip(taken, claimed, strict=True):
            run.attempt += 1
            assert row["attempt"] == run.attempt
            run.held, run.attempt_id = session, row["attempt_id"]
            self.past.append((run, row["attempt_id"], runner))

    @precondition(lambda self: self.past)
    @rule(data=st.data(), word=st.sampled_from(["start", "append", "heard", *ENDS, *ENDS]),
          number=st.sampled_from([0, 0, 0, 0, 1]))  # fmt: skip
    def say(self, data: st.DataObject, word: str, number: int) -> None:
        run, attempt, runner = data.draw(st.sampled_from(self.past[-5:]))
        if word == "heard":
            self.scene.run(runner.step(attempt, word))
            run.heard = run.heard or (run.interrupt and run.attempt_id == attempt)
            return
        if word in ("start", "append"):
            _, refusal = self.expected(self.model.check_holds, run, attempt)
            call = runner.start(attempt) if word == "start" else runner.append(attempt, [(number, b"x")])
            self.step(call, refusal)
            if refusal is None and word == "start":
                run.started = True
            elif refusal is None:
                run.chunks.add(number)
            return
        if run.attempt_id != attempt and self._ended_so(attempt, word):
            self.scene.run(runner.finish(attempt, word, chunks=number))
            return
        _, refusal = self.expected(self.model.finish, run, attempt, word, number)
        self.step(runner.finish(attempt, word, chunks=number), refusal)

    def _ended_so(self, attempt: UUID, word: str) -> bool:
        sql = "SELECT outcome FROM kolony.attempts WHERE attempt_id = $1"
        return bool(self.scene.run(self.scene.bob.fetchval(sql, attempt)) == word)

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data(), step=st.sampled_from(["cancel", "retry", "priority", "hold", "release", "interrupt"]),
          priority=st.integers(0, 3))  # fmt: skip
    def change_run(self, data: st.DataObject, step: str, priority: int) -> None:
        run = data.draw(st.sampled_from(self.model.runs))
        if step == "cancel":
            word, refusal = self.expected(self.model.cancel, run)
            assert self.step(self.as_bob("cancel_run", run.run_id), refusal) == word
        elif step == "retry":
            _, refusal = self.expected(self.model.retry, run)
            self.step(self.as_bob("retry_run", run.run_id), refusal)
        elif step != "priority":
            _, refusal = self.expected(getattr(self.model, step), run)
            self.step(self.as_bob(f"{step}_run", run.run_id), refusal)
        else:
            _, refusal = self.expected(self.model.set_priority, run, priority)
            self.step(self.as_bob("set_run_priority", run.run_id, priority), refusal)

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data(), position=st.integers(1, 4))
    def move(self, data: st.DataObject, position: int) -> None:
        run = data.draw(st.sampled_from(self.model.runs))
        queue = [row["run_id"] for row in self.scene.run(self.scene.bob.fetch(QUEUE, run.agent.agent_id))]
        _, refusal = self.expected(self.model.check_moves, run)
        self.step(self.as_bob("move_run", run.run_id, position), refusal)
        if refusal is None:
            queue = [each for each in queue if each != run.run_id]
            queue.insert(min(position, len(queue) + 1) - 1, run.run_id)
            rows = self.scene.run(self.scene.bob.fetch(QUEUE, run.agent.agent_id))
            now = [row["run_id"] for row in rows]
            assert [each for each in now if each in queue] == queue
            run.priority = next(row["priority"] for row in rows if row["run_id"] == run.run_id)

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data())
    def assign(self, data: st.DataObject) -> None:
        run, agent = data.draw(st.sampled_from(self.model.runs)), data.draw(st.sampled_from(self.model.agents))
        _, refusal = self.expected(self.model.assign, run, agent)
        self.step(self.as_bob("assign_run", run.run_id, agent.agent_id), refusal)

    @rule()
    def undo(self) -> None:
        late = "UPDATE kolony.undo_steps SET made_at = made_at + (now() - (SELECT max(made_at) FROM kolony.undo_steps))"
        self.scene.run(self.scene.superuser.execute(late))
        _, refusal = self.expected(self.model.undo)
        self.step(self.as_bob("undo"), refusal)

    @precondition(lambda self: self.model.commands)
    @rule(data=st.data())
    def cancel_command(self, data: st.DataObject) -> None:
        command = data.draw(st.sampled_from(self.model.commands))
        _, refusal = self.expected(self.model.cancel_command, command)
        self.step(self.as_bob("cancel_command", command.command_id), refusal)

    @rule(data=st.data(), desired=st.sampled_from(["active", "active", "paused", "retired"]))
    def want(self, data: st.DataObject, desired: str) -> None:
        agent = data.draw(st.sampled_from(self.model.agents))
        _, refusal = self.expected(self.model.want, agent, desired)
        self.step(self.as_bob("set_agent_desired", agent.agent_id, desired), refusal)

    @precondition(lambda self: any(session.alive for session in self.model.sessions))
    @rule(data=st.data())
    def fall_silent(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from([session for session in self.model.sessions if session.alive]))
        self.scene.run(let_pass(self.scene.superuser, session.session_id))
        session.alive = False

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data())
    def close_session(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(self.model.sessions))
        self.scene.run(self.runners[session.session_id].close())
        session.ended = True
        self.model.settle(session.agent)

    @rule()
    def wait_for_backoff(self) -> None:
        self.scene.run(let_backoff_pass(self.scene.superuser))
        for run in self.model.runs:
            run.due = True

    @rule()
    def settle(self) -> None:
        self.scene.run(self.as_bob("settle", self.scene.home))
        self.model.settle(None)

    @invariant()
    def everything_is_somewhere_and_once(self) -> None:
        self.model.free()
        rows = {row["run_id"]: row for row in self.scene.run(self.scene.bob.fetch(WHOLE))}
        assert rows.keys() == {run.run_id for run in self.model.runs}
        for run in self.model.runs:
            row = rows[run.run_id]
            assert (row["status"], row["attempt"], row["priority"]) == (run.status, run.attempt, run.priority)
            places = Counter(
                ready=row["ready"], scheduled=row["scheduled"], leased=row["leased"], blocked=row["blocked"]
            )
            assert (row["hold"], row["marked_held"]) == (run.hold, run.hold)
            assert (row["after"], row["beyond"]) == (run.after, run.beyond)
            assert row["agent_id"] == run.agent.agent_id
            assert places.total() == (0 if row["ended"] else 1), places
            assert row["leased"] == row["open_attempts"] == (1 if run.held else 0)
            assert not row["ready"] or run.due

    @invariant()
    def commands_are_the_sum_of_their_runs(self) -> None:
        rows = self.scene.run(self.scene.bob.fetch("SELECT command_id, status FROM kolony.command_overview"))
        assert {row["command_id"]: row["status"] for row in rows} == {
            command.command_id: command.status for command in self.model.commands
        }


def test_the_database_agrees_with_the_model(database: Database) -> None:
    scene = Scene(database)
    machine = type("MachineHere", (Machine,), {"scene": scene})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=50,
                derandomize=True,  # so that what is found comes from a change, not from luck
                stateful_step_count=30,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        scene.close()
