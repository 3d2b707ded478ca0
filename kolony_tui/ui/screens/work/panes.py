"""The panes of the Run screen: what it shows of a run below the facts, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kolony_tui.ui.widgets.run_pane import RunPane


@dataclass(frozen=True, slots=True)
class PaneEntry:
    """A pane by its ``name`` (it is the same in tests and on the bar's mouse), with the ``title`` that people read."""

    name: str
    title: str
    make: Callable[[], RunPane]


def _output() -> RunPane:
    from kolony_tui.ui.widgets.output_panel import OutputPanel

    return OutputPanel(id="output-panel", named=False)


PANES: tuple[PaneEntry, ...] = (
    PaneEntry("output", "Output", _output),
)  # fmt: skip
"""In the order in which the bar shows them; the first is shown when the screen opens."""
