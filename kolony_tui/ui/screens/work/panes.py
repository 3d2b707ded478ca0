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


def _approvals() -> RunPane:
    from kolony_tui.ui.widgets.approval_pane import ApprovalPane

    return ApprovalPane(id="approval-pane")


def _trace() -> RunPane:
    from kolony_tui.ui.widgets.trace_panel import TracePanel

    return TracePanel(id="trace-panel")


def _thoughts() -> RunPane:
    from kolony_tui.ui.widgets.trace_panel import ThoughtsPanel

    return ThoughtsPanel(id="thoughts-panel")


def _artifacts() -> RunPane:
    from kolony_tui.ui.widgets.artifact_list import ArtifactPane

    return ArtifactPane(id="artifacts-pane")


def _usage() -> RunPane:
    from kolony_tui.ui.widgets.usage_pane import UsagePane

    return UsagePane(id="usage-pane")


PANES: tuple[PaneEntry, ...] = (
    PaneEntry("output", "Output", _output),
    PaneEntry("trace", "Trace", _trace),
    PaneEntry("thoughts", "Thoughts", _thoughts),
    PaneEntry("artifacts", "Artifacts", _artifacts),
    PaneEntry("approvals", "Approvals", _approvals),
    PaneEntry("usage", "Usage", _usage),
)  # fmt: skip
"""In the order in which the bar shows them; the first is shown when the screen opens."""
