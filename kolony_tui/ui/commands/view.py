"""The view itself: statuses, theme, looking again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kolony_tui.models.errors import UsageError
from kolony_tui.ui.registry import Command

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def _status(by: int) -> Callable[[KolonyApp, str], None]:
    def show(app: KolonyApp, _: str) -> None:
        from kolony_tui.ui.screens.work.runs import RunsScreen

        if isinstance(app.ground, RunsScreen):
            app.ground.turn(by)

    return show


def _not_in_past(app: KolonyApp) -> str | None:
    from kolony_tui.ui.screens.work.runs import RunsScreen

    return None if isinstance(app.ground, RunsScreen) else "only the screen Queue (4) has statuses to choose from"


def _pane(by: int) -> Callable[[KolonyApp, str], None]:
    def show(app: KolonyApp, _: str) -> None:
        from kolony_tui.ui.screens.work.run import RunScreen

        if isinstance(app.ground, RunScreen):
            app.ground.turn_pane(by)

    return show


def _trace(name: str) -> Callable[[KolonyApp, str], None]:
    def show(app: KolonyApp, _: str) -> None:
        from kolony_tui.ui.screens.work.run import RunScreen

        if isinstance(app.ground, RunScreen):
            app.ground.show_pane("output" if app.ground.pane == name else name)

    return show


def _no_run(app: KolonyApp) -> str | None:
    from kolony_tui.ui.screens.work.run import RunScreen

    return None if isinstance(app.ground, RunScreen) else "only the screen of a run has that"


async def _theme(app: KolonyApp, name: str) -> None:
    from kolony_tui.ui.screens.theme import ThemeScreen

    if not name:
        chosen = await app.push_screen_wait(ThemeScreen())
        if chosen is None:
            return
        name = chosen
    if name not in app.available_themes:
        raise UsageError(f"there is no theme {name!r}", "tab completes their names after :theme")
    app.theme = name
    app.remembered["theme"] = name


def _themes(app: KolonyApp) -> Iterable[str]:
    return sorted(app.available_themes)


def _again(app: KolonyApp, _: str) -> None:
    app.live.look_again()
    app.say("looked again")


def _nowhere(app: KolonyApp) -> str | None:
    return None if app.session is not None else "not logged in yet"


COMMANDS: tuple[Command, ...] = (
    Command("list.next_status", "Next status", "shows the runs of the next status, or the drafts", _status(1),
            ("runs", "drafts"),
            ("right_square_bracket",), unavailable=_not_in_past),
    Command("list.previous_status", "Previous status", "shows the runs of the previous status, or the drafts",
            _status(-1), ("runs", "drafts"),
            ("left_square_bracket",), unavailable=_not_in_past),
    Command("run.trace", "Trace", "shows what its agent did, as a tree, or the output again", _trace("trace"), ("run",),
            ("t",), name="trace", unavailable=_no_run, short="trace"),
    Command("run.thoughts", "Thoughts", "shows what its agent thought, as a map, or the output again",
            _trace("thoughts"), ("run",), ("T",), name="thoughts", unavailable=_no_run),
    Command("run.next_pane", "Next part of a run", "shows the next part of the run: output, trace, ...", _pane(1),
            ("run",), ("right_square_bracket",)),
    Command("run.previous_pane", "Previous part of a run", "shows the part of the run before this one", _pane(-1),
            ("run",), ("left_square_bracket",)),
    Command("view.theme", "Change theme", "changes the colours, from now on", _theme, name="theme",
            arguments=_themes),
    Command("view.again", "Look again", "reads everything anew", _again, keys=("ctrl+r",),
            name="again", unavailable=_nowhere),
)  # fmt: skip
