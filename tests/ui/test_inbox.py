"""The inbox in the app: seen everywhere, answered singly and together, put off; what is shown is what is allowed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from tests.ui.stage import Runner, Stage, toasts, until, words


async def ask(runner: Runner, claim: asyncpg.Record, name: str, title: str, detail: str = "", **how: Any) -> UUID:
    """The agent asks."""
    made: UUID = await runner.connection.fetchval(
        "SELECT approval_id FROM kolony.ask($1, $2, $3, $4, $5, $6, $7)",
        claim["attempt_id"], name, how.get("kind", "permission"), title, detail, how.get("options"),
        how.get("risk", "low"),
    )  # fmt: skip
    return made


async def states(stage: Stage) -> dict[str, tuple[str, str | None, str | None]]:
    """What became of each question: state, answer, note."""
    eve = await stage.workspace.database.connect("eve")
    rows = await eve.fetch("SELECT name, state, answer, note FROM kolony.approval_overview")
    await eve.close()
    return {row["name"]: (row["state"], row["answer"], row["note"]) for row in rows}


async def test_from_the_header_to_the_last_answer(stage: Stage) -> None:
    runner = await stage.runner()
    await stage.send("build")
    claim = await runner.take()
    await ask(runner, claim, "rm", "allow rm?", "rm x\x1b[8m -rf /\x1b[0m", risk="high")
    for number in range(2):
        await ask(runner, claim, f"row{number}", "delete a row?", f"DELETE FROM t WHERE id = {number + 7}")
    await ask(runner, claim, "which", "Which port?", options=[{"id": "80", "label": "the usual"}, {"id": "8080"}],
              kind="question")  # fmt: skip
    async with stage.app("bob", size=(120, 36)) as (app, pilot):
        await until(lambda: "4 need you" in words(app), "the header")
        await pilot.press("2")
        await until(lambda: "high risk" in words(app) and "Inbox" in words(app), "the inbox")
        # What does not show is spelled out: what is allowed is what was seen.
        await until(lambda: "rm x\\x1b[8m -rf /" in words(app), "the item under the cursor")
        await pilot.press("y")
        await until(lambda: "Allow this?" in words(app) and "HIGH RISK" in words(app), "asks once")
        await pilot.press("n")
        assert (await states(stage))["rm"][0] == "open"
        # Space: the form begins with no for what is of high risk; the next one is under the cursor then.
        await pilot.press("space")
        await until(lambda: "[deny]" in words(app), "the form")
        await pilot.press("enter", *"never", "enter")
        await until(lambda: "3 need you" in words(app), "answered")
        assert (await states(stage))["rm"] == ("denied", None, "never")
        await until(lambda: "2 alike on 1 agent" in words(app), "the next one, and what is like it")
        await pilot.press("L", "y")
        await until(lambda: "Allow 2 requests?" in words(app) and "id = 8" in words(app), "each of them is shown")
        await pilot.press("y")
        await until(lambda: "2 allowed" in toasts(app) and "1 needs you" in words(app), "both are allowed")
        await pilot.press("space")
        await until(lambda: "[80]" in words(app), "the options")
        await pilot.press("enter", "right", "enter", "enter")
        await until(lambda: "nothing waits for you" in words(app) and "need" not in words(app), "all are answered")
    assert (await states(stage))["which"] == ("answered", "8080", None)
    assert [(await states(stage))[f"row{number}"][0] for number in range(2)] == ["allowed", "allowed"]


async def test_what_is_known_is_there_when_it_is_opened(stage: Stage) -> None:
    runner = await stage.runner()
    await stage.send("build")
    await ask(runner, await runner.take(), "rm", "allow rm?", "rm -rf build")
    superuser = await stage.workspace.database.superuser()
    async with stage.app("bob", size=(120, 36)) as (app, pilot):
        await until(lambda: "1 needs you" in words(app), "the header knows")
        async with superuser.transaction():
            await superuser.execute("LOCK TABLE kolony.approvals IN ACCESS EXCLUSIVE MODE")  # nothing is read meanwhile
            await pilot.press("2")
            await until(lambda: "rm -rf build" in words(app), "the list and the item under the cursor")


async def test_putting_off_being_done_and_answering_elsewhere(stage: Stage) -> None:
    runner = await stage.runner()
    await stage.send("fails")
    await runner.finish(await runner.take(), "failed", exit_code=1, error="out of luck")
    await stage.send("asks")
    claim = await runner.take()
    await ask(runner, claim, "one", "may I?")
    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        await pilot.press("2")
        await until(lambda: "may I?" in words(app) and "failed: fails" in words(app), "both")
        await pilot.press("home", "z")
        await until(lambda: "Put this off?" in words(app), "for how long")
        await pilot.press("enter")
        await until(lambda: "put off until" in toasts(app) and "1 needs you" in words(app), "off it is")
        await until(lambda: "out of luck" in words(app), "the failure is pointed at")
        await pilot.press("x")
        await until(lambda: "nothing waits for you" in words(app), "done")
        await pilot.press("x")
        await until(lambda: "nothing is chosen here" in toasts(app), "said, not ignored")
    bob = await stage.workspace.database.connect("bob")
    back = "SELECT kolony.mark_inbox($1, array_agg(item_id), NULL) FROM kolony.inbox_marks WHERE done_at IS NULL"
    await bob.execute(back, stage.workspace.workspace_id)
    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        await until(lambda: "1 needs you" in words(app) and "asks" in words(app), "the dashboard shows who asks")
        await pilot.press("a")
        await until(lambda: "worker asks to be allowed" in words(app), "answered from there")
        await pilot.press("enter", "enter")
        await until(lambda: "worker has its answer" in toasts(app), "it has its answer")
    assert (await states(stage))["one"][0] == "allowed"


async def test_a_viewer_sees_and_answers_nothing(stage: Stage) -> None:
    runner = await stage.runner()
    await stage.send("asks")
    await ask(runner, await runner.take(), "one", "may I?")
    async with stage.app("eve", size=(100, 30)) as (app, pilot):
        await until(lambda: "1 to see" in words(app), "the header")
        await pilot.press("2")
        await until(lambda: "may I?" in words(app), "the inbox")
        await pilot.press("y")
        await until(lambda: "you are a viewer" in toasts(app), "no answer")
    assert (await states(stage))["one"][0] == "open"
