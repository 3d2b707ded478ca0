"""Parts of a run's output: its extent, and the pieces around any line of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from kolony_tui.core.records import OutputEnd
from kolony_tui.core.session import PersonSession
from kolony_tui.db.rows import read
from kolony_tui.models.records import OutputPiece, OutputStream

PART_LINES = 60_000
"""Lines that are read at once at most (beside those of one piece)."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How many pieces (the last seq and one) and lines (newlines) there are."""

    pieces: int
    lines: int


@dataclass(frozen=True, slots=True)
class Output:
    """The output of one attempt: all streams, or one alone, whose pieces and lines are counted on their own then."""

    session: PersonSession
    run_id: UUID
    end: OutputEnd
    stream: OutputStream | None = None

    async def extent(self, before: int | None = None) -> Extent:
        """All of it, or what is before a piece."""
        found = await self.session.db.rows(Extent, "records/output_extent", *self._key, self.stream, before)
        return found[0]

    async def extent_of_all(self) -> int:
        """The number after that of the last piece of any stream."""
        return (await replace(self, stream=None).extent()).pieces

    async def seek(self, line: int, pieces: int) -> int:
        """The piece in which the line with so many newlines before it begins, of so many pieces."""
        name, last = ("output_seek", pieces) if self.stream is None else ("output_seek_stream", self.stream)
        found = await self.session.db.records(f"records/{name}", *self._key, line, last)
        return found[0]["seq"] if found else 0

    async def since(self, seq: int, size: int) -> list[OutputPiece]:
        """About ``size`` bytes from the piece ``seq`` on; seq and lines as the database has them."""
        return await self._pieces("output_from", seq, size)

    async def before(self, seq: int, size: int) -> list[OutputPiece]:
        """About ``size`` bytes before the piece ``seq``."""
        return await self._pieces("output_before", seq, size)

    async def counted(self, pieces: Sequence[OutputPiece]) -> list[OutputPiece]:
        """The same numbered on their own where one stream is meant: those of the others are no holes."""
        if self.stream is None or not pieces:
            return list(pieces)
        there = await self.extent(pieces[0].seq)
        lines, renumbered = there.lines, []
        for at, piece in enumerate(pieces):
            renumbered.append(replace(piece, seq=there.pieces + at, first_line=lines))
            lines += piece.data.count(b"\n")
        return renumbered

    async def _pieces(self, name: str, seq: int, size: int) -> list[OutputPiece]:
        found = await self.session.db.records(f"records/{name}", *self._key, self.stream, seq, size, PART_LINES)
        return [read(OutputPiece, row) for row in found]

    @property
    def _key(self) -> tuple[object, ...]:
        return self.session.workspace.workspace_id, self.run_id, self.end.attempt, self.end.output_day
