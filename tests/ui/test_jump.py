"""Jumping to anything by number, id, name or login; the way there as crumbs; what was open is open again."""

from __future__ import annotations

import pytest

from kolony_tui.core.jumping import destinations
from kolony_tui.core.session import log_in
from kolony_tui.ui.screens.fleet.agent import AgentScreen
from kolony_tui.ui.screens.fleet.agents import AgentsScreen
from kolony_tui.ui.screens.framed import CRUMB, FramedScreen
from kolony_tui.ui.screens.jump import JumpLine
from kolony_tui.ui.screens.settings.person import PersonScreen
from kolony_tui.ui.screens.work.command import CommandScreen
from kolony_tui.ui.screens.work.run import RunScreen
from kolony_tui.ui.widgets.frame import Header
from tests.ui.stage import Stage, until, words
from tests.work.calls import send


async def test_what_is_meant_is_found_nearest_first_and_only_here(stage: Stage) -> None:
    database = stage.workspace.database
    second = await database.add_agent("worker-2")
    olga_s = await database.add_agent("worker-3", workspace="other")
    bob = await database.connect("bob")
    [first] = await send(bob, stage.agent, "say hello\x1b[2J")
    both = await send(bob, [stage.agent.agent_id, second.agent_id], "say it twice")
    session = await log_in(database.target("bob"), "kolony tests", "main")

    async def found(text: str) -> list[tuple[str, str]]:
        return [(each.kind, each.label.raw) for each in await destinations(session, text)]

    assert await found("1") == [("run", "#1"), ("command", "#1")]
    assert await found("#2") == [("command", "#2")]
    assert await found("2.2") == [("run", "#2.2")]
    assert await found("2.3") == []
    assert (await found(str(first)))[0] == ("run", "#1")
    assert ("run", "#2.1") in await found(str(both[0])[:20])
    assert await found("WORKER") == [("agent", "worker"), ("agent", "worker-2")]
    assert (await found("eve"))[0] == ("person", database.cluster.login("eve"))
    assert await found(str(olga_s.agent_id)) == []
    for nothing in ("", "#", "%", "99999999999999999999", "1.99999999"):
        assert await found(nothing) == [], nothing
    await session.db.close()


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_one_goes_there_and_comes_back(stage: Stage, size: tuple[int, int]) -> None:
    bob = await stage.workspace.database.connect("bob")
    second = await stage.workspace.database.add_agent("second")
    await send(bob, stage.agent, "say hello")
    await send(bob, [stage.agent.agent_id, second.agent_id], "say it twice")
    async with stage.app("bob", size=size) as (app, pilot):
        await pilot.press("g")
        await until(lambda: isinstance(app.screen, JumpLine), "a line")
        await pilot.press(*"2", "enter")
        await until(lambda: isinstance(app.screen, CommandScreen), "it does not wait for what one types to be shown")
        await pilot.press("ctrl+g", *"work")
        await until(lambda: "> worker" in words(app), "shown as one types")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, AgentScreen) and app.screen.has_content, "the agent")
        await pilot.press("g", *"nothing")
        await until(lambda: "nothing here is called so" in words(app), "it says so")
        await pilot.press("ctrl+u", *"1")
        await until(lambda: "> #1" in words(app) and "say hello" in words(app), "two ways")
        await pilot.press("down", "up", "enter")
        await until(lambda: isinstance(app.screen, RunScreen) and app.screen.has_content, "the run")
        trail = app.screen.query_one(Header).line.words
        wide = size[0] >= 100
        assert (f"command #2 {CRUMB} worker {CRUMB} run #1" if wide else f"… {CRUMB} run #1") in trail
        await pilot.press("backspace")
        await until(lambda: isinstance(app.screen, AgentScreen), "back")
        await pilot.press("g", *"eve", "enter")
        await until(lambda: isinstance(app.screen, PersonScreen), "a person")


async def test_what_was_open_is_open_again(stage: Stage) -> None:
    bob = await stage.workspace.database.connect("bob")
    [run] = await send(bob, stage.agent, "say hello")
    async with stage.app("bob") as (app, pilot):
        await pilot.press("3")
        await until(lambda: isinstance(app.screen, AgentsScreen) and "worker" in words(app), "fleet")
        app.open_agent(stage.agent.agent_id)
        app.open_run(run)
        await until(lambda: isinstance(app.screen, RunScreen), "the run")
        app.remembered = kept = app.memory()  # as when it is told to exit
    assert app.memory()["open"] == kept["open"], "asked again when its screens are gone"
    assert kept["open"] == [["agent", str(stage.agent.agent_id)], ["run", str(run)]]
    async with stage.app("bob", remembered=kept) as (app, pilot):
        await until(lambda: isinstance(app.screen, RunScreen) and app.screen.has_content, "there again")
        way = f"Fleet {CRUMB} worker {CRUMB} run #1"
        await until(lambda: way in app.screen.query_one(Header).line.words, "by the same way")
        await pilot.press("escape", "escape")
        await until(lambda: isinstance(app.screen, AgentsScreen), "and what was below")
    gone = [["agent", str(run)], ["run", str(run)]]
    for odd in (gone, [["run", 7]]):
        async with stage.app("bob", remembered={**kept, "open": odd}) as (app, _):
            assert isinstance(app.screen, FramedScreen)
            assert not isinstance(app.screen, RunScreen)
