"""Settings: their sections, and what one does about oneself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from kolony_tui.models.errors import KolonyError
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.draw import Part, Tone, part
from kolony_tui.ui.registry import Command
from kolony_tui.ui.screens.settings.sections import SECTIONS, SectionEntry

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def not_connected(app: KolonyApp) -> str | None:
    """Why nothing can be changed where no role is needed."""
    return "there is no connection to the server" if app.session is None or app.live.link.lost else None


def _turn(by: int) -> Callable[[KolonyApp, str], None]:
    def turn(app: KolonyApp, _: str) -> None:
        from kolony_tui.ui.screens.settings.screen import SettingsScreen

        if isinstance(app.ground, SettingsScreen):
            app.ground.turn(by)

    return turn


def _section_command(entry: SectionEntry) -> Command:
    return Command(
        f"settings.{entry.slug}",
        f"Settings: {entry.title}",
        f"shows the section {entry.title} of the settings",
        lambda app, _: app.go_to("settings", entry.slug),
    )


async def _profile(app: KolonyApp, _: str) -> None:
    from kolony_tui.core import profile
    from kolony_tui.ui.screens.form import Field, Form

    session = session_of(app)

    async def deliver(values: Mapping[str, str]) -> None:
        await profile.set_profile(session_of(app), values["name"], values["avatar"])

    fields = [
        Field("name", "Name", safe(session.me.display_name, limit=200).plain, hint="how others see you"),
        Field("avatar", "Initials", safe(session.me.avatar, limit=8).plain, hint="at most 8 characters"),
    ]
    await app.push_screen_wait(Form("How you are called", fields, deliver, yes="Save"))


async def _password(app: KolonyApp, _: str) -> None:
    from kolony_tui.core import people, profile
    from kolony_tui.core.connection import renew_password
    from kolony_tui.core.logins import ASKED, IN_KEYRING
    from kolony_tui.ui.screens.form import Field, Form

    async def deliver(values: Mapping[str, str]) -> None:
        password = profile.chosen_password(values["first"], values["again"])
        session = session_of(app)
        await people.set_password(session, session.me.login, password)
        destination = app.know_password(password)
        app.say("your password is changed; sessions that are open stay open")
        try:
            await asyncio.to_thread(renew_password, destination, password)
        except KolonyError as error:
            app.tell(error)
        source = destination.target.source
        if not destination.embedded and source not in ("", IN_KEYRING, ASKED):
            app.say(f"the old one came from {source}: change it there too", severity="warning")

    fields = [Field("first", "New password", kind="secret"), Field("again", "Again", kind="secret")]
    said = "Only its verifier leaves this machine."
    await app.push_screen_wait(Form("Change your password", fields, deliver, said=said, yes="Change"))


_MARKS: dict[str, tuple[str, Tone]] = {"ok": ("✔", "good"), "warning": ("⚠", "warn"), "wrong": ("✖", "bad")}


async def _examine(app: KolonyApp, _: str) -> None:
    from kolony_tui.core.upkeep import examine
    from kolony_tui.ui.screens.told import Told

    assert app.destination is not None
    app.say("examining the server and this machine")
    groups = await examine(app.destination, "kolony app doctor")
    glyph = app.drawing().glyph
    lines: list[list[Part]] = []
    for group, checks in groups.items():
        lines += [[part(group, "strong")]] if checks else []
        for check in checks:
            mark, tone = _MARKS[check.status]
            lines.append([part(f"{glyph(mark)} ", tone), part(f"{check.check}: "), part(check.finding, "dim")])
            if check.remedy:
                lines.append([part(f"   {glyph('→')} ", tone), part(check.remedy)])
    every = [check for checks in groups.values() for check in checks]
    wrong = sum(1 for check in every if check.status == "wrong")
    warned = sum(1 for check in every if check.status == "warning")
    app.push_screen(Told(f"{wrong} wrong, {warned} to know, of {len(every)} checks", lines))


def _nowhere(app: KolonyApp) -> str | None:
    return None if app.destination is not None else "not connected yet"


COMMANDS: tuple[Command, ...] = (
    Command("settings.next", "Next section", "shows the next section of the settings", _turn(1), ("settings",),
            ("right_square_bracket",), short="section", shown=False),
    Command("settings.previous", "Previous section", "shows the previous section of the settings", _turn(-1),
            ("settings",), ("left_square_bracket",), shown=False),
    *(_section_command(entry) for entry in SECTIONS),
    Command("me.profile", "Change your name", "changes how you are called, and your initials", _profile,
            name="me", unavailable=not_connected),
    Command("me.password", "Change your password", "asks for a new password, twice", _password,
            name="password", unavailable=not_connected),
    Command("connection.examine", "Examine the connection", "checks server, rights, schema and this machine, as kolony"
            " doctor does", _examine, name="doctor", unavailable=_nowhere),
)  # fmt: skip
