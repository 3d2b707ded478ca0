"""Conversations: starting one, saying something, files, its run, its name, putting it away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kolony_tui.core import conversations
from kolony_tui.core.fleet import agent_ids
from kolony_tui.models.conversations import Conversation, Said
from kolony_tui.models.people import Role
from kolony_tui.text import safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.screens.conversations.screen import ConversationsScreen


def _screen(app: KolonyApp) -> ConversationsScreen | None:
    from kolony_tui.ui.screens.conversations.screen import ConversationsScreen

    return app.ground if isinstance(app.ground, ConversationsScreen) else None


def _chosen(app: KolonyApp) -> list[Conversation]:
    from kolony_tui.ui.widgets.conversation_list import ConversationList

    rows = nearest(app, ConversationList)
    if rows is not None:
        return rows.chosen
    screen = _screen(app)
    return [screen.list.pointed] if screen is not None and screen.list.pointed is not None else []


def _called(thread: Conversation) -> str:
    return f"{thread.reference} {safe(thread.title, limit=40).plain}"


def _needs_one(app: KolonyApp) -> str | None:
    return None if _chosen(app) else "no conversation is chosen here (5 shows them)"


def _names(app: KolonyApp) -> Iterable[str]:
    return [safe(agent.name, limit=60).plain for agent in app.agents]


async def _new(app: KolonyApp, name: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form
    from kolony_tui.ui.screens.work.composer import aimed_names

    begun = name or next(iter(aimed_names(app)), "")
    started: list[Said] = []

    async def start(values: Mapping[str, str]) -> None:
        session = session_of(app)
        agent_id = (await agent_ids(session, [values["agent"]]))[0]
        title = values["title"] or None
        started.append(await conversations.start_conversation(session, agent_id, values["text"], title=title))

    fields = [
        Field("agent", "Agent", begun, hint="its name"),
        Field("text", "Message", hint="what you want to say first"),
        Field("title", "Title", hint="the first line of the message"),
    ]
    if not await app.push_screen_wait(Form("New conversation", fields, start, yes="Start")):
        return
    app.go_to("conversations")
    if (screen := _screen(app)) is not None:
        screen.show_conversation(started[0].conversation_id)


def _reply(app: KolonyApp, _: str) -> None:
    if (screen := _screen(app)) is not None:
        screen.reply()


async def _attach(app: KolonyApp, path: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    screen = _screen(app)
    if screen is None:
        return
    chosen: list[Path] = []

    async def check(values: Mapping[str, str]) -> None:
        file = Path(values["path"])
        await asyncio.to_thread(conversations.attachments_of, [*screen.thread.files, file])
        chosen.append(file)

    form = Form("Attach a file", [Field("path", "File", path, hint="~/notes.txt")], check, yes="Attach",
                said="The agent finds it in its run's folder. At most 4 MiB each.")  # fmt: skip
    if await app.push_screen_wait(form):
        screen.thread.attach(chosen[-1])
        screen.reply()


def _run(app: KolonyApp, _: str) -> None:
    screen = _screen(app)
    if screen is not None and screen.run_in_sight is not None:
        app.open_run(screen.run_in_sight)


def _no_run(app: KolonyApp) -> str | None:
    screen = _screen(app)
    return None if screen is not None and screen.run_in_sight is not None else "no run is in sight here"


async def _rename(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    thread = _chosen(app)[0]

    async def rename(values: Mapping[str, str]) -> None:
        await conversations.rename_conversation(session_of(app), thread.conversation_id, values["title"])

    fields = [Field("title", "Title", thread.title.raw)]
    await app.push_screen_wait(Form(f"Rename {thread.reference}", fields, rename, yes="Rename"))
    app.live.look_again()


async def _archive(app: KolonyApp, _: str) -> None:
    chosen = _chosen(app)
    away = not all(each.archived_at is not None for each in chosen)

    async def archive(thread: Conversation) -> None:
        await conversations.archive_conversation(session_of(app), thread.conversation_id, archived=away)

    await for_each(app, chosen, _called, archive, "put away; X shows it again" if away else "back")
    app.live.look_again()


def _all(app: KolonyApp, _: str) -> None:
    if (screen := _screen(app)) is not None:
        screen.toggle_archived()


COMMANDS: tuple[Command, ...] = (
    Command("conversation.new", "Start a conversation", "says something to an agent, and goes on from there", _new,
            ("conversations",), ("a",), "talk", Role.OPERATOR, argument="AGENT", arguments=_names,
            short="new conversation"),
    Command("conversation.reply", "Say something", "goes to the line below the messages (as enter does)", _reply,
            ("conversations",), ("r",), "", Role.OPERATOR, unavailable=_needs_one, short="reply"),
    Command("conversation.attach", "Attach a file", "a file goes along with what is said next", _attach,
            ("thread",), ("ctrl+o",), "", Role.OPERATOR, unavailable=_needs_one, short="attach"),
    Command("conversation.run", "Open its run", "the run that answers, or that answered last", _run,
            ("conversations",), ("o",), "", unavailable=_no_run, short="its run"),
    Command("conversation.rename", "Rename a conversation", "gives it another title", _rename,
            ("conversations",), ("e",), "", Role.OPERATOR, unavailable=_needs_one, short="rename"),
    Command("conversation.archive", "Put conversations away", "out of the list, or back into it; their messages stay",
            _archive, ("conversations",), ("x",), "", Role.OPERATOR, unavailable=_needs_one, short="put away"),
    Command("conversation.all", "Those put away", "shows conversations that were put away too, or no more", _all,
            ("conversations",), ("X",), "", short="all"),
)  # fmt: skip
