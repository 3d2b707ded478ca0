"""What stands in the way of a run, in a line each: who holds it, what it comes after, and its time."""

from __future__ import annotations

from kolony_tui.models.states import CommandStatus, RunStatus
from kolony_tui.models.work import Dependency, RunDetail
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, Tone, part
from kolony_tui.ui.looks import Drawing, span

_TONES: dict[CommandStatus, Tone] = {CommandStatus.COMPLETED: "good", CommandStatus.FAILED: "bad"}


def waits(detail: RunDetail, drawing: Drawing) -> list[list[Part]]:
    """The lines for an open run; ``kolony.why_waiting`` knows all of it, this is what is known without asking."""
    run = detail.run
    lines: list[list[Part]] = []
    if run.held_at is not None:
        who = safe(run.held_by_login or "somebody").plain
        lines.append([part(f"held by {who} {drawing.age(run.held_at)} ago", "warn")])
        if run.held_why is not None and run.held_why.raw:
            lines[-1] += [part(": ", "dim"), part(run.held_why)]
    if run.status != RunStatus.WAITING:
        return lines
    for each in detail.after:
        lines.append(_dependency(each))
    if run.waits_for == "window":
        lines.append([part("its command lets in only some of its runs at a time", "warn")])
    if run.not_before is not None and run.not_before > drawing.now:
        left = span((run.not_before - drawing.now).total_seconds())
        at = f"{run.not_before.astimezone():%Y-%m-%d %H:%M}"
        lines.append([part("not before ", "dim"), part(at), part(f", in {left}", "dim")])
    return lines


def _dependency(each: Dependency) -> list[Part]:
    wanted = "" if each.need == "ended" else ", which has to be completed"
    return [
        part("after ", "dim"),
        part(f"#{each.number}", "accent"),
        part(f" {each.status}", _TONES.get(each.status, "plain")),
        part(f"{wanted}  ", "dim"),
        part(each.title, "dim", limit=80),
    ]
