"""``kolony agent`` and ``kolony token``."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, tell, verb
from kolony_tui.models.errors import NotFound, UsageError
from kolony_tui.models.states import Desired

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.fleet import IssuedToken
    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.fleet import Agent, AgentToken


def register_agent(verbs: Any) -> None:
    """Declares ``kolony agent`` and its verbs."""
    agents = group(verbs, "agent", "agents")
    making = verb(agents, "create", _create, "make an agent")
    making.add_argument("name", help="1 to 100 printable characters")
    making.add_argument("--type", default="process", help="claude, gemini, codex, or any short word (default: process)")
    making.add_argument("--category", default="", help="a word to group agents by")
    making.add_argument("--instructions", default="", help="what its runner is told with each command")
    making.add_argument("--description", default="", help="what it is for")
    verb(agents, "list", _list, "the agents of the workspace").add_argument(
        "--all", action="store_true", help="retired ones too"
    )
    verb(agents, "show", _show, "one agent").add_argument("name")
    for name, func, line in (
        ("pause", _pause, "give it no more work; what runs goes on"),
        ("resume", _resume, "give it work again"),
        ("retire", _retire, "end its service; what waits for it is cancelled"),
    ):
        parser = verb(agents, name, func, line)
        parser.add_argument("name")
        parser.add_argument("--reason", default="", help="why; shown wherever the agent is")
    from kolony_tui.cli.runner import add_run_parser

    add_run_parser(agents)


def register_token(verbs: Any) -> None:
    """Declares ``kolony token`` and its verbs."""
    tokens = group(verbs, "token", "agents' tokens")
    issuing = verb(tokens, "issue", _issue, "make a token for an agent; it is printed this once")
    issuing.add_argument("agent")
    issuing.add_argument("--label", default="", help="what it is for")
    issuing.add_argument("--expires", metavar="DAYS", type=float, help="days until it runs out (default: never)")
    verb(tokens, "list", _tokens, "every token, without the secrets")
    rotating = verb(tokens, "rotate", _rotate, "make a new token for an agent and let its old ones run out")
    rotating.add_argument("agent")
    rotating.add_argument("--overlap", metavar="SECONDS", type=float, default=3600, help="how long both work (3600)")
    rotating.add_argument("--label", default="", help="what it is for")
    verb(tokens, "revoke", _revoke, "take a token out of service at once, and end its sessions").add_argument(
        "token", help="its id, or its hint where only one has it"
    )


async def _one(session: PersonSession, name: str) -> UUID:
    from kolony_tui.core.fleet import agent_ids

    return (await agent_ids(session, [name]))[0]


def _create(args: argparse.Namespace) -> int:
    from kolony_tui.core.fleet import create_agent

    made = in_session(
        args,
        lambda session: create_agent(
            session,
            args.name,
            type=args.type,
            category=args.category,
            instructions=args.instructions,
            description=args.description,
        ),
    )
    return done(args, f"agent {args.name} is there", agent_id=made, agent=args.name)


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("fleet/agents", bool(args.all)))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.fleet import agents

    found = in_session(args, lambda session: agents(session, with_retired=args.all))
    print_table(
        ["AGENT", "TYPE", "WANTED", "STATUS", "ACTIVITY", "RUNNING", "WAITING", "HOST", "SEEN"],
        [
            (each.name, each.type, each.desired.value, each.status.value, each.activity.value,
             f"{each.running}/{each.slots}", each.ready + each.scheduled, each.host, each.last_seen)
            for each in found
        ],
    )  # fmt: skip
    return 0


def _show(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import ago, as_json, print_json, print_table
    from kolony_tui.core.fleet import agent

    async def work(session: PersonSession) -> Agent:
        return await agent(session, await _one(session, args.name))

    found = in_session(args, work)
    if args.json:
        print_json({"agent": found.name, **as_json(found)})
        return 0
    wanted = found.desired.value + (f" ({found.desired_why.raw})" if found.desired_why else "")
    lines = [
        ("agent", found.name), ("type", found.type), ("wanted", wanted), ("status", found.status.value),
        ("activity", found.activity.value), ("running", f"{found.running} of {found.slots} slots"),
        ("waiting", f"{found.ready} ready, {found.scheduled} for later"), ("host", found.host),
        ("seen", ago(found.last_seen) if found.last_seen else "never"), ("why it left", found.end_reason),
        ("category", found.category), ("description", found.description), ("made by", found.created_by_login),
    ]  # fmt: skip
    print_table(["", ""], [(name, value) for name, value in lines if value])
    return 0


def _desired(args: argparse.Namespace, desired: Desired, words: str) -> int:
    from kolony_tui.core.fleet import set_desired

    async def work(session: PersonSession) -> None:
        await set_desired(session, await _one(session, args.name), desired, args.reason)

    in_session(args, work)
    return done(args, f"{args.name} is {words}", agent=args.name, desired=desired.value)


def _pause(args: argparse.Namespace) -> int:
    return _desired(args, Desired.PAUSED, "paused")


def _resume(args: argparse.Namespace) -> int:
    return _desired(args, Desired.ACTIVE, "active")


def _retire(args: argparse.Namespace) -> int:
    return _desired(args, Desired.RETIRED, "retired")


def _issue(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime, timedelta

    from kolony_tui.core.fleet import issue_token

    if args.expires is not None and not 0 < args.expires <= 36500:
        raise UsageError("--expires is a number of days above 0")
    expiry = None if args.expires is None else datetime.now(UTC) + timedelta(days=args.expires)

    async def work(session: PersonSession) -> IssuedToken:
        return await issue_token(session, await _one(session, args.agent), label=args.label, expires_at=expiry)

    return _shown_once(args, in_session(args, work), f"the token of {args.agent}, shown this once:")


def _shown_once(args: argparse.Namespace, issued: IssuedToken, message: str) -> int:
    from kolony_tui.cli.printing import print_json, print_line

    clear = issued.token.secret.reveal()
    if args.json:
        print_json({"agent": args.agent, "token": clear, "hint": issued.token.hint, "token_id": issued.token_id})
    else:
        tell(message)
        print_line(clear)
    return 0


def _tokens(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("fleet/tokens"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.fleet import tokens

    found = in_session(args, tokens)
    print_table(
        ["TOKEN", "HINT", "AGENT", "STATE", "LABEL", "MADE", "BY", "RUNS OUT", "LAST USED", "FROM"],
        [
            (each.token_id, each.token_hint, each.agent, "active" if each.token_active else "off", each.label,
             each.created_at, each.created_by, each.expires_at, each.last_used_at, each.last_used_from)
            for each in found
        ],
    )  # fmt: skip
    return 0


def _rotate(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime, timedelta

    from kolony_tui.core.fleet import expire_token, issue_token, tokens

    if not 0 <= args.overlap <= 365 * 86400:
        raise UsageError("--overlap is a number of seconds, 0 or more")

    async def work(session: PersonSession) -> IssuedToken:
        agent_id = await _one(session, args.agent)
        old = [each for each in await tokens(session) if each.agent_id == agent_id and each.token_active]
        issued = await issue_token(session, agent_id, label=args.label)
        until = datetime.now(UTC) + timedelta(seconds=args.overlap)
        for each in old:
            await expire_token(session, each.token_id, until)
        return issued

    issued = in_session(args, work)
    return _shown_once(args, issued, f"the new token of {args.agent}, shown this once; the old ones run out soon:")


def _revoke(args: argparse.Namespace) -> int:
    from kolony_tui.core.fleet import revoke_token, tokens

    async def work(session: PersonSession) -> AgentToken:
        meant = [each for each in await tokens(session) if args.token in (str(each.token_id), each.token_hint)]
        if not meant:
            raise NotFound(f"there is no token {args.token!r} here", "see kolony token list")
        if len(meant) > 1:
            raise UsageError(f"{len(meant)} tokens have the hint {args.token!r}", "give the id")
        await revoke_token(session, meant[0].token_id)
        return meant[0]

    token = in_session(args, work)
    return done(
        args,
        f"token {token.token_hint} of {token.agent.raw} is revoked",
        token_id=token.token_id,
        agent=token.agent,
        hint=token.token_hint,
        active=False,
    )
