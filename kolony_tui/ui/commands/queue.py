"""The queue: why something waits, holding and moving it, interrupting what runs, and taking back one's last step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from kolony_tui.core import fleet, queue, undoing, work
from kolony_tui.models.errors import Refused, UsageError
from kolony_tui.models.people import Role
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import Draft, Run, RunStatus
from kolony_tui.text import safe
from kolony_tui.ui.commands.fleet import names_of_agents
from kolony_tui.ui.commands.work import WAITING, counted, needs_run, preview, session_of, tell_results
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import chosen_runs

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_NAMED = 20


def _waiting(app: KolonyApp) -> list[Run]:
    return [run for run in chosen_runs(app) if run.status == RunStatus.WAITING]


def _one(app: KolonyApp) -> Run:
    """The only run that is meant. Raises UsageError."""
    runs = _waiting(app)
    if len(runs) != 1:
        raise UsageError(f"this is for one run, and {len(runs)} are marked", "esc takes the marks away")
    return runs[0]


async def _interrupt(app: KolonyApp, why: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session, runs = session_of(app), [run for run in chosen_runs(app) if _can_interrupt(run)]
    said = "The program is asked to come to an end by itself, as by ctrl+c. C ends it."
    question = Question(
        f"Interrupt {counted(runs)}?", said, preview(runs), yes="Interrupt", no="Leave",
        reason="why (optional)", given=why, quick=True,
    )  # fmt: skip
    answer = await app.push_screen_wait(question)
    if answer is not None:
        results = await queue.interrupt_runs(session, [run.run_id for run in runs], answer)
        tell_results(app, runs, results, {"requested": "interrupted, not heard yet"})


def _can_interrupt(run: Run) -> bool:
    return run.status in (RunStatus.DISPATCHING, RunStatus.EXECUTING, RunStatus.INTERRUPTED) and run.cancel_at is None


async def _hold(app: KolonyApp, why: str) -> None:
    """Holds what is not held; where all of it is, releases it."""
    from kolony_tui.ui.screens.asking import Question

    session, runs = session_of(app), _waiting(app)
    free = [run for run in runs if run.held_at is None]
    chosen = free or runs
    if len(chosen) > 1:
        what = f"Hold {counted(chosen)}?" if free else f"Release {counted(chosen)}?"
        said = "No agent takes them until they are released." if free else "They can be taken again."
        if await app.push_screen_wait(Question(what, said, preview(chosen), yes="Hold" if free else "Release")) is None:
            return
    ids = [run.run_id for run in chosen]
    results = await (queue.hold_runs(session, ids, why) if free else queue.release_runs(session, ids))
    tell_results(app, chosen, results, {"held": "held; h releases it", "released": "released"})


async def _release(app: KolonyApp, _: str) -> None:
    runs = _waiting(app)
    results = await queue.release_runs(session_of(app), [run.run_id for run in runs])
    tell_results(app, runs, results, {"released": "released"})


async def _move(app: KolonyApp, position: str) -> None:
    run = _one(app)
    if not position:
        app.do("go.line", "move ")
        return
    if not position.isascii() or not position.isdecimal():
        raise UsageError(f"{position!r} is no position", "1 is the next to be taken")
    got = await queue.move_run(session_of(app), run.run_id, int(position))
    app.say(f"{run.reference} is #{got} in its queue")


def _step(by: int) -> Callable[[KolonyApp, str], Awaitable[None]]:
    async def move(app: KolonyApp, _: str) -> None:
        run = _one(app)
        if run.position is None:
            raise UsageError(f"{run.reference} has no place in the queue now", "w says why it waits")
        await queue.move_run(session_of(app), run.run_id, max(run.position + by, 1))

    return move


async def _set_priority(app: KolonyApp, priority: str) -> None:
    if not priority.isascii() or not priority.isdecimal():
        raise UsageError(f"{priority!r} is no priority", "for example :priority 80")
    runs = _waiting(app)
    results = await queue.set_priority(session_of(app), [run.run_id for run in runs], int(priority))
    tell_results(app, runs, results, {priority: f"priority {priority}"})


async def _assign(app: KolonyApp, name: str) -> None:
    runs = _waiting(app)
    if not name:
        app.do("go.line", "assign ")
        return
    session = session_of(app)
    agent_id = (await fleet.agent_ids(session, [name]))[0]
    results = await queue.assign_runs(session, [run.run_id for run in runs], agent_id)
    tell_results(app, runs, results, {"assigned": f"given to {name}"})


async def _why(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.work.why import WhyScreen

    run = chosen_runs(app)[0]
    app.push_screen(WhyScreen(run))


async def _edit(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.work.draft import WaitingEditor

    run = _one(app)
    command, text, runs = await work.command_detail(session_of(app), run.command_id)
    draft = Draft(
        run.command_id, command.number, command.title, command.priority, command.created_by_login, command.created_at,
        Untrusted(", ".join(each.agent.raw for each in runs[:_NAMED])),
    )  # fmt: skip
    app.push_screen(WaitingEditor(draft, text))


async def _undo(app: KolonyApp, _: str) -> None:
    try:
        undone = await undoing.undo(session_of(app))
    except Refused:
        app.undoing.over()
        raise
    app.undoing.over()
    app.say(f"taken back: {safe(undone, limit=200).plain}")


_RUNNING = needs_run(_can_interrupt, "only what executes can be interrupted; C cancels what waits")
_OPEN = needs_run(lambda run: not run.status.ended, "that run has ended already")
_NOT_BEGUN = needs_run(
    lambda run: run.status == RunStatus.WAITING and run.attempt == 0, "only what nobody has begun can be edited"
)

COMMANDS: tuple[Command, ...] = (
    Command("run.interrupt", "Interrupt runs", "asks what executes to come to an end by itself; for all marked runs",
            _interrupt, ("runs", "output"), ("x",), "interrupt", Role.OPERATOR, unavailable=_RUNNING,
            argument="REASON", short="interrupt"),
    Command("run.why", "Why it waits", "the reasons, whom they are about, and what would free it", _why,
            ("runs", "run"), ("w", "W"), "why", unavailable=_OPEN, short="why"),
    Command("run.hold", "Hold or release runs", "keeps waiting runs from being taken, or lets them; for all marked",
            _hold, ("runs", "run"), ("h",), "hold", Role.OPERATOR, unavailable=WAITING, argument="REASON",
            short="hold"),
    Command("run.release", "Release runs", "lets held runs be taken, and those that wait for what failed", _release,
            name="release", role=Role.OPERATOR, unavailable=WAITING),
    Command("run.move", "Move to a place", "gives a waiting run a place in its agent's queue; 1 is the next", _move,
            ("runs", "run"), ("m",), "move", Role.OPERATOR, unavailable=WAITING, argument="PLACE"),
    Command("run.forward", "One place forward", "moves a waiting run before the one ahead of it", _step(-1),
            ("runs", "run"), ("K",), "", Role.OPERATOR, unavailable=WAITING),
    Command("run.back", "One place back", "moves a waiting run behind the one after it", _step(1),
            ("runs", "run"), ("J",), "", Role.OPERATOR, unavailable=WAITING),
    Command("run.priority", "Set priority", "gives waiting runs a priority from 0 to 100; for all marked runs",
            _set_priority, name="priority", role=Role.OPERATOR, unavailable=WAITING, argument="NUMBER"),
    Command("run.assign", "Give to another agent", "gives waiting runs to another agent; for all marked runs", _assign,
            ("runs", "run"), ("A",), "assign", Role.OPERATOR, unavailable=WAITING, argument="AGENT",
            completes=names_of_agents),
    Command("run.edit", "Edit what waits", "changes the text or priority of a command that nobody has begun", _edit,
            ("runs", "run"), ("E",), "edit", Role.OPERATOR, unavailable=_NOT_BEGUN),
    Command("step.undo", "Undo", "takes back your last step (a cancel before the start, a deletion), for 30 seconds",
            _undo, keys=("u", "ctrl+z"), name="undo", role=Role.OPERATOR),
)  # fmt: skip
