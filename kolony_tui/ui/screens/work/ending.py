"""How an ending is going, in a line: who asked, what the runner has done about it, and whether it is confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import AttemptStep, Run, RunDetail
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, Tone, part
from kolony_tui.ui.looks import LIMIT_WORDS, Drawing, exact_span

_WORDS: dict[str, tuple[str, Tone]] = {
    "heard": ("heard", "plain"),
    "protocol_cancel": ("asked by protocol", "plain"),
    "stdin_closed": ("input closed", "plain"),
    "sigint": ("SIGINT", "plain"),
    "sigterm": ("SIGTERM", "warn"),
    "sigkill": ("SIGKILL", "warn"),
    "ended": ("ended", "good"),
    "gone": ("all gone", "good"),
}
_CONFIRMED = "gone"
_SAID_BY_ERROR = ("exit_code", "signal")


def endings(detail: RunDetail, drawing: Drawing) -> list[list[Part]]:
    """Lines for an interrupt, a request to end, a limit that was hit, a reason, a warning; none where there is none.

    Steps belong to the request before them. A request that nobody confirmed says so, also when the run is over: that
    its lease ran out is no proof that its program has ended.
    """
    run = detail.run
    steps = _of_last_attempt(detail)
    lines: list[list[Part]] = []
    if run.interrupt_at is not None:
        until = run.cancel_at
        heard = [step for step in steps if until is None or step.at < until]
        asked = _asked(run.interrupt_by_login, "interrupted it", run.interrupt_at, run.interrupt_why, drawing)
        lines.append([*asked, *_rungs(heard, run.interrupt_at, drawing)])
        if run.interrupt_heard_at is None and not run.status.ended:
            lines[-1].append(part(f" {drawing.glyph('→')} not heard yet", "warn"))
    if run.cancel_at is not None:
        asked_at = run.cancel_at
        after = [step for step in steps if step.at >= asked_at]
        asked = _asked(run.cancel_by_login, _request(run), asked_at, run.cancel_why, drawing)
        lines.append([*asked, *_rungs(after, asked_at, drawing), *_confirmation(detail, after, asked_at, drawing)])
    elif run.limit_hit is not None and steps:
        hit = [part(f"{LIMIT_WORDS[run.limit_hit]} reached", "bad")]
        lines.append([*hit, *_rungs(steps, steps[0].at, drawing), *_confirmation(detail, steps, steps[0].at, drawing)])
    if run.reason is not None and run.reason not in _SAID_BY_ERROR:
        lines.append([part("failed: ", "dim"), part(run.reason.replace("_", " "), "bad")])
    if run.warning is not None:
        lines.append([part("warning: ", "warn"), part(run.warning, limit=200)])
    return lines


def _of_last_attempt(detail: RunDetail) -> list[AttemptStep]:
    last = detail.attempts[-1].number if detail.attempts else 0
    return [step for step in detail.steps if step.attempt == last]


def _request(run: Run) -> str:
    return "cancelled it" if run.attempt == 0 else "asked it to end"


def _asked(who: str | None, did: str, at: datetime, why: Untrusted | None, drawing: Drawing) -> list[Part]:
    said = [part(f"{safe(who or 'somebody').plain} {did}", "warn"), part(f" {drawing.age(at)} ago", "dim")]
    if why is not None and why.raw:
        said += [part(" (", "dim"), part(why, limit=80), part(")", "dim")]
    return said


def _rungs(steps: Sequence[AttemptStep], asked_at: datetime, drawing: Drawing) -> list[Part]:
    arrow = drawing.glyph("→")
    said: list[Part] = []
    for step in steps:
        word, tone = _WORDS.get(step.step, (step.step, "plain"))
        after = max((step.at - asked_at).total_seconds(), 0)
        said += [part(f" {arrow} ", "dim"), part(word, tone), part(f" {exact_span(after)}", "dim")]
        if step.detail.raw:
            said += [part(" "), part(step.detail, "dim", limit=60)]
    return said


def _confirmation(detail: RunDetail, steps: Sequence[AttemptStep], asked_at: datetime, drawing: Drawing) -> list[Part]:
    if not detail.attempts or any(step.step == _CONFIRMED for step in steps):
        return []
    arrow = drawing.glyph("→")
    if not detail.run.status.ended:
        return [part(f" {arrow} not confirmed yet", "warn")]
    # Without a step its runner has told the end before it took one; unless the runner was lost after the request.
    last = detail.attempts[-1]
    lost = last.outcome == "lost" and last.ended_at is not None and last.ended_at >= asked_at
    if not steps and not lost:
        return []
    return [part(f" {arrow} never confirmed", "bad")]
