"""`TokenList`: agents' tokens as rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.fleet import AgentToken, TokenState
from kolony_tui.text import safe
from kolony_tui.ui.draw import Cell, cell
from kolony_tui.ui.looks import Drawing, span
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

_RANK = {state: at for at, state in enumerate(TokenState)}
_NEVER = datetime.max.replace(tzinfo=UTC)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _state(token: AgentToken, drawing: Drawing) -> Cell:
    if token.state is TokenState.ACTIVE:
        return cell(f"{drawing.glyph('✔')} active", "good")
    return cell(f"{drawing.glyph('⊘')} {token.state}", "warn" if token.state is TokenState.EXPIRED else "dim")


def _ends(token: AgentToken, drawing: Drawing) -> Cell:
    if token.expires_at is None or token.state is not TokenState.ACTIVE:
        return ()
    return cell(f"in {span((token.expires_at - drawing.now).total_seconds())}", "warn")


def _used(token: AgentToken, drawing: Drawing) -> Cell:
    if token.last_used_at is None:
        return cell("never", "dim")
    return cell(f"{drawing.age(token.last_used_at)} ago")


def _from(token: AgentToken, _: Drawing) -> Cell:
    return cell(token.last_used_from or token.last_used_host, "dim")


def _users(token: AgentToken, drawing: Drawing) -> Cell:
    if not token.in_use_by:
        return ()
    first = token.in_use_by[0]
    who = f"{safe(first.host, limit=40).plain or '?'} {first.pid or '?'}"
    more = f" +{len(token.in_use_by) - 1}" if len(token.in_use_by) > 1 else ""
    return cell(f"{drawing.glyph('●')} {who}{more}", "good")


class TokenList(RowList[AgentToken]):
    """Tokens, by id; those that serve no more stand below."""

    place: ClassVar[Place] = "tokens"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("tokens")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        columns: list[Column[AgentToken]] = [
            Column("agent", "AGENT", 10, lambda each, _: cell(each.agent, "strong"), lambda each: each.agent.raw,
                   flexible=True),
            Column("hint", "HINT", 8, lambda each, _: cell(each.token_hint, "accent"), lambda each: each.token_hint),
            Column("state", "STATE", 9, _state, lambda each: _RANK[each.state]),
            Column("used", "USED", 9, _used, lambda each: each.last_used_at or _LONG_AGO, rank=2),
            Column("users", "IN USE BY", 18, _users, lambda each: -len(each.in_use_by), rank=1),
            Column("ends", "ENDS", 8, _ends, lambda each: each.expires_at or _NEVER, rank=3),
            Column("label", "LABEL", 12, lambda each, _: cell(each.label, "dim"), lambda each: each.label.raw, rank=4),
            Column("from", "FROM", 14, _from, lambda each: each.last_used_from or "", rank=5),
            Column("made", "MADE", 9, lambda each, drawing: cell(f"{drawing.age(each.created_at)} ago", "dim"),
                   lambda each: each.created_at, rank=6),
        ]  # fmt: skip
        super().__init__(columns, lambda each: each.token_id, drawing, empty="no token yet; a makes one", id=id,
                         past=lambda each: each.state is not TokenState.ACTIVE)  # fmt: skip

    def chosen_tokens(self) -> list[AgentToken]:
        """What a step on tokens is for."""
        return self.chosen
