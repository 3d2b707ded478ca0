"""The audit log: narrowing it, verifying it, sealing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from kolony_tui.core import audit
from kolony_tui.models.audit import EVENTS, AuditEntry, event_named, moment_written
from kolony_tui.models.people import Role
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.draw import part
from kolony_tui.ui.registry import Command, Reason

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.screens.audit.log import AuditScreen


def _screen(app: KolonyApp) -> AuditScreen | None:
    from kolony_tui.ui.screens.audit.log import AuditScreen

    return app.ground if isinstance(app.ground, AuditScreen) else None


def _elsewhere(app: KolonyApp) -> str | None:
    return None if _screen(app) is not None else "that is for the screen Audit (:audit)"


def _of(name: str) -> tuple[Callable[[KolonyApp, str], None], Reason]:
    """Narrows to what the entry under the cursor has there, or no more; and why not."""

    def value(entry: AuditEntry) -> str | None:
        found = getattr(entry, name)
        return found.raw if isinstance(found, Untrusted) else str(found) if found else None

    def turn(app: KolonyApp, _: str) -> None:
        screen = _screen(app)
        if screen is not None and getattr(screen.wanted, name) is not None:
            screen.turn(**{name: getattr(screen.wanted, name)})
        elif screen is not None and screen.list.pointed is not None:
            screen.turn(**{name: value(screen.list.pointed)})

    def reason(app: KolonyApp) -> str | None:
        screen = _screen(app)
        if screen is None or getattr(screen.wanted, name) is not None:
            return _elsewhere(app)
        pointed = screen.list.pointed
        return None if pointed is not None and value(pointed) else f"no entry with an {name} is under the cursor"

    return turn, reason


async def _choose(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.audit.log import Wanted
    from kolony_tui.ui.screens.form import Field, Form

    screen = _screen(app)
    if screen is None:
        return
    now = screen.wanted
    times = {"since": now.since, "until": now.until}
    written = {name: "" if at is None else at.astimezone().isoformat(timespec="minutes") for name, at in times.items()}

    async def deliver(values: Mapping[str, str]) -> None:
        screen.want(
            Wanted(
                event_named(values["event"]) if values["event"] else None,
                values["login"] or None,
                values["agent"] or None,
                moment_written(values["since"]) if values["since"] else None,
                moment_written(values["until"]) if values["until"] else None,
            )
        )

    fields = [
        Field("event", "Event", now.event or "", hint="TOKEN_ISSUED, ROLE_CHANGED, ..."),
        Field("login", "Login", now.login or "", hint="of a person or an agent"),
        Field("agent", "Agent", now.agent or "", hint="its name"),
        Field("since", "Since", written["since"], hint="2026-03-01, 2026-03-01T12:00, 24h, 7d"),
        Field("until", "Until", written["until"], hint="before then"),
    ]
    await app.push_screen_wait(Form("Which entries", fields, deliver, said="An empty field is any.", yes="Show"))


def _event(app: KolonyApp, name: str) -> None:
    from dataclasses import replace

    screen = _screen(app)
    if screen is not None:
        screen.want(replace(screen.wanted, event=event_named(name) if name else None))


async def _verify(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.told import Told

    app.say("computing every seal again")
    found = await audit.verify(session_of(app))
    glyph = app.drawing().glyph
    if found.difference is None:
        lines = [[part(f"{glyph('✔')} every entry is as it was sealed", "good")]]
    else:
        lines = [
            [part(f"{glyph('✖')} not as it was sealed: ", "bad"), part(found.difference.words, "strong")],
            [part("Somebody with the rights of the database's owner or a superuser did that.", "dim")],
        ]
    removed = f"; {found.removed} more were removed by retention" if found.removed else ""
    lines += [
        [part(f"seals: {found.seals}, over {found.sealed} entries{removed}")],
        [part(f"waiting for the next seal: {found.unsealed} entries", "dim")],
        [part("kolony audit verify --seals FILE also compares with seals that were exported before", "dim")],
    ]
    await app.push_screen_wait(Told("Verification", lines))


async def _seal(app: KolonyApp, _: str) -> None:
    sealed = await audit.seal(session_of(app))
    app.say(f"{sealed} entries are sealed" if sealed else "everything is sealed already")


def _events(app: KolonyApp) -> Iterable[str]:
    return [event.lower() for event in EVENTS]


_BY_EVENT, _BY_LOGIN, _BY_AGENT = _of("event"), _of("login"), _of("agent")

COMMANDS: tuple[Command, ...] = (
    Command("audit.narrow", "Choose entries", "by event, login, agent and time, out of the whole log", _choose,
            ("audit",), ("f",), "entries", unavailable=_elsewhere, short="choose"),
    Command("audit.by_event", "Entries with this event", "or of all events again", _BY_EVENT[0], ("audit",), ("e",),
            unavailable=_BY_EVENT[1], short="event"),
    Command("audit.by_login", "Entries of this login", "or of all logins again", _BY_LOGIN[0], ("audit",), ("l",),
            unavailable=_BY_LOGIN[1], short="login"),
    Command("audit.by_agent", "Entries about this agent", "or about all agents again", _BY_AGENT[0], ("audit",), ("a",),
            unavailable=_BY_AGENT[1], short="agent"),
    Command("audit.event", "Entries by event", "shows one event; without a name all of them", _event, ("audit",), (),
            "event", unavailable=_elsewhere, argument="EVENT", arguments=_events),
    Command("audit.verify", "Verify the log", "computes every seal again and names the first difference", _verify,
            ("audit",), ("v",), "verify", Role.ADMIN, short="verify"),
    Command("audit.seal", "Seal the log", "seals what is in no seal yet; it happens by itself every hour", _seal,
            ("audit",), (), "seal", Role.ADMIN),
)  # fmt: skip
