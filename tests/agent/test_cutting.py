"""Cutting bytes into chunks, and keeping them on disk: whatever comes in comes out, once and in order."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.agent.attempt.output import CHUNK_BYTES, FLUSH_SECONDS, Chunk, Cutter
from kolony_tui.agent.attempt.spool import Spool

PIECES = st.lists(
    st.tuples(
        st.sampled_from(["stdout", "stderr"]),
        st.binary(min_size=1, max_size=200) | st.just(b"x" * (CHUNK_BYTES + 7)) | st.just(b"line\n" * 9000),
        st.sampled_from([0.0, 0.01, FLUSH_SECONDS, 5.0]),
    ),
    max_size=20,
)


@given(PIECES)
def test_every_byte_comes_out_once_in_order_and_is_counted(pieces: list[tuple[str, bytes, float]]) -> None:
    cutter, now, chunks = Cutter(), 100.0, list[Chunk]()
    for stream, data, pause in pieces:
        now += pause
        chunks += cutter.flush(now)
        chunks += cutter.feed(stream, data, now)
    chunks += cutter.finish()
    arrived = [(stream, byte) for stream, data, _ in pieces for byte in data]
    assert [(chunk.stream, byte) for chunk in chunks for byte in chunk.data] == arrived
    assert [chunk.seq for chunk in chunks] == list(range(cutter.chunks))
    assert all(1 <= len(chunk.data) <= CHUNK_BYTES for chunk in chunks)
    lines = 0
    for chunk in chunks:
        assert (chunk.first_line, chunk.line_count) == (lines, chunk.data.count(b"\n"))
        lines += chunk.line_count
    assert (cutter.bytes, cutter.lines) == (len(arrived), lines)
    assert cutter.due is None


def test_the_first_bytes_go_out_at_once_and_the_next_after_a_while() -> None:
    cutter = Cutter()
    assert [chunk.data for chunk in cutter.feed("stdout", b"prompt> ", 10.0)] == [b"prompt> "]
    assert cutter.feed("stdout", b"one\ntwo\nthr", 10.01) == []
    due = cutter.due
    assert due == 10.0 + FLUSH_SECONDS
    assert cutter.flush(due - 0.001) == []
    assert [chunk.data for chunk in cutter.flush(due)] == [b"one\ntwo\n"]
    assert cutter.due == due + FLUSH_SECONDS
    assert [chunk.data for chunk in cutter.flush(due + FLUSH_SECONDS)] == [b"thr"]
    assert cutter.due is None


def test_a_full_chunk_ends_with_a_line() -> None:
    cutter = Cutter()
    cutter.feed("stdout", b"a", 0.0)
    [first, *_] = cutter.feed("stdout", b"123456\n" * 10_000, 0.01)
    assert CHUNK_BYTES - 7 < len(first.data) <= CHUNK_BYTES
    assert first.data.endswith(b"\n")


def _chunk(seq: int, data: bytes) -> Chunk:
    return Chunk(seq, ("stdout", "stderr", "log")[seq % 3], datetime(2026, 1, 2, 3, 4, 5, seq, UTC), seq * 2, 1, data)


@given(st.lists(st.none() | st.binary(min_size=1, max_size=100), max_size=40))
def test_the_spool_gives_back_what_it_took_in_order(steps: list[bytes | None]) -> None:
    spool = Spool(Path(tempfile.gettempdir()), 1_000_000)
    put, took = list[Chunk](), list[Chunk]()
    for step in [*steps, *[None] * len(steps)]:
        if step is None:
            found = spool.take()
            took += [found] if found is not None else []
        else:
            put.append(_chunk(len(put), step))
            assert spool.put(put[-1])
    assert took == put
    assert spool.waiting_bytes == 0
    spool.close()


def test_the_spool_knows_its_bound_and_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1000)
    assert spool.put(_chunk(0, b"x" * 500))
    before = spool.full
    assert spool.put(_chunk(1, b"x" * 500))
    assert (before, spool.full) == (False, True)
    assert list(tmp_path.iterdir()) == []
    spool.close()
    assert not Spool(tmp_path / "missing", 1000).put(_chunk(0, b"x"))
