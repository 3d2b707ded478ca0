"""``kolony send``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from kolony_tui.cli.sending import add_sending_options, found_in, sending_of
from kolony_tui.cli.target import ASKED_ABOVE, add_target_options, aim_words, aimed, check_target, confirm
from kolony_tui.cli.verbs import in_session, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError
from kolony_tui.models.states import RunStatus

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.core.targeting import Aim
    from kolony_tui.models.work import Run, SentCommand


def register_send(verbs: Any) -> None:
    """Declares ``kolony send``."""
    sending = verb(
        verbs, "send", _send, "send a command to agents",
        epilog="The text comes after --; a single - after it reads the text from standard input.",
    )  # fmt: skip
    sending.set_defaults(takes_rest=True)
    add_target_options(sending)
    sending.add_argument("--dry-run", action="store_true", help="say to whom it would go, and send nothing")
    sending.add_argument("--yes", action="store_true", help=f"do not ask when it goes to more than {ASKED_ABOVE}")
    sending.add_argument("--preset", metavar="NAME", help="what a preset says; its values by --var, without a text")
    sending.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="a value for the preset")
    add_sending_options(sending)
    sending.add_argument("--draft", action="store_true", help="keep it as a draft")
    sending.add_argument("--wait", action="store_true", help="wait for the end; exit code 1 unless all completed")
    sending.add_argument("--follow", action="store_true", help="wait, and print the output meanwhile")


def _text(args: argparse.Namespace) -> str:
    if args.rest != ["-"]:
        return " ".join(args.rest or [])
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8 text", "send a command as UTF-8 text") from error


def _send(args: argparse.Namespace) -> int:
    from kolony_tui.core import work

    if args.preset is None or args.agents or args.all or args.where is not None:
        check_target(args)
    if args.draft and (args.wait or args.follow):
        raise UsageError("a draft does not run, so there is nothing to wait for", "leave --draft or --wait out")
    said = sending_of(args)
    if args.preset is not None and args.rest:
        raise UsageError("a preset brings its own text", "leave out what comes after --, or --preset")
    if args.var and args.preset is None:
        raise UsageError("--var says nothing without --preset NAME")
    text = work.checked_content(_text(args)) if args.preset is None else ""

    async def send(session: PersonSession) -> tuple[Aim, SentCommand | None, list[Run]]:
        nonlocal text
        how = await found_in(session, args, said)
        if args.preset is not None:
            from kolony_tui.cli.preset import aimed_by, filled_in

            preset, text, how = await filled_in(session, args, how)
            aim = await aimed_by(session, args, preset)
        else:
            aim = await aimed(session, args)
        how = replace(how, target_words=aim.words[:2000])
        if args.dry_run:
            return aim, None, []
        confirm(aim, "this goes to", asked=not args.yes)
        sent = await work.send(session, aim.agent_ids, text, how)
        if not (args.wait or args.follow):
            return aim, sent, []
        tell(f"#{sent.number} is sent; it goes on even if you leave")
        return aim, sent, await _wait(session, sent, follow=args.follow)

    aim, sent, ended = in_session(args, send)
    if sent is None:
        return _print_aim(args, aim)
    _print_sent(args, sent, ended)
    return ExitCode.DONE if all(run.status == RunStatus.COMPLETED for run in ended) else ExitCode.WORK_FAILED


def _print_aim(args: argparse.Namespace, aim: Aim) -> int:
    from kolony_tui.cli.printing import print_json, print_line

    if args.json:
        print_json({"dry_run": True, "count": len(aim), "agents": [target.name for target in aim.targets]})
    else:
        print_line(f"goes to {aim_words(aim)}")
    return ExitCode.DONE


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
        print_json({
            "command_id": sent.command_id, "number": sent.number, "repeated": sent.repeated,
            "runs": [] if args.draft else runs,
        })  # fmt: skip
        return
    if sent.repeated:
        tell(f"#{sent.number} was sent before with this key; nothing is sent again")
    elif args.draft:
        tell(f"#{sent.number} is kept as a draft; kolony command submit {sent.number} sends it")
    elif not ended:
        tell(f"#{sent.number} is sent to {len(sent.runs)} agent{'s' if len(sent.runs) != 1 else ''}")
    for run in ended:
        tell(f"{run.reference} on {run.agent.raw}: {run.status.value}" + (f", {run.error.raw}" if run.error else ""))


def _end(run: Run | None) -> dict[str, Any]:
    return {} if run is None else {"status": run.status, "exit_code": run.exit_code}
