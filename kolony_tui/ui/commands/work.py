"""Work: sending commands, and what can be done about runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from kolony_tui.core import queue
from kolony_tui.models.errors import UsageError, WrongState
from kolony_tui.models.people import Role
from kolony_tui.models.queue import StepResult
from kolony_tui.models.work import Run, RunStatus
from kolony_tui.text import safe
from kolony_tui.ui.draw import part
from kolony_tui.ui.registry import Command, Reason
from kolony_tui.ui.subject import chosen_runs, nearest

if TYPE_CHECKING:
    from kolony_tui.core.session import PersonSession
    from kolony_tui.ui.app import KolonyApp

PRIORITY_STEP = 10


def needs_run(fits: Callable[[Run], bool], otherwise: str) -> Reason:
    def reason(app: KolonyApp) -> str | None:
        runs = chosen_runs(app)
        if not runs:
            return "no run is chosen here"
        return None if any(fits(run) for run in runs) else otherwise

    return reason


def _no_agents(app: KolonyApp) -> str | None:
    none = app.pulse is not None and not app.pulse.agents
    return "there is no agent yet (:agent NAME makes one)" if none else None


def preview(runs: list[Run]) -> list[str]:
    """The runs that a step is about, a line each."""
    return [f"{run.reference}  {safe(run.agent).plain}  {safe(run.title, limit=80).plain}" for run in runs]


def session_of(app: KolonyApp) -> PersonSession:
    """The session; ``why_disabled`` has seen to it that there is one."""
    assert app.session is not None
    return app.session


def tell_results(app: KolonyApp, runs: list[Run], results: list[StepResult], words: Mapping[str, str]) -> None:
    """Says what a step on runs did, in words for what each became; refusals of several have a line each.

    What was cancelled before its start can be taken back, and that is said too.
    """
    names = {run.run_id: run for run in runs}
    became = Counter(words.get(each.became, each.became) for each in results if each.became is not None)
    refused = [(names[each.run_id], each.refused) for each in results if each.refused is not None]
    if became:
        said = ", ".join(word if len(results) == 1 else f"{count} {word}" for word, count in became.items())
        if any(each.became == "cancelled" for each in results):
            app.undoing.offer(said)
        else:
            app.say(said)
    if len(refused) == 1 and len(results) == 1:
        raise WrongState(refused[0][1].raw)
    _unmark(app)
    if refused:
        from kolony_tui.ui.screens.told import Told

        lines = [[part(f"{run.reference} ", "strong"), part(run.agent), part("  "), part(why, "bad")]
                 for run, why in refused]  # fmt: skip
        app.push_screen(Told(f"{len(refused)} of {len(results)} refused", lines))


def counted(runs: list[Run]) -> str:
    """The runs in a few words: ``14 runs on 9 agents``, or ``run #12``."""
    if len(runs) == 1:
        return f"run {runs[0].reference}"
    agents = len({run.agent_id for run in runs})
    return f"{len(runs)} runs on {agents} agent{'s' if agents > 1 else ''}"


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
    question = Question(
        f"Cancel {counted(runs)}?", _cancelling(runs), preview(runs),
        yes="Cancel", no="Leave", reason="why (optional)", given=why, quick=True,
    )  # fmt: skip
    answer = await app.push_screen_wait(question)
    if answer is None:
        return
    results = await queue.cancel_runs(session, [run.run_id for run in runs], answer)
    words = {"cancelled": "cancelled", "requested": "asked to end (not confirmed yet)"}
    tell_results(app, runs, results, words)


def _cancelling(runs: list[Run]) -> str:
    begun = sum(1 for run in runs if run.status != RunStatus.WAITING)
    if not begun:
        return "Nothing of it has begun; undo takes it back for half a minute."
    if len(runs) == 1:
        return "It has begun: its runner is asked to end it, and confirms."
    return f"{begun} of them ha{'ve' if begun > 1 else 's'} begun: the runner is asked to end what runs, and confirms."


async def _retry(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session = session_of(app)
    runs = [run for run in chosen_runs(app) if run.status in (RunStatus.FAILED, RunStatus.CANCELLED)]
    if len(runs) > 1:
        said = "Each waits in its agent's queue again."
        asked = Question(f"Run {counted(runs)} again?", said, preview(runs), yes="Retry")
        if await app.push_screen_wait(asked) is None:
            return
    results = await queue.retry_runs(session, [run.run_id for run in runs])
    tell_results(app, runs, results, {"waiting": "queued again"})


def _priority(by: int) -> Callable[[KolonyApp, str], Awaitable[None]]:
    async def change(app: KolonyApp, _: str) -> None:
        runs = [run for run in chosen_runs(app) if run.status == RunStatus.WAITING]
        results = await queue.shift_priority(session_of(app), [run.run_id for run in runs], by)
        tell_results(app, runs, results, {str(number): f"priority {number}" for number in range(101)})

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


def _go_to_line(app: KolonyApp, number: str) -> None:
    from kolony_tui.ui.screens.line import GoLine
    from kolony_tui.ui.screens.work.run import RunScreen
    from kolony_tui.ui.widgets.output_panel import OutputPanel

    if not number:
        app.push_screen(GoLine("line "))
        return
    if not number.isdecimal():
        raise UsageError(f"{number!r} is no number of a line", "as in :4711")
    screen = app.ground
    panel = screen.output if isinstance(screen, RunScreen) else nearest(app, OutputPanel)
    if panel is None:
        raise UsageError("no output is shown here", "open a run first")
    panel.view.go_to_line(max(int(number) - 1, 0), 0.0)


def _merged(app: KolonyApp, text: str) -> None:
    from kolony_tui.core.merging import MOST_RUNS, Chosen
    from kolony_tui.ui.screens.work.merged import MergedScreen
    from kolony_tui.ui.widgets.run_list import RunList

    rows = nearest(app, RunList)
    marked = chosen_runs(app) if rows is not None and rows.marks else []
    if text or not (marked or (rows is not None and rows.filter)):
        chosen, what = Chosen(filter=text or "status=executing"), text or "all that run"
    elif marked:
        chosen, what = Chosen(tuple(run.run_id for run in marked[:MOST_RUNS])), "those marked"
    else:
        assert rows is not None
        chosen, what = Chosen(filter=rows.filter), rows.filter
    if isinstance(app.screen, MergedScreen):
        app.pop_screen()
    app.push_screen(MergedScreen(chosen, what))


async def _save(app: KolonyApp, path: str) -> None:
    from kolony_tui.ui.saving import save_output
    from kolony_tui.ui.screens.line import SaveLine

    runs = chosen_runs(app)
    assert app.output_session is not None
    if not path:
        app.push_screen(SaveLine(runs[0]))
        return
    await save_output(app, runs[0], path)


_OPEN = needs_run(lambda run: not run.status.ended, "that run has ended already")
_FAILED = needs_run(
    lambda run: run.status in (RunStatus.FAILED, RunStatus.CANCELLED), "only what failed or was cancelled runs again"
)
WAITING = needs_run(lambda run: run.status == RunStatus.WAITING, "only what waits can be moved in its queue")
ANY_RUN = needs_run(lambda run: True, "")

COMMANDS: tuple[Command, ...] = (
    Command("work.new", "New command", "opens the composer: send work to agents", _new, keys=("n",), name="new",
            role=Role.OPERATOR, unavailable=_no_agents, short="new"),
    Command("run.cancel", "Cancel runs", "cancels what waits, asks what executes to end; for all marked runs", _cancel,
            ("runs", "output"), ("C",), "cancel", Role.OPERATOR, destructive=True, unavailable=_OPEN, short="cancel"),
    Command("run.retry", "Retry runs", "queues failed or cancelled runs again; for all marked runs", _retry,
            ("runs", "output"), ("r",), "retry", Role.OPERATOR, unavailable=_FAILED, short="retry"),
    Command("run.sooner", "Raise priority", "moves waiting runs up in their queue", _priority(PRIORITY_STEP),
            ("runs", "run"), ("plus", "equals_sign"), "", Role.OPERATOR, unavailable=WAITING),
    Command("run.later", "Lower priority", "moves waiting runs down in their queue", _priority(-PRIORITY_STEP),
            ("runs", "run"), ("minus",), "", Role.OPERATOR, unavailable=WAITING),
    Command("run.stdout", "Only stdout", "shows standard output alone, or all streams again", _stream("stdout"),
            ("output",), ("o",),
            unavailable=ANY_RUN, short="stdout"),
    Command("run.stderr", "Only stderr", "shows standard error alone, or all streams again", _stream("stderr"),
            ("output",), ("e",),
            unavailable=ANY_RUN, short="stderr"),
    Command("run.line", "Go to a line", "goes to a line of the output by its number; :4711 does it too", _go_to_line,
            ("output",), ("l",), "line",
            unavailable=ANY_RUN, argument="N"),
    Command("run.save", "Save output", "writes the run's output, byte for byte, to a file", _save,
            ("output",), ("s",), "save",
            unavailable=ANY_RUN, argument="FILE", short="save"),
    Command("runs.merged", "Merged output", "what many runs print, line by line: marked ones, those of the filter, or "
            "all that run", _merged, ("runs", "app"), ("M",), "merged", argument="FILTER"),
    Command("run.copy", "Copy", "copies the selected text, or the command, to the clipboard (OSC 52)", _copy,
            ("runs", "output"), ("y",), unavailable=ANY_RUN),
)  # fmt: skip
