"""``kolony run``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from kolony_tui.cli.listing import limit_of, print_rows
from kolony_tui.cli.verbs import done, group, in_session, verb
from kolony_tui.models.states import RunStatus

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.work import Run


def register_run(verbs: Any) -> None:
    """Declares ``kolony run`` and its verbs."""
    runs = group(verbs, "run", "runs: the queue and its past")
    listing = verb(runs, "list", _runs, "runs, newest first")
    listing.add_argument("--status", choices=[status.value for status in RunStatus])
    listing.add_argument("--agent", help="of this agent only")
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="at most so many (200)")
    verb(runs, "show", _run, "one run, its attempts and its result").add_argument("run")
    cancelling = verb(runs, "cancel", _cancel_run, "cancel: at once while it waits, else its runner ends it")
    cancelling.add_argument("run")
    cancelling.add_argument("--reason", default="", help="why; the agent and everybody else are told")
    verb(runs, "retry", _retry_run, "queue a failed or cancelled run again").add_argument("run")
    moving = verb(runs, "priority", _priority, "move a waiting run within its agent's queue")
    moving.add_argument("run")
    moving.add_argument("priority", type=int, metavar="N", help="0 to 100, higher first")


def _runs(args: argparse.Namespace) -> int:
    limit = limit_of(args)
    if args.json:
        from kolony_tui.core import reading

        return print_rows(args, lambda reader: reading.runs(reader, status=args.status, agent=args.agent, limit=limit))
    from kolony_tui.core.fleet import agent_ids
    from kolony_tui.core.work import runs, settle

    async def work(session: PersonSession) -> list[Run]:
        agent_id = (await agent_ids(session, [args.agent]))[0] if args.agent is not None else None
        await settle(session)
        return await runs(session, status=args.status, agent_id=agent_id, limit=limit)

    print_runs(in_session(args, work))
    return 0


def print_runs(runs: Sequence[Run]) -> None:
    """Runs for a person, a line each."""
    from kolony_tui.cli.printing import print_table

    print_table(
        ["RUN", "STATUS", "AGENT", "TRY", "PRI", "AGE", "BY", "EXIT", "COMMAND"],
        [
            (run.reference, _status_words(run), run.agent, run.attempt, run.priority, run.created_at,
             run.created_by_login, run.exit_code, run.title)
            for run in runs
        ],
    )  # fmt: skip


def _status_words(run: Run) -> str:
    if run.lost:
        return "waiting (lost)"
    if run.cancel_at is not None and not run.status.ended:
        return f"{run.status.value} (asked to end)"
    return run.status.value


def _run(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import ago, as_json, print_json, print_table
    from kolony_tui.core.work import find_run, run_detail, settle

    async def work(session: PersonSession) -> Any:
        run_id = await find_run(session, args.run)
        await settle(session)
        return await run_detail(session, run_id)

    detail = in_session(args, work)
    run: Run = detail.run
    if args.json:
        usage = detail.attempts[-1].usage if detail.attempts else {}
        print_json({
            **as_json(run), "reference": run.reference, "content": detail.content, "usage": usage, "artifacts": [],
            **as_json(detail.limits), "constraint": detail.constraint_name, "attempts": detail.attempts,
            "steps": detail.steps, "after": detail.after,
        })  # fmt: skip
        return 0
    print_table(["", ""], [
        ("run", run.reference), ("agent", run.agent), ("status", _status_words(run)), ("priority", run.priority),
        ("by", run.created_by_login), ("asked for", run.created_at), ("exit code", run.exit_code),
        ("error", run.error), ("text", detail.content),
    ])  # fmt: skip
    print_table(
        ["TRY", "ENDED AS", "CLAIMED", "ON", "EXIT", "SIGNAL", "ERROR"],
        [
            (each.number, each.outcome or "-", ago(each.claimed_at), each.host, each.exit_code, each.signal, each.error)
            for each in detail.attempts
        ],
    )
    return 0


def _cancel_run(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import cancel_run, find_run

    async def work(session: PersonSession) -> tuple[UUID, str]:
        run_id = await find_run(session, args.run)
        return run_id, await cancel_run(session, run_id, args.reason)

    run_id, became = in_session(args, work)
    words = "is cancelled" if became == "cancelled" else "is asked to end; its runner confirms"
    return done(args, f"{args.run} {words}", run_id=run_id, cancel=became)


def _retry_run(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import find_run, retry_run

    async def work(session: PersonSession) -> UUID:
        run_id = await find_run(session, args.run)
        await retry_run(session, run_id)
        return run_id

    run_id = in_session(args, work)
    return done(args, f"{args.run} is queued again", run_id=run_id)


def _priority(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import find_run, set_run_priority

    async def work(session: PersonSession) -> UUID:
        run_id = await find_run(session, args.run)
        await set_run_priority(session, run_id, args.priority)
        return run_id

    run_id = in_session(args, work)
    return done(args, f"{args.run} has priority {args.priority} now", run_id=run_id, priority=args.priority)
