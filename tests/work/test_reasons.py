"""Why a run ended, in a word: how it gets to the run, who sees it, and when it is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime

from kolony_tui.core.session import log_in
from kolony_tui.core.work import run_detail
from kolony_tui.ui.draw import plain
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.screens.work.ending import endings
from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, send

FINISH = """SELECT kolony.finish_attempt($1, $2, 1, NULL, 'it said so', '{}', 0, 0, 0, NULL, $3, $4)"""
SEEN = "SELECT status, reason, warning FROM kolony.run_overview WHERE run_id = $1"


async def test_a_reason_and_a_warning_are_told_of_the_last_attempt(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    superuser = await workspace.database.superuser()
    [run] = await send(bob, agent, max_attempts=3, retry_on="failure")
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    with refused("22023", "a reason is one word"):
        await runner.connection.execute(FINISH, held["attempt_id"], "failed", "Two words", None)
    await runner.step(held["attempt_id"], "stdin_closed")
    await runner.connection.execute(FINISH, held["attempt_id"], "failed", "refusal", "x" * 2000)
    # Tried again, and why it failed before is told until then.
    assert tuple(await bob.fetchrow(SEEN, run) or ()) == ("waiting", "refusal", "x" * 1000)
    await superuser.execute("UPDATE kolony.scheduled_runs SET due_at = now()")
    [again] = await runner.claim()
    await runner.connection.execute(FINISH, again["attempt_id"], "completed", "refusal", "no model was used")
    assert tuple(await bob.fetchrow(SEEN, run) or ()) == ("completed", None, "no model was used")
    tries = await bob.fetch("SELECT outcome, reason FROM kolony.attempts ORDER BY number")
    assert [tuple(row) for row in tries] == [("failed", "refusal"), ("completed", None)]

    [other] = await send(bob, agent, max_attempts=1)
    [held] = await runner.claim()
    await runner.connection.execute(FINISH, held["attempt_id"], "failed", "max_tokens", "")
    assert tuple(await bob.fetchrow(SEEN, other) or ()) == ("failed", "max_tokens", None)

    viewer = await log_in(workspace.database.target("eve"), "kolony tests", "main")
    shown = {each: endings(await run_detail(viewer, each), Drawing(datetime.now(UTC))) for each in (run, other)}
    assert [plain(line) for line in shown[run]] == ["warning: no model was used"]
    assert [plain(line) for line in shown[other]] == ["failed: max tokens"]
    await viewer.db.close()

    await bob.execute("SELECT kolony.retry_run($1)", other)
    assert tuple(await bob.fetchrow(SEEN, other) or ()) == ("waiting", None, None)
    await superuser.close()
