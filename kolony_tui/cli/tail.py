"""``kolony tail``: the output of a run, byte for byte."""

from __future__ import annotations

import argparse
import sys
from base64 import b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kolony_tui.cli.following import add_choices, are_several, follow_several
from kolony_tui.cli.printing import print_json
from kolony_tui.cli.verbs import in_session, tell, verb
from kolony_tui.models.records import OutputPiece

if TYPE_CHECKING:
    from kolony_tui.core.session import PersonSession
    from kolony_tui.core.waiting import Hints

_PIECES_AT_ONCE = 100

Writer = Callable[[int, OutputPiece], None]


def register_tail(verbs: Any) -> None:
    """Declares the verb."""
    parser = verb(
        verbs, "tail", _tail, "the output of a run, byte for byte",
        epilog="On a terminal everything but colours is taken out of it; redirect it to get every byte.",
    )  # fmt: skip
    parser.add_argument("run", nargs="*", help="its id or number, for example 12 or 12.3; of several: line by line")
    parser.add_argument("--follow", action="store_true", help="go on until the run has ended")
    parser.add_argument("--stream", choices=["stdout", "stderr", "log"],
                        help="only this stream; log: the thoughts and tools of an agent, and remarks")  # fmt: skip
    parser.add_argument("--attempt", type=int, metavar="N", help="of this try (default: the last one)")
    add_choices(parser)


def _tail(args: argparse.Namespace) -> int:
    from kolony_tui.core.retention import require_output
    from kolony_tui.core.waiting import look_again
    from kolony_tui.core.work import find_run

    if are_several(args):
        return follow_several(args)
    writer = _json_writer if args.json else _byte_writer()

    async def work(session: PersonSession) -> None:
        run_id = await find_run(session, args.run[0])
        await require_output(session, run_id, args.attempt)
        if not args.follow:
            await _copy(session, run_id, args.attempt, args.stream, -1, writer)
            return
        async with look_again(session) as hints:
            await follow_run(session, run_id, args.stream, hints, writer)

    try:
        in_session(args, work)
    finally:
        if not args.json and sys.stdout.isatty():
            sys.stdout.write("\x1b[0m")
            sys.stdout.flush()
    return 0


async def follow_run(
    session: PersonSession, run_id: UUID, stream: str | None, hints: Hints, writer: Writer | None = None
) -> None:
    """Writes what a run prints until it has ended; a further attempt is announced and followed too."""
    from kolony_tui.core import records, work

    writer = writer or _byte_writer()
    attempt, after = 0, -1
    while True:
        await work.settle(session)
        run = (await work.run_detail(session, run_id)).run
        end = await records.output_end(session, run_id)
        if end is not None and end.attempt != attempt:
            if attempt:
                await _copy(session, run_id, attempt, stream, after, writer)
                tell(f"{run.reference}: attempt {attempt} is over, attempt {end.attempt} begins")
            attempt, after = end.attempt, -1
        if attempt:
            after = await _copy(session, run_id, attempt, stream, after, writer)
        if run.status.ended:
            return
        await hints.next()


async def _copy(
    session: PersonSession, run_id: UUID, attempt: int | None, stream: str | None, after: int, writer: Writer
) -> int:
    from kolony_tui.core import records

    end = await records.output_end(session, run_id, attempt)
    if end is None:
        return after
    while pieces := await records.output(session, run_id, end, after, stream, _PIECES_AT_ONCE):
        for piece in pieces:
            writer(end.attempt, piece)
        after = pieces[-1].seq
    return after


def _byte_writer() -> Writer:
    if not sys.stdout.isatty():

        def write_bytes(attempt: int, piece: OutputPiece) -> None:
            sys.stdout.buffer.write(piece.data)
            sys.stdout.buffer.flush()

        return write_bytes
    from kolony_tui.text.terminal import TerminalSafe

    terminals: dict[str, TerminalSafe] = {}

    def write_safely(attempt: int, piece: OutputPiece) -> None:
        terminal = terminals.setdefault(piece.stream, TerminalSafe())
        sys.stdout.buffer.write(terminal.feed(piece.data))
        sys.stdout.buffer.flush()

    return write_safely


def _json_writer(attempt: int, piece: OutputPiece) -> None:
    print_json({
        "attempt": attempt, "seq": piece.seq, "stream": piece.stream, "at": piece.at,
        "text": piece.data.decode("utf-8", "replace"), "base64": b64encode(piece.data).decode("ascii"),
    })  # fmt: skip
