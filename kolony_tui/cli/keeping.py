"""``kolony agent var`` and ``kolony agent memory``: what an agent has from one run to the next."""

from __future__ import annotations

import argparse
import sys

from kolony_tui.cli.verbs import done, group, in_session, tell, verb
from kolony_tui.models.errors import UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.secret import Secret
    from kolony_tui.models.variables import Note, Variable


def add_variable_parser(agents: Any) -> None:
    """Declares ``kolony agent var``."""
    variables = group(agents, "var", "variables that an agent's programs have in their environment")
    note = (
        "The value of a secret is typed, or comes on standard input; never on the command line, where others can read "
        "it. It is never shown again, and masked in what the agent's runs store."
    )
    setting = verb(variables, "set", _set, "set a variable; runs that begin from now on have it", epilog=note)
    setting.add_argument("agent")
    setting.add_argument("name", help="letters, digits and _")
    setting.add_argument("value", nargs="?", help="not for a secret")
    setting.add_argument("--secret", action="store_true", help="nobody can read it again but the agent's programs")
    setting.add_argument("--value-stdin", action="store_true", help="read the value from standard input, all of it")
    setting.add_argument("--description", metavar="TEXT", help="what it is for")
    verb(variables, "list", _list, "an agent's variables, without secret values").add_argument("agent")
    unsetting = verb(variables, "unset", _unset, "take a variable away")
    unsetting.add_argument("agent")
    unsetting.add_argument("name")


def add_memory_parser(agents: Any) -> None:
    """Declares ``kolony agent memory``."""
    memory = group(agents, "memory", "the notes that an agent keeps between its runs")
    verb(memory, "list", _notes, "an agent's notes").add_argument("agent")
    for name, func, line in (
        ("show", _show, "print one note"),
        ("set", _write, "write one note, from --text or standard input"),
        ("delete", _delete, "delete one note"),
    ):
        parser = verb(memory, name, func, line)
        parser.add_argument("agent")
        parser.add_argument("name", help="letters, digits, . _ and -")
        if name == "set":
            parser.add_argument("--text", metavar="TEXT", help="what the note says (default: standard input)")


async def _agent(session: PersonSession, name: str) -> UUID:
    from kolony_tui.core.fleet import agent_ids

    return (await agent_ids(session, [name]))[0]


def _value(args: argparse.Namespace) -> Secret:
    from kolony_tui.models.secret import Secret

    if args.value_stdin:
        if args.value is not None:
            raise UsageError("the value is given twice", "leave it out, or leave out --value-stdin")
        return Secret(_standard_input().removesuffix("\n").removesuffix("\r"))
    if args.value is not None:
        if args.secret:
            raise UsageError("a secret belongs in no command line, where others can read it", "type it, or pipe it in")
        return Secret(args.value)
    if not sys.stdin.isatty():
        return Secret(_standard_input().removesuffix("\n").removesuffix("\r"))
    import getpass

    ask = getpass.getpass if args.secret else input
    return Secret(ask(f"value of {args.name}: "))


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise UsageError("what comes on standard input is no UTF-8 text") from error


def _set(args: argparse.Namespace) -> int:
    from kolony_tui.core.variables import set_variable

    value = _value(args)
    if args.secret and not value.reveal():
        raise UsageError("no value came", "type it, or pipe it in")

    async def work(session: PersonSession) -> None:
        agent = await _agent(session, args.agent)
        await set_variable(session, agent, args.name, value, secret=args.secret, description=args.description)

    in_session(args, work)
    words = f"{args.name} is set for {args.agent}" + (", and secret" if args.secret else "")
    return done(args, words, agent=args.agent, name=args.name, secret=args.secret)


def _list(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_table
    from kolony_tui.core.variables import variables

    async def work(session: PersonSession) -> list[Variable]:
        return await variables(session, await _agent(session, args.agent))

    found = in_session(args, work)
    if args.json:
        print_json(found)
        return 0
    if not found:
        tell(f"{args.agent} has no variables")
        return 0
    print_table(
        ["NAME", "VALUE", "DESCRIPTION", "BY", "SET"],
        [
            (each.name, each.value if each.value is not None else f"secret, {each.length} bytes", each.description,
             each.updated_by, each.updated_at)
            for each in found
        ],
    )  # fmt: skip
    return 0


def _unset(args: argparse.Namespace) -> int:
    from kolony_tui.core.variables import unset_variable

    async def work(session: PersonSession) -> None:
        await unset_variable(session, await _agent(session, args.agent), args.name)

    in_session(args, work)
    return done(args, f"{args.name} is gone from {args.agent}", agent=args.agent, name=args.name)


def _notes(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_table
    from kolony_tui.core.memory import NOTE_CHARACTERS, notes

    longest = NOTE_CHARACTERS if args.json else 200

    async def work(session: PersonSession) -> list[Note]:
        return await notes(session, await _agent(session, args.agent), longest=longest)

    found = in_session(args, work)
    if args.json:
        print_json(found)
        return 0
    if not found:
        tell(f"{args.agent} keeps no notes")
        return 0
    print_table(
        ["NAME", "BYTES", "VERSION", "BY", "WRITTEN", "BEGINS WITH"],
        [
            (each.name, each.bytes, each.version, each.run or each.updated_by, each.updated_at,
             each.content.raw.strip().partition("\n")[0])
            for each in found
        ],
    )  # fmt: skip
    return 0


def _show(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json
    from kolony_tui.core.memory import note
    from kolony_tui.text import safe

    async def work(session: PersonSession) -> Note:
        return await note(session, await _agent(session, args.agent), args.name)

    found = in_session(args, work)
    if args.json:
        print_json(found)
        return 0
    for line in found.content.raw.splitlines():
        print(safe(line, limit=100_000).plain)
    return 0


def _write(args: argparse.Namespace) -> int:
    from kolony_tui.core.memory import set_note

    content = args.text if args.text is not None else _standard_input()

    async def work(session: PersonSession) -> int:
        return await set_note(session, await _agent(session, args.agent), args.name, content)

    version = in_session(args, work)
    words = f"{args.agent} has the note {args.name} in version {version}"
    return done(args, words, agent=args.agent, name=args.name, version=version)


def _delete(args: argparse.Namespace) -> int:
    from kolony_tui.core.memory import delete_note

    async def work(session: PersonSession) -> None:
        await delete_note(session, await _agent(session, args.agent), args.name)

    in_session(args, work)
    return done(args, f"{args.name} is gone from {args.agent}", agent=args.agent, name=args.name)
