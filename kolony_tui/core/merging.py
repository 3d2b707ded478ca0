"""The output of many runs as one stream of lines, in the order in which they were printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from kolony_tui.core.picking import runs_by_filter, runs_by_id
from kolony_tui.core.session import PersonSession
from kolony_tui.db.rows import read
from kolony_tui.models.records import OutputPiece, OutputStream
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import Run
from kolony_tui.text.lines import LineStream

PIECES_AT_ONCE = 8
"""Of each run in one reading."""
MOST_RUNS = 200
_BEHIND_PIECES = 32
_SHOWN_PIECES = 2


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which runs are followed: these, or those that a filter lets pass at any time."""

    run_ids: tuple[UUID, ...] = ()
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class MergedLine:
    """One line: whose, which (``line`` newlines before it), when it was printed, and its text, safe but for colours."""

    run: Run
    attempt: int
    stream: OutputStream
    at: datetime
    line: int
    text: str

    @property
    def agent(self) -> Untrusted:
        """Whose it is."""
        return self.run.agent


@dataclass(slots=True)
class _Followed:
    run: Run
    attempt: int
    day: date
    after: int
    ended: bool
    line: int | None = None
    streams: dict[OutputStream, LineStream] = field(default_factory=dict)
    closed: bool = False


class Merging:
    """Reads on from where it was, all runs with one statement.

    ``whole``: from the beginning of what is named, and every line of it. Else from near the end, and what is too much
    to be read by anybody is left out and counted in ``left_out``.
    """

    def __init__(self, session: PersonSession, chosen: Chosen, *, whole: bool, stream: str | None = None) -> None:
        self._session = session
        self._chosen = chosen
        self._whole = whole
        self._stream = stream
        self._followed: dict[UUID, _Followed] = {}
        self.left_out = 0
        self.behind = False
        """Whether there is more to be read at once."""

    @property
    def runs(self) -> list[Run]:
        """Those that are followed."""
        return [each.run for each in self._followed.values()]

    @property
    def over(self) -> bool:
        """Whether all that were named have ended and are read."""
        ids = self._chosen.run_ids
        return (
            bool(ids)
            and all(each.closed and each.run.status.ended for each in self._followed.values())
            and len(self._followed) == len(set(ids))
        )

    async def choose(self) -> None:
        """Looks which runs there are to follow, and on which attempt they are. Raises FilterError."""
        if self._chosen.filter is not None:
            runs = await runs_by_filter(self._session, self._chosen.filter, MOST_RUNS)
        else:
            runs = await runs_by_id(self._session, self._chosen.run_ids)
        known = {run.run_id: run for run in runs}
        for run_id, each in list(self._followed.items()):
            if run_id in known:
                each.run = known[run_id]
            elif each.closed:
                del self._followed[run_id]
        home = self._session.workspace.workspace_id
        ids = list({*known, *self._followed})
        for row in await self._session.db.records("records/merged_ends", home, ids):
            self._note(known.get(row["run_id"]), row["run_id"], row)

    def _note(self, run: Run | None, run_id: UUID, row: object) -> None:
        number, outcome, day, last = (row[key] for key in ("attempt", "outcome", "output_day", "last"))  # type: ignore[index]
        each = self._followed.get(run_id)
        if each is None or (each.attempt != number and each.closed):
            if run is None:
                return
            after = -1 if self._whole or each is not None else max(last - _SHOWN_PIECES, -1)
            self._followed[run_id] = _Followed(run, number, day, after, outcome is not None)
        elif each.attempt == number:
            each.ended = outcome is not None
            if not self._whole and last - each.after > _BEHIND_PIECES:
                each.after = last - _SHOWN_PIECES
                each.streams.clear()
        else:
            each.ended = True  # another attempt has begun: what is left of this one first

    async def read(self) -> list[MergedLine]:
        """The next lines of all of them, by time."""
        going = [each for each in self._followed.values() if not each.closed]
        if not going:
            self.behind = False
            return []
        found = await self._session.db.records(
            "records/merged", self._session.workspace.workspace_id, [each.run.run_id for each in going],
            [each.attempt for each in going], [each.day for each in going], [each.after for each in going],
            PIECES_AT_ONCE,
        )  # fmt: skip
        lines: list[MergedLine] = []
        count = dict.fromkeys((each.run.run_id for each in going), 0)
        for row in found:
            each = self._followed[row["run_id"]]
            count[row["run_id"]] += 1
            lines += self._lines(each, read(OutputPiece, row))
        for each in going:
            if each.ended and not count[each.run.run_id]:
                each.closed = True
                lines += self._rest(each)
        self.behind = any(number == PIECES_AT_ONCE for number in count.values())
        return lines

    def _lines(self, each: _Followed, piece: OutputPiece) -> Sequence[MergedLine]:
        if each.line is not None and piece.first_line > each.line:
            self.left_out += piece.first_line - each.line
        each.after, each.line = piece.seq, piece.first_line + piece.data.count(b"\n")
        if self._stream is not None and piece.stream != self._stream:
            return ()
        texts = each.streams.setdefault(piece.stream, LineStream()).feed(piece.data)
        return [
            MergedLine(each.run, each.attempt, piece.stream, piece.at, piece.first_line + at, text)
            for at, text in enumerate(texts)
        ]

    def _rest(self, each: _Followed) -> list[MergedLine]:
        at = each.run.finished_at or each.run.started_at or each.run.created_at
        return [
            MergedLine(each.run, each.attempt, name, at, each.line or 0, text)
            for name, stream in each.streams.items()
            for text in stream.close()
        ]
