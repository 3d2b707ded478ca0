"""``kolony send``, ``kolony command`` and ``kolony run``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError
from kolony_tui.models.states import CommandStatus, RunStatus

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.core.work import Sending
    from kolony_tui.models.work import Run, SentCommand


def register_send(verbs: Any) -> None:
    """Declares ``kolony send``."""
    sending = verb(
        verbs, "send", _send, "send a command to agents",
        epilog="The text comes after --; a single - after it reads the text from standard input.",
    )  # fmt: skip
    sending.set_defaults(takes_rest=True)
    sending.add_argument("agents", metavar="AGENT", nargs="*", help="the agents' names")
    sending.add_argument("--all", action="store_true", help="every agent that is not retired")
    sending.add_argument("--priority", type=int, default=50, metavar="N", help="0 to 100, higher first (50)")
    sending.add_argument("--time-limit", type=float, metavar="S", help="seconds that each try may take")
    sending.add_argument("--retries", type=int, metavar="N", help="further tries after a failure (default: none)")
    sending.add_argument("--draft", action="store_true", help="keep it as a draft")
    sending.add_argument("--wait", action="store_true", help="wait for the end; exit code 1 unless all completed")
    sending.add_argument("--follow", action="store_true", help="wait, and print the output meanwhile")


def register_command(verbs: Any) -> None:
    """Declares ``kolony command`` and its verbs."""
    commands = group(verbs, "command", "commands")
    listing = verb(commands, "list", _commands, "commands, newest first")
    listing.add_argument("--status", choices=[status.value for status in CommandStatus])
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="at most so many (200)")
    verb(commands, "show", _command, "one command and its runs").add_argument("command")
    editing = verb(commands, "edit", _edit, "change a draft; the new text comes after --")
    editing.set_defaults(takes_rest=True)
    editing.add_argument("command")
    editing.add_argument("--priority", type=int, metavar="N", help="0 to 100, higher first")
    verb(commands, "submit", _submit, "send a draft").add_argument("command")
    cancelling = verb(commands, "cancel", _cancel_command, "cancel what has not ended")
    cancelling.add_argument("command")
    cancelling.add_argument("--reason", default="", help="why; its agents and everybody else are told")
    verb(commands, "retry", _retry_command, "queue its failed and cancelled runs again").add_argument("command")


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


def _text(args: argparse.Namespace) -> str:
    if args.rest != ["-"]:
        return " ".join(args.rest or [])
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8 text", "send a command as UTF-8 text") from error


def _sending(args: argparse.Namespace) -> Sending:
    from kolony_tui.core.work import Sending

    if args.time_limit is not None and not 0.001 <= args.time_limit <= 31_536_000:
        raise UsageError("--time-limit is a number of seconds above 0")
    if args.retries is not None and not 0 <= args.retries <= 99:
        raise UsageError("--retries is 0 to 99")
    if args.draft and (args.wait or args.follow):
        raise UsageError("a draft does not run, so there is nothing to wait for", "leave --draft or --wait out")
    limit = None if args.time_limit is None else int(args.time_limit * 1000)
    return Sending(priority=args.priority, draft=args.draft, retries=args.retries, time_limit_ms=limit)


def _send(args: argparse.Namespace) -> int:
    from kolony_tui.core import fleet, work

    if bool(args.agents) == args.all:
        raise UsageError("name the agents, or say --all", "see kolony agent list")
    how = _sending(args)
    text = work.checked_content(_text(args))

    async def send(session: PersonSession) -> tuple[SentCommand, list[Run]]:
        names = list(dict.fromkeys(args.agents))
        targets = await (fleet.all_agent_ids(session) if args.all else fleet.agent_ids(session, names))
        if not targets:
            raise UsageError("there is no agent to send to", "make one: kolony agent create NAME")
        sent = await work.send(session, targets, text, how)
        if not (args.wait or args.follow):
            return sent, []
        tell(f"#{sent.number} is sent; it goes on even if you leave")
        return sent, await _wait(session, sent, follow=args.follow)

    sent, ended = in_session(args, send)
    _print_sent(args, sent, ended)
    return ExitCode.DONE if all(run.status == RunStatus.COMPLETED for run in ended) else ExitCode.WORK_FAILED


async def _wait(session: PersonSession, sent: SentCommand, *, follow: bool) -> list[Run]:
    import asyncio

    from kolony_tui.cli.tail import follow_run
    from kolony_tui.core.waiting import ended_runs, look_again

    run_ids = [run.run_id for run in sent.runs if run.run_id is not None]
    async with look_again(session) as hints:
        if not follow:
            return await ended_runs(session, run_ids, hints)
        await asyncio.gather(*(follow_run(session, run_id, None, hints) for run_id in run_ids))
        return await ended_runs(session, run_ids, hints)


def _print_sent(args: argparse.Namespace, sent: SentCommand, ended: Sequence[Run]) -> None:
    from kolony_tui.cli.printing import print_json

    ends: dict[UUID | None, Run] = {run.run_id: run for run in ended}
    if args.json and not args.follow:
        runs = [{"run_id": run.run_id, "agent": run.agent, **_end(ends.get(run.run_id))} for run in sent.runs]
        print_json({"command_id": sent.command_id, "number": sent.number, "runs": [] if args.draft else runs})
        return
    if args.draft:
        tell(f"#{sent.number} is kept as a draft; kolony command submit {sent.number} sends it")
    elif not ended:
        tell(f"#{sent.number} is sent to {len(sent.runs)} agent{'s' if len(sent.runs) != 1 else ''}")
    for run in ended:
        tell(f"{run.reference} on {run.agent.raw}: {run.status.value}" + (f", {run.error.raw}" if run.error else ""))


def _end(run: Run | None) -> dict[str, Any]:
    return {} if run is None else {"status": run.status, "exit_code": run.exit_code}


def _commands(args: argparse.Namespace) -> int:
    limit = _limit(args)
    if args.json:
        return print_rows(args, lambda reader: reader.rows("work/commands", args.status, limit))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.work import commands

    found = in_session(args, lambda session: commands(session, status=args.status, limit=limit))
    print_table(
        ["#", "STATUS", "RUNS", "PRI", "AGE", "BY", "COMMAND"],
        [
            (each.number, each.status.value, f"{each.completed + each.failed + each.cancelled}/{each.runs}",
             each.priority, each.created_at, each.created_by_login, each.title)
            for each in found
        ],
    )  # fmt: skip
    return 0


def _command(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import as_json, print_json, print_table
    from kolony_tui.core.work import command_detail, find_command

    async def work(session: PersonSession) -> Any:
        return await command_detail(session, await find_command(session, args.command))

    command, content, runs = in_session(args, work)
    if args.json:
        print_json({**as_json(command), "content": content, "run_list": runs})
        return 0
    print_table(["", ""], [
        ("command", f"#{command.number}"), ("status", command.status.value), ("priority", command.priority),
        ("by", command.created_by_login), ("sent", command.submitted_at or "not yet"), ("text", content),
    ])  # fmt: skip
    _print_runs(runs)
    return 0


def _edit(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import edit_command, find_command

    text = " ".join(args.rest) if args.rest else None
    if text is None and args.priority is None:
        raise UsageError("nothing to change", "give a new text after --, or --priority")

    async def work(session: PersonSession) -> UUID:
        command_id = await find_command(session, args.command)
        await edit_command(session, command_id, text, args.priority)
        return command_id

    command_id = in_session(args, work)
    return done(args, f"{args.command} is changed", command_id=command_id)


def _submit(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import command_detail, find_command, submit_command

    async def work(session: PersonSession) -> Any:
        command_id = await find_command(session, args.command)
        await submit_command(session, command_id)
        return await command_detail(session, command_id)

    command, _, runs = in_session(args, work)
    return done(
        args,
        f"#{command.number} is sent",
        command_id=command.command_id,
        runs=[{"run_id": run.run_id, "agent": run.agent} for run in runs],
    )


def _cancel_command(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import cancel_command, find_command

    async def work(session: PersonSession) -> tuple[UUID, int, int]:
        command_id = await find_command(session, args.command)
        return command_id, *(await cancel_command(session, command_id, args.reason))

    command_id, cancelled, requested = in_session(args, work)
    words = f"{args.command}: {cancelled} cancelled, {requested} asked to end"
    return done(args, words, command_id=command_id, cancelled=cancelled, requested=requested)


def _retry_command(args: argparse.Namespace) -> int:
    from kolony_tui.core.work import find_command, retry_command

    async def work(session: PersonSession) -> tuple[UUID, int]:
        command_id = await find_command(session, args.command)
        return command_id, await retry_command(session, command_id)

    command_id, retried = in_session(args, work)
    return done(args, f"{args.command}: {retried} queued again", command_id=command_id, retried=retried)


def _limit(args: argparse.Namespace) -> int:
    if not 1 <= args.limit <= 1_000_000:
        raise UsageError("--limit is 1 to 1000000")
    limit: int = args.limit
    return limit


def _runs(args: argparse.Namespace) -> int:
    limit = _limit(args)
    if args.json:
        from kolony_tui.core import reading

        return print_rows(args, lambda reader: reading.runs(reader, status=args.status, agent=args.agent, limit=limit))
    from kolony_tui.core.fleet import agent_ids
    from kolony_tui.core.work import runs, settle

    async def work(session: PersonSession) -> list[Run]:
        agent_id = (await agent_ids(session, [args.agent]))[0] if args.agent is not None else None
        await settle(session)
        return await runs(session, status=args.status, agent_id=agent_id, limit=limit)

    _print_runs(in_session(args, work))
    return 0


def _print_runs(runs: Sequence[Run]) -> None:
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
            "time_limit_ms": detail.time_limit_ms, "attempts": detail.attempts,
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
