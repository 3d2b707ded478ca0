"""``kolony agent``."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.target import FILTER_HELP, add_target_options, aimed, check_target
from kolony_tui.cli.verbs import done, group, in_session, verb
from kolony_tui.models.errors import UsageError
from kolony_tui.models.states import Desired

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.fleet import Agent, AgentTold


def register_agent(verbs: Any) -> None:
    """Declares ``kolony agent`` and its verbs."""
    agents = group(verbs, "agent", "agents")
    making = verb(agents, "create", _create, "make an agent")
    making.add_argument("name", help="1 to 100 printable characters")
    making.add_argument("--type", default="process", help="see agent type list, or any short word (default: process)")
    making.add_argument("--category", default="", help="a word to group agents by")
    making.add_argument("--instructions", default="", help="what its runner is told with each command")
    making.add_argument("--description", default="", help="what it is for")
    making.add_argument("--config", default={}, type=json_object, metavar="JSON",
                        help='for its runner: {"interrupt_grace_seconds": 20} and so on, see agent run')  # fmt: skip
    listing = verb(agents, "list", _list, "the agents of the workspace")
    listing.add_argument("--all", action="store_true", help="retired ones too")
    listing.add_argument("--where", metavar="FILTER", help=f"those that a filter lets pass, {FILTER_HELP}")
    verb(agents, "show", _show, "one agent").add_argument("name")
    tagging = verb(agents, "tag", _tag, "give agents tags, or take them away")
    add_target_options(tagging)
    tagging.add_argument("--add", action="append", default=[], metavar="TAG", help="may be said several times")
    tagging.add_argument("--remove", action="append", default=[], metavar="TAG", help="may be said several times")
    for name, func, line in (
        ("pause", _pause, "give it no more work; what runs goes on"),
        ("resume", _resume, "give it work again"),
        ("retire", _retire, "end its service; what waits for it is cancelled"),
    ):
        parser = verb(agents, name, func, line)
        parser.add_argument("name")
        parser.add_argument("--reason", default="", help="why; shown wherever the agent is")
    from kolony_tui.cli.agent_type import register_types
    from kolony_tui.cli.editing import add_edit_parser
    from kolony_tui.cli.folders import add_folders_parser
    from kolony_tui.cli.keeping import add_memory_parser, add_variable_parser
    from kolony_tui.cli.runner import add_run_parser

    add_variable_parser(agents)
    add_memory_parser(agents)
    add_edit_parser(agents)
    register_types(agents)
    add_run_parser(agents)
    add_folders_parser(agents)


async def _one(session: PersonSession, name: str) -> UUID:
    from kolony_tui.core.fleet import agent_ids

    return (await agent_ids(session, [name]))[0]


def json_object(text: str) -> dict[str, Any]:
    """The config that a person wrote. Raises UsageError."""
    import json

    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--config is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError("--config is a JSON object", 'such as {"interrupt_grace_seconds": 20}')
    return found


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
            config=args.config,
        ),
    )
    return done(args, f"agent {args.name} is there", agent_id=made, agent=args.name)


def _passing(args: argparse.Namespace) -> list[Agent]:
    from kolony_tui.core.fleet import agents
    from kolony_tui.core.selecting import AGENT_FIELDS, parse, passes
    from kolony_tui.core.session import clock

    wanted = parse(args.where or "", AGENT_FIELDS)

    async def work(session: PersonSession) -> list[Agent]:
        now, found = await clock(session), await agents(session, with_retired=args.all)
        return [each for each in found if passes(wanted, AGENT_FIELDS, each, now)]

    return in_session(args, work)


def _list(args: argparse.Namespace) -> int:
    if args.json and args.where is not None:
        from kolony_tui.cli.printing import as_json, print_json

        print_json([{"agent": each.name, **as_json(each)} for each in _passing(args)])
        return 0
    if args.json:
        return print_rows(args, lambda reader: reader.rows("fleet/agents", bool(args.all)))
    from kolony_tui.cli.printing import print_table

    print_table(
        ["AGENT", "TYPE", "WANTED", "STATUS", "ACTIVITY", "RUNNING", "WAITING", "HOST", "SEEN"],
        [
            (each.name, each.type, each.desired.value, each.status.value, each.activity.value,
             f"{each.running}/{each.slots}", each.ready + each.scheduled + each.blocked, each.host, each.last_seen)
            for each in _passing(args)
        ],
    )  # fmt: skip
    return 0


def _show(args: argparse.Namespace) -> int:
    import json

    from kolony_tui.cli.printing import ago, as_json, print_json, print_table
    from kolony_tui.core.fleet import agent, agent_told

    async def work(session: PersonSession) -> tuple[Agent, AgentTold]:
        agent_id = await _one(session, args.name)
        return await agent(session, agent_id), await agent_told(session, agent_id)

    found, told = in_session(args, work)
    if args.json:
        print_json({"agent": found.name, **as_json(found), **as_json(told)})
        return 0
    health = found.health or {}
    config = " ".join(f"{name}={json.dumps(value)}" for name, value in told.config.items())
    program = " ".join(str(health[name]) for name in ("program", "mode") if health.get(name))
    wanted = found.desired.value + (f" ({found.desired_why.raw})" if found.desired_why else "")
    lines = [
        ("agent", found.name), ("type", found.type), ("wanted", wanted), ("status", found.status.value),
        ("activity", found.activity.value), ("running", f"{found.running} of {found.slots} slots"),
        ("waiting", f"{found.ready} ready, {found.scheduled} for later, {found.blocked} held up"), ("host", found.host),
        ("seen", ago(found.last_seen) if found.last_seen else "never"), ("why it left", found.end_reason),
        ("tags", " ".join(tag.raw for tag in found.tags)),
        ("stopped", "by an emergency stop" if found.agent_stopped else ""), ("asks", found.asks or ""),
        ("category", found.category), ("description", found.description),
        ("program", program), ("instructions", told.instructions),
        ("config", config), ("made by", found.created_by_login),
    ]  # fmt: skip
    print_table(["", ""], [(name, value) for name, value in lines if value])
    return 0


def _tag(args: argparse.Namespace) -> int:
    from kolony_tui.core.fleet import tag_agents

    check_target(args)
    if not args.add and not args.remove:
        raise UsageError("which tags?", "say --add TAG or --remove TAG")

    async def work(session: PersonSession) -> tuple[int, int]:
        aim = await aimed(session, args)
        return len(aim), await tag_agents(session, aim.agent_ids, args.add, args.remove)

    found, changed = in_session(args, work)
    return done(args, f"{changed} of {found} agents have other tags now", agents=found, changed=changed)


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
