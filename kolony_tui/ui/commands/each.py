"""One step for each of several things: it goes on past those that refuse, and says what became of them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from kolony_tui.models.errors import CannotConnect, KolonyError
from kolony_tui.ui.draw import part
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

T = TypeVar("T")


async def for_each(
    app: KolonyApp,
    things: Sequence[T],
    called: Callable[[T], str],
    step: Callable[[T], Awaitable[None]],
    done: str,
    *,
    undoable: bool = False,
) -> list[T]:
    """Does ``step`` for each; answers with those for which it was done.

    ``called`` is a thing's name, ``done`` what it is then ("disabled"); ``undoable``: undoing it is offered. What one
    thing alone refuses is raised; of several, each refusal is told in a line of its own. Raises CannotConnect when the
    server went away meanwhile.
    """
    well: list[T] = []
    refused: list[tuple[T, KolonyError]] = []
    for thing in things:
        try:
            await step(thing)
            well.append(thing)
        except CannotConnect:
            raise
        except KolonyError as error:
            if len(things) == 1:
                raise
            refused.append((thing, error))
    if well:
        words = f"{called(well[0])} is {done}" if len(well) == 1 else f"{len(well)} are {done}"
        (app.undoing.offer if undoable else app.say)(words)
    _unmark(app)
    if refused:
        from kolony_tui.ui.screens.told import Told

        lines = [(part(f"{called(thing)}: ", "strong"), part(error.line, "bad")) for thing, error in refused]
        app.push_screen(Told(f"Not {done}", lines))
    return well


def _unmark(app: KolonyApp) -> None:
    from kolony_tui.ui.widgets.rows import RowList

    rows = nearest(app, RowList)
    if rows is not None:
        rows.unmark()
