"""``kolony run trace``: what an agent did, as a tree."""

from __future__ import annotations

import argparse
import json
import sys

from kolony_tui.cli.verbs import in_session, tell, verb
from kolony_tui.models.errors import NotFound, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.records import OutputEnd
    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.trace import TraceEntry, TraceLine


def register_trace(runs: Any) -> None:
    """Declares the verb."""
    parser = verb(
        runs, "trace", _trace, "what its agent did: prompts, thoughts, tool calls, responses, plans",
        epilog="With --follow each entry is printed once, when it has ended; with --json one object a line then.",
    )  # fmt: skip
    parser.add_argument("run", help="its id or number, for example 12 or 12.3")
    parser.add_argument("--attempt", type=int, metavar="N", help="of this try (default: the last one)")
    parser.add_argument("--follow", action="store_true", help="go on until the run has ended")
    parser.add_argument("--find", metavar="TEXT", help="only entries with this text in them")


def _trace(args: argparse.Namespace) -> int:
    if args.follow and (args.attempt is not None or args.find is not None):
        raise UsageError("--follow goes with neither --attempt nor --find")

    async def work(session: PersonSession) -> None:
        from kolony_tui.core import records
        from kolony_tui.core.work import find_run, settle

        run_id = await find_run(session, args.run)
        await settle(session)
        if args.follow:
            await _follow(session, run_id, as_json=args.json)
            return
        end = await records.output_end(session, run_id, args.attempt)
        if end is None and args.attempt is not None:
            raise NotFound(f"run {args.run} has no attempt {args.attempt}")
        wanted = await _found(session, run_id, end, args.find)
        await (_print_json if args.json else _print_tree)(session, run_id, end, wanted)

    in_session(args, work)
    return 0


async def _found(session: PersonSession, run_id: UUID, end: OutputEnd | None, words: str | None) -> set[str] | None:
    from kolony_tui.core import trace

    if words is None or end is None:
        return None
    return {key.raw for key in await trace.found_in(session, run_id, end, words)}


async def _print_json(session: PersonSession, run_id: UUID, end: OutputEnd | None, wanted: set[str] | None) -> None:
    """One array; printed as it is read, for a trace may be larger than what fits into memory."""
    separator = "["

    def write(entry: TraceEntry) -> None:
        nonlocal separator
        if wanted is None or entry.key.raw in wanted:
            sys.stdout.write(separator + _json(entry, end.attempt if end is not None else 0))
            separator = ", "

    if end is not None:
        await _each(session, run_id, end, write)
    sys.stdout.write("]\n" if separator == ", " else "[]\n")
    sys.stdout.flush()


async def _each(session: PersonSession, run_id: UUID, end: OutputEnd, write: Callable[[TraceEntry], None]) -> None:
    from kolony_tui.core import trace

    after = -1
    while entries := await trace.entries(session, run_id, end, after):
        for entry in entries:
            write(entry)
        after = entries[-1].position


def _json(entry: TraceEntry, attempt: int) -> str:
    from kolony_tui.cli.printing import as_json
    from kolony_tui.core.trace import value

    document = {
        "id": entry.id, "parent_id": entry.parent_id, "type": entry.type, "name": entry.name, "status": entry.status,
        "input": value(entry.input, entry.input_size), "output": value(entry.output, entry.output_size),
        "duration_ms": entry.duration_ms, "tokens": entry.tokens, "error": entry.error, "started_at": entry.started_at,
        "ended_at": entry.ended_at, "attributes": entry.attributes, "confidence": entry.confidence,
        "line_from": entry.line_from, "line_to": entry.line_to, "attempt": attempt, "key": entry.key,
    }  # fmt: skip
    return json.dumps(as_json(document), ensure_ascii=True)


async def _print_tree(session: PersonSession, run_id: UUID, end: OutputEnd | None, wanted: set[str] | None) -> None:
    from kolony_tui.core import trace
    from kolony_tui.core.trace_tree import TraceTree

    tree = TraceTree()
    after = 0
    while end is not None and (news := await trace.lines(session, run_id, end, after)):
        tree.take(news)
        after = news[-1].revision
    for row in tree.rows():
        if wanted is None or row.line.key.raw in wanted:
            _print_line(row.line, row.depth)
    if not tree.lines:
        tell("its agent has left no trace" if end is not None else "it has not begun")


def _print_line(line: TraceLine, depth: int) -> None:
    from kolony_tui.core.trace_tree import measured, type_word
    from kolony_tui.text import safe

    parts = [f"{'  ' * min(depth, 20)}{type_word(line.type):<8}", f"{line.status:<9}"]
    name = line.name if line.name is None or line.name.raw != type_word(line.type) else None
    parts += [safe(text, limit=limit).plain for text, limit in ((name, 40), (line.summary, 100)) if text]
    parts += [f"error: {safe(line.error, limit=100).plain}"] if line.error else []
    print("  ".join([*parts, *measured(line)]).rstrip(), flush=True)


async def _follow(session: PersonSession, run_id: UUID, *, as_json: bool) -> None:
    """Prints each entry once it has ended; of a further attempt too."""
    from kolony_tui.core import records, work
    from kolony_tui.core.waiting import look_again

    following: _Following | None = None
    async with look_again(session) as hints:
        while True:
            await work.settle(session)
            run = (await work.run_detail(session, run_id)).run
            end = await records.output_end(session, run_id)
            if end is not None and (following is None or following.attempt != end.attempt):
                if following is not None:
                    tell(f"{run.reference}: attempt {following.attempt} is over, attempt {end.attempt} begins")
                following = _Following(session, run_id, end.attempt, as_json)
            if following is not None and end is not None:
                await following.go_on(end)
            if run.status.ended:
                return
            await hints.next()


class _Following:
    """What was printed of an attempt so far."""

    def __init__(self, session: PersonSession, run_id: UUID, attempt: int, as_json: bool) -> None:
        from kolony_tui.core.trace_tree import TraceTree

        self.attempt = attempt
        self._session, self._run_id, self._as_json = session, run_id, as_json
        self._tree = TraceTree()
        self._printed: set[str] = set()
        self._after = 0

    async def go_on(self, end: OutputEnd) -> None:
        """Prints what has ended since."""
        from kolony_tui.core import trace

        while news := await trace.lines(self._session, self._run_id, end, self._after):
            self._tree.take(news)
            self._after = news[-1].revision
        for line in sorted(self._tree.lines.values(), key=lambda line: line.position):
            now = trace.settled(line, end)
            if now.status != "running" and line.key.raw not in self._printed:
                self._printed.add(line.key.raw)
                await self._print(now, end)

    async def _print(self, line: TraceLine, end: OutputEnd) -> None:
        from kolony_tui.core import trace

        if not self._as_json:
            _print_line(line, len(self._tree.above(line.key.raw)))
        elif (entry := await trace.entry(self._session, self._run_id, end, line.key)) is not None:
            sys.stdout.write(_json(entry, end.attempt) + "\n")
            sys.stdout.flush()
