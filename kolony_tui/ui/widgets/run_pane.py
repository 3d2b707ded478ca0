"""`RunPane`: a part of the Run screen that shows one side of a run."""

from __future__ import annotations

from textual.widget import Widget

from kolony_tui.models.work import Run
from kolony_tui.ui.widgets.panel import Panel


class RunPane(Panel):
    """A pane. It is made when it is first shown; while it is not in sight nothing is read for it (``ui.live``)."""

    def follow_run(self, run: Run | None) -> None:
        """Shows this run: another one, or the same with news."""
        raise NotImplementedError

    @property
    def front(self) -> Widget:
        """The widget within that takes the focus."""
        raise NotImplementedError
