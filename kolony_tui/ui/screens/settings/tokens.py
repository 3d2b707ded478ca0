"""Settings > Tokens: what agents log in with, by whom each is in use, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from kolony_tui.core import fleet
from kolony_tui.core.session import PersonSession
from kolony_tui.models.fleet import AgentToken, TokenState, TokenUse
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.token_list import TokenList

_SHOWN = 3


def use_parts(use: TokenUse, drawing: Drawing) -> list[Part]:
    """One runner that lives by a token."""
    runs = ", ".join(f"#{run}" for run in use.runs)
    return [
        part(f"{safe(use.host, limit=60).plain or 'an unknown host'} pid {use.pid or '?'}"),
        part(f"  for {drawing.age(use.since)}, {f'running {runs}' if runs else 'idle'}", "dim"),
    ]


class TokensSection(Section):
    """Tokens; for admins."""

    slug: ClassVar[str] = "tokens"

    def __init__(self) -> None:
        self._shared: str | None = None
        self._used = 0
        super().__init__(TokenList(self.kolony.drawing, id="tokens"))

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind in ("people", "agents", "agent")

    async def read(self, session: PersonSession) -> tuple[list[AgentToken], str | None]:
        """The workspace's tokens, and the login that agents share where there is no other way."""
        return await fleet.tokens(session), await fleet.shared_agent_login(session)

    def show(self, found: tuple[list[AgentToken], str | None]) -> None:
        """Shows them."""
        tokens, self._shared = found
        self._used = sum(1 for each in tokens if each.in_use_by)
        self.rows.show(tokens)

    def on_the_right(self) -> list[Part]:
        """How many there are, and how many of them are in use."""
        return [part(f"{self._used} in use of ", "dim"), part(f"{self.rows.total}", "strong")]

    def explanation(self) -> list[list[Part]]:
        """All about the token under the cursor."""
        lines = []
        if self._shared is not None:
            words = f"agents log in as {self._shared} here, and show their token; revoking ends no connection of theirs"
            lines.append([part(words, "warn")])
        token: AgentToken | None = self.rows.pointed
        if token is not None:
            drawing = self.kolony.drawing()
            lines += [self._history(token, drawing)]
            lines += [[part("in use by ", "dim"), *use_parts(use, drawing)] for use in token.in_use_by[:_SHOWN]]
            if len(token.in_use_by) > _SHOWN:
                lines.append([part(f"and by {len(token.in_use_by) - _SHOWN} more", "dim")])
        return lines

    def _history(self, token: AgentToken, drawing: Drawing) -> list[Part]:
        made = f"made {drawing.age(token.created_at)} ago by {safe(token.created_by or '?').plain}"
        said = [part(f"{token.token_hint}... ", "accent")]
        if token.label:
            said.append(part(f"{safe(token.label, limit=60).plain}; "))
        said.append(part(made, "dim"))
        if token.state is TokenState.REVOKED:
            who = safe(token.revoked_by or "?").plain
            said.append(part(f"; revoked {drawing.age(token.revoked_at)} ago by {who}", "dim"))
        elif token.expires_at is not None:
            ended = token.state is TokenState.EXPIRED
            words = "; ran out " if ended else "; runs out "
            said.append(part(f"{words}{token.expires_at:%Y-%m-%d %H:%M} UTC", "dim" if ended else "warn"))
        if token.last_used_at is not None:
            place = token.last_used_from or token.last_used_host or "this server's machine"
            words = f"; used {drawing.age(token.last_used_at)} ago from {safe(place, limit=60).plain}"
            said.append(part(words, "dim"))
        return said


class Revoking(Question):
    """Asks before tokens are revoked, and names everybody who lives by them; the list scrolls."""

    DEFAULT_CSS = """
    Revoking #users { height: auto; max-height: 25vh; }
    """

    def __init__(self, question: str, said: str, lines: Sequence[Sequence[Part]]) -> None:
        super().__init__(question, said, yes="Revoke")
        self._lines = lines

    def compose(self) -> ComposeResult:
        """As every question, with the whole list."""
        with Vertical(id="box"):
            yield Static(content(part(self._question, "strong")), id="question")
            with VerticalScroll(id="users"):
                yield Static(Content("\n").join(content(*line) for line in self._lines), id="about")
            yield Static(content(part(self._said, "dim")))
            with Horizontal(id="buttons"):
                yield Button(content(part("No (n)")), id="no", compact=True)
                yield Button(content(part("Revoke (y)")), id="yes", variant="error", compact=True)
