"""Drafts: editing, sending and deleting commands that nobody has sent yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kolony_tui.core import work
from kolony_tui.models.people import Role
from kolony_tui.models.work import Draft
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import chosen_drafts, nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def _none(app: KolonyApp) -> str | None:
    return None if chosen_drafts(app) else "no draft is chosen here (4 and [ show them)"


def _preview(drafts: list[Draft]) -> list[str]:
    return [
        f"#{each.number}  {safe(each.agents, limit=40).plain}  {safe(each.title, limit=80).plain}" for each in drafts
    ]


async def _edit(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.work.draft import DraftEditor
    from kolony_tui.ui.widgets.draft_list import DraftList

    rows = nearest(app, DraftList)
    draft = rows.pointed if rows is not None else None
    if draft is not None:
        detail = await work.command_detail(session_of(app), draft.command_id)
        app.push_screen(DraftEditor(draft, detail[1]))


async def _delete(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question
    from kolony_tui.ui.widgets.draft_list import DraftList

    session, drafts = session_of(app), chosen_drafts(app)
    what = f"{len(drafts)} drafts" if len(drafts) > 1 else f"draft #{drafts[0].number}"
    said = "Nobody can edit or send it any more." if len(drafts) == 1 else "Nobody can edit or send them any more."
    if await app.push_screen_wait(Question(f"Delete {what}?", said, _preview(drafts), yes="Delete")) is None:
        return
    for draft in drafts:
        await work.cancel_command(session, draft.command_id, "deleted as a draft")
    app.undoing.offer(f"{what} deleted", len(drafts))
    rows = nearest(app, DraftList)
    if rows is not None:
        rows.unmark()


async def _submit(app: KolonyApp, reference: str) -> None:
    session = session_of(app)
    command_id = await work.find_command(session, reference)
    await work.submit_command(session, command_id)
    app.say(f"draft {reference} is sent")


COMMANDS: tuple[Command, ...] = (
    Command("draft.edit", "Edit or send a draft", "opens the draft in the composer (as enter does)", _edit,
            ("drafts",), ("e",), "", Role.OPERATOR, unavailable=_none, short="edit"),
    Command("draft.delete", "Delete drafts", "deletes drafts; for all marked drafts", _delete,
            ("drafts",), ("x",), "", Role.OPERATOR, destructive=True, unavailable=_none, short="delete"),
    Command("work.submit", "Send a draft", "sends a draft by its number", _submit, name="submit", role=Role.OPERATOR,
            argument="NUMBER"),
)  # fmt: skip
