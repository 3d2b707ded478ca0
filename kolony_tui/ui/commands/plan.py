"""What an agent was told, and deciding about the plan that it proposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kolony_tui.core import kinds, work
from kolony_tui.models.errors import UsageError
from kolony_tui.models.kinds import PlanItem
from kolony_tui.models.people import Role
from kolony_tui.models.work import Run
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import chosen_runs, nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.screens.work.plan import PlanScreen

_TOLD = {"instructions": "Instructions", "command": "Command", "subject": "About the run"}
_TOLD_CHARACTERS = 200_000


def _one(app: KolonyApp) -> Run | None:
    runs = chosen_runs(app)
    return runs[0] if len(runs) == 1 else None


def _no_run(app: KolonyApp) -> str | None:
    return None if _one(app) is not None else "this is for one run"


async def _told(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.told import Told

    run = chosen_runs(app)[0]
    lines: list[list[Part]] = []
    for each in await kinds.told(session_of(app), run.run_id):
        words = safe(each.words, limit=_TOLD_CHARACTERS, newline="\n")
        lines += [[part(_TOLD[each.part], "strong")], [(words, "plain")], [part("")]]
    app.push_screen(Told(f"What the agent of {run.reference} is told", lines[:-1]))


async def _plan(app: KolonyApp, reference: str) -> None:
    from kolony_tui.ui.screens.work.plan import PlanScreen

    if reference:
        run_id = await kinds.find_plan(session_of(app), reference)
        app.push_screen(PlanScreen(run_id, f"#{reference.removeprefix('#')}"))
        return
    run = _one(app)
    if run is None:
        raise UsageError("say which command's plan", "for example :plan 12")
    if run.kind != "plan":
        raise UsageError(f"{run.reference} was not asked for a plan", "a command of the kind plan proposes one")
    app.push_screen(PlanScreen(run.run_id, run.reference))


def _screen(app: KolonyApp) -> PlanScreen | None:
    from kolony_tui.ui.screens.work.plan import PlanScreen

    return nearest(app, PlanScreen)


def _drafts(app: KolonyApp) -> list[PlanItem]:
    """The drafts among what is marked or under the cursor."""
    screen = _screen(app)
    return [item for item in screen.items.chosen if item.open] if screen is not None else []


def _decided(app: KolonyApp) -> str | None:
    return None if _drafts(app) else "nothing here is to be decided about"


def _all_decided(app: KolonyApp) -> str | None:
    screen = _screen(app)
    return None if screen is not None and screen.drafts else "nothing of this plan is to be decided about"


def _preview(items: Sequence[PlanItem]) -> list[str]:
    return [f"{each.item}  {safe(each.agent, limit=30).plain}  {safe(each.title, limit=80).plain}" for each in items]


def _counted(items: Sequence[PlanItem]) -> str:
    return f"item {items[0].item}" if len(items) == 1 else f"{len(items)} items"


async def _accept(app: KolonyApp, _: str) -> None:
    await _send(app, _drafts(app))


async def _accept_all(app: KolonyApp, _: str) -> None:
    screen = _screen(app)
    assert screen is not None
    await _send(app, screen.drafts)


async def _send(app: KolonyApp, items: list[PlanItem]) -> None:
    from kolony_tui.ui.screens.asking import Question

    screen = _screen(app)
    assert screen is not None
    if len(items) > 1:
        question = Question(f"Accept {_counted(items)}?", "Each is sent to its agent.", _preview(items), yes="Accept")
        if await app.push_screen_wait(question) is None:
            return
    accepted = await kinds.accept(session_of(app), screen.run_id, [item.item for item in items])
    screen.items.unmark()
    waiting = sorted({number for each in accepted for number in each.waits_for})
    drafts = ", ".join(f"#{number}" for number in waiting)
    app.say(f"{_counted(items)} accepted" + (f"; waits for the draft {drafts}" if drafts else ""))
    app.live.look_again()


async def _discard(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    screen, items = _screen(app), _drafts(app)
    assert screen is not None
    said = "Nobody can edit or send it any more." if len(items) == 1 else "Nobody can edit or send them any more."
    question = Question(f"Discard {_counted(items)}?", said, _preview(items), yes="Discard")
    if await app.push_screen_wait(question) is None:
        return
    await kinds.discard(session_of(app), screen.run_id, [item.item for item in items])
    screen.items.unmark()
    app.say(f"{_counted(items)} discarded")
    app.live.look_again()


async def _edit(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.work.draft import DraftEditor

    screen = _screen(app)
    item = screen.items.pointed if screen is not None else None
    if item is None:
        return
    session = session_of(app)
    draft = next((each for each in await work.drafts(session, 1000) if each.command_id == item.command_id), None)
    if draft is None:
        raise UsageError(f"item {item.item} is {item.state.value}", "only a draft can be edited")
    app.push_screen(DraftEditor(draft, item.content))


COMMANDS: tuple[Command, ...] = (
    Command("run.told", "What its agent is told", "instructions, text and subjects, as the agent gets them", _told,
            ("runs", "run"), ("i",), unavailable=_no_run),
    Command("run.plan", "Decide about a plan", "the items that a run of the kind plan proposed", _plan,
            ("runs", "run"), ("P",), "plan", argument="NUMBER"),
    Command("plan.accept", "Accept items", "sends the draft under the cursor, or all marked ones", _accept,
            ("plan",), ("y",), "", Role.OPERATOR, unavailable=_decided, short="accept"),
    Command("plan.accept_all", "Accept the whole plan", "sends every draft of the plan that is left", _accept_all,
            ("plan",), ("Y",), "", Role.OPERATOR, unavailable=_all_decided, short="accept all"),
    Command("plan.edit", "Edit an item", "opens the draft in the composer (as enter does)", _edit,
            ("plan",), ("e",), "", Role.OPERATOR, unavailable=_decided, short="edit"),
    Command("plan.discard", "Discard items", "throws the draft under the cursor away, or all marked ones", _discard,
            ("plan",), ("x",), "", Role.OPERATOR, destructive=True, unavailable=_decided, short="discard"),
)  # fmt: skip
