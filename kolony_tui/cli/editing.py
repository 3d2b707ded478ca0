"""``kolony agent edit``: what an agent is and is told, changed after it was made."""

from __future__ import annotations

import argparse

from kolony_tui.cli.verbs import done, in_session, verb
from kolony_tui.models.errors import UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession

_TEXTS = ("type", "category", "description", "instructions")
_EPILOG = """\
What is not named stays as it is. A run that is under way keeps what it began with. Keys of the config that runners
know: trust (trusted or untrusted), mode (of the program's session), model, and those that "agent run --help" names."""


def add_edit_parser(agents: Any) -> None:
    """Declares ``edit`` among the verbs of ``kolony agent``."""
    parser = verb(agents, "edit", _edit, "change what an agent is told, its type or its config", epilog=_EPILOG,
                  formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--type", help="see agent type list")
    parser.add_argument("--category", help="a word to group agents by")
    parser.add_argument("--description", help="what it is for")
    parser.add_argument("--instructions", help="what its runner is told with each command; - reads standard input")
    parser.add_argument("--config", metavar="JSON", help="for its runner: the whole config, a JSON object")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="one key of the config; the value is JSON, or else a text; may be repeated")  # fmt: skip
    parser.add_argument("--unset", action="append", default=[], metavar="KEY", help="take a key out of the config")


def _edit(args: argparse.Namespace) -> int:
    from kolony_tui.core.fleet import agent_ids, edit_agent

    change = _change(args)
    if not change:
        raise UsageError("what should change?", "see kolony agent edit --help")

    async def work(session: PersonSession) -> bool:
        [agent_id] = await agent_ids(session, [args.name])
        return await edit_agent(session, agent_id, change)

    changed = in_session(args, work)
    words = f"{args.name} is changed" if changed else f"{args.name} was like that already"
    return done(args, words, agent=args.name, changed=changed)


def _change(args: argparse.Namespace) -> dict[str, Any]:
    import sys

    from kolony_tui.cli.fleet import json_object

    change: dict[str, Any] = {name: getattr(args, name) for name in _TEXTS if getattr(args, name) is not None}
    if change.get("instructions") == "-":
        change["instructions"] = sys.stdin.read()
    if args.config is not None:
        change["config"] = json_object(args.config)
    keys = {**dict(map(_pair, args.set)), **dict.fromkeys(args.unset)}
    if keys:
        change["config_changes"] = keys
    return change


def _pair(text: str) -> tuple[str, Any]:
    import json

    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--set {text!r}: write KEY=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
