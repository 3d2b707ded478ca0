"""``kolony preset``: saved commands with variables."""

from __future__ import annotations

import argparse
import sys

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, verb
from kolony_tui.models.errors import ExitCode, NotFound, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from kolony_tui.core.presets import Saying
    from kolony_tui.core.session import PersonSession
    from kolony_tui.core.targeting import Aim
    from kolony_tui.core.work import Sending
    from kolony_tui.models.presets import Preset, PresetVersion

_KINDS = ("natural", "investigate", "review", "plan", "synthesize")
_EPILOG = """The text comes after --; {{name}} in it is a variable, {{name|sh}} the same quoted for a shell (outside of
any quotes of the text's own). A variable is NAME[?][:TYPE[:CHOICE,CHOICE]] [(HELP)][=DEFAULT]; the types are text,
number, choice, agent and run; NAME? may stay empty."""


def register_preset(verbs: Any) -> None:
    """Declares ``kolony preset`` and its verbs."""
    presets = group(verbs, "preset", "saved commands with variables")
    making = verb(presets, "create", _create, "save a command under a name", epilog=_EPILOG)
    making.add_argument("name", help="1 to 100 printable characters")
    _add_saying(making)
    making.add_argument("--shared", action="store_true", help="for everybody in the workspace")
    verb(presets, "list", _list, "your presets and the shared ones, the most used first")
    verb(presets, "show", _show, "one preset, with its text").add_argument("name")
    editing = verb(presets, "edit", _edit, "change a preset: what is given replaces what it says", epilog=_EPILOG)
    editing.add_argument("name")
    editing.add_argument("--name", dest="new_name", metavar="NAME", help="another name")
    _add_saying(editing)
    editing.add_argument("--no-vars", action="store_true", help="without any variable")
    filling = verb(presets, "fill", _fill, "print its text with these values, and send nothing")
    filling.add_argument("name")
    filling.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="a value of a variable")
    for name, func, line in (
        ("share", _share, "share a preset with everybody in the workspace"),
        ("unshare", _unshare, "keep a preset to its owner"),
        ("delete", _delete, "delete a preset; kolony undo brings it back for a while"),
        ("versions", _versions, "everything that a preset ever said"),
    ):
        verb(presets, name, func, line).add_argument("name")
    restoring = verb(presets, "restore", _restore, "go back to an earlier version, as the next one")
    restoring.add_argument("name")
    restoring.add_argument("version", type=int)


def _add_saying(parser: Any) -> None:
    parser.set_defaults(takes_rest=True)
    parser.add_argument("--var", action="append", metavar="VARIABLE", help="name:type=default; see below")
    parser.add_argument("--required", action="append", default=[], metavar="NAME", help="a variable not to be empty")
    parser.add_argument("--description", metavar="TEXT", help="what it is for")
    parser.add_argument("--kind", choices=_KINDS, help="what kind of command (natural)")
    parser.add_argument("--priority", type=int, metavar="N", help="0 to 100, higher first (50)")
    parser.add_argument("--to", metavar="WORDS", help="for whom it is: agents' names, a filter, or everyone")
    parser.add_argument("--constraint", metavar="NAME", help="its constraint profile, or none")


def _text(args: argparse.Namespace) -> str | None:
    if args.rest != ["-"]:
        return " ".join(args.rest) if args.rest else None
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8 text", "a preset is UTF-8 text") from error


async def _saying(session: PersonSession, args: argparse.Namespace, text: str | None) -> Saying:
    from dataclasses import replace

    from kolony_tui.core.presets import Saying
    from kolony_tui.models.presets import variable_written

    variables = None if args.var is None else [variable_written(each) for each in args.var]
    for name in args.required:
        if name not in [each.name for each in variables or ()]:
            raise UsageError(f"--required {name}: there is no --var {name}")
    if variables is not None:
        variables = [replace(each, required=True) if each.name in args.required else each for each in variables]
    constraint_id = None
    if args.constraint not in (None, "none"):
        from kolony_tui.core.constraints import constraint_named, constraints

        constraint_id = constraint_named(await constraints(session), args.constraint).constraint_id
    return Saying(text, args.description, args.kind, args.priority, args.to, constraint_id,
                  args.constraint == "none", variables)  # fmt: skip


def _create(args: argparse.Namespace) -> int:
    from kolony_tui.core.presets import make_preset
    from kolony_tui.core.work import checked_content

    text = checked_content(_text(args) or "")

    async def work(session: PersonSession) -> object:
        return await make_preset(session, args.name, await _saying(session, args, text), shared=args.shared)

    preset_id = in_session(args, work)
    whose = "everybody's" if args.shared else "yours alone"
    return done(args, f"the preset {args.name} is kept; it is {whose}", preset_id=preset_id, name=args.name, version=1)


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("presets/presets"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.presets import presets

    print_table(
        ["PRESET", "VARIABLES", "USED", "LAST", "WHOSE", "DESCRIPTION"],
        [
            (each.name, ", ".join(asked.name for asked in each.asks) or "-", each.used_count, each.last_used_at,
             _whose(each), each.description)
            for each in in_session(args, presets)
        ],
    )  # fmt: skip
    return 0


def _whose(preset: Preset) -> str:
    owner = "mine" if preset.mine else preset.owner_login or "-"
    return f"{owner}, shared" if preset.shared else owner


def _show(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_line, print_table
    from kolony_tui.core.presets import preset_named

    preset = in_session(args, lambda session: preset_named(session, args.name))
    if args.json:
        print_json(preset)
        return 0
    lines: list[tuple[str, object]] = [
        ("description", preset.description), ("whose", _whose(preset)), ("kind", preset.kind),
        ("priority", preset.priority), ("for", preset.target_words), ("constraint", preset.constraint_name),
        ("version", f"{preset.version}, by {preset.changed_by_login or '-'}"), ("changed", preset.changed_at),
        ("used", preset.used_count), ("last used", preset.last_used_at),
        *(("variable", each.written) for each in preset.asks),
    ]  # fmt: skip
    print_table([preset.name.raw, ""], [(name, value if value else "-") for name, value in lines])
    for line in preset.content.raw.splitlines():
        print_line(line)
    return 0


def _edit(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from kolony_tui.core.presets import Saying, change_preset, preset_named

    text = _text(args)
    if args.no_vars and args.var is not None:
        raise UsageError("--var and --no-vars exclude each other")

    async def work(session: PersonSession) -> tuple[Preset, int]:
        saying = await _saying(session, args, text)
        if args.no_vars:
            saying = replace(saying, variables=[])
        if saying == Saying() and args.new_name is None:
            raise UsageError("nothing to change was given", "see kolony preset edit --help")
        preset = await preset_named(session, args.name)
        return preset, await change_preset(session, preset.preset_id, saying, name=args.new_name)

    preset, version = in_session(args, work)
    name = args.new_name or preset.name.raw
    return done(args, f"the preset {name} is version {version} now", preset_id=preset.preset_id, name=name,
                version=version)  # fmt: skip


def _fill(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json
    from kolony_tui.core.presets import fill_preset, preset_named, values_written

    values = values_written(args.var)

    async def work(session: PersonSession) -> tuple[Preset, str]:
        preset = await preset_named(session, args.name)
        return preset, await fill_preset(session, preset, values)

    preset, text = in_session(args, work)
    if args.json:
        print_json({"preset_id": preset.preset_id, "version": preset.version, "text": text})
    elif sys.stdout.isatty():
        from kolony_tui.cli.printing import print_line

        for line in text.splitlines():
            print_line(line)
    else:
        sys.stdout.write(text + "\n")
    return ExitCode.DONE


def _on_named(
    args: argparse.Namespace, step: Callable[[PersonSession, Preset], Awaitable[None]], words: str
) -> int:  # fmt: skip
    from kolony_tui.core.presets import preset_named

    async def work(session: PersonSession) -> Preset:
        preset = await preset_named(session, args.name)
        await step(session, preset)
        return preset

    preset = in_session(args, work)
    return done(args, f"the preset {preset.name.raw} {words}", preset_id=preset.preset_id, name=preset.name)


def _share(args: argparse.Namespace) -> int:
    from kolony_tui.core.presets import share_preset

    return _on_named(args, lambda session, it: share_preset(session, it.preset_id, True), "is everybody's now")


def _unshare(args: argparse.Namespace) -> int:
    from kolony_tui.core.presets import share_preset

    return _on_named(args, lambda session, it: share_preset(session, it.preset_id, False), "is its owner's alone now")


def _delete(args: argparse.Namespace) -> int:
    from kolony_tui.core.presets import delete_preset

    words = "is deleted; kolony undo brings it back for a while"
    return _on_named(args, lambda session, it: delete_preset(session, it.preset_id), words)


def _restore(args: argparse.Namespace) -> int:
    from kolony_tui.core.presets import preset_named, restore_version

    async def work(session: PersonSession) -> tuple[Preset, int]:
        preset = await preset_named(session, args.name)
        return preset, await restore_version(session, preset.preset_id, args.version)

    preset, version = in_session(args, work)
    words = f"the preset {preset.name.raw} says what version {args.version} said; that is version {version}"
    return done(args, words, preset_id=preset.preset_id, name=preset.name, version=version)


def _versions(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_table
    from kolony_tui.core.presets import preset_named, versions

    async def work(session: PersonSession) -> list[PresetVersion]:
        return await versions(session, (await preset_named(session, args.name)).preset_id)

    found = in_session(args, work)
    if args.json:
        print_json(found)
        return 0
    print_table(
        ["VERSION", "CHANGED", "BY", "KIND", "PRI", "TEXT"],
        [
            (each.version, each.changed_at, each.changed_by_login, each.kind, each.priority, each.content)
            for each in found
        ],
    )  # fmt: skip
    return 0


async def filled_in(session: PersonSession, args: argparse.Namespace, how: Sending) -> tuple[Preset, str, Sending]:
    """The preset that ``kolony send`` names, its text, and how it is sent: as it says, where no option says otherwise.

    Raises NotFound, UsageError, and Refused naming the variable that is missing or wrong.
    """
    from dataclasses import replace

    from kolony_tui.core.presets import fill_preset, preset_named, values_written

    preset = await preset_named(session, args.preset)
    text = await fill_preset(session, preset, values_written(args.var))
    return preset, text, replace(
        how,
        kind=preset.kind if args.kind is None else how.kind,
        priority=preset.priority if args.priority is None else how.priority,
        constraint_id=how.constraint_id or preset.constraint_id,
        preset_id=preset.preset_id,
        preset_version=preset.version,
    )  # fmt: skip


async def aimed_by(session: PersonSession, args: argparse.Namespace, preset: Preset) -> Aim:
    """Whom the options mean, or else the preset. Raises UsageError, NotFound."""
    from kolony_tui.cli.target import aimed
    from kolony_tui.core.targeting import aim

    if args.agents or args.all or args.where is not None:
        return await aimed(session, args)
    if not preset.target_words:
        raise UsageError("the preset does not say for whom it is", "name the agents, or say --all, or --where FILTER")
    found = await aim(session, preset.target_words.raw)
    if not found.targets:
        raise NotFound(f"no agent passes the preset's filter {preset.target_words.raw!r}", "nothing was done")
    return found
