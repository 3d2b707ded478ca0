"""``kolony agent type`` and ``kolony agent doctor``: the types of agents that are known, and whether they work here."""

from __future__ import annotations

import argparse

from kolony_tui.cli.verbs import group, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from kolony_tui.agent.types.agent_type import AgentType
    from kolony_tui.agent.types.trying import Tried

_DOCTOR_EPILOG = """\
Each is looked for on PATH, asked for its version, and, if Kolony can speak to it, greeted as a run would greet it; no
prompt is sent, so nothing is paid for. It gets the environment that a run would have, and all that it starts is ended.
Without TYPE all types are tried, and one whose program is not there is no fault. With -- PROGRAM ARGS that program is
tried in the place of the type's own. Exit code 1 where anything is wrong."""

_TYPE_EPILOG = """\
A type of your own is a file NAME.toml in the folder that "agent type path" names; one of the same name replaces
Kolony's. What "agent type show NAME --toml" prints is such a file. Its keys: adapter (process, acp or claude), argv,
title, resume and new_session (arguments with {session}), budget ({usd}), model ({model}), passes (environment variables
to hand on), environment, mode, initialize_seconds, exit_seconds, late_seconds, permission_seconds, quirks, version
(arguments that print it), least_version, install, login, and [untrusted] with argv, environment and turns_off."""


def register_types(agents: Any) -> None:
    """Declares ``type`` and ``doctor`` among the verbs of ``kolony agent``."""
    types = group(agents, "type", "types of agents: how their programs are started")
    raw = argparse.RawDescriptionHelpFormatter
    verb(types, "list", _list, "the types that are known", epilog=_TYPE_EPILOG, formatter_class=raw)
    showing = verb(types, "show", _show, "one type", epilog=_TYPE_EPILOG, formatter_class=raw)
    showing.add_argument("name", metavar="TYPE")
    showing.add_argument("--toml", action="store_true", help="as a file that a type of your own can begin with")
    verb(types, "path", _path, "the folder for types of your own")
    trying = verb(agents, "doctor", _doctor, "try the programs of agents: are they there, do they answer",
                  epilog=_DOCTOR_EPILOG, formatter_class=raw)  # fmt: skip
    trying.set_defaults(takes_rest=True)
    trying.add_argument("type", nargs="?", metavar="TYPE", help="this one (default: all)")
    trying.add_argument("--all", action="store_true", help="all types")
    trying.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="time for an answer (default: as the type says)"
    )
    trying.add_argument("--env", action="append", default=[], metavar="NAME",
                        help="hand this environment variable on; may be repeated")  # fmt: skip


def _home() -> Path:
    from kolony_tui.server.home import kolony_home

    return kolony_home().path


def _list(args: argparse.Namespace) -> int:
    from kolony_tui.agent.types.known_types import known_types
    from kolony_tui.cli.printing import print_json, print_table

    found = known_types(_home())
    if args.json:
        print_json([_facts(kind) for kind in found])
    else:
        print_table(
            ["TYPE", "ADAPTER", "MODE", "FROM", "WHAT"],
            [
                (kind.name, kind.adapter, kind.mode or None, "you" if kind.source else "Kolony", kind.title)
                for kind in found
            ],
        )
    return 0


def _show(args: argparse.Namespace) -> int:
    from kolony_tui.agent.types.known_types import file_of, type_named
    from kolony_tui.cli.printing import print_json, print_line, print_table

    kind = type_named(_home(), args.name)
    if args.json:
        print_json(_facts(kind))
        return 0
    if args.toml and (file := file_of(_home(), args.name)) is not None:
        for line in file.read_text(encoding="utf-8").splitlines():
            print_line(line)
        return 0
    switch = kind.untrusted
    lines = [
        ("type", kind.name), ("what", kind.title), ("adapter", kind.adapter), ("program", " ".join(kind.argv)),
        ("mode", kind.mode), ("gets", " ".join(kind.passes)),
        ("is set", " ".join(f"{name}={value}" for name, value in kind.environment.items())),
        ("oldest version", kind.least_version), ("quirks", " ".join(sorted(kind.quirks))),
        ("untrusted folder", f"turned off: {switch.turns_off}" if switch.possible else "has no switch for it"),
        ("to install", kind.install), ("to log in", kind.login), ("file", kind.source),
    ]  # fmt: skip
    print_table(["", ""], [(name, value) for name, value in lines if value])
    return 0


def _path(args: argparse.Namespace) -> int:
    from kolony_tui.agent.types.known_types import OWN_FOLDER
    from kolony_tui.cli.printing import print_json, print_line

    folder = _home() / OWN_FOLDER
    if args.json:
        print_json({"path": str(folder)})
    else:
        print_line(str(folder))
    return 0


def _facts(kind: AgentType) -> dict[str, Any]:
    switch = kind.untrusted
    return {
        "type": kind.name, "title": kind.title, "adapter": kind.adapter, "argv": list(kind.argv), "mode": kind.mode,
        "passes": list(kind.passes), "environment": dict(kind.environment), "quirks": sorted(kind.quirks),
        "version": list(kind.version), "least_version": kind.least_version,
        "initialize_seconds": kind.initialize_seconds, "exit_seconds": kind.exit_seconds,
        "permission_seconds": kind.permission_seconds,
        "untrusted": {"argv": list(switch.argv), "environment": dict(switch.environment), "turns_off": switch.turns_off}
        if switch.possible else None,
        "install": kind.install, "login": kind.login, "source": kind.source or None,
    }  # fmt: skip


def _doctor(args: argparse.Namespace) -> int:
    import asyncio

    from kolony_tui.agent.types.known_types import known_types, type_named

    if args.type and args.all:
        raise UsageError("give a TYPE or --all, not both")
    if args.program and not args.type:
        raise UsageError("which type is the program of?", "kolony agent doctor TYPE -- PROGRAM ARGS")
    if args.timeout is not None and not 0 < args.timeout <= 3600:
        raise UsageError("--timeout is a number of seconds up to 3600")
    kinds = [type_named(_home(), args.type)] if args.type else known_types(_home())
    found = asyncio.run(_try(kinds, args))
    # Without a name it is asked what there is; that a program is not there is an answer then.
    bad = [each for each in found if not each.ok and (args.type or each.there)]
    if args.json:
        from kolony_tui.cli.printing import print_json

        documents = [_tried_facts(each) for each in found]
        print_json(documents[0] if args.type else documents)
    else:
        for each in found:
            _print(each, brief=not args.type)
        tell(f"{len(bad)} of {len(found)} do not work" if bad else "nothing is wrong")
    return ExitCode.WORK_FAILED if bad else ExitCode.DONE


async def _try(kinds: list[AgentType], args: argparse.Namespace) -> list[Tried]:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from kolony_tui.agent.attempt.launch import Launch
    from kolony_tui.agent.types.trying import tried

    with TemporaryDirectory(prefix="kolony-doctor-") as scratch:
        launch = Launch("doctor", Path(scratch), Path(scratch), passed=tuple(args.env))
        return [
            await tried(kind, tuple(args.program), launch, args.timeout or kind.initialize_seconds) for kind in kinds
        ]


def _tried_facts(each: Tried) -> dict[str, Any]:
    return {
        "type": each.kind.name, "adapter": each.kind.adapter, "ok": each.ok, "there": each.there,
        "version": each.version or None,
        "checks": [
            {"check": trial.what, "status": trial.status, "finding": trial.finding, "remedy": trial.remedy}
            for trial in each.trials
        ],
    }  # fmt: skip


def _print(each: Tried, *, brief: bool) -> None:
    from kolony_tui.cli.doctor import ASCII_MARKS, MARKS, speaks_unicode
    from kolony_tui.cli.printing import print_line

    marks, arrow = (MARKS, "→") if speaks_unicode() else (ASCII_MARKS, "->")
    print_line(f"{each.kind.name} ({each.kind.title})")
    for trial in each.trials:
        mark = "-" if brief and not each.there and trial.status == "wrong" else marks[trial.status]
        print_line(f"  {mark} {trial.what}: {trial.finding}")
        if trial.remedy and trial.status != "ok":
            print_line(f"      {arrow} {trial.remedy}")
