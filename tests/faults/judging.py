"""What must be true after a fault: nothing acknowledged is lost, each run ended once, its output is as printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import asyncpg

STAND_IN = b"[kolony: the server lost this piece of the output]\n"


@dataclass
class Judgement:
    """How it went: runs, attempts that were lost, holes that are marked, outcomes of runs by number."""

    runs: int = 0
    attempts: int = 0
    lost: int = 0
    holes: int = 0
    bytes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


async def judged(superuser: asyncpg.Connection, sent: Mapping[str, UUID | None], copies: Path) -> Judgement:
    """Holds the rows of what was sent (key to run, None where it was not acknowledged) against the programs' copies."""
    found = Judgement()
    commands = await superuser.fetch(
        "SELECT idempotency_key, command_id FROM kolony.commands WHERE idempotency_key = ANY ($1)", list(sent)
    )
    assert len({row["idempotency_key"] for row in commands}) == len(commands), "a command is there twice"
    rows = await superuser.fetch(
        """SELECT r.run_id, r.outcome, c.idempotency_key FROM kolony.runs r JOIN kolony.commands c USING (command_id)
           WHERE c.idempotency_key = ANY ($1)""", list(sent),
    )  # fmt: skip
    runs = {row["run_id"]: row for row in rows}
    for key, run_id in sent.items():
        if run_id is not None:
            assert run_id in runs, f"the acknowledged run {run_id} is gone"
            assert runs[run_id]["idempotency_key"] == key
    assert len(runs) == len(commands), "a command for one agent has one run"
    for run_id, run in runs.items():
        found.runs += 1
        found.outcomes[run["outcome"]] += 1
        await _judge_run(superuser, run_id, run["outcome"], copies, found)
    return found


async def _judge_run(superuser: asyncpg.Connection, run_id: UUID, outcome: str, copies: Path, found: Judgement) -> None:
    attempts = await superuser.fetch("SELECT * FROM kolony.attempts WHERE run_id = $1 ORDER BY number", run_id)
    assert attempts, f"run {run_id} ended as {outcome} without an attempt"
    assert [each["number"] for each in attempts] == list(range(1, len(attempts) + 1)), run_id
    found.attempts += len(attempts)
    for earlier, later in pairwise(attempts):
        assert earlier["outcome"] in ("lost", "released", "failed"), f"{run_id}: {earlier['outcome']}, then another try"
        assert earlier["ended_at"] <= later["claimed_at"], f"two attempts of {run_id} at once"
        _judge_apart(copies, run_id, earlier["number"], later["number"])
    assert attempts[-1]["outcome"] == outcome, run_id
    assert not await superuser.fetchval("SELECT count(*) FROM kolony.leases WHERE run_id = $1", run_id)
    for attempt in attempts:
        found.lost += attempt["outcome"] == "lost"
        chunks = await superuser.fetch(
            "SELECT seq, stream, data FROM kolony.output_chunks WHERE run_id = $1 AND attempt = $2 ORDER BY seq",
            run_id, attempt["number"],
        )  # fmt: skip
        copy = copies / f"{run_id}-{attempt['number']}"
        printed = copy.read_bytes() if copy.exists() else b""
        found.bytes += sum(len(chunk["data"]) for chunk in chunks)
        what = f"{run_id} attempt {attempt['number']}"
        found.holes += _judge_output(what, chunks, printed, exact=attempt["outcome"] == "completed")
        if attempt["outcome"] in ("completed", "failed"):
            assert [chunk["seq"] for chunk in chunks] == list(range(len(chunks))), f"{what} ended with a hole"
            assert attempt["chunk_count"] in (None, len(chunks)), run_id


def _judge_apart(copies: Path, run_id: UUID, earlier: int, later: int) -> None:
    """The program of one attempt had printed its last when the next one's began."""
    before, began = copies / f"{run_id}-{earlier}", copies / f"{run_id}-{later}.began"
    if before.exists() and began.exists():
        assert before.stat().st_mtime_ns <= int(began.read_text()), f"two programs of {run_id} at once"


def _judge_output(what: str, chunks: Sequence[asyncpg.Record], printed: bytes, *, exact: bool) -> int:
    """What is stored is what was printed (``exact``; else its beginning), but for holes that are marked; how many."""
    pieces, holes, next_seq = [b""], 0, 0
    for chunk in chunks:
        missing = chunk["seq"] != next_seq
        if missing or (chunk["stream"] == "log" and chunk["data"] == STAND_IN):
            holes += 1
            pieces.append(b"")
        if chunk["stream"] == "stdout":
            pieces[-1] += chunk["data"]
        next_seq = chunk["seq"] + 1
    if not holes and exact:
        assert pieces[0] == printed, f"{what}: {len(pieces[0])} bytes are stored, {len(printed)} were printed"
        return 0
    assert printed.startswith(pieces[0]), f"{what}: other bytes than were printed"
    at = len(pieces[0])
    for piece in pieces[1:]:
        at = printed.find(piece, at)
        assert at >= 0, f"{what}: after a hole, other bytes than were printed"
        at += len(piece)
    assert not exact or printed.endswith(pieces[-1]), f"{what}: its end is missing"
    return holes
