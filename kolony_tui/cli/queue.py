"""The verbs of ``kolony run`` that act on the queue, and ``kolony undo``.

Several runs, or those that ``--where`` lets pass, are done in one go: a run that refuses has a line of its own, the
rest goes on, and the exit code is 4.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence

from kolony_tui.cli.verbs import done, in_session, tell, verb
from kolony_tui.models.errors import ExitCode, NotFound, UsageError, WrongState

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.picking import Open
    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.queue import StepResult, WaitReason
    from kolony_tui.models.work import Run

    Step = Callable[[PersonSession, list[Run]], Awaitable[list[StepResult]]]

ASKED_ABOVE = 10
"""More runs than this by ``--where``, and a person at a terminal is asked once."""


def register_steps(runs: Any) -> None:
    """Declares the verbs of ``kolony run`` that change something, and ``why``."""
    _several(runs, "cancel", _cancel, "cancel: at once while it waits, else its runner ends it", reason=True)
    _several(runs, "interrupt", _interrupt, "ask its program to come to an end by itself (as ctrl+c)", reason=True)
    _several(runs, "retry", _retry, "queue failed or cancelled runs again")
    _several(runs, "hold", _hold, "keep waiting runs from being taken", reason=True)
    _several(runs, "release", _release, "let held runs be taken, and those that wait for what failed")
    for name, words, sign in (("raise", "up", 1), ("lower", "down", -1)):
        moving = _several(runs, name, _raise, f"move the priority of waiting runs {words}")
        moving.add_argument("--by", type=int, default=10, metavar="N", help="by so much (10)")
        moving.set_defaults(sign=sign)
    setting = verb(runs, "priority", _priority, "give waiting runs a priority")
    setting.add_argument("runs", metavar="RUN", nargs="+")
    setting.add_argument("priority", type=int, metavar="N", help="0 to 100, higher first")
    setting.set_defaults(where=None, dry_run=False, yes=True)
    moving = verb(runs, "move", _move, "give a waiting run a position in its agent's queue")
    moving.add_argument("run")
    moving.add_argument("position", type=int, metavar="POSITION", help="1 is the next to be taken")
    assigning = verb(runs, "assign", _assign, "give waiting runs to another agent")
    assigning.add_argument("runs", metavar="RUN", nargs="+")
    assigning.add_argument("agent", metavar="AGENT")
    assigning.set_defaults(where=None, dry_run=False, yes=True)
    verb(runs, "why", _why, "why a run waits, and what would free it").add_argument("run")


def register_undo(verbs: Any) -> None:
    """Declares ``kolony undo``."""
    verb(verbs, "undo", _undo, "take back your last cancel before the start, retirement or deletion (30 s)")


def _several(
    runs: Any, name: str, func: Callable[[argparse.Namespace], int], help: str, *, reason: bool = False
) -> Any:
    parser = verb(runs, name, func, help)
    parser.add_argument("runs", metavar="RUN", nargs="*")
    parser.add_argument("--where", metavar="FILTER", help='those that a filter lets pass, as "agent=web and age>1h"')
    parser.add_argument("--dry-run", action="store_true", help="list them, and do nothing")
    parser.add_argument("--yes", action="store_true", help=f"do not ask when --where means more than {ASKED_ABOVE}")
    if reason:
        parser.add_argument("--reason", default="", help="why; the agent and everybody else are told")
    return parser


# Which runs


async def _chosen(session: PersonSession, args: argparse.Namespace, those: Open) -> tuple[list[Run], list[str]]:
    """The runs that are meant, and a line for each name that means none."""
    from kolony_tui.core import picking
    from kolony_tui.core.work import find_run, settle

    await settle(session)
    if args.where is not None:
        found = await picking.runs_for_step(session, args.where, those)
        if not found:
            raise NotFound(f"no run passes the filter {args.where!r}", "nothing was done; see kolony run list")
        return found, []
    ids, unknown = [], []
    for reference in args.runs:
        try:
            ids.append(await find_run(session, reference))
        except NotFound as error:
            if len(args.runs) == 1:
                raise
            unknown.append(f"{reference}: {error.line}")
    runs = await picking.runs_by_id(session, ids)
    here = {run.run_id for run in runs}
    unknown += [f"{run_id}: there is no such run here" for run_id in ids if run_id not in here]
    return runs, unknown


def _check_choice(args: argparse.Namespace) -> None:
    if bool(args.runs) == (args.where is not None):
        raise UsageError("name the runs, or say --where FILTER", "see kolony run list")
    if args.where is not None:
        from kolony_tui.core.selecting import RUN_FIELDS, parse

        if not args.where.strip():
            raise UsageError("the filter is empty", "say for example --where 'agent=web'")
        parse(args.where, RUN_FIELDS)


def _confirm(args: argparse.Namespace, runs: Sequence[Run]) -> None:
    asked = args.where is not None and not args.yes and len(runs) > ASKED_ABOVE
    if not asked or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    agents = len({run.agent_id for run in runs})
    print(f"this is for {len(runs)} runs on {agents} agents; go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was done", "--yes goes on without asking")


# One step for all of them


def _each(args: argparse.Namespace, step: Step, words: dict[str, str], *, those: Open = "open") -> int:
    """Takes the step; ``words``: what to say of a run that became so."""
    _check_choice(args)

    async def work(session: PersonSession) -> tuple[list[Run], list[str], list[StepResult]]:
        runs, unknown = await _chosen(session, args, those)
        if args.dry_run or not runs:
            return runs, unknown, []
        _confirm(args, runs)
        return runs, unknown, await step(session, runs)

    runs, unknown, results = in_session(args, work)
    if args.dry_run:
        from kolony_tui.cli.run import print_found

        print_found(args, runs)
        return ExitCode.DONE
    names = {run.run_id: run.reference for run in runs}
    alone = len(args.runs) == 1 and args.where is None
    if alone and results and results[0].refused is not None:
        raise WrongState(results[0].refused.raw)
    _print_results(args, names, results, words, alone=alone)
    refused = [f"{names[each.run_id]}: {each.refused.raw}" for each in results if each.refused is not None]
    for line in [*unknown, *refused]:
        tell(f"kolony: {line}")
    return ExitCode.REFUSED if unknown or refused else ExitCode.DONE


def _print_results(
    args: argparse.Namespace,
    names: dict[UUID, str],
    results: Sequence[StepResult],
    words: dict[str, str],
    *,
    alone: bool,
) -> None:
    if not args.json:
        for each in results:
            if each.became is not None:
                tell(f"{names[each.run_id]} {words.get(each.became, each.became)}")
        if sys.stderr.isatty() and any(each.became == "cancelled" for each in results):
            tell("kolony undo takes it back, for 30 seconds")
        return
    from kolony_tui.cli.printing import print_json

    facts = [
        {"run_id": each.run_id, "reference": names[each.run_id], "became": each.became, "refused": each.refused}
        for each in results
    ]
    if alone and args.func is _cancel:
        facts[0]["cancel"] = facts[0]["became"]
    print_json(facts[0] if alone else facts)


def _cancel(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import cancel_runs

    words = {"cancelled": "is cancelled", "requested": "is asked to end; its runner confirms"}
    return _each(args, lambda session, runs: cancel_runs(session, _ids(runs), args.reason), words)


def _interrupt(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import interrupt_runs

    words = {"requested": "is interrupted; its runner confirms"}
    return _each(args, lambda session, runs: interrupt_runs(session, _ids(runs), args.reason), words)


def _retry(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import retry_runs

    words = {"waiting": "is queued again"}
    return _each(args, lambda session, runs: retry_runs(session, _ids(runs)), words, those="ended")


def _hold(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import hold_runs

    return _each(args, lambda session, runs: hold_runs(session, _ids(runs), args.reason), {"held": "is held"})


def _release(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import release_runs

    return _each(args, lambda session, runs: release_runs(session, _ids(runs)), {"released": "is released"})


def _raise(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import shift_priority

    if not 1 <= args.by <= 100:
        raise UsageError(f"--by is 1 to 100, not {args.by}")
    words = {str(number): f"has priority {number} now" for number in range(101)}
    return _each(args, lambda session, runs: shift_priority(session, _ids(runs), args.sign * args.by), words)


def _priority(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import set_priority

    words = f"has priority {args.priority} now"
    return _each(
        args, lambda session, runs: set_priority(session, _ids(runs), args.priority), {str(args.priority): words}
    )


def _ids(runs: Sequence[Run]) -> list[UUID]:
    return [run.run_id for run in runs]


# One run


def _move(args: argparse.Namespace) -> int:
    from kolony_tui.core.queue import move_run
    from kolony_tui.core.work import find_run

    async def work(session: PersonSession) -> tuple[UUID, int]:
        run_id = await find_run(session, args.run)
        return run_id, await move_run(session, run_id, args.position)

    run_id, position = in_session(args, work)
    return done(args, f"{args.run} is #{position} in its queue", run_id=run_id, position=position)


def _assign(args: argparse.Namespace) -> int:
    from kolony_tui.core.fleet import agent_ids
    from kolony_tui.core.queue import assign_runs

    async def assign(session: PersonSession, runs: list[Run]) -> list[StepResult]:
        return await assign_runs(session, _ids(runs), (await agent_ids(session, [args.agent]))[0])

    return _each(args, assign, {"assigned": f"waits for {args.agent} now"})


def _why(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_line
    from kolony_tui.core.queue import why_waiting
    from kolony_tui.core.work import find_run, settle

    async def work(session: PersonSession) -> list[WaitReason]:
        run_id = await find_run(session, args.run)
        await settle(session)
        return await why_waiting(session, run_id)

    reasons = in_session(args, work)
    if args.json:
        print_json(reasons)
        return ExitCode.DONE
    for each in reasons:
        remedy = f"  -> {each.remedy.raw}" if each.remedy is not None else ""
        print_line(f"{'  ' * each.depth}{each.words.raw}{remedy}")
    return ExitCode.DONE


def _undo(args: argparse.Namespace) -> int:
    from kolony_tui.core.undoing import undo

    undone = in_session(args, undo)
    return done(args, f"taken back: {undone.raw}", undone=undone)
