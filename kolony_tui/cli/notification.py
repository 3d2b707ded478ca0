"""``kolony notification``: what one was told, and by which rules."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, verb
from kolony_tui.models.errors import ExitCode, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.notifications import Notification, NotificationRule, NotificationSettings


def register_notification(verbs: Any) -> None:
    """Declares ``kolony notification`` and its verbs."""
    notes = group(verbs, "notification", "what you were told, and by which rules")
    listing = verb(notes, "list", _list, "your notifications, newest first")
    listing.add_argument("--unread", action="store_true", help="only those that you have not read")
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="at most so many (200)")
    reading = verb(notes, "read", _read, "mark notifications as read")
    reading.add_argument("notification", nargs="*", metavar="ID", help="its id, or the end of it")
    reading.add_argument("--all", action="store_true", help="all of yours in this workspace")
    verb(notes, "rules", _rules, "who is told of what: your rules, the workspace's, the built-in ones")
    _register_rule(notes)
    settings = verb(notes, "settings", _settings, "show or change when you want no sound, and how you are told")
    settings.add_argument("--quiet", metavar="HOURS", help="such as 22:00-07:00, or none")
    settings.add_argument("--time-zone", metavar="ZONE", help="whose clock that is, such as Europe/Berlin")
    settings.add_argument("--bell", metavar="WHEN", help="never, away (while the terminal is not in front), always")
    settings.add_argument("--desktop", metavar="HOW", help="off, auto, osc9, osc777 or notify-send")
    settings.add_argument("--sound-from", metavar="PRIORITY", help="the least that sounds: low, medium, high, critical")


def _register_rule(notes: Any) -> None:
    note = (
        "For each person the nearest rule decides: their own before the workspace's before the built-in one; about one"
        " agent before about a tag before about all; the newest of those that are alike."
    )
    rule = group(notes, "rule", "rules: add, edit, delete")
    adding = verb(rule, "add", _add_rule, "make a rule", epilog=note)
    adding.add_argument("kind", help="such as agent_status, run_failed, limit_hit, approval, stop, command_ended")
    adding.add_argument("--everybody", action="store_true", help="for the workspace, not for you alone (admins)")
    adding.add_argument("--agent", help="only what is about this agent")
    adding.add_argument("--tag", help="only what is about agents with this tag")
    editing = verb(rule, "edit", _edit_rule, "change a rule")
    editing.add_argument("rule", metavar="ID", help="its id, or the end of it")
    for parser in (adding, editing):
        parser.add_argument("--audience", metavar="WHO",
                            help="owner (what is yours), everyone; --everybody also: admins, operators")  # fmt: skip
        parser.add_argument("--priority", help="low, medium, high or critical; or as-it-comes")
        parser.add_argument("--channels", metavar="A,B", help="bell, desktop, or none; the list has all anyway")
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--off", dest="enabled", action="store_false", default=None, help="do not tell")
        switch.add_argument("--on", dest="enabled", action="store_true", default=None, help="tell")
    verb(rule, "delete", _delete_rule, "delete a rule; kolony undo brings it back").add_argument("rule", metavar="ID")


def _list(args: argparse.Namespace) -> int:
    limit = min(max(args.limit, 1), 10_000)
    if args.json:

        def rows(reader: Any) -> list[str]:
            reader.rows("notifications/take")
            found: list[str] = reader.rows("notifications/list", "true" if args.unread else "false", limit)
            return found

        return print_rows(args, rows)
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.notifications import notifications, take_notice

    async def work(session: PersonSession) -> list[Notification]:
        await take_notice(session)
        return await notifications(session, unread=args.unread, limit=limit)

    print_table(
        ["ID", "", "PRIORITY", "KIND", "TIMES", "AT", "TITLE", "MESSAGE"],
        [
            (end_of(each.notification_id), "" if each.read_at else "new", each.priority, each.kind, each.count,
             each.last_at, each.title, each.message)
            for each in in_session(args, work)
        ],
    )  # fmt: skip
    return ExitCode.DONE


def _read(args: argparse.Namespace) -> int:
    from kolony_tui.core.notifications import notification_named, notifications, read, read_all

    if bool(args.notification) == args.all:
        raise UsageError("which notifications?", "name them by id, or say --all")

    async def work(session: PersonSession) -> int:
        if args.all:
            return await read_all(session)
        known = await notifications(session, limit=10_000)
        return await read(session, [notification_named(known, each).notification_id for each in args.notification])

    marked = in_session(args, work)
    return done(args, f"{marked} marked as read", read=marked)


def _rules(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("notifications/rules"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.notifications import rules

    print_table(
        ["ID", "KIND", "RULE OF", "WHO IS TOLD", "ONLY", "PRIORITY", "SOUNDS BY", ""],
        [
            (end_of(each.rule_id), each.kind, _whose(each), each.audience, _only(each),
             each.priority or "as it comes", ", ".join(each.channels) or "nothing", "" if each.enabled else "off")
            for each in in_session(args, rules)
        ],
    )  # fmt: skip
    return ExitCode.DONE


def _whose(rule: NotificationRule) -> str:
    if rule.rule_id is None:
        return "built in"
    return "yours" if rule.own else f"the workspace, by {rule.created_by or '?'}"


def _only(rule: NotificationRule) -> str:
    return rule.agent.raw if rule.agent is not None else f"@{rule.tag.raw}" if rule.tag is not None else ""


def _add_rule(args: argparse.Namespace) -> int:
    from kolony_tui.core.fleet import agent_ids
    from kolony_tui.core.notifications import make_rule
    from kolony_tui.models.notifications import channels_written

    async def work(session: PersonSession) -> UUID:
        return await make_rule(
            session,
            args.kind,
            for_everybody=args.everybody,
            audience=args.audience or "owner",
            agent_id=(await agent_ids(session, [args.agent]))[0] if args.agent else None,
            tag=args.tag,
            priority=_priority(args.priority),
            channels=channels_written("bell,desktop" if args.channels is None else args.channels),
            enabled=args.enabled is not False,
        )

    made = in_session(args, work)
    return done(args, f"rule {end_of(made)} for {args.kind} is there", rule_id=made, kind=args.kind)


def _edit_rule(args: argparse.Namespace) -> int:
    from kolony_tui.core.notifications import change_rule, rule_named, rules
    from kolony_tui.models.notifications import channels_written

    if args.audience is args.priority is args.channels is args.enabled is None:
        raise UsageError("nothing to change was given", "see kolony notification rule edit --help")

    async def work(session: PersonSession) -> NotificationRule:
        found = rule_named(await rules(session), args.rule)
        assert found.rule_id is not None
        await change_rule(
            session,
            found.rule_id,
            args.audience or found.audience,
            found.priority if args.priority is None else _priority(args.priority),
            found.channels if args.channels is None else channels_written(args.channels),
            found.enabled if args.enabled is None else args.enabled,
        )
        return found

    found = in_session(args, work)
    return done(args, f"the rule for {found.kind} is changed", rule_id=found.rule_id, kind=found.kind)


def _priority(text: str | None) -> Any:
    from kolony_tui.models.notifications import urgency_written

    return None if text in (None, "as-it-comes") else urgency_written(str(text))


def _delete_rule(args: argparse.Namespace) -> int:
    from kolony_tui.core.notifications import delete_rule, rule_named, rules

    async def work(session: PersonSession) -> NotificationRule:
        found = rule_named(await rules(session), args.rule)
        assert found.rule_id is not None
        await delete_rule(session, found.rule_id)
        return found

    found = in_session(args, work)
    words = f"the rule for {found.kind} is deleted; kolony undo brings it back"
    return done(args, words, rule_id=found.rule_id, kind=found.kind)


def _settings(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from kolony_tui.cli.printing import print_json, print_table
    from kolony_tui.core.notifications import change_settings, settings
    from kolony_tui.models.notifications import BELLS, DESKTOPS, hours_written, one_of, urgency_written

    changes: dict[str, Any] = {}
    if args.quiet is not None:
        changes["quiet_from"], changes["quiet_to"] = hours_written(args.quiet)
    if args.time_zone is not None:
        changes["time_zone"] = args.time_zone
    if args.bell is not None:
        changes["bell"] = one_of(args.bell, BELLS, "time for the bell")
    if args.desktop is not None:
        changes["desktop"] = one_of(args.desktop, DESKTOPS, "way to a desktop")
    if args.sound_from is not None:
        changes["sound_from"] = urgency_written(args.sound_from)

    async def work(session: PersonSession) -> NotificationSettings:
        found = replace(await settings(session), **changes)
        if changes:
            await change_settings(session, found)
        return found

    found = in_session(args, work)
    facts = [("quiet", found.quiet_words), ("time_zone", found.time_zone), ("bell", found.bell),
             ("desktop", found.desktop), ("sound_from", str(found.sound_from))]  # fmt: skip
    if args.json:
        print_json(dict(facts))
    else:
        print_table(["", ""], [(name.replace("_", " "), value) for name, value in facts])
    return ExitCode.DONE


def end_of(identity: UUID | None) -> str:
    # Ids begin with the time, so how one ends tells them apart.
    return "-" if identity is None else str(identity)[-8:]
