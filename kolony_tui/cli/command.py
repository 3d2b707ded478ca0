"""``kolony command``."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import limit_of, print_rows
from kolony_tui.cli.plan import add_plan_verbs
from kolony_tui.cli.verbs import done, group, in_session, verb
from kolony_tui.models.errors import UsageError
from kolony_tui.models.states import CommandStatus

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.work import Command, Dependency


def register_command(verbs: Any) -> None:
    """Declares ``kolony command`` and its verbs."""
    commands = group(verbs, "command", "commands")
    listing = verb(commands, "list", _commands, "commands, newest first")
    listing.add_argument("--status", choices=[status.value for status in CommandStatus])
    listing.add_argument("--parent", metavar="N", help="those that came from this one, as the drafts of a plan")
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="at most so many (200)")
    verb(commands, "show", _command, "one command and its runs").add_argument("command")
    editing = verb(commands, "edit", _edit, "change a draft, or what nobody has begun; the new text comes after --")
    editing.set_defaults(takes_rest=True)
    editing.add_argument("command")
    editing.add_argument("--priority", type=int, metavar="N", help="0 to 100, higher first")
    verb(commands, "submit", _submit, "send a draft").add_argument("command")
    cancelling = verb(commands, "cancel", _cancel_command, "cancel what has not ended")
    cancelling.add_argument("command")
    cancelling.add_argument("--reason", default="", help="why; its agents and everybody else are told")
    verb(commands, "retry", _retry_command, "queue its failed and cancelled runs again").add_argument("command")
    holding = verb(commands, "hold", _hold_command, "keep its waiting runs from being taken")
    holding.add_argument("command")
    holding.add_argument("--reason", default="", help="why; everybody is told")
    releasing = verb(commands, "release", _release_command, "let its runs go that are held or wait for what failed")
    releasing.add_argument("command")
    add_plan_verbs(commands)


def _commands(args: argparse.Namespace) -> int:
    limit = limit_of(args)
    parent = None if args.parent is None else _number(args.parent)
    if args.json and parent is not None:
        return print_rows(args, lambda reader: reader.rows("work/commands_of_parent", parent, args.status, limit))
    if args.json:
        return print_rows(args, lambda reader: reader.rows("work/commands", args.status, limit))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.work import commands, commands_of

    async def work(session: PersonSession) -> list[Command]:
        if parent is not None:
            return await commands_of(session, parent, status=args.status, limit=limit)
        return await commands(session, status=args.status, limit=limit)

    found = in_session(args, work)
    print_table(
        ["#", "STATUS", "RUNS", "PRI", "AGE", "BY", "COMMAND"],
        [
            (each.number, each.status.value, f"{each.completed + each.failed + each.cancelled}/{each.runs}",
             each.priority, each.created_at, each.created_by_login, each.title)
            for each in found
        ],
    )  # fmt: skip
    return 0


def _number(reference: str) -> int:
    digits = reference.removeprefix("#")
    if not digits.isdecimal() or len(digits) > 18:
        raise UsageError(f"{reference!r} names no command", "give its number, for example 12")
    return int(digits)


def _command(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import as_json, print_json, print_table
    from kolony_tui.cli.run import print_runs
    from kolony_tui.core.work import comes_after, command_detail, find_command

    async def work(session: PersonSession) -> Any:
        command_id = await find_command(session, args.command)
        return *(await command_detail(session, command_id)), await comes_after(session, command_id)

    command, content, runs, after = in_session(args, work)
    if args.json:
        print_json({**as_json(command), "content": content, "run_list": runs, "after": after})
        return 0
    print_table(["", ""], [
        ("command", f"#{command.number}"), ("status", command.status.value), ("priority", command.priority),
        ("by", command.created_by_login), ("sent", command.submitted_at or "not yet"), *_more(command, after),
        ("text", content),
    ])  # fmt: skip
    print_runs(runs)
    return 0


def _more(command: Command, after: list[Dependency]) -> list[tuple[str, object]]:
    """The rows of what is not so of every command."""
    facts: list[tuple[str, object]] = []
    if command.kind != "natural":
        facts.append(("kind", command.kind))
    if command.target_words is not None:
        facts.append(("goes to", command.target_words))
    facts += [("after", f"#{each.number}, {each.status.value} (has to be {each.need})") for each in after]
    if command.at_a_time is not None:
        facts.append(("at a time", command.at_a_time))
    if command.stop_after is not None:
        facts.append(("stop after", f"{command.stop_after} failures"))
    if command.held:
        facts.append(("held", f"{command.held} of {command.runs} runs"))
    return facts


def _edit(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import edit_command, find_command

    text = " ".join(args.rest) if args.rest else None
    if text is None and args.priority is None:
        raise UsageError("nothing to change", "give a new text after --, or --priority")

    async def work(session: PersonSession) -> UUID:
        command_id = await find_command(session, args.command)
        await edit_command(session, command_id, text, args.priority)
        return command_id

    command_id = in_session(args, work)
    return done(args, f"{args.command} is changed", command_id=command_id)


def _submit(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import command_detail, find_command, submit_command

    async def work(session: PersonSession) -> Any:
        command_id = await find_command(session, args.command)
        await submit_command(session, command_id)
        return await command_detail(session, command_id)

    command, _, runs = in_session(args, work)
    return done(
        args,
        f"#{command.number} is sent",
        command_id=command.command_id,
        runs=[{"run_id": run.run_id, "agent": run.agent} for run in runs],
    )


def _cancel_command(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import cancel_command, find_command

    async def work(session: PersonSession) -> tuple[UUID, int, int]:
        command_id = await find_command(session, args.command)
        return command_id, *(await cancel_command(session, command_id, args.reason))

    command_id, cancelled, requested = in_session(args, work)
    words = f"{args.command}: {cancelled} cancelled, {requested} asked to end"
    return done(args, words, command_id=command_id, cancelled=cancelled, requested=requested)


def _retry_command(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import find_command, retry_command

    async def work(session: PersonSession) -> tuple[UUID, int]:
        command_id = await find_command(session, args.command)
        return command_id, await retry_command(session, command_id)

    command_id, retried = in_session(args, work)
    return done(args, f"{args.command}: {retried} queued again", command_id=command_id, retried=retried)


def _hold_command(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import hold_command
    from kolony_tui.core.work import find_command

    async def work(session: PersonSession) -> tuple[UUID, int]:
        command_id = await find_command(session, args.command)
        return command_id, await hold_command(session, command_id, args.reason)

    command_id, held = in_session(args, work)
    return done(args, f"{args.command}: {held} held", command_id=command_id, held=held)


def _release_command(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import release_command
    from kolony_tui.core.work import find_command

    async def work(session: PersonSession) -> tuple[UUID, int]:
        command_id = await find_command(session, args.command)
        return command_id, await release_command(session, command_id)

    command_id, released = in_session(args, work)
    return done(args, f"{args.command}: {released} released", command_id=command_id, released=released)
