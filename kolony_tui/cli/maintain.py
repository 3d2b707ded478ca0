"""``kolony maintain``: the upkeep that is due."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from kolony_tui.cli.printing import print_json, print_table
from kolony_tui.cli.verbs import in_session, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from kolony_tui.core.session import PersonSession
    from kolony_tui.core.upkeep import UpkeepJob

_EVERY = 20.0


def register_maintain(verbs: Any) -> None:
    """Declares the verb."""
    help = "do the upkeep that is due: lost leases, hanging sessions, partitions, seals, retention, archive, webhooks"
    note = "The app does the same while it is open; this is for a server that nobody looks at, from cron or --watch."
    parser = verb(verbs, "maintain", maintain, help, epilog=note)
    parser.add_argument("--all", action="store_true", help="also what is not due yet (admins)")
    parser.add_argument("--job", metavar="JOB", help="this job alone, with --all whether it is due or not")
    parser.add_argument("--watch", action="store_true", help="stay, and do what is due until it is interrupted")
    parser.add_argument("--history", action="store_true", help="do nothing; list when each job did something or failed")


def maintain(args: argparse.Namespace) -> int:
    """``kolony maintain``: exit code 1 where a job failed."""
    if args.watch and (args.all or args.history):
        raise UsageError("--watch does what is due, as long as it runs", "leave out --all and --history")
    if args.history:
        return _history(args)
    if args.watch:
        in_session(args, lambda session: _watch(session, args))
        return ExitCode.DONE
    jobs = in_session(args, lambda session: _once(session, args))
    if args.json:
        print_json(jobs)
    else:
        print_table(("JOB", "STATE", "RESULT"), [(job.job, _state(job), _words(job)) for job in jobs])
    return ExitCode.WORK_FAILED if any(job.failed for job in jobs) else ExitCode.DONE


async def _once(session: PersonSession, args: argparse.Namespace) -> list[UpkeepJob]:
    from kolony_tui.core.upkeep import run_upkeep, vacuum_embedded

    jobs = await run_upkeep(session, everything=args.all, only=args.job, told=_told())
    if any(job.ran and "needs_vacuum" in job.result for job in jobs):
        vacuumed = await vacuum_embedded(session)
        jobs += [vacuumed] if vacuumed is not None else []
    return jobs


async def _watch(session: PersonSession, args: argparse.Namespace) -> None:
    import asyncio

    from kolony_tui.models.errors import CannotConnect

    while True:
        try:
            done = [job for job in await _once(session, args) if job.ran and (job.failed or _did(job))]
        except CannotConnect as error:
            tell(error.line)
            done = []
        for job in done:
            print_json(job) if args.json else tell(f"{job.job}: {_state(job)} {_words(job)}")
        await asyncio.sleep(_EVERY)


def _did(job: UpkeepJob) -> bool:
    return any(value not in (0, "", False) for value in job.result.values())


def _told() -> Any:
    """Says how far long work is, on a terminal over itself."""
    if not sys.stderr.isatty():
        return None

    def told(job: str, done: int, total: int) -> None:
        sys.stderr.write(f"\r\x1b[K{job}: {done}{f' of {total}' if total else ''}\r")
        sys.stderr.flush()

    return told


def _history(args: argparse.Namespace) -> int:
    from kolony_tui.core.retention import job_history
    from kolony_tui.models.retention import Job

    found = in_session(args, lambda session: job_history(session, args.job))
    if args.json:
        print_json(found)
    else:
        print_table(("JOB", "BEGAN", "RESULT"), [
            (each.job, each.began, Job(each.job, False, False, None, None, each.result, 0, 0, None, None).words)
            for each in found
        ])  # fmt: skip
    return ExitCode.DONE


def _state(job: UpkeepJob) -> str:
    if not job.ran:
        return "not due"
    return "failed" if job.failed else "done"


def _words(job: UpkeepJob) -> str:
    if not job.ran:
        return ""
    return (
        str(job.result.get("error"))
        if job.failed
        else ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in job.result.items())
    )
