"""The inbox: answering, putting off, being done; and answering from wherever the asking agent is in sight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from kolony_tui.core import inbox
from kolony_tui.core.spans import span
from kolony_tui.models.inbox import InboxItem, InboxKind
from kolony_tui.models.people import Role
from kolony_tui.text import safe, spelled_out
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.draw import part
from kolony_tui.ui.registry import Command, Reason
from kolony_tui.ui.subject import chosen_agents, chosen_runs, nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.widgets.inbox_list import InboxList

SNOOZED_FOR = "1h"


def _rows(app: KolonyApp) -> InboxList | None:
    from kolony_tui.ui.widgets.inbox_list import InboxList  # made from the registry, which is made from here

    return nearest(app, InboxList)


def _chosen(app: KolonyApp) -> list[InboxItem]:
    rows = _rows(app)
    return rows.chosen if rows is not None else []


def _needs_items(fits: Callable[[InboxItem], bool], otherwise: str) -> Reason:
    def reason(app: KolonyApp) -> str | None:
        items = _chosen(app)
        if not items:
            return "nothing is chosen here"
        return None if any(fits(item) for item in items) else otherwise

    return reason


def _unmark(app: KolonyApp) -> None:
    rows = _rows(app)
    if rows is not None:
        rows.unmark()


def _line(item: InboxItem) -> str:
    detail = spelled_out(item.detail.raw.replace("\n", "\\n"))  # all of it: what is allowed here is not seen elsewhere
    risk = "HIGH RISK  " if item.risk == "high" else ""
    return f"{risk}{safe(item.agent, limit=20).plain}: {spelled_out(item.title.raw)}  {detail}"


async def _decide(app: KolonyApp, allow: bool) -> None:
    from kolony_tui.ui.screens.asking import Question

    kinds = (InboxKind.PERMISSION,) if allow else (InboxKind.PERMISSION, InboxKind.QUESTION)
    items = [await _whole(app, item) for item in _chosen(app) if item.kind in kinds]
    word = "Allow" if allow else "Deny"
    if len(items) > 1 or (allow and items[0].risk == "high"):
        items.sort(key=lambda item: item.risk != "high")
        what = f"{len(items)} requests" if len(items) > 1 else "this"
        risky = sum(item.risk == "high" for item in items)
        said = f"{risky} of them of high risk." if risky and len(items) > 1 else "It is of high risk." if risky else ""
        question = Question(
            f"{word} {what}?", said, [_line(item) for item in items], yes=word, reason="note (optional)"
        )
        note = await app.push_screen_wait(question)
        if note is None:
            return
    else:
        note = ""
    if len(items) == 1:
        became = await inbox.answer(session_of(app), items[0].id, allow, None, note)
        app.say(f"{safe(items[0].agent, limit=40).plain}: {became}")
    else:
        await _answer_all(app, items, allow, note)
    _unmark(app)


async def _answer_all(app: KolonyApp, items: list[InboxItem], allow: bool, note: str) -> None:
    answered = await inbox.answer_all(session_of(app), [item.id for item in items], allow, None, note)
    refused = {each.approval_id: each.refused for each in answered if each.refused is not None}
    given = len(answered) - len(refused)
    if given:
        app.say(f"{given} {'allowed' if allow else 'denied'}")
    if refused:
        from kolony_tui.ui.screens.told import Told

        lines = [
            (part(f"{_line(item)}: ", "strong"), part(refused[item.id], "bad")) for item in items if item.id in refused
        ]
        app.push_screen(Told("Not answered", lines))


async def _allow(app: KolonyApp, _: str) -> None:
    await _decide(app, True)


async def _deny(app: KolonyApp, _: str) -> None:
    await _decide(app, False)


async def _answer(app: KolonyApp, item: InboxItem) -> None:
    from kolony_tui.ui.screens.inbox.answering import answer_form

    if await app.push_screen_wait(answer_form(session_of(app), await _whole(app, item))):
        app.say(f"{safe(item.agent, limit=40).plain} has its answer")


async def _whole(app: KolonyApp, item: InboxItem) -> InboxItem:
    """With all of what it would do: nobody allows what is not in sight."""
    from kolony_tui.ui.needs import LISTED_DETAIL

    if not item.exact or len(item.detail.raw) < LISTED_DETAIL:
        return item
    return replace(item, detail=await inbox.whole_detail(session_of(app), item.id))


async def _always(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.inbox.answering import always_form

    item = await _whole(app, _to_rule(app)[0])
    if await app.push_screen_wait(always_form(session_of(app), item)):
        app.say("answered, and by a rule from now on (:settings approval-rules has it)")


def _to_rule(app: KolonyApp) -> list[InboxItem]:
    pointed = _pointed(app)
    items = [pointed] if pointed is not None else asked_here(app)
    return [item for item in items if item.exact and item.kind == InboxKind.PERMISSION]


def _no_rule_for_it(app: KolonyApp) -> str | None:
    return None if _to_rule(app) else "a rule answers what asks to be allowed a command; nothing here does"


def _pointed(app: KolonyApp) -> InboxItem | None:
    rows = _rows(app)
    return rows.pointed if rows is not None else None


async def _answer_next(app: KolonyApp, _: str) -> None:
    item = _pointed(app)
    assert item is not None
    await _answer(app, item)


def _asks_nothing(app: KolonyApp) -> str | None:
    item = _pointed(app)
    if item is None:
        return "nothing is chosen here"
    return None if item.kind.asks else "it asks nothing; enter shows what it is about, x is done with it"


def asked_here(app: KolonyApp) -> list[InboxItem]:
    """What the chosen runs ask, or else the chosen agents."""
    runs = {run.run_id for run in chosen_runs(app)}
    of_runs = [item for item in app.needs.questions if item.run_id in runs]
    agents = {agent.agent_id for agent in chosen_agents(app)} | {run.agent_id for run in chosen_runs(app)}
    return of_runs or app.needs.asked_by(agents)


async def _answer_here(app: KolonyApp, _: str) -> None:
    await _answer(app, asked_here(app)[0])


def _nothing_asked_here(app: KolonyApp) -> str | None:
    return None if asked_here(app) else "nothing is asked here (2 shows all that waits)"


def _open(app: KolonyApp, _: str) -> None:
    item = _pointed(app)
    assert item is not None
    if item.kind == InboxKind.STOP:
        app.do("stop.show")
    elif item.run_id is not None:
        app.open_run(item.run_id)
    else:
        app.open_agent(item.agent_id)


async def _snooze(app: KolonyApp, written: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    items = _chosen(app)
    what = f"{len(items)} items" if len(items) > 1 else "this"
    length = await app.push_screen_wait(
        Question(f"Put {what} off?", "For you alone; it comes back by itself.", [_line(item) for item in items],
                 yes="Put off", reason="for how long: 30m, 2h, 1d", given=written or SNOOZED_FOR, quick=True)
    )  # fmt: skip
    if length is None:
        return
    until = await inbox.put_off(session_of(app), [item.id for item in items], span(length or SNOOZED_FOR))
    app.say(f"put off until {until.astimezone():%H:%M}")
    _unmark(app)


async def _done(app: KolonyApp, _: str) -> None:
    items = [item for item in _chosen(app) if not item.kind.asks]
    await inbox.be_done(session_of(app), [item.id for item in items])
    app.say(f"{len(items)} done" if len(items) > 1 else "done")
    _unmark(app)


def _mark_alike(app: KolonyApp, _: str) -> None:
    rows, item = _rows(app), _pointed(app)
    assert rows is not None
    assert item is not None
    rows.mark_rows([each for each in app.needs.items if each.likeness == item.likeness])


_CHOSEN = _needs_items(lambda item: True, "")
_PERMISSION = _needs_items(lambda item: item.kind == InboxKind.PERMISSION, "it asks for no permission; space answers")
_QUESTION = _needs_items(lambda item: item.kind.asks, "it asks nothing; x is done with it")
_NO_QUESTION = _needs_items(lambda item: not item.kind.asks, "a question is not done until it is answered")

COMMANDS: tuple[Command, ...] = (
    Command("inbox.answer_next", "Answer, and on to the next", "opens the answer; what is of high risk begins with no",
            _answer_next, ("inbox",), ("space",), role=Role.OPERATOR, unavailable=_asks_nothing, short="answer"),
    Command("inbox.allow", "Allow", "allows what is asked; asks once where it is of high risk, or several", _allow,
            ("inbox",), ("y",), role=Role.OPERATOR, unavailable=_PERMISSION, short="allow"),
    Command("inbox.deny", "Deny", "denies what is asked; for all marked questions", _deny, ("inbox",), ("d",),
            role=Role.OPERATOR, unavailable=_QUESTION, short="deny"),
    Command("inbox.snooze", "Put off", "takes it out of your inbox for a while", _snooze, ("inbox",), ("z",), "snooze",
            unavailable=_CHOSEN, argument="TIME", short="snooze"),
    Command("inbox.done", "Done with it", "takes what needs no answer out of your inbox", _done, ("inbox",), ("x",),
            unavailable=_NO_QUESTION, short="done"),
    Command("inbox.alike", "Mark what is alike", "marks all that differ in paths, ids and numbers only", _mark_alike,
            ("inbox",), ("L",), unavailable=_CHOSEN, short="alike"),
    Command("inbox.open", "Show what it is about", "opens the run or the agent", _open, ("inbox",), ("o",),
            unavailable=_CHOSEN, short="open"),
    Command("inbox.answer", "Answer what is asked", "answers what the chosen run or agent asks", _answer_here,
            ("runs", "run", "agents", "agent"), ("a",), "answer", Role.OPERATOR, unavailable=_nothing_asked_here,
            short="answer"),
    Command("inbox.always", "Answer always", "answers, and makes a rule that answers its like from now on", _always,
            ("inbox", "runs", "run", "agents", "agent"), ("Y",), "always", Role.OPERATOR,
            unavailable=_no_rule_for_it, short="always"),
)  # fmt: skip
