"""Notifications: the list of one's own; rules, quiet hours and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core import fleet, notifications, webhooks
from kolony_tui.models.errors import UsageError
from kolony_tui.models.notifications import (
    AUDIENCES,
    BELLS,
    DESKTOPS,
    Notification,
    NotificationRule,
    NotificationSettings,
    Urgency,
    Webhook,
    hours_written,
)
from kolony_tui.models.people import Role
from kolony_tui.models.secret import Secret
from kolony_tui.text import safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.going import open_subject
from kolony_tui.ui.commands.settings import not_connected
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.draw import Part, Tone, part
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.screens.form import Field
    from kolony_tui.ui.widgets.telling_list import Telling

_AS_IT_COMES = "as it comes"
_URGENCIES = tuple(str(each) for each in Urgency)
_SOUNDS = ("bell and desktop", "bell", "desktop", "nothing")

# The list


def _open(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.people.notes import NotesScreen

    if not isinstance(app.screen, NotesScreen):
        app.push_screen(NotesScreen())


def _notes(app: KolonyApp) -> list[Notification]:
    from kolony_tui.ui.widgets.notification_list import NotificationList

    rows = nearest(app, NotificationList)
    return rows.chosen if rows is not None else []


def _no_note(app: KolonyApp) -> str | None:
    return None if _notes(app) else "no notification is chosen here (N shows them)"


async def _read(app: KolonyApp, _: str) -> None:
    await notifications.read(session_of(app), [each.notification_id for each in _notes(app)])
    app.live.look_again()


async def _read_all(app: KolonyApp, _: str) -> None:
    marked = await notifications.read_all(session_of(app))
    app.say(f"{marked} notifications marked as read")
    app.live.look_again()


async def _go(app: KolonyApp, _: str) -> None:
    note = _notes(app)[0]
    await notifications.read(session_of(app), [note.notification_id])
    subjects = ("run", "command", "agent") if note.count == 1 else ("command", "run", "agent")
    for kind in subjects:
        if identity := note.data.get(f"{kind}_id"):
            open_subject(app, kind, UUID(str(identity)))
            return
    app.say("it is about nothing that has a screen of its own")


# Rules, settings, webhooks


def _chosen(app: KolonyApp) -> list[Telling]:
    from kolony_tui.ui.widgets.telling_list import TellingList

    rows = nearest(app, TellingList)
    return rows.chosen if rows is not None else []


def _no_row(app: KolonyApp) -> str | None:
    return None if _chosen(app) else "nothing is chosen here (0, then Notifications)"


def _webhooks(app: KolonyApp) -> list[Webhook]:
    return [each.webhook for each in _chosen(app) if each.webhook is not None]


def _no_webhook(app: KolonyApp) -> str | None:
    return None if _webhooks(app) else "no webhook is chosen here (0, then Notifications)"


def _nothing_to_delete(app: KolonyApp) -> str | None:
    session = app.session
    for row in _chosen(app):
        if row.webhook is not None:
            return None
        if row.rule is not None and row.rule.rule_id is not None:
            if row.rule.own or (session is not None and session.role == Role.ADMIN):
                return None
            return "an admin deletes the workspace's rules"
    return "only rules that somebody made and webhooks can be deleted; a rule of your own goes before the built-in one"


async def _edit(app: KolonyApp, _: str) -> None:
    row = _chosen(app)[0]
    if row.settings is not None:
        await _edit_settings(app, row.settings, row.id.partition(":")[2])
    elif row.webhook is not None:
        await _edit_webhook(app, row.webhook)
    elif row.rule is not None and row.rule.rule_id is not None:
        await _edit_rule(app, row.rule, row.rule.rule_id)
    elif row.rule is not None:
        await _add_rule(app, row.rule.kind)


async def _edit_settings(app: KolonyApp, given: NotificationSettings, which: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    async def deliver(values: Mapping[str, str]) -> None:
        begin, end = hours_written(values["quiet"])
        wanted = NotificationSettings(
            begin, end, values["zone"] or "UTC", values["bell"], values["desktop"], Urgency(values["from"])
        )
        await notifications.change_settings(session_of(app), wanted)

    fields = [
        Field("quiet", "Quiet hours", given.quiet_words, hint="22:00-07:00, or none"),
        Field("zone", "Time zone", given.time_zone, hint="Europe/Berlin, UTC"),
        Field("bell", "Bell", given.bell, "choice", BELLS),
        Field("desktop", "Desktop", given.desktop, "choice", DESKTOPS),
        Field("from", "Sounds from", str(given.sound_from), "choice", _URGENCIES),
    ]
    fields.sort(key=lambda each: each.id != which)  # what one pointed at comes first
    await app.push_screen_wait(Form("How you are told", fields, deliver, yes="Save"))


def _rule_fields(
    audience: str, priority: Urgency | None, channels: list[str], enabled: bool, whole: bool
) -> list[Field]:
    from kolony_tui.ui.screens.form import Field

    sounds = " and ".join(channels) or "nothing"
    return [
        Field("told", "Told", "yes" if enabled else "no", "choice", ("yes", "no")),
        Field("who", "Who", audience, "choice", AUDIENCES if whole else ("owner", "everyone")),
        Field("priority", "Priority", str(priority or _AS_IT_COMES), "choice", (_AS_IT_COMES, *_URGENCIES)),
        Field("sounds", "Sounds by", sounds if sounds in _SOUNDS else _SOUNDS[0], "choice", _SOUNDS),
    ]


def _rule_values(values: Mapping[str, str]) -> tuple[str, Urgency | None, list[str], bool]:
    priority = None if values["priority"] == _AS_IT_COMES else Urgency(values["priority"])
    channels = [] if values["sounds"] == "nothing" else values["sounds"].split(" and ")
    return values["who"], priority, channels, values["told"] == "yes"


_WHO = "owner: what is yours. The nearest rule decides: about one agent before about a tag before about all."


async def _add_rule(app: KolonyApp, kind: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    session = session_of(app)
    kinds = list(dict.fromkeys(each.kind for each in await notifications.rules(session)))
    row = next(iter(_chosen(app)), None)
    kind = kind or (row.rule.kind if row is not None and row.rule is not None else kinds[0])
    if kind not in kinds:
        raise UsageError(f"there is no kind of notification {kind!r}", f"there are {', '.join(kinds)}")
    admin = session.role == Role.ADMIN

    async def deliver(values: Mapping[str, str]) -> None:
        audience, priority, channels, enabled = _rule_values(values)
        only = values["only"]
        agent_id = None if not only or only.startswith("@") else (await fleet.agent_ids(session_of(app), [only]))[0]
        await notifications.make_rule(
            session_of(app), values["kind"], for_everybody=values.get("rule") == "the workspace", audience=audience,
            agent_id=agent_id, tag=only[1:] if only.startswith("@") else None, priority=priority, channels=channels,
            enabled=enabled,
        )  # fmt: skip

    fields = [Field("kind", "Kind", kind, "choice", kinds)]
    if admin:
        fields.append(Field("rule", "Rule of", "you", "choice", ("you", "the workspace")))
    fields += _rule_fields("owner", None, ["bell", "desktop"], True, whole=admin)
    fields.append(Field("only", "Only about", hint="an agent, or @tag (optional)"))
    await app.push_screen_wait(Form("Make a rule for notifications", fields, deliver, said=_WHO, yes="Make it"))


async def _edit_rule(app: KolonyApp, rule: NotificationRule, rule_id: UUID) -> None:
    from kolony_tui.ui.screens.form import Form

    async def deliver(values: Mapping[str, str]) -> None:
        await notifications.change_rule(session_of(app), rule_id, *_rule_values(values))

    fields = _rule_fields(rule.audience, rule.priority, rule.channels, rule.enabled, whole=not rule.own)
    whose = "your rule" if rule.own else "the workspace's rule"
    await app.push_screen_wait(Form(f"Change {whose} for {rule.kind}", fields, deliver, said=_WHO, yes="Change"))


def _webhook_fields(name: str, url: str, kinds: str, at_least: str) -> list[Field]:
    from kolony_tui.ui.screens.form import Field

    named = [Field("name", "Name", name, hint="ops, chat, ...")] if not url else []
    return [
        *named,
        Field("url", "Address", url, hint="https://..."),
        Field("kinds", "Kinds", kinds, hint="all, or run_failed, approval, ..."),
        Field("least", "From", at_least, "choice", _URGENCIES),
        Field("secret", "Secret", kind="secret", hint="another one (optional)" if url else "16 characters at least"),
    ]


def _kinds(text: str) -> list[str]:
    return [] if text in ("", "all") else [word.strip() for word in text.split(",") if word.strip()]


async def _add_webhook(app: KolonyApp, name: str) -> None:
    from kolony_tui.ui.screens.form import Form

    async def deliver(values: Mapping[str, str]) -> None:
        await webhooks.add_webhook(
            session_of(app), values["name"], values["url"], Secret(values["secret"]), kinds=_kinds(values["kinds"]),
            at_least=Urgency(values["least"]),
        )  # fmt: skip

    said = "It gets a signed POST of each notification's event. Its secret is never shown again."
    fields = _webhook_fields(name, "", "all", "low")
    await app.push_screen_wait(Form("Add a webhook", fields, deliver, said=said, yes="Add"))


async def _edit_webhook(app: KolonyApp, webhook: Webhook) -> None:
    from kolony_tui.ui.screens.form import Form

    async def deliver(values: Mapping[str, str]) -> None:
        await webhooks.change_webhook(
            session_of(app), webhook.webhook_id, url=values["url"], kinds=_kinds(values["kinds"]),
            at_least=Urgency(values["least"]), secret=Secret(values["secret"]) if values["secret"] else None,
        )  # fmt: skip

    shown = safe(webhook.url, limit=2000).plain
    fields = _webhook_fields("", shown, ", ".join(webhook.kinds) or "all", str(webhook.at_least))
    await app.push_screen_wait(Form(f"Change the webhook {_called(webhook)}", fields, deliver, yes="Change"))


def _called(webhook: Webhook) -> str:
    return safe(webhook.name, limit=60).plain


async def _test(app: KolonyApp, _: str) -> None:
    for webhook in _webhooks(app):
        sent = await webhooks.test_webhook(session_of(app), webhook.webhook_id)
        if sent.state == "delivered":
            app.say(f"{_called(webhook)} answered {sent.last_status}")
        else:
            why = safe(sent.last_error or "", limit=200).plain
            app.say(f"{_called(webhook)} did not take the test: {why}", severity="warning")


_STATES: dict[str, tuple[str, Tone]] = {"delivered": ("✔", "good"), "failed": ("✖", "bad"), "pending": ("◌", "warn")}


async def _log(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.told import Told

    webhook = _webhooks(app)[0]
    drawing = app.drawing()
    lines: list[list[Part]] = []
    for each in await webhooks.deliveries(session_of(app), webhook.webhook_id, limit=100):
        glyph, tone = _STATES.get(each.state, ("⊘", "dim"))
        head = f"{drawing.glyph(glyph)} {each.state:<9} {drawing.age(each.created_at):>5} ago  {each.tries} tries  "
        lines.append([part(head, tone), part(each.title)])
        if each.last_error is not None:
            again = f"   again {each.next_try_at:%H:%M:%S} UTC: " if each.next_try_at is not None else "   "
            lines.append([part(again, "dim"), part(each.last_error, "dim")])
    app.push_screen(Told(f"Sent to {_called(webhook)}", lines or [[part("nothing yet", "dim")]]))


async def _delete(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    rows = [each for each in _chosen(app) if each.webhook or (each.rule and each.rule.rule_id)]
    hooks = [each for each in rows if each.webhook is not None]
    said = "A webhook goes for good, with its secret and what still waits." if hooks else "It can be undone for 30 s."
    what = _row_called(rows[0]) if len(rows) == 1 else f"{len(rows)} of them"
    question = Question(f"Delete {what}?", said, [_row_called(each) for each in rows], yes="Delete")
    if await app.push_screen_wait(question) is None:
        return

    async def delete(row: Telling) -> None:
        if row.webhook is not None:
            await webhooks.remove_webhook(session_of(app), row.webhook.webhook_id)
        elif row.rule is not None and row.rule.rule_id is not None:
            await notifications.delete_rule(session_of(app), row.rule.rule_id)

    await for_each(app, rows, _row_called, delete, "deleted", undoable=not hooks)


def _row_called(row: Telling) -> str:
    if row.webhook is not None:
        return f"the webhook {_called(row.webhook)}"
    return f"the rule for {row.rule.kind}" if row.rule is not None else "it"


COMMANDS: tuple[Command, ...] = (
    Command("notes.open", "Notifications", "shows what you were told, newest first", _open, keys=("N",), name="notes",
            unavailable=not_connected),
    Command("notes.go", "Go to what it is about", "marks it as read and shows its run, command or agent", _go,
            ("notes",), unavailable=_no_note, shown=False),
    Command("notes.read", "Mark as read", "marks notifications as read; for all that are marked", _read, ("notes",),
            ("r",), unavailable=_no_note, short="read"),
    Command("notes.read_all", "Mark all as read", "marks all of your notifications as read", _read_all, ("notes",),
            ("R",), unavailable=not_connected, short="all read"),
    Command("notify.rule", "Make a rule for notifications", "says who is told of what, and how loudly", _add_rule,
            ("notify",), ("a",), "rule", unavailable=not_connected, short="rule"),
    Command("notify.edit", "Change it", "changes the setting, rule or webhook; enter does the same", _edit, ("notify",),
            ("e",), unavailable=_no_row, short="change"),
    Command("notify.delete", "Delete rules and webhooks", "deletes them; for all that are marked", _delete, ("notify",),
            ("x",), destructive=True, unavailable=_nothing_to_delete, short="delete"),
    Command("notify.webhook", "Add a webhook", "adds an address that gets the workspace's events", _add_webhook,
            ("notify",), ("w",), "webhook", Role.ADMIN, short="webhook"),
    Command("notify.test", "Test the webhook", "sends the webhook a test now", _test, ("notify",), ("t",),
            role=Role.ADMIN, unavailable=_no_webhook, short="test"),
    Command("notify.log", "What it was sent", "shows the deliveries of the webhook, newest first", _log, ("notify",),
            ("l",), role=Role.ADMIN, unavailable=_no_webhook, short="log"),
)  # fmt: skip
