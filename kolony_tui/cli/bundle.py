"""``kolony bundle``: a time of the past in one file: export, show, open."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kolony_tui.cli.verbs import group, in_session, tell, verb
from kolony_tui.models.errors import ExitCode

if TYPE_CHECKING:
    from kolony_tui.core.bundle import Manifest
    from kolony_tui.core.session import PersonSession


def register_bundle(verbs: Any) -> None:
    """Declares the verbs."""
    steps = group(verbs, "bundle", "a time of the past in one file, to be looked at elsewhere: export, show, open")
    exporting = verb(
        steps, "export", _export, "write what happened in a time to one file",
        epilog="Never in it: agents' instructions, config and variables. Secrets were masked when they were stored; "
        "what agents printed is in it unless --no-output.",
    )  # fmt: skip
    exporting.add_argument("--since", required=True, metavar="T", help="14:02, yesterday 9:30, 2h or a date")
    exporting.add_argument("--until", default="now", metavar="T", help="the same (now)")
    exporting.add_argument("--agent", action="append", default=[], metavar="A", help="only this one; may be repeated")
    exporting.add_argument("-o", "--output", required=True, metavar="FILE", type=Path, help="it gets mode 0600")
    exporting.add_argument("--no-output", action="store_true", help="without what agents printed and their traces")
    exporting.add_argument("--names", action="store_true", help="with people's names; they are numbered otherwise")
    exporting.add_argument("--force", action="store_true", help="overwrite FILE")
    showing = verb(steps, "show", _show, "what a bundle holds; needs no server")
    showing.add_argument("file", metavar="FILE", type=Path)
    opening = verb(steps, "open", _open, "look at a bundle in the app, on a server of its own that is gone afterwards")
    opening.add_argument("file", metavar="FILE", type=Path)


def _export(args: argparse.Namespace) -> int:
    from kolony_tui.core.bundle import export
    from kolony_tui.core.fleet import agent_ids
    from kolony_tui.core.session import clock
    from kolony_tui.core.spans import moment_past

    async def work(session: PersonSession) -> Manifest:
        now = await clock(session)
        agents = await agent_ids(session, args.agent) if args.agent else None
        return await export(
            session, args.output, moment_past(args.since, now), min(moment_past(args.until, now), now), agents=agents,
            output=not args.no_output, names=args.names, overwrite=args.force,
            progress=lambda table, rows: tell(f"{table}: {rows}") if rows and rows % 10_000 == 0 else None,
        )  # fmt: skip

    made = in_session(args, work)
    _say(args, args.output, made)
    return ExitCode.DONE


def _show(args: argparse.Namespace) -> int:
    from kolony_tui.core.bundle import Bundle

    bundle = Bundle(args.file)
    bundle.check()
    _say(args, args.file, bundle.manifest)
    return ExitCode.DONE


def _say(args: argparse.Namespace, file: Path, made: Manifest) -> None:
    from kolony_tui.cli.printing import print_json, print_line, print_table

    if args.json:
        print_json({
            "file": str(file), "workspace": made.workspace, "since": made.since, "until": made.until,
            "made_at": made.made_at, "schema": made.schema, "output": made.output, "names": made.names,
            "tables": {name: {"rows": part.rows, "bytes": part.bytes} for name, part in made.parts.items()},
        })  # fmt: skip
        return
    since, until = (each.astimezone().isoformat(" ", "seconds") for each in (made.since, made.until))
    print_line(f"{made.workspace} from {since} to {until}, {file.stat().st_size} bytes")
    print_table(["TABLE", "ROWS", "BYTES"], [(name, part.rows, part.bytes) for name, part in made.parts.items()])


def _open(args: argparse.Namespace) -> int:
    from kolony_tui.core.bundle import Bundle
    from kolony_tui.core.bundle_opening import opened

    bundle = Bundle(args.file)
    tell("making a server for it")
    with opened(bundle):
        from kolony_tui.ui.start import run_replay

        return run_replay(bundle.manifest.until, debug=bool(args.debug))
