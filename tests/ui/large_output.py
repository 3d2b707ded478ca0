"""A run with a long output, written by SQL in one statement."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.database import Workspace

LINES_A_PIECE = 250


async def print_lines(workspace: Workspace, run_id: UUID, lines: int, *, first: int = 0) -> None:
    """The first attempt of a run has printed so many numbered lines, the hundredth of each hundred coloured.

    ``first``: pieces, of a line each, that are there already.
    """
    owner: Any = await workspace.database.cluster.superuser(workspace.database.name)
    try:
        await owner.execute(
            """
            INSERT INTO kolony.output_chunks
                (workspace_id, run_id, attempt, seq, day, stream, at, first_line, line_count, data)
            SELECT t.workspace_id, t.run_id, t.number, p.seq + $4::int, t.output_day, 'stdout', clock_timestamp(),
                   p.seq * $3::int + $4::int, $3, convert_to((SELECT string_agg('row ' || n ||
                       CASE WHEN n % 100 = 0 THEN E' \\x1b[31mhundred\\x1b[0m'
                       ELSE ' of a build that has much to say' END || E'\\n', '' ORDER BY n)
                       FROM generate_series(p.seq * $3 + 1, (p.seq + 1) * $3) n), 'UTF8')
            FROM kolony.attempts t
            CROSS JOIN generate_series(0, $2::int / $3 - 1) AS p (seq)
            WHERE t.run_id = $1 AND t.number = 1
            """,
            run_id,
            lines,
            LINES_A_PIECE,
            first,
        )
    finally:
        await owner.close()
