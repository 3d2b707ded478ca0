"""Search in a run's output: on the server, range by range, so that it can be stopped and tells how far it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg

from kolony_tui.core.output_parts import Output
from kolony_tui.db.rows import read
from kolony_tui.models.errors import Refused, UsageError, WorkFailed
from kolony_tui.models.records import OutputStream
from kolony_tui.models.untrusted import Untrusted

RANGE_BYTES = 8 * 1024 * 1024
"""What one statement searches at most (or one piece)."""
SKIPPED_PIECES = 4000
"""As many numbers of pieces are looked through for some of a stream at once."""
LONGEST = 1000
STEP_SECONDS = 10.0
"""How long the server works on one statement, whoever still waits for it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for in lines: a text, or a regular expression as PostgreSQL has them; in any case of letters?"""

    text: str
    pattern: bool = False
    any_case: bool = True


@dataclass(frozen=True, slots=True)
class Hit:
    """A line in which it stands: its piece, the newlines before it, the stream, and its beginning."""

    seq: int
    line: int
    stream: OutputStream
    words: Untrusted


@dataclass(frozen=True, slots=True)
class Searched:
    """A range that was searched: pieces ``first`` to ``last`` and what was found there, in order."""

    first: int
    last: int
    size: int
    hits: tuple[Hit, ...]


def wanted_by(typed: str, *, pattern: bool = False) -> Wanted:
    """What a person means: ``/.../`` is a pattern, and capitals mean capitals only where there are some.

    Raises UsageError for what can be in no line.
    """
    if not pattern and len(typed) > 2 and typed.startswith("/") and typed.endswith("/"):
        typed, pattern = typed[1:-1], True
    if not typed or len(typed) > LONGEST or "\n" in typed or "\0" in typed:
        raise UsageError(f"what is searched for is 1 to {LONGEST} characters of a line")
    if pattern:
        # \b is the edge of a word for people, and a backspace for the server.
        plain = typed.replace("\\\\", "")
        capitals = any(letter.isupper() and plain[at - 1 : at] != "\\" for at, letter in enumerate(plain))
        return Wanted(_edges(typed), True, not capitals)
    return Wanted(typed, False, typed == typed.lower())


def _edges(pattern: str) -> str:
    parts, at = [], 0
    while at < len(pattern):
        pair = pattern[at : at + 2]
        if pair.startswith("\\"):
            parts.append({"\\b": "\\y", "\\B": "\\Y"}.get(pair, pair))
            at += 2
        else:
            parts.append(pattern[at])
            at += 1
    return "".join(parts)


async def search_range(output: Output, wanted: Wanted, first: int, last: int, *, width: int = 0) -> tuple[Hit, ...]:
    """What stands in the pieces ``first`` to ``last``, with so many characters of each line.

    Raises UsageError for a pattern that cannot be read, WorkFailed for one that takes too long.
    """
    try:
        return await _found(output, wanted, first, last, width)
    except Refused as error:
        if wanted.pattern and "regular" in error.message:
            raise UsageError(error.message, error.hint) from error
        raise


async def _found(output: Output, wanted: Wanted, first: int, last: int, width: int) -> tuple[Hit, ...]:
    statement = "SELECT * FROM kolony.search_output($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    async with output.session.db.connection() as connection:
        try:
            async with connection.transaction():
                # The server's own clock: it also ends what somebody asked who is gone.
                await connection.execute(f"SET LOCAL statement_timeout = {STEP_SECONDS * 1000:.0f}")
                rows = await connection.fetch(
                    statement, output.session.workspace.workspace_id, output.run_id, output.end.attempt,
                    output.end.output_day, first, last, wanted.text, wanted.pattern, wanted.any_case, output.stream,
                    width,
                )  # fmt: skip
        except asyncpg.QueryCanceledError as error:
            raise WorkFailed(
                f"the server ended this search, which has {STEP_SECONDS:g} seconds for a part of the output",
                "a simpler expression is faster, and plain text is fastest",
            ) from error
    return tuple(read(Hit, {**row, "words": row["words"].decode("utf-8", "replace")}) for row in rows)


async def search(
    output: Output, wanted: Wanted, *, start: int, upwards: bool, width: int = 0, size: int = RANGE_BYTES
) -> AsyncIterator[Searched]:
    """Ranges from the piece ``start`` down to the end, or (``upwards``) from the one before it up to the first."""
    name = "records/search_range_up" if upwards else "records/search_range_down"
    extent = await output.extent_of_all()
    while start > 0 if upwards else start < extent:
        found = (await output.session.db.records(
            name, output.session.workspace.workspace_id, output.run_id, output.end.attempt, output.end.output_day,
            output.stream, start, size,
        ))[0]  # fmt: skip
        if found["first"] is None:
            start = start - SKIPPED_PIECES if upwards else start + SKIPPED_PIECES
            continue
        hits = await search_range(output, wanted, found["first"], found["last"], width=width)
        yield Searched(found["first"], found["last"], found["size"], hits)
        start = found["first"] if upwards else found["last"] + 1
