"""`AuditList`: entries of the audit log as rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.audit import AuditEntry
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.ui.draw import Cell, Tone, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

_TONES: dict[str, Tone] = {
    "ADDED": "good", "CREATED": "good", "ISSUED": "warn", "REMOVED": "bad", "REVOKED": "bad", "DISABLED": "bad",
    "RETIRED": "bad", "ROLE_CHANGED": "warn", "PASSWORD_RESET": "warn", "SESSIONS_ENDED": "warn", "EXCEEDED": "warn",
    "STOP": "bad",
}  # fmt: skip
"""By how an event's name ends: rights that grow or go stand out."""


def tone_of(event: str) -> Tone:
    """How an event stands out.

    >>> tone_of("TOKEN_REVOKED"), tone_of("COMMAND_SENT")
    ('bad', 'strong')
    """
    return next((tone for end, tone in _TONES.items() if event.endswith(end)), "strong")


def said(value: object) -> str:
    """A detail in few words; what changed as ``before -> after``.

    >>> said({"before": "viewer", "after": "admin"}), said("x"), said(None), said(3)
    ('viewer -> admin', 'x', 'none', '3')
    """
    if isinstance(value, dict) and set(value) == {"before", "after"}:
        return f"{said(value['before'])} -> {said(value['after'])}"
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _details(entry: AuditEntry, _: Drawing) -> Cell:
    return tuple(
        piece
        for name, value in entry.details.items()
        if value not in ("", None)
        for piece in (part(f"{name} ", "dim"), part(Untrusted(said(value))), part("  "))
    )


def _moment(entry: AuditEntry, drawing: Drawing) -> Cell:
    at, now = entry.at.astimezone(drawing.now.tzinfo), drawing.now
    return cell(at.strftime("%H:%M:%S" if at.date() == now.date() else "%m-%d %H:%M"), "dim")


COLUMNS: tuple[Column[AuditEntry], ...] = (
    Column("entry", "ENTRY", 7, lambda entry, _: cell(str(entry.entry_id), "dim"), right=True, rank=5),
    Column("at", "AT", 11, _moment, lambda entry: entry.entry_id),
    Column(
        "event", "EVENT", 21, lambda entry, _: cell(entry.event, tone_of(entry.event)), lambda entry: entry.event
    ),
    Column("login", "LOGIN", 10, lambda entry, _: cell(Untrusted(entry.login)), lambda entry: entry.login),
    Column(
        "subject",
        "ABOUT",
        14,
        lambda entry, _: cell(entry.subject, "strong"),
        lambda entry: entry.subject.raw if entry.subject else "",
    ),
    Column(
        "agent",
        "AGENT",
        12,
        lambda entry, _: cell(entry.agent),
        lambda entry: entry.agent.raw if entry.agent else "",
        rank=3,
    ),
    Column("from", "FROM", 12, lambda entry, _: cell(entry.client_address or "local", "dim"),
           lambda entry: entry.client_address or "", rank=4),
    Column("application", "PROGRAM", 12, lambda entry, _: cell(entry.application, "dim"),
           lambda entry: entry.application.raw, rank=6),
    Column("details", "DETAILS", 16, _details, flexible=True, rank=2),
)  # fmt: skip


class AuditList(RowList[AuditEntry]):
    """Entries, by number."""

    place: ClassVar[Place] = "audit"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("audit")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda entry: entry.entry_id, drawing, empty="no such entries", id=id)
