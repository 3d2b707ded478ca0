"""``kolony stop`` and ``kolony lift``: the emergency stop."""

from __future__ import annotations

import argparse

from kolony_tui.cli.target import add_target_options, aimed, check_target
from kolony_tui.cli.verbs import done, in_session, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.stops import Acknowledgement, Stop

_EVERY_ONE = 30
"""Up to so many agents are all listed for a person, of more those that matter."""
_STOP_EPILOG = (
    "From psql: SELECT kolony.stop_agents(WORKSPACE_ID, NULL, 'reason'). What is stopped stays so until it is lifted"
    " (kolony lift); what is sent meanwhile waits."
)


def register_stop(verbs: Any) -> None:
    """Declares ``kolony stop``."""
    stopping = verb(
        verbs, "stop", _stop, "emergency stop: no new work at once, what runs is ended", epilog=_STOP_EPILOG
    )
    add_target_options(stopping, "everyone, agents that are made later too")
    stopping.add_argument("--reason", metavar="TEXT", help="why; everybody sees it")
    stopping.add_argument(
        "--wait", action="store_true", help="wait until all have confirmed; exit code 1, with their names, if not"
    )
    stopping.add_argument("--status", action="store_true", help="what is stopped, and who has confirmed it")


def register_lift(verbs: Any) -> None:
    """Declares ``kolony lift``."""
    lifting = verb(verbs, "lift", _lift, "lift the emergency stop, for some agents or (without a name) for all")
    add_target_options(lifting, "all that is stopped")


def _stop(args: argparse.Namespace) -> int:
    if args.reason is None and args.agents[:1] in (["lift"], ["status"], ["list"]):
        word, args.agents = args.agents[0], args.agents[1:]
        return _lift(args) if word == "lift" else _status(args)
    if args.status:
        return _status(args)
    check_target(args)
    if args.reason is None:
        raise UsageError("why? say --reason TEXT", "everybody sees it; --reason '' is none")

    async def stop(session: PersonSession) -> tuple[Stop, list[Acknowledgement]]:
        from kolony_tui.core import stops

        agents = None if args.all else (await aimed(session, args)).agent_ids
        made = await stops.stop_agents(session, agents, args.reason)
        if args.wait:
            tell("stopped; waiting until all have confirmed")
        known = await _known(session, await _open_stop(session, made), wait=args.wait)
        return await _open_stop(session, made), known

    stopped, known = in_session(args, stop)
    _print_known(args, [(stopped, known)])
    if not args.wait or all(each.state.confirmed for each in known):
        return ExitCode.DONE
    names = ", ".join(each.agent.raw for each in known if not each.state.confirmed)
    tell(f"NOT CONFIRMED by {names}")
    return ExitCode.WORK_FAILED


async def _open_stop(session: PersonSession, stop_id: UUID) -> Stop:
    from kolony_tui.core import stops
    from kolony_tui.models.errors import WrongState

    for each in await stops.open_stops(session):
        if each.stop_id == stop_id:
            return each
    raise WrongState("this stop was lifted meanwhile", "see kolony audit")


async def _known(session: PersonSession, stop: Stop, *, wait: bool) -> list[Acknowledgement]:
    from kolony_tui.core import stops

    if not wait:
        return await stops.acknowledgements(session, stop.stop_id)
    from kolony_tui.core.waiting import look_again

    async with look_again(session) as hints:
        return await stops.confirmed(session, stop, hints.next)


def _status(args: argparse.Namespace) -> int:
    async def read(session: PersonSession) -> list[tuple[Stop, list[Acknowledgement]]]:
        from kolony_tui.core import stops

        return [(each, await stops.acknowledgements(session, each.stop_id)) for each in await stops.open_stops(session)]

    found = in_session(args, read)
    if args.json:
        from kolony_tui.cli.printing import print_json

        print_json([_facts(stop, known) for stop, known in found])
    elif not found:
        tell("nothing is stopped")
    else:
        _print_known(args, found)
    return ExitCode.DONE


def _facts(stop: Stop, known: Sequence[Acknowledgement]) -> dict[str, Any]:
    return {
        "stop_id": stop.stop_id, "everyone": stop.everyone, "reason": stop.why, "at": stop.began_at,
        "by": stop.began_by_login, "confirmed": sum(each.state.confirmed for each in known), "total": len(known),
        "agents": [
            {"agent": each.agent, "state": each.state, "running": each.running, "since": each.since} for each in known
        ],
    }  # fmt: skip


def _print_known(args: argparse.Namespace, found: Sequence[tuple[Stop, list[Acknowledgement]]]) -> None:
    from kolony_tui.cli.printing import ago, print_json, print_line, print_table

    if args.json and not args.status:
        print_json(_facts(*found[0]))
        return
    for stop, known in found:
        whom = (
            "everyone is stopped"
            if stop.everyone
            else f"{len(known)} agent{'s are' if len(known) != 1 else ' is'} stopped"
        )
        why = f": {stop.why.raw}" if stop.why.raw else ""
        print_line(f"{whom} by {stop.began_by_login}, {ago(stop.began_at)}{why}")
        print_line(f"{sum(each.state.confirmed for each in known)} of {len(known)} confirmed")
        shown = known if len(known) <= _EVERY_ONE else [each for each in known if not each.state.confirmed]
        rows = [(each.agent, _word(each), each.running, each.since) for each in shown]
        if rows:
            print_table(["AGENT", "STATE", "RUNNING", "SINCE"], rows)


def _word(known: Acknowledgement) -> str:
    from kolony_tui.models.stops import StopState

    return known.state.value.upper() if known.state == StopState.NOT_CONFIRMED else known.state.value


def _lift(args: argparse.Namespace) -> int:
    some = bool(args.agents) or args.where is not None
    if some:
        check_target(args)

    async def lift(session: PersonSession) -> int | None:
        from kolony_tui.core import stops

        aim = await aimed(session, args) if some else None
        await stops.lift_stop(session, None if aim is None else aim.agent_ids)
        return None if aim is None else len(aim)

    count = in_session(args, lift)
    if count is None:
        return done(args, "every stop is lifted", lifted="all")
    return done(args, f"lifted for {count} agent{'s' if count != 1 else ''}", lifted=count)
