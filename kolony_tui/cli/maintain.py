"""``kolony maintain``: the upkeep that is due."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kolony_tui.cli.printing import print_json, print_table
from kolony_tui.cli.verbs import in_session, verb
from kolony_tui.models.errors import ExitCode

if TYPE_CHECKING:
    from kolony_tui.core.upkeep import UpkeepJob


def register_maintain(verbs: Any) -> None:
    """Declares the verb."""
    help = "do the upkeep that is due: lost leases, hanging sessions, partitions, seals, retention, webhooks"
    note = "The app does the same while it is open; this is for a server that nobody looks at, from cron."
    parser = verb(verbs, "maintain", maintain, help, epilog=note)
    parser.add_argument("--all", action="store_true", help="also what is not due yet (admins)")


def maintain(args: argparse.Namespace) -> int:
    """``kolony maintain``: exit code 1 where a job failed."""
    from kolony_tui.core.upkeep import run_upkeep

    jobs = in_session(args, lambda session: run_upkeep(session, everything=args.all))
    if args.json:
        print_json(jobs)
    else:
        print_table(("JOB", "STATE", "RESULT"), [(job.job, _state(job), _words(job)) for job in jobs])
    return ExitCode.WORK_FAILED if any(job.failed for job in jobs) else ExitCode.DONE


def _state(job: UpkeepJob) -> str:
    if not job.ran:
        return "not due"
    return "failed" if job.failed else "done"


def _words(job: UpkeepJob) -> str:
    if not job.ran:
        return ""
    return str(job.result.get("error")) if job.failed else ", ".join(
        f"{name.replace('_', ' ')}: {value}" for name, value in job.result.items()
    )
