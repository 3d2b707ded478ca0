"""``kolony token``: issue, list, rotate and revoke agents' tokens."""

from __future__ import annotations

import argparse
import sys

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import group, in_session, tell, verb
from kolony_tui.models.errors import ExitCode, KolonyError, NotFound, UsageError, WorkFailed

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from kolony_tui.core.fleet import IssuedToken
    from kolony_tui.core.reading import Reader
    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.fleet import AgentToken, RevokedToken, TokenUse


def register_token(verbs: Any) -> None:
    """Declares ``kolony token`` and its verbs."""
    from kolony_tui.core.spans import moment_ahead, span

    tokens = group(verbs, "token", "agents' tokens")
    expires = "when it runs out: days from now, a time such as 12h, or a date"
    issuing = verb(tokens, "issue", _issue, "make a token for an agent; it is printed this once")
    issuing.add_argument("agent")
    issuing.add_argument("--label", default="", help="what it is for")
    issuing.add_argument("--expires", metavar="DAYS", type=moment_ahead, help=f"{expires} (default: never)")
    listing = verb(tokens, "list", _list, "every token, without the secrets; by whom each is in use")
    listing.add_argument("--agent", help="of this agent only")
    rotating = verb(tokens, "rotate", _rotate, "make a new token and let the old one (an agent's: all) run out")
    rotating.add_argument("token", metavar="AGENT|TOKEN", help="an agent, or a token's id or hint")
    rotating.add_argument(
        "--overlap", metavar="TIME", type=span, default=span("1h"), help="how long both work: seconds, or 24h (1h)"
    )
    rotating.add_argument("--label", help="what it is for (default: as the old one's)")
    rotating.add_argument(
        "--expires", metavar="DAYS", type=moment_ahead, help=f"{expires} (default: as long as before)"
    )
    revoking = verb(tokens, "revoke", _revoke, "take tokens out of service at once, and end their sessions")
    revoking.add_argument("token", nargs="+", help="its id, or its hint where only one has it")
    revoking.add_argument("--yes", action="store_true", help="do not ask, although a runner lives by it")


def _issue(args: argparse.Namespace) -> int:
    from kolony_tui.core.fleet import agent_ids, issue_token, shared_agent_login

    async def work(session: PersonSession) -> tuple[IssuedToken, str | None]:
        agent_id = (await agent_ids(session, [args.agent]))[0]
        issued = await issue_token(session, agent_id, label=args.label, expires_at=args.expires)
        return issued, await shared_agent_login(session)

    issued, shared = in_session(args, work)
    return _shown_once(args, issued, args.agent, shared, f"the token of {args.agent}, shown this once:")


def _shown_once(
    args: argparse.Namespace, issued: IssuedToken, agent: str, shared: str | None, message: str, **more: object
) -> int:
    from kolony_tui.cli.printing import print_json, print_line

    clear = issued.token.secret.reveal()
    if shared is not None:
        tell(
            f"Kolony makes no logins on this server: the runner connects as {shared}, with that login's password from"
            f" PGPASSFILE or PGPASSWORD: kolony agent run {agent} --dsn postgresql://{shared}@HOST/DATABASE"
        )
    if args.json:
        facts = {"token_id": issued.token_id, "login": shared or issued.token.login, "expires_at": issued.expires_at}
        print_json({"agent": agent, "token": clear, "hint": issued.token.hint, **facts, **more})
    else:
        tell(message)
        print_line(clear)
    return ExitCode.DONE


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: _rows(reader, args.agent))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.fleet import agent_ids, tokens

    async def work(session: PersonSession) -> list[AgentToken]:
        wanted = None if args.agent is None else (await agent_ids(session, [args.agent]))[0]
        return await tokens(session, wanted)

    print_table(
        ["TOKEN", "HINT", "AGENT", "STATE", "LABEL", "MADE", "BY", "RUNS OUT", "LAST USED", "FROM", "IN USE BY"],
        [
            (each.token_id, each.token_hint, each.agent, each.state.value, each.label, each.created_at,
             each.created_by, each.expires_at, each.last_used_at, each.last_used_from or each.last_used_host,
             "; ".join(map(_use_words, each.in_use_by)) or None)
            for each in in_session(args, work)
        ],
    )  # fmt: skip
    return ExitCode.DONE


def _rows(reader: Reader, agent: str | None) -> list[str]:
    from kolony_tui.core.reading import agent_id

    return reader.rows("fleet/tokens", None if agent is None else agent_id(reader, agent))


def _rotate(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime, timedelta

    from kolony_tui.cli.printing import ago
    from kolony_tui.core.fleet import agent_ids, issue_token, rotate_token, shared_agent_login, tokens

    if args.overlap > timedelta(days=365):
        raise UsageError("--overlap is at most 365 days", "the old token is to run out")

    async def work(session: PersonSession) -> tuple[IssuedToken, str, list[str], str | None]:
        every = await tokens(session)
        try:
            agent_id, agent = (await agent_ids(session, [args.token]))[0], args.token
        except NotFound:
            one = _agent_or_token(every, args.token)
            agent_id, agent, old = one.agent_id, one.agent.raw, [one]
        else:
            serving = [each for each in every if each.agent_id == agent_id and each.token_active]
            old = sorted(serving, key=lambda each: each.created_at, reverse=True)
        if old:
            how = {"overlap": args.overlap, "label": args.label, "expires_at": args.expires}
            issued = await rotate_token(session, old, **how)
        else:
            issued = await issue_token(session, agent_id, label=args.label or "", expires_at=args.expires)
        return issued, agent, [each.token_hint for each in old], await shared_agent_login(session)

    issued, agent, old, shared = in_session(args, work)
    soon = ago(datetime.now(UTC) + args.overlap)
    words = f"; {', '.join(old)} runs out {soon} at the latest" if old else "; there was none to replace"
    return _shown_once(args, issued, agent, shared, f"the new token of {agent}, shown this once{words}:", replaces=old)


def _agent_or_token(known: Sequence[AgentToken], reference: str) -> AgentToken:
    from kolony_tui.core.fleet import token_named

    try:
        return token_named(known, reference)
    except NotFound:
        raise NotFound(f"there is neither an agent nor a token {reference!r} here", "see kolony token list") from None


def _revoke(args: argparse.Namespace) -> int:
    from kolony_tui.core.fleet import tokens

    refused: list[tuple[str, KolonyError]] = []
    meant = _meant(args.token, in_session(args, tokens), refused)
    used = [each for each in meant if each.in_use_by]
    asked = bool(used) and not args.yes and sys.stdin.isatty() and sys.stderr.isatty()
    if asked:
        # Not inside the session: an event loop would take ctrl+c, and the question not.
        _ask(used)
    revoked = _revoke_each(args, meant, refused)
    for token, end in revoked:
        words = f"token {token.token_hint} of {token.agent.raw} is revoked"
        if end.revoked_before:
            words = f"token {token.token_hint} of {token.agent.raw} was revoked already, {_when(end)}"
        elif end.in_use_by and not asked:
            words += f"; it was in use by {'; '.join(map(_use_words, end.in_use_by))}"
        if not args.json or (end.in_use_by and not asked):
            tell(words)
    return _told(args, revoked, refused)


def _meant(
    references: Sequence[str], known: Sequence[AgentToken], refused: list[tuple[str, KolonyError]]
) -> list[AgentToken]:
    """The tokens that are named, each once. One that cannot be found is an error where it is the only one."""
    from kolony_tui.core.fleet import token_named
    from kolony_tui.core.tokens import hint_in

    meant = {}
    for reference in references:
        try:
            token = token_named(known, reference)
            meant[token.token_id] = token
        except KolonyError as error:
            if len(references) == 1:
                raise
            refused.append((hint_in(reference), error))
    return list(meant.values())


def _revoke_each(
    args: argparse.Namespace, meant: Sequence[AgentToken], refused: list[tuple[str, KolonyError]]
) -> list[tuple[AgentToken, RevokedToken]]:
    from kolony_tui.core.fleet import revoke_token
    from kolony_tui.models.errors import Refused

    revoked: list[tuple[AgentToken, RevokedToken]] = []

    async def work(session: PersonSession) -> None:
        for token in meant:
            try:
                revoked.append((token, await revoke_token(session, token.token_id)))
            except Refused as error:
                if len(args.token) == 1:
                    raise
                refused.append((token.token_hint, error))

    if meant:
        in_session(args, work)
    return revoked


def _told(
    args: argparse.Namespace,
    revoked: Sequence[tuple[AgentToken, RevokedToken]],
    refused: Sequence[tuple[str, KolonyError]],
) -> int:
    """One token as one object, several as a list; exit code 4 where any was refused."""
    from kolony_tui.cli.printing import as_json, print_json

    for reference, error in refused:
        tell(f"{reference}: {error.line}")
    if args.json:
        found = [
            {
                "token_id": token.token_id,
                "agent": token.agent,
                "hint": token.token_hint,
                "active": False,
                **as_json(end),
            }
            for token, end in revoked
        ]
        lost = [{"token": reference, "error": error.line} for reference, error in refused]
        print_json(found[0] if len(args.token) == 1 else [*found, *lost])
    return ExitCode.REFUSED if refused else ExitCode.DONE


def _ask(used: Sequence[AgentToken]) -> None:
    for token in used:
        tell(
            f"token {token.token_hint} of {token.agent.raw} is in use by {'; '.join(map(_use_words, token.in_use_by))}"
        )
    many = "this token" if len(used) == 1 else f"these {len(used)} tokens"
    print(f"Revoke {many}, and end what runs there? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise WorkFailed("nothing was revoked", "answer y, or use --yes")


def _use_words(use: TokenUse) -> str:
    from kolony_tui.cli.printing import ago

    runs = f", running {', '.join(use.runs)}" if use.runs else ", idle"
    return f"{use.host.raw or 'an unknown host'} pid {use.pid or '?'} since {ago(use.since)}{runs}"


def _when(end: RevokedToken) -> str:
    from kolony_tui.cli.printing import ago

    return f"{ago(end.revoked_at)} by {end.revoked_by or 'somebody who is gone'}"
