"""What a run asks, on its screen: open, answered, run out."""

from __future__ import annotations

from tests.ui.stage import Stage, until, words


async def test_a_run_shows_what_it_asks_and_what_became_of_it(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("ask away")
    claim = await runner.take()
    ask = "SELECT approval_id FROM kolony.ask($1, $2, 'permission', $3, risk => 'high', expires_seconds => $4)"
    first = await runner.connection.fetchval(ask, claim["attempt_id"], "a", "remove \x1b]0;x\x07 it?", 3600)
    bob = await stage.workspace.database.connect("bob")
    async with stage.app("eve") as (app, _):
        app.open_run(run_id)
        await until(lambda: "asks remove" in words(app) and "high risk" in words(app), "it asks")
        assert "expires in" in words(app)
        assert "\x1b" not in words(app)
        await bob.execute("SELECT kolony.answer_approval($1, false, NULL, 'not today')", first)
        await until(lambda: "denied by bob" in words(app) and "not today" in words(app), "it was answered")
        assert "not heard" in words(app)
        await runner.connection.execute("SELECT kolony.hear_answer($1)", first)
        await runner.announce(f"run:{run_id}")
        await until(lambda: "not heard" not in words(app), "its runner has it")
        late = await runner.connection.fetchval(ask, claim["attempt_id"], "b", "and now?", 1)
        superuser = await stage.workspace.database.superuser()
        await superuser.execute("UPDATE kolony.approvals SET expires_at = now() WHERE approval_id = $1", late)
        await runner.announce(f"run:{run_id}")
        await until(lambda: "expired, nobody answered" in words(app), "one ran out")
