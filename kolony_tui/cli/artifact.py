"""``kolony run artifacts`` and ``kolony artifact``: what runs left."""

from __future__ import annotations

import argparse
import sys

from kolony_tui.cli.verbs import done, group, in_session, verb

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.artifacts import Artifact

_WHICH = "its id, or the run that left it: 12 or 12.3"
_SHOWN_BYTES = 1_000_000


def add_artifact_verbs(run_verbs: Any) -> None:
    """Declares ``kolony run artifacts``."""
    verb(run_verbs, "artifacts", _of_run, "the files and diffs that a run left").add_argument("run")


def register_artifact(verbs: Any) -> None:
    """Declares ``kolony artifact`` and its verbs."""
    kept = group(verbs, "artifact", "what runs left: files, diffs and patches")
    for name, func, does in (
        ("show", _show, "one of them, its text to standard output"),
        ("save", _save, "write it to a file, byte for byte"),
    ):
        parser = verb(kept, name, func, does)
        parser.add_argument("which", metavar="ID|RUN", help=_WHICH)
        parser.add_argument("name", nargs="?", help="its name, with a run")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to (its own name, here); - is standard output")
    parser.add_argument("--force", action="store_true", help="over a file that is there already")


def artifact_rows(found: Sequence[Artifact]) -> list[dict[str, object]]:
    """As ``kolony run show --json`` and ``kolony run artifacts --json`` have them."""
    return [
        {
            "id": each.artifact_id, "name": each.name, "kind": each.kind, "media_type": each.media_type,
            "size": each.size, "sha256": each.sha256, "attempt": each.attempt, "kept": each.kept,
            "why_not": each.why_not, "created_at": each.created_at,
        }
        for each in found
    ]  # fmt: skip


def _of_run(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json
    from kolony_tui.core.artifacts import artifacts
    from kolony_tui.core.work import find_run

    async def work(session: PersonSession) -> list[Artifact]:
        return await artifacts(session, await find_run(session, args.run))

    found = in_session(args, work)
    if args.json:
        print_json(artifact_rows(found))
    else:
        print_artifacts(found)
    return 0


def print_artifacts(found: Sequence[Artifact]) -> None:
    """For a person, a line each."""
    from kolony_tui.cli.printing import print_table

    print_table(
        ["TRY", "KIND", "SIZE", "TYPE", "NAME", "NOT KEPT"],
        [(each.attempt, each.kind, each.size, each.media_type, each.name, each.why_not) for each in found],
    )


def _show(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_line, print_table
    from kolony_tui.core import artifacts
    from kolony_tui.models.untrusted import Untrusted

    async def work(session: PersonSession) -> tuple[Artifact, bytes]:
        found = await artifacts.find_artifact(session, args.which, args.name)
        wanted = found.kept and found.is_text and not args.json
        return found, await artifacts.head(session, found, _SHOWN_BYTES) if wanted else b""

    found, text = in_session(args, work)
    if args.json:
        print_json({**artifact_rows([found])[0], "run_id": found.run_id})
        return 0
    if not text:
        print_table(["", ""], [
            ("name", found.name), ("kind", found.kind), ("type", found.media_type), ("size", found.size),
            ("sha256", found.sha256), ("attempt", found.attempt), ("not kept", found.why_not),
        ])  # fmt: skip
        return 0
    for line in text.decode("utf-8", "replace").split("\n"):
        print_line(Untrusted(line))
    if found.size > len(text):
        print_line(f"[the first {len(text)} of {found.size} bytes; kolony artifact save has all of it]")
    return 0


def _target(named: str | None, usual: str) -> Path:
    from pathlib import Path

    target = Path(named or usual).expanduser().absolute()
    return target / usual if target.is_dir() else target


def _save(args: argparse.Namespace) -> int:
    from pathlib import Path

    from kolony_tui.core import artifacts

    async def work(session: PersonSession) -> tuple[Artifact, Path, int]:
        found = await artifacts.find_artifact(session, args.which, args.name)
        if args.output == "-":
            async for piece in artifacts.pieces(session, found):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return found, Path("-"), found.size
        target = _target(args.output, artifacts.file_name(found))
        return found, target, await artifacts.save(session, found, target, overwrite=args.force)

    found, target, written = in_session(args, work)
    if args.output == "-":
        return 0
    return done(args, f"{written} bytes written to {target}", id=found.artifact_id, file=str(target), size=written)
