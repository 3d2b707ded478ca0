"""`ApprovalRuleList`: rules that answer agents, as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.approval_rules import ApprovalRule
from kolony_tui.text import spelled_out
from kolony_tui.ui.draw import Cell, Tone, cell, part
from kolony_tui.ui.looks import Drawing, span
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

_DECISIONS: dict[str, tuple[str, Tone]] = {"allow": ("✔", "good"), "reject": ("✖", "bad")}


def prefix_words(rule: ApprovalRule) -> str:
    """What commands begin with, on one line and with nothing that does not show."""
    return "anything" if rule.prefix is None else spelled_out(rule.prefix.raw[:2000].replace("\n", "\\n"))


def _decision(rule: ApprovalRule, drawing: Drawing) -> Cell:
    glyph, tone = _DECISIONS[rule.decision]
    return cell(f"{drawing.glyph(glyph)} {rule.decision}", tone if rule.state == "in force" else "dim")


def _until(rule: ApprovalRule, drawing: Drawing) -> Cell:
    if rule.state == "revoked":
        return cell("revoked", "dim")
    if rule.until is None:
        return cell("-", "dim")
    return cell(span(max((rule.until - drawing.now).total_seconds(), 0)), "dim")


COLUMNS: tuple[Column[ApprovalRule], ...] = (
    Column("answer", "ANSWER", 9, _decision, lambda each: each.decision),
    Column("agent", "AGENT", 12, lambda each, _: cell(each.agent or "any", "strong"),
           lambda each: each.agent.raw if each.agent else ""),
    Column("prefix", "WHAT BEGINS WITH", 20, lambda each, _: (part(prefix_words(each)),), prefix_words, flexible=True),
    Column("tool", "TOOL", 8, lambda each, _: cell(each.tool or "any", "dim"),
           lambda each: each.tool.raw if each.tool else "", rank=2),
    Column("hits", "HITS", 5, lambda each, _: cell(str(each.hits)), lambda each: -each.hits, right=True),
    Column("last", "LAST", 5, lambda each, drawing: cell(drawing.age(each.last_hit_at), "dim"),
           lambda each: -(each.last_hit_at.timestamp() if each.last_hit_at else 0), right=True, rank=3),
    Column("until", "LEFT", 7, _until, lambda each: each.until.timestamp() if each.until else 0, right=True, rank=1),
    Column("by", "BY", 8, lambda each, _: cell(each.created_by or "", "dim"), lambda each: each.created_by or "",
           rank=4),
)  # fmt: skip


class ApprovalRuleList(RowList[ApprovalRule]):
    """Rules, by id."""

    place: ClassVar[Place] = "approval_rules"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("approval_rules")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda each: each.id, drawing, empty="none: people answer everything", id=id)
