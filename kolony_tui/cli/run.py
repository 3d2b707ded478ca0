"""``kolony run``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from kolony_tui.cli.artifact import add_artifact_verbs, artifact_rows, print_artifacts
from kolony_tui.cli.listing import limit_of, print_rows
from kolony_tui.cli.queue import register_steps
from kolony_tui.cli.searching import register_search
from kolony_tui.cli.trace import register_trace
from kolony_tui.cli.verbs import group, in_session, verb
from kolony_tui.models.states import RunStatus

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.approvals import Approval
    from kolony_tui.models.kinds import Told
    from kolony_tui.models.work import Run, RunDetail
    from kolony_tui.models.work_folders import WorkFolder

_TOLD = {"command": "text", "subject": "about"}


def register_run(verbs: Any) -> None:
    """Declares ``kolony run`` and its verbs."""
    runs = group(verbs, "run", "runs: the queue and its past")
    listing = verb(runs, "list", _runs, "runs, newest first")
    listing.add_argument("--status", choices=[status.value for status in RunStatus])
    listing.add_argument("--agent", help="of this agent only")
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="at most so many (200)")
    listing.add_argument("--held", action="store_true", help="only what is held")
    listing.add_argument("--where", metavar="FILTER", help='those that a filter lets pass, as "agent=web and age>1h"')
    verb(runs, "show", _run, "one run, its attempts and its result").add_argument("run")
    add_artifact_verbs(runs)
    register_trace(runs)
    register_search(runs)
    register_steps(runs)


def _runs(args: argparse.Namespace) -> int:
    limit = limit_of(args)
    filter = _filter(args)
    if args.json and filter is None:
        from kolony_tui.core import reading

        return print_rows(args, lambda reader: reading.runs(reader, status=args.status, agent=args.agent, limit=limit))
    from kolony_tui.core.fleet import agent_ids
    from kolony_tui.core.work import runs, settle

    async def work(session: PersonSession) -> list[Run]:
        agent_id = (await agent_ids(session, [args.agent]))[0] if args.agent is not None else None
        await settle(session)
        if filter is not None:
            from kolony_tui.core.picking import runs_by_filter

            return await runs_by_filter(session, filter, limit)
        return await runs(session, status=args.status, agent_id=agent_id, limit=limit)

    print_found(args, in_session(args, work))
    return 0


def _filter(args: argparse.Namespace) -> str | None:
    """``--where`` with the other options as parts of it; None where they do without."""
    if args.where is None and not args.held:
        return None
    parts = [f"({args.where})"] if args.where and args.where.strip() else []
    parts += ["held=yes"] if args.held else []
    parts += [f"status={args.status}"] if args.status is not None else []
    parts += [f'agent="{args.agent}"'] if args.agent is not None else []
    return " and ".join(parts)


def print_found(args: argparse.Namespace, runs: Sequence[Run]) -> None:
    """Runs as JSON with the keys of ``kolony run list``, or for a person."""
    if not args.json:
        print_runs(runs)
        return
    from kolony_tui.cli.printing import as_json, print_json

    print_json([{"reference": run.reference, **as_json(run)} for run in runs])


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
    if run.status == RunStatus.WAITING:
        return f"waiting{_waiting_words(run)}"
    if run.limit_hit is not None:
        return f"{run.status.value} ({run.limit_hit.replace('_', ' ')})"
    return f"{run.status.value} (asks)" if run.asks else run.status.value


def _waiting_words(run: Run) -> str:
    words = {"hold": "held", "dependency": "after others", "window": "not let in", "time": "not yet"}
    if run.waits_for in words:
        return f" ({words[run.waits_for]})"
    return f" #{run.position}" if run.position else ""


def _folder_lines(folder: WorkFolder | None) -> list[tuple[str, object]]:
    if folder is None:
        return []
    base = [("base commit", folder.base_commit)] if folder.base_commit is not None else []
    return [("folder", folder.path), *base, ("left there", folder.words)]


def _run(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import ago, as_json, print_json, print_table
    from kolony_tui.core.artifacts import artifacts
    from kolony_tui.core.kinds import told
    from kolony_tui.core.reports import report_of
    from kolony_tui.core.work import find_run, run_detail, settle

    async def work(session: PersonSession) -> Any:
        run_id = await find_run(session, args.run)
        await settle(session)
        detail, parts = await run_detail(session, run_id), await told(session, run_id)
        return detail, parts, await artifacts(session, run_id), await report_of(session, run_id)

    parts: Sequence[Told]
    detail: RunDetail
    detail, parts, left, report_id = in_session(args, work)
    run = detail.run
    if args.json:
        usage = detail.attempts[-1].usage if detail.attempts else {}
        print_json({
            **as_json(run), "reference": run.reference, "content": detail.content, "usage": usage,
            "artifacts": artifact_rows(left), **as_json(detail.limits), "constraint": detail.constraint_name,
            "attempts": detail.attempts, "steps": detail.steps, "after": detail.after, "told": parts,
            "approvals": detail.approvals, "folder": detail.folder, "report_id": report_id, "redacted": detail.redacted,
            "archived": detail.archived, "holds": detail.holds,
        })  # fmt: skip
        return 0
    print_table(["", ""], [
        ("run", run.reference), ("agent", run.agent), ("status", _status_words(run)), ("priority", run.priority),
        ("by", run.created_by_login), ("asked for", run.created_at), *_more(detail), ("exit code", run.exit_code),
        ("error", run.error), *_folder_lines(detail.folder), *([("report", report_id)] if report_id else []),
        *((_TOLD[each.part], each.words) for each in parts if each.part != "instructions"),
    ])  # fmt: skip
    print_table(
        ["TRY", "ENDED AS", "CLAIMED", "ON", "EXIT", "SIGNAL", "ERROR"],
        [
            (each.number, each.outcome or "-", ago(each.claimed_at), each.host, each.exit_code, each.signal, each.error)
            for each in detail.attempts
        ],
    )
    if detail.steps:
        print_table(
            ["TRY", "STEP", "AT", "DETAIL"],
            [
                (each.attempt, each.step, f"{each.at.astimezone():%H:%M:%S.%f}"[:-3], each.detail)
                for each in detail.steps
            ],
        )
    if detail.approvals:
        print_table(
            ["TRY", "ASKED", "AGO", "BECAME", "BY", "ANSWER", "NOTE"],
            [
                (each.attempt, each.title, ago(each.created_at), each.state.value, _answerer(each), each.answer,
                 each.note)
                for each in detail.approvals
            ],
        )  # fmt: skip
    if left:
        print_artifacts(left)
    _print_instructions(parts)
    return 0


def _answerer(approval: Approval) -> str | None:
    return approval.answered_by_login or (f"rule of {approval.rule_by_login}" if approval.rule_by_login else None)


def _print_instructions(parts: Sequence[Told]) -> None:
    """What the agent was told beside the text, all of it."""
    from kolony_tui.cli.printing import print_line
    from kolony_tui.models.untrusted import Untrusted

    for each in parts:
        if each.part == "instructions":
            print_line("INSTRUCTIONS")
            for line in each.words.raw.split("\n"):
                print_line(Untrusted(line))


def _more(detail: RunDetail) -> list[tuple[str, object]]:
    """The rows of what is not so of every run."""
    from kolony_tui.cli.printing import ago
    from kolony_tui.models.redaction import redacted_words
    from kolony_tui.models.usage import used_words

    run = detail.run
    facts: list[tuple[str, object]] = []
    if run.kind != "natural":
        facts.append(("kind", run.kind))
    for what, at, who, why in (
        ("held", run.held_at, run.held_by_login, run.held_why),
        ("interrupted", run.interrupt_at, run.interrupt_by_login, run.interrupt_why),
        ("to end", run.cancel_at, run.cancel_by_login, run.cancel_why),
    ):
        if at is not None:
            facts.append((what, f"{ago(at)} by {who or '?'}" + (f": {why.raw}" if why is not None and why.raw else "")))
    if run.not_before is not None:
        facts.append(("not before", f"{run.not_before.astimezone():%Y-%m-%d %H:%M:%S}"))
    facts += [("after", f"#{each.number}, {each.status.value} (has to be {each.need})") for each in detail.after]
    if detail.limits.words != "no limits":
        profile = f" ({detail.constraint_name.raw})" if detail.constraint_name is not None else ""
        facts.append(("limits", detail.limits.words + profile))
    if detail.attempts and (used := used_words(detail.attempts[-1].usage)):
        facts.append(("used", used))
    if masked := redacted_words(detail.redacted):
        facts.append(("masked", masked))
    if detail.archived and not detail.archived[0].here:
        facts.append(("output", "; ".join(word for word in detail.archived[0].why_gone if word)))
    facts += [("legal hold", f"{hold.scope}, {ago(hold.placed_at)} by {hold.placed_by or '?'}: {hold.reason.raw}")
              for hold in detail.holds]  # fmt: skip
    if run.limit_hit is not None:
        facts.append(("limit hit", run.limit_hit.replace("_", " ")))
    if run.reason is not None:
        facts.append(("reason", run.reason.replace("_", " ")))
    if run.warning is not None:
        facts.append(("warning", run.warning))
    return facts
