"""Agents' tokens: issue, rotate, revoke."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kolony_tui.core import fleet
from kolony_tui.core.fleet import IssuedToken
from kolony_tui.core.spans import moment_ahead, span
from kolony_tui.models.errors import UsageError
from kolony_tui.models.fleet import AgentToken, TokenState
from kolony_tui.models.people import Role
from kolony_tui.text import SafeText, safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.fleet import agent_named, names_of_agents
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.registry import Command, Reason
from kolony_tui.ui.subject import chosen_tokens

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def _needs_token(fits: Callable[[AgentToken], bool], otherwise: str) -> Reason:
    def reason(app: KolonyApp) -> str | None:
        chosen = chosen_tokens(app)
        if not chosen:
            return "no token is chosen here (0, then Tokens)"
        return None if any(fits(token) for token in chosen) else otherwise

    return reason


def _serves(token: AgentToken) -> bool:
    return token.state is TokenState.ACTIVE


def _stands(token: AgentToken) -> bool:
    return token.state is not TokenState.REVOKED


def _called(token: AgentToken) -> str:
    return f"{safe(token.agent, limit=40).plain} {token.token_hint}"


def _which(chosen: Sequence[AgentToken]) -> str:
    return f"the token {chosen[0].token_hint} of {safe(chosen[0].agent, limit=40).plain}" if len(chosen) == 1 else (
        f"{len(chosen)} tokens")  # fmt: skip


def _ends(text: str) -> datetime | None:
    return moment_ahead(text) if text else None


async def show_tokens(app: KolonyApp, made: Sequence[tuple[SafeText, IssuedToken]]) -> None:
    """Shows fresh tokens, each with whose it is, this once."""
    from kolony_tui.ui.screens.fleet.token import TokenScreen

    shared = await fleet.shared_agent_login(session_of(app))
    await app.push_screen_wait(TokenScreen([(name, issued.token.secret) for name, issued in made], shared))


async def _issue(app: KolonyApp, name: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    chosen = chosen_tokens(app)
    first = name or (safe(chosen[0].agent, limit=100).plain if chosen else "")
    made: list[tuple[SafeText, IssuedToken]] = []

    async def deliver(values: Mapping[str, str]) -> None:
        agent = await agent_named(app, values["agent"])
        issued = await fleet.issue_token(
            session_of(app), agent.agent_id, label=values["label"], expires_at=_ends(values["ends"])
        )
        made.append((safe(agent.name, limit=40), issued))

    fields = [
        Field("agent", "Agent", first, hint="its name"),
        Field("label", "Label", hint="what it is for (optional)"),
        Field("ends", "Runs out", hint="never; or 30 (days), 12h, 2026-12-31"),
    ]
    said = "Whoever has the token works as the agent. It is shown once."
    if await app.push_screen_wait(Form("Make a token", fields, deliver, said=said, yes="Make it")):
        app.live.look_again()
        await show_tokens(app, made)


async def _rotate(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    chosen = [token for token in chosen_tokens(app) if _serves(token)]
    made: list[tuple[SafeText, IssuedToken]] = []
    wanted: list[tuple[timedelta, str | None, datetime | None]] = []

    async def rotate(token: AgentToken) -> None:
        overlap, label, ends = wanted[-1]
        issued = await fleet.rotate_token(session_of(app), [token], overlap=overlap, label=label, expires_at=ends)
        made.append((safe(_called(token)), issued))

    async def deliver(values: Mapping[str, str]) -> None:
        overlap = span(values["overlap"], "h")
        if overlap > timedelta(days=365):
            raise UsageError("both serve for at most 365 days", "the old token is to run out")
        wanted.append((overlap, values["label"] or None, _ends(values["ends"])))
        if len(chosen) == 1:
            await rotate(chosen[0])

    fields = [
        Field("overlap", "Both serve for", "1h", hint="hours, or 30m, 7d"),
        Field("label", "Label", hint="as before"),
        Field("ends", "Runs out", hint="after as long as before; or 30 (days), 12h, 2026-12-31"),
    ]
    said = "A new token is made and shown once; the old one runs out after the time that both serve."
    form = Form(f"Rotate {_which(chosen)}", fields, deliver, said=said, about=list(map(_called, chosen)), yes="Rotate")
    if not await app.push_screen_wait(form):
        return
    if len(chosen) > 1:
        await for_each(app, chosen, _called, rotate, "rotated")
    app.live.look_again()
    if made:
        await show_tokens(app, made)


async def _revoke(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.settings.tokens import Revoking, use_parts

    chosen = [token for token in chosen_tokens(app) if _stands(token)]
    known = {each.token_id: each for each in await fleet.tokens(session_of(app))}
    chosen = [known.get(each.token_id, each) for each in chosen]
    chosen.sort(key=lambda each: not each.in_use_by)
    lines: list[list[Part]] = []
    for token in chosen:
        lines.append([part(_called(token), "accent"), part(f"  {safe(token.label, limit=40).plain}", "dim")])
        lines += [[part("  in use by ", "warn"), *use_parts(use, app.drawing())] for use in token.in_use_by]
        if not token.in_use_by:
            lines.append([part("  not in use", "dim")])
    said = "What runs there ends at once. A revoked token stays revoked."
    if await app.push_screen_wait(Revoking(f"Revoke {_which(chosen)}?", said, lines)) is None:
        return
    session = session_of(app)

    async def revoke(token: AgentToken) -> None:
        ended = await fleet.revoke_token(session, token.token_id)
        if ended.revoked_before:
            raise UsageError(f"{safe(ended.revoked_by or 'somebody').plain} has revoked it before")

    await for_each(app, chosen, _called, revoke, "revoked")


COMMANDS: tuple[Command, ...] = (
    Command("tokens.issue", "Make a token", "makes a token for an agent, with a label and an end; shown once", _issue,
            ("tokens",), ("a",), "issue", Role.ADMIN, argument="AGENT", completes=names_of_agents,
            short="make"),
    Command("tokens.rotate", "Rotate tokens", "makes a new token and lets the old one run out; for all who are marked",
            _rotate, ("tokens",), ("r",), "rotate", Role.ADMIN,
            unavailable=_needs_token(_serves, "that token serves no more"), short="rotate"),
    Command("tokens.revoke", "Revoke tokens", "takes tokens out of service at once; for all that are marked", _revoke,
            ("tokens",), ("x",), "revoke", Role.ADMIN, destructive=True,
            unavailable=_needs_token(_stands, "that token is revoked already"), short="revoke"),
)  # fmt: skip
