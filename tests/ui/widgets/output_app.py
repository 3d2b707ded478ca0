"""An app that is nothing but an output view, and what the tests ask of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from kolony_tui.models.records import OutputPiece, OutputStream
from kolony_tui.ui.widgets.output import OutputView

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class OutputApp(App[None]):
    """One view, focused."""

    def __init__(self, view: OutputView) -> None:
        super().__init__()
        self.view = view
        self.asked_for_search = 0

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.view.focus()

    def on_output_view_search_requested(self, message: OutputView.SearchRequested) -> None:
        assert message.control is self.view
        self.asked_for_search += 1


def piece(seq: int, data: bytes, stream: OutputStream = "stdout") -> OutputPiece:
    """A piece, written ``seq`` seconds after ``BEGIN``."""
    return OutputPiece(seq, stream, BEGIN + timedelta(seconds=seq), data)


def numbered(numbers: Iterable[int]) -> list[OutputPiece]:
    """A piece of one line for each number, which is its seq too."""
    return [piece(number, b"line %d\n" % number) for number in numbers]


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


async def shown(pilot: Pilot[None]) -> list[str]:
    """The rows of the view as text, when all that was fed has been taken in; without spaces at their ends."""
    app = pilot.app
    assert isinstance(app, OutputApp)
    view = app.view
    await until(lambda: not view._framed)
    await pilot.pause()
    width, height = view.scrollable_content_region.size
    return [view.render_line(y).crop(0, width).text.rstrip() for y in range(height)]
