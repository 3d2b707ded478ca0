"""A lost connection: a banner, the last content, no writing; and it heals by itself."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from textual import timer

from tests.ui.stage import Stage, toasts, until, words


@pytest.fixture
async def locked_out(stage: Stage) -> str:
    """A login of this test alone."""
    return await stage.workspace.database.add_person("operator")


async def test_ended_connections_heal_without_a_word(stage: Stage) -> None:
    await stage.send("before")
    async with stage.app("bob") as (app, _):
        await until(lambda: "before" in words(app), "shown")
        superuser = await stage.workspace.database.superuser()
        listeners = await superuser.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'kolony app%'"
        )
        assert listeners >= 2
        await stage.send("after")
        await until(lambda: "after" in words(app), "read again over new connections")
        await until(lambda: app.live.link.state == "live", "live")
        await stage.send("and on")
        await until(lambda: "and on" in words(app), "still live")


async def test_banner_keeps_the_content_and_goes_by_itself(stage: Stage, locked_out: str) -> None:
    await stage.send("what was there")
    async with stage.app(locked_out) as (app, pilot):
        await until(lambda: "what was there" in words(app), "shown")
        superuser = await stage.workspace.database.cluster.superuser()
        name = stage.workspace.database.name
        await superuser.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = $2",
            name, locked_out,
        )  # fmt: skip
        await until(lambda: "connection lost" in words(app), "the banner says so")
        await until(lambda: "what was there" in words(app), "the last content stays")
        await pilot.press("n")
        await until(lambda: "there is no connection to the server" in toasts(app), "writing is off, with the reason")
        await superuser.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await superuser.close()
        await until(lambda: "connection lost" not in words(app), "healed")
        await stage.send("news")
        await until(lambda: "news" in words(app), "and live")


async def test_a_busy_machine_stops_neither_lists_nor_keys(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever waits for its turn longer than it meant to wait at all: Textual's timers leave such a tick out."""
    time: Any = timer._time  # type: ignore[attr-defined]
    clock, late = time.get_time, itertools.count()
    await stage.send("an old one")
    async with stage.app("bob") as (app, pilot):
        await until(lambda: "an old one" in words(app), "shown")
        monkeypatch.setattr(time, "get_time", lambda: clock() + 0.012 * next(late))
        await stage.send("new work")
        await until(lambda: "new work" in words(app), "another's command")
        await pilot.press("0")
        await until(lambda: "config.toml" in words(app), "a key, and what it leads to")
