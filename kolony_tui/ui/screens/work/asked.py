"""What a run asks or asked people, in a line each, and what became of it."""

from __future__ import annotations

from kolony_tui.models.approvals import Approval, ApprovalState
from kolony_tui.models.work import RunDetail
from kolony_tui.text import safe, spelled_out
from kolony_tui.ui.draw import Part, Tone, part
from kolony_tui.ui.looks import Drawing, span

_SHOWN = 3
_COMMAND = 400
_TONES: dict[ApprovalState, Tone] = {
    ApprovalState.ALLOWED: "good",
    ApprovalState.ANSWERED: "good",
    ApprovalState.DENIED: "bad",
    ApprovalState.EXPIRED: "warn",
}


def asked(detail: RunDetail, drawing: Drawing) -> list[list[Part]]:
    """The last few of them, the open ones among these first."""
    last = sorted(detail.approvals, key=lambda each: (each.state != ApprovalState.OPEN, -each.created_at.timestamp()))
    return [_line(each, drawing) for each in last[:_SHOWN]]


def _line(approval: Approval, drawing: Drawing) -> list[Part]:
    if approval.state == ApprovalState.OPEN:
        said = [part("asks ", "warn")]
        if approval.command is not None:
            whole = spelled_out(approval.command.raw)
            said += [part("to be allowed: ", "warn"), part(whole[:_COMMAND], "strong")]
            if len(whole) > _COMMAND:
                said.append(part(f" ({len(whole) - _COMMAND} characters more under Approvals)", "warn"))
            said.append(part("  the agent says: ", "dim"))
        said.append(part(approval.title, "strong" if approval.command is None else "plain", limit=120))
        said.append(part(f"  {approval.risk} risk, for {drawing.age(approval.created_at)}", "dim"))
        if approval.expires_at is not None:
            left = span(max((approval.expires_at - drawing.now).total_seconds(), 0))
            said.append(part(f", expires in {left}", "warn"))
        return said
    arrow = drawing.glyph("→")
    said = [part("asked ", "dim"), part(approval.title, limit=120), part(f" {arrow} ", "dim")]
    said.append(part(_became(approval), _TONES.get(approval.state, "dim")))
    if approval.answered_at is not None:
        said.append(part(f" {drawing.age(approval.answered_at)} ago", "dim"))
    for words in (approval.answer, approval.note):
        if words is not None:
            said += [part(": ", "dim"), part(words, limit=80)]
    if approval.answered_at is not None and approval.heard_at is None:
        said.append(part("  not heard", "warn"))
    return said


def _became(approval: Approval) -> str:
    if approval.state == ApprovalState.EXPIRED:
        return "expired, nobody answered"
    if approval.state == ApprovalState.CANCELLED:
        why = f", {safe(approval.cancelled_why, limit=80).plain}" if approval.cancelled_why is not None else ""
        return f"cancelled{why}"
    if approval.rule_by_login is not None:
        return f"{approval.state.value} by rule of {safe(approval.rule_by_login).plain}"
    return f"{approval.state.value} by {safe(approval.answered_by_login or '?').plain}"
