"""``kolony conversation``: threads with agents."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kolony_tui.cli.listing import limit_of, print_rows
from kolony_tui.cli.verbs import done, group, in_session, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError
from kolony_tui.models.states import RunStatus

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.conversations import Conversation, Message, Said
    from kolony_tui.models.work import Run

_TEXT = "The text comes after --; a single - after it reads the text from standard input."


def register_conversation(verbs: Any) -> None:
    """Declares ``kolony conversation`` and its verbs."""
    threads = group(verbs, "conversation", "threads with agents")
    listing = verb(threads, "list", _list, "conversations, the newest message first")
    listing.add_argument("--agent", help="with this agent only")
    listing.add_argument("--all", action="store_true", help="also those that were put away")
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="at most so many (200)")
    showing = verb(threads, "show", _show, "the messages of a conversation, oldest first")
    _named(showing)
    showing.add_argument("--limit", type=int, default=500, metavar="N", help="the last so many messages (500)")
    starting = verb(threads, "start", _start, "start a conversation with an agent", epilog=_TEXT)
    starting.add_argument("agent", metavar="AGENT")
    starting.add_argument("--title", help="what it is called (default: the first line of the text)")
    _saying(starting)
    sending = verb(threads, "send", _send, "say something in a conversation", epilog=_TEXT)
    _named(sending)
    _saying(sending)
    renaming = verb(threads, "rename", _rename, "call a conversation something else")
    _named(renaming)
    renaming.add_argument("title", help="1 to 200 characters")
    archiving = verb(threads, "archive", _archive, "put a conversation away; the next message brings it back")
    _named(archiving)
    archiving.add_argument("--back", action="store_true", help="bring it back")
    _named(verb(threads, "read", _read, "note that you have read a conversation"))


def _named(parser: Any) -> None:
    parser.add_argument("conversation", metavar="ID", help="its number, as 12 or ~12, or its id")


def _saying(parser: Any) -> None:
    parser.set_defaults(takes_rest=True)
    parser.add_argument("--attach", action="append", default=[], type=Path, metavar="FILE",
                        help="a file for the agent, at most 4 MiB; may be repeated")  # fmt: skip
    parser.add_argument("--wait", action="store_true", help="wait for the answer; exit code 1 unless it completed")
    parser.add_argument("--follow", action="store_true", help="wait, and print the output meanwhile")


def _text(args: argparse.Namespace) -> str:
    from kolony_tui.core.work import checked_content

    if args.rest != ["-"]:
        return checked_content(" ".join(args.rest or []))
    try:
        return checked_content(sys.stdin.buffer.read().decode())
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8 text", "send a message as UTF-8 text") from error


def _list(args: argparse.Namespace) -> int:
    limit = limit_of(args)
    if args.json:
        from kolony_tui.core.reading import agent_id

        return print_rows(
            args,
            lambda reader: reader.rows(
                "conversations/list", args.all, None if args.agent is None else agent_id(reader, args.agent), limit
            ),
        )
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.conversations import conversations
    from kolony_tui.core.fleet import agent_ids

    async def work(session: PersonSession) -> list[Conversation]:
        of_agent = (await agent_ids(session, [args.agent]))[0] if args.agent is not None else None
        return await conversations(session, agent_id=of_agent, archived=args.all, limit=limit)

    print_table(
        ["ID", "NEW", "AGENT", "STATUS", "LAST", "TITLE", "LAST WORDS"],
        [
            (each.reference, each.unread or "", each.agent, "answering" if each.open_runs else each.agent_status,
             each.last_message_at, each.title, each.last_words)
            for each in in_session(args, work)
        ],
    )  # fmt: skip
    return 0


def _show(args: argparse.Namespace) -> int:
    from kolony_tui.core.conversations import conversation, messages

    limit = limit_of(args)

    async def work(session: PersonSession) -> tuple[Conversation, list[Message]]:
        found = await conversation(session, args.conversation)
        return found, await messages(session, found.conversation_id, limit=limit, characters=4 * 1024 * 1024)

    found, said = in_session(args, work)
    if args.json:
        from kolony_tui.cli.printing import as_json, print_json

        print_json({**as_json(found), "reference": found.reference, "messages_shown": [_as_json(one) for one in said]})
        return 0
    from kolony_tui.cli.printing import print_line

    print_line(f"{found.reference}  {found.title.raw}  (with {found.agent.raw})")
    for one in said:
        print_line("")
        print_line(_heading(one))
        for line in one.content.raw.splitlines():
            print_line(f"  {line}")
    return 0


def _as_json(message: Message) -> dict[str, Any]:
    from kolony_tui.cli.printing import as_json

    facts = as_json(message)
    keys = ("attachment_ids", "attachment_names", "attachment_bytes")
    files = zip(*(facts.pop(key) for key in keys), strict=True)
    named = ("attachment_id", "name", "bytes")
    return {**facts, "attachments": [dict(zip(named, each, strict=True)) for each in files]}


def _heading(message: Message) -> str:
    from kolony_tui.cli.printing import ago

    who = message.author.raw if message.origin != "note" else "note"
    files = "".join(f"  [{name.raw}, {size} bytes]" for name, size in
                    zip(message.attachment_names, message.attachment_bytes, strict=True))  # fmt: skip
    status = f" {message.run_status.value}" if message.unanswered and message.run_status is not None else ""
    return f"{message.number}. {who}, {ago(message.created_at)}  {message.run or ''}{status}{files}"


def _start(args: argparse.Namespace) -> int:
    from kolony_tui.core.conversations import attachments_of, start_conversation
    from kolony_tui.core.fleet import agent_ids

    text, files = _text(args), attachments_of(args.attach)

    async def work(session: PersonSession) -> Said:
        agent_id = (await agent_ids(session, [args.agent]))[0]
        return await start_conversation(session, agent_id, text, title=args.title, files=files)

    return _said(args, work)


def _send(args: argparse.Namespace) -> int:
    from kolony_tui.core.conversations import attachments_of, conversation, send_message

    text, files = _text(args), attachments_of(args.attach)

    async def work(session: PersonSession) -> Said:
        found = await conversation(session, args.conversation)
        return await send_message(session, found.conversation_id, text, files)

    return _said(args, work)


def _said(args: argparse.Namespace, say: Any) -> int:
    """Says it, waits where that was asked for, and prints what came of it."""

    async def work(session: PersonSession) -> tuple[Said, Run | None, list[Message]]:
        said: Said = await say(session)
        if not (args.wait or args.follow):
            return said, None, []
        tell(f"~{said.conversation} #{said.command_number} is sent; it goes on even if you leave")
        ended = await _ended(session, said, follow=args.follow and not args.json)
        from kolony_tui.core.conversations import messages

        thread = await messages(session, said.conversation_id, characters=4 * 1024 * 1024)
        return said, ended, [one for one in thread if one.run_id == said.run_id and one.origin != "person"]

    said, ended, answers = in_session(args, work)
    if args.json:
        from kolony_tui.cli.printing import as_json, print_json

        end = {} if ended is None else {
            "status": ended.status, "exit_code": ended.exit_code,
            "answer": "\n".join(one.content.raw for one in answers if one.origin == "agent"),
            "messages": [_as_json(one) for one in answers],
        }  # fmt: skip
        print_json({**as_json(said), "reference": f"~{said.conversation}", **end})
    elif ended is None:
        tell(f"~{said.conversation} #{said.command_number} is sent")
    else:
        _print_answers(answers, followed=args.follow)
        tell(f"~{said.conversation} #{said.command_number}: {ended.status.value}")
    return ExitCode.DONE if ended is None or ended.status == RunStatus.COMPLETED else ExitCode.WORK_FAILED


async def _ended(session: PersonSession, said: Said, *, follow: bool) -> Run:
    from kolony_tui.core.waiting import ended_runs, look_again

    async with look_again(session) as hints:
        if follow:
            from kolony_tui.cli.tail import follow_run

            await follow_run(session, said.run_id, None, hints)
        return (await ended_runs(session, [said.run_id], hints))[0]


def _print_answers(answers: Sequence[Message], *, followed: bool) -> None:
    from kolony_tui.cli.printing import print_line

    for one in answers:
        if one.origin == "note":
            tell(one.content.raw)
        elif not followed:
            for line in one.content.raw.splitlines():
                print_line(line)


def _rename(args: argparse.Namespace) -> int:
    from kolony_tui.core.conversations import conversation, rename_conversation

    async def work(session: PersonSession) -> Conversation:
        found = await conversation(session, args.conversation)
        await rename_conversation(session, found.conversation_id, args.title)
        return found

    found = in_session(args, work)
    words = f"{found.reference} is called {args.title.strip()} now"
    return done(args, words, conversation_id=found.conversation_id, number=found.number, title=args.title.strip())


def _archive(args: argparse.Namespace) -> int:
    from kolony_tui.core.conversations import archive_conversation, conversation

    async def work(session: PersonSession) -> Conversation:
        found = await conversation(session, args.conversation)
        await archive_conversation(session, found.conversation_id, archived=not args.back)
        return found

    found = in_session(args, work)
    words = f"{found.reference} is back" if args.back else f"{found.reference} is put away"
    return done(args, words, conversation_id=found.conversation_id, number=found.number, archived=not args.back)


def _read(args: argparse.Namespace) -> int:
    from kolony_tui.core.conversations import conversation, mark_read

    async def work(session: PersonSession) -> Conversation:
        found = await conversation(session, args.conversation)
        await mark_read(session, found.conversation_id, found.messages)
        return found

    found = in_session(args, work)
    words = f"{found.reference} is read: {found.unread} new"
    return done(args, words, conversation_id=found.conversation_id, number=found.number, read=found.messages)
