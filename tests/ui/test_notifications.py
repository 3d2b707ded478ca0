"""What one is told in the app: counted, shown once, sounded only for who looks elsewhere; rules and webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from kolony_tui.models.notifications import News, Notification, NotificationSettings, Urgency
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.ui import notifying
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.screens.people.notes import NotesScreen
from kolony_tui.ui.screens.told import Told
from kolony_tui.ui.screens.work.run import RunScreen
from kolony_tui.ui.widgets.frame import Header
from tests.people.test_notifications_webhooks import receiving
from tests.ui.stage import DEADLINE, Runner, Stage, toasts, until, words

SECTION = {"screen": "settings", "section": "notifications"}


async def failed(stage: Stage, runner: Runner, text: str, error: str = "exit 1") -> UUID:
    """A run of bob's that has failed."""
    run_id = await stage.send(text)
    claim = await runner.take()
    await runner.finish(claim, "failed", exit_code=1, error=error)
    return run_id


def header(app: KolonyApp) -> str:
    """The first line."""
    return app.screen.query_one(Header).line.words


async def test_a_failure_is_told_once_counted_and_read(stage: Stage) -> None:
    runner = await stage.runner()
    before = await failed(stage, runner, "before the app came")
    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        await until(lambda: "1 new" in header(app), "counted")
        assert "failed on worker" not in toasts(app), "what is old is no news"
        await failed(stage, runner, "now", "exit 1 \x1b]0;owned\x07")
        await until(lambda: "#2 failed on worker" in toasts(app), "told")
        await until(lambda: "2 new" in header(app), "counted too")
        await pilot.press("N")
        await until(lambda: isinstance(app.screen, NotesScreen) and "#2 failed on worker" in words(app), "the list")
        assert "]0;owned" in words(app)
        await pilot.press("end", "enter")
        await until(lambda: isinstance(app.screen, RunScreen) and app.screen.run_id == before, "what it is about")
        await until(lambda: "1 new" in header(app), "that one is read")
        await pilot.press("escape", "R")
        await until(lambda: "new" not in header(app), "all are")


async def test_of_what_one_looks_at_one_is_not_told(stage: Stage) -> None:
    runner = await stage.runner()
    async with stage.app("bob") as (app, _):
        run_id = await stage.send("watched")
        claim = await runner.take()
        app.open_run(run_id)
        await until(lambda: isinstance(app.screen, RunScreen) and app.screen.has_content, "in sight")
        await runner.finish(claim, "failed", exit_code=1, error="broken")
        bob = await stage.workspace.database.connect("bob")
        await until(lambda: "failed" in words(app), "seen")
        count = "SELECT count(*) FROM kolony.notifications WHERE read_at IS NOT NULL"
        async with asyncio.timeout(DEADLINE):
            while not await bob.fetchval(count):
                await asyncio.sleep(0.02)
        assert "failed on worker" not in toasts(app)


def note(
    priority: Urgency, title: str = "x", *, channels: tuple[str, ...] = ("bell", "desktop"), quiet: bool = False
) -> Notification:
    """A notification that came just now."""
    now = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
    return Notification(
        notification_id=UUID(int=uuid4().int | (0xF << 124)), kind="stop", priority=priority, title=Untrusted(title),
        message=Untrusted("why"), data={}, channels=list(channels), quiet=quiet, count=1, created_at=now, last_at=now,
        read_at=None, expires_at=now,
    )  # fmt: skip


@contextmanager
def listening(app: KolonyApp, patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the terminal would be sent."""
    sent: list[str] = []
    patch.setattr(app, "bell", lambda: sent.append("bell"))
    patch.setattr(type(app), "is_headless", False)
    patch.setattr(app._driver, "write", sent.append)
    yield sent
    patch.undo()


async def test_sounds_are_for_who_looks_elsewhere(stage: Stage) -> None:
    async with stage.app("bob") as (app, _):
        told = NotificationSettings(desktop="osc777")

        def come(*notes: Notification, away: bool = True, settings: NotificationSettings = told) -> list[str]:
            with pytest.MonkeyPatch.context() as patch, listening(app, patch) as sent:
                app.notifier._last = UUID(int=0)
                app.app_focus = not away
                app.notifier._show((News(len(notes), list(notes)), settings))
                app.app_focus = True
                return [each for each in sent if each == "bell" or "\x1b]" in each]

        hostile = note(Urgency.HIGH, "a;b\x1b]52;c;aGk=\x07\x9d")
        bell, words_sent = come(hostile)
        assert bell == "bell"
        assert words_sent.startswith("\x1b]777;notify;a,b")
        assert words_sent.count("\x1b") == 2, "the sequence and its end, and nothing of the agent's"
        assert not {"\x07", "\x9d"} & set(words_sent)
        assert come(hostile, away=False) == [], "who looks hears nothing"
        assert come(hostile, away=False, settings=NotificationSettings(bell="always", desktop="off")) == ["bell"]
        assert come(note(Urgency.MEDIUM)) == [], "not urgent enough"
        assert come(note(Urgency.CRITICAL, quiet=True)) == [], "in quiet hours"
        assert come(note(Urgency.HIGH, channels=("bell",))) == ["bell"]
        assert come(note(Urgency.HIGH, channels=())) == []
        many = come(*(note(Urgency.HIGH, f"n{number}") for number in range(5)))
        assert many[0] == "bell"
        assert "5 notifications" in many[1]
        assert len(many) == 2
        await until(lambda: "5 new notifications, the most urgent" in toasts(app), "in one line")
        app.notifier._touched -= notifying.AWAY + 1
        assert come(hostile, away=False)[0] == "bell", "who has touched nothing for a minute is away"


async def test_rules_quiet_hours_and_webhooks_in_the_settings(stage: Stage) -> None:
    async with stage.app("ada", size=(140, 40), remembered=SECTION) as (app, pilot):
        await until(lambda: "Quiet hours" in words(app) and "run failed" in words(app), "shown")
        await pilot.press("enter", "enter")
        await until(lambda: isinstance(app.screen, Form) and "How you are told" in words(app), "the form")
        await pilot.press("ctrl+u", *"late", "ctrl+s")
        await until(lambda: "are no quiet hours" in words(app), "refused in place")
        await pilot.press("ctrl+u", *"22:00-7:00", "tab", "ctrl+u", *"Mars", "ctrl+s")
        await until(lambda: 'knows no time zone "Mars"' in words(app), "and by the server")
        await pilot.press("ctrl+u", *"Asia/Tokyo", "ctrl+s")
        await until(lambda: "22:00-07:00 Asia/Tokyo" in words(app), "kept")
        await pilot.press("a")
        await until(lambda: isinstance(app.screen, Form) and "Make a rule" in words(app), "a rule")
        await pilot.press("ctrl+s")
        await until(lambda: "yours" in words(app) and "1 rules" in words(app), "made")
        with receiving() as receiver:
            await pilot.press("w")
            await until(lambda: isinstance(app.screen, Form) and "Add a webhook" in words(app), "a webhook")
            await pilot.press(*"ops", "tab", *receiver.url, "tab", "tab", "tab", *"a secret of a hook", "ctrl+s")
            await until(lambda: "1 webhooks" in words(app), "added")
            await pilot.press("end")
            await until(lambda: "t sends a test" in words(app), "explained")
            await pilot.press("t")
            await until(lambda: "ops answered 200" in toasts(app), "tested")
            assert len(receiver.got) == 1
            await pilot.press("l")
            await until(lambda: isinstance(app.screen, Told) and "a test of the webhook ops" in words(app), "the log")
            await pilot.press("escape", "x")
            await until(lambda: "Delete the webhook ops?" in words(app), "asked once")
            await pilot.press("y")
            await until(lambda: "0 webhooks" in words(app), "gone")


async def test_a_viewer_has_rules_but_no_webhooks(stage: Stage) -> None:
    async with stage.app("eve", size=(80, 24), remembered=SECTION) as (app, pilot):
        await until(lambda: "Quiet hours" in words(app), "shown")
        await pilot.press("enter", "w")
        await until(lambda: "this takes an admin" in toasts(app), "refused with a reason")
        await pilot.press("x")
        await until(lambda: "only rules that somebody made" in toasts(app), "the built-in ones stay")
        await pilot.press("a")
        await until(lambda: isinstance(app.screen, Form), "a rule of her own")
        await pilot.press("ctrl+s")
        await until(lambda: "1 rules" in words(app), "made")
