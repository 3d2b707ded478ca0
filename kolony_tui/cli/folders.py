"""Worktrees of runs: the options of ``kolony agent run`` that ask for them, and ``kolony agent folders``."""

from __future__ import annotations

import argparse
from pathlib import Path

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, tell, verb
from kolony_tui.models.errors import KolonyError, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any, Literal

    from kolony_tui.agent.attempt.work_folder import Isolation
    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.work_folders import WorkFolder


def add_isolation_options(parser: Any) -> None:
    """Adds ``--repo`` and what goes with it."""
    where = parser.add_argument_group("where runs work (default: each in an empty folder of its own)")
    where.add_argument("--repo", type=Path, metavar="DIR", help="in worktrees of this git repository")
    where.add_argument("--isolation", choices=["run", "conversation", "none"],
                       help="with --repo: a worktree for each run; for each conversation, and each run that is in none"
                            " (default); or none: in DIR itself, git or not")  # fmt: skip
    where.add_argument("--base", metavar="REF", help="what worktrees are made from (default: HEAD, as it is then)")
    where.add_argument("--copy", action="append", default=[], metavar="PATTERN",
                       help="copy these files into new worktrees, such as .env: git has no ignored ones; may be"
                            " repeated")  # fmt: skip


def isolation_of(args: argparse.Namespace) -> Isolation | None:
    """What these options say. Raises UsageError, CannotStart: no such folder, no repository, no such commit."""
    if args.repo is None:
        if args.isolation or args.base or args.copy:
            raise UsageError("--isolation, --base and --copy say nothing without --repo DIR")
        return None
    from kolony_tui.agent.attempt.work_folder import Isolation, check

    per: Literal["run", "conversation", "none"] = args.isolation or "conversation"
    if per == "none" and (args.base or args.copy):
        raise UsageError("--base and --copy are for worktrees", "leave --isolation none out")
    isolation = Isolation(args.repo.expanduser().absolute(), per, args.base or "HEAD", tuple(args.copy))
    check(isolation)
    return isolation


def add_folders_parser(agent_verbs: Any) -> None:
    """Declares ``folders`` among the verbs of ``kolony agent``."""
    folders = group(agent_verbs, "folders", "worktrees that runs left: list, remove")
    verb(folders, "list", _list, "folders that are there, on all machines, and how much is in them")
    removing = verb(folders, "remove", _remove, "remove worktrees on this machine, with all that is in them")
    removing.add_argument("path", nargs="+", type=Path, metavar="PATH", help="as agent folders list says it")
    removing.add_argument("--force", action="store_true", help="also with changes that are nowhere else")


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("work/folders"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.work_folders import work_folders

    print_table(
        ["HOST", "RUN", "AGENT", "BASE", "LEFT", "SEEN", "PATH"],
        [
            (each.host, each.run, each.agent, (each.base_commit or "")[:12], each.words, each.seen_at, each.path)
            for each in in_session(args, work_folders)
        ],
    )
    return 0


def _remove(args: argparse.Namespace) -> int:
    import socket

    from kolony_tui.core.work_folders import forget_folder, work_folders

    paths = [path.expanduser().absolute() for path in args.path]

    async def work(session: PersonSession) -> None:
        host = socket.gethostname()
        known = {each.path.raw: each for each in await work_folders(session) if each.host.raw == host}
        for path in paths:
            _remove_one(path, known.get(str(path)), force=args.force)
            await forget_folder(session, host, str(path))

    in_session(args, work)
    words = f"removed {len(paths)} folder{'s' if len(paths) != 1 else ''}"
    return done(args, words, removed=[str(path) for path in paths])


def _remove_one(path: Path, known: WorkFolder | None, *, force: bool) -> None:
    from kolony_tui.agent.attempt.work_folder import left, remove

    if known is not None and known.state == "in use":
        raise KolonyError(f"{path} is in use by {known.run}", "wait for its end, or cancel it")
    if not path.exists():
        if known is None:
            raise UsageError(f"{path} is not there", "see kolony agent folders list")
        tell(f"{path} was gone already")
        return
    found = left(path)
    if found is not None and not found.clean and not force:
        raise KolonyError(
            f"{path} has {found.dirty_files} changed files and {found.new_commits} new commits",
            "save what is needed, then say --force",
        )
    remove(path)
