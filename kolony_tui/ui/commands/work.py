"""Work: sending commands, and what can be done about runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core import work
from kolony_tui.models.errors import KolonyError
from kolony_tui.models.people import Role
from kolony_tui.models.work import Run, RunStatus
from kolony_tui.text import safe
from kolony_tui.ui.registry import Command, Reason
from kolony_tui.ui.subject import chosen_runs, nearest

if TYPE_CHECKING:
    from kolony_tui.core.session import PersonSession
    from kolony_tui.ui.app import KolonyApp

PRIORITY_STEP = 10


def _needs_run(fits: Callable[[Run], bool], otherwise: str) -> Reason:
    def reason(app: KolonyApp) -> str | None:
        runs = chosen_runs(app)
        if not runs:
            return "no run is chosen here"
        return None if any(fits(run) for run in runs) else otherwise

    return reason


def _no_agents(app: KolonyApp) -> str | None:
    return None if app.agents else "there is no agent yet (:agent NAME makes one)"


def preview(runs: list[Run]) -> list[str]:
    """The runs that a step is about, a line each."""
    return [f"{run.reference}  {safe(run.agent).plain}  {safe(run.title, limit=80).plain}" for run in runs]


def session_of(app: KolonyApp) -> PersonSession:
    """The session; ``why_disabled`` has seen to it that there is one."""
    assert app.session is not None
    return app.session


async def each(app: KolonyApp, runs: list[Run], step: Callable[[UUID], Awaitable[str]]) -> None:
    """Does a step for each run, goes on past those that refuse, and says what became of them all."""
    results: Counter[str] = Counter()
    refused: KolonyError | None = None
    for run in runs:
        try:
            results[await step(run.run_id)] += 1
        except KolonyError as error:
            refused = error
            if len(runs) == 1:
                raise
    if results:
        app.say(", ".join(f"{count} {result}" if len(runs) > 1 else result for result, count in results.items()))
    if refused is not None:
        app.tell(refused)
    _unmark(app)


def _unmark(app: KolonyApp) -> None:
    from kolony_tui.ui.widgets.rows import RowList

    rows = nearest(app, RowList)
    if rows is not None:
        rows.unmark()


def _new(app: KolonyApp, text: str) -> None:
    from kolony_tui.ui.screens.work.composer import Composer

    app.push_screen(Composer(text))


async def _cancel(app: KolonyApp, why: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session = session_of(app)
    runs = [run for run in chosen_runs(app) if not run.status.ended]
    executing = sum(1 for run in runs if run.status != RunStatus.WAITING)
    what = f"{len(runs)} runs" if len(runs) > 1 else f"run {runs[0].reference}"
    said = "What waits is cancelled at once; what executes is asked to end." if executing else "It has not begun yet."
    answer = await app.push_screen_wait(
        Question(f"Cancel {what}?", said, preview(runs), yes="Cancel", reason="why (optional)", given=why)
    )
    if answer is None:
        return
    words = {"cancelled": "cancelled", "requested": "asked to end, not confirmed yet"}

    async def cancel(run_id: UUID) -> str:
        became = await work.cancel_run(session, run_id, answer)
        return words.get(became, became)

    await each(app, runs, cancel)


async def _retry(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session = session_of(app)
    runs = [run for run in chosen_runs(app) if run.status in (RunStatus.FAILED, RunStatus.CANCELLED)]
    if len(runs) > 1:
        asked = Question(
            f"Run {len(runs)} runs again?", "Each waits in its agent's queue again.", preview(runs), yes="Retry"
        )
        if await app.push_screen_wait(asked) is None:
            return

    async def retry(run_id: UUID) -> str:
        await work.retry_run(session, run_id)
        return "queued again"

    await each(app, runs, retry)


def _priority(by: int) -> Callable[[KolonyApp, str], Awaitable[None]]:
    async def change(app: KolonyApp, _: str) -> None:
        session = session_of(app)
        runs = {run.run_id: run for run in chosen_runs(app) if run.status == RunStatus.WAITING}

        async def move(run_id: UUID) -> str:
            priority = min(max(runs[run_id].priority + by, 0), 100)
            await work.set_run_priority(session, run_id, priority)
            return f"priority {priority}"

        await each(app, list(runs.values()), move)

    return change


def _copy(app: KolonyApp, _: str) -> None:
    selected = app.screen.get_selected_text()
    if selected:
        app.copy_to_clipboard(selected)
        app.say("the selection is copied")
        return
    runs = chosen_runs(app)
    app.copy_to_clipboard("\n".join(safe(run.title).plain for run in runs))
    app.say(f"{len(runs)} commands are copied" if len(runs) > 1 else "the command is copied")


def _stream(name: str) -> Callable[[KolonyApp, str], None]:
    def show(app: KolonyApp, _: str) -> None:
        from kolony_tui.ui.screens.work.run import RunScreen
        from kolony_tui.ui.widgets.output_panel import OutputPanel

        screen = app.ground
        panel = screen.output if isinstance(screen, RunScreen) else nearest(app, OutputPanel)
        if panel is not None:
            panel.show_stream(name)  # type: ignore[arg-type]

    return show


async def _save(app: KolonyApp, path: str) -> None:
    from kolony_tui.ui.saving import save_output

    runs = chosen_runs(app)
    assert app.output_session is not None
    await save_output(app, runs[0], path)


_OPEN = _needs_run(lambda run: not run.status.ended, "that run has ended already")
_FAILED = _needs_run(
    lambda run: run.status in (RunStatus.FAILED, RunStatus.CANCELLED), "only what failed or was cancelled runs again"
)
_WAITING = _needs_run(lambda run: run.status == RunStatus.WAITING, "only what waits can be moved in its queue")
_ANY = _needs_run(lambda run: True, "")

COMMANDS: tuple[Command, ...] = (
    Command("work.new", "New command", "opens the composer: send work to agents", _new, keys=("n",), name="new",
            role=Role.OPERATOR, unavailable=_no_agents, short="new"),
    Command("run.cancel", "Cancel runs", "cancels what waits, asks what executes to end; for all marked runs", _cancel,
            ("runs", "output"), ("x",), "cancel", Role.OPERATOR, destructive=True, unavailable=_OPEN, short="cancel"),
    Command("run.retry", "Retry runs", "queues failed or cancelled runs again; for all marked runs", _retry,
            ("runs", "output"), ("r",), "retry", Role.OPERATOR, unavailable=_FAILED, short="retry"),
    Command("run.sooner", "Raise priority", "moves waiting runs up in their queue", _priority(PRIORITY_STEP),
            ("runs", "run"), ("plus", "equals_sign"), "", Role.OPERATOR, unavailable=_WAITING),
    Command("run.later", "Lower priority", "moves waiting runs down in their queue", _priority(-PRIORITY_STEP),
            ("runs", "run"), ("minus",), "", Role.OPERATOR, unavailable=_WAITING),
    Command("run.stdout", "Only stdout", "shows standard output alone, or all streams again", _stream("stdout"),
            ("output",), ("o",),
            unavailable=_ANY, short="stdout"),
    Command("run.stderr", "Only stderr", "shows standard error alone, or all streams again", _stream("stderr"),
            ("output",), ("e",),
            unavailable=_ANY, short="stderr"),
    Command("run.save", "Save output", "writes the run's output, byte for byte, to a file", _save,
            ("output",), ("s",), "save",
            unavailable=_ANY, argument="FILE", short="save"),
    Command("run.copy", "Copy", "copies the selected text, or the command, to the clipboard (OSC 52)", _copy,
            ("runs", "output"), ("y",), unavailable=_ANY),
)  # fmt: skip
