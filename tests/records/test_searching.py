"""Search in an output: across the edges of pieces, in whatever bytes there are, range by range, by those who may."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from kolony_tui.core import records, searching
from kolony_tui.core.output_parts import Output
from kolony_tui.core.searching import Hit, Wanted, search, wanted_by
from kolony_tui.core.session import log_in
from kolony_tui.models.errors import KolonyError, UsageError, WorkFailed
from tests.database import Agent, Workspace
from tests.ui.stage import Stage

Piece = tuple[str, bytes]


async def printed(workspace: Workspace, agent: Agent, pieces: Sequence[Piece]) -> Output:
    """What ``eve``, a viewer, can read of a run that printed these pieces."""
    stage = Stage(workspace, agent)
    runner = await stage.runner()
    run_id = await stage.send("print")
    claim = await runner.take()
    await runner.write(claim, *pieces)
    session = await log_in(workspace.database.target("eve"), "test", "main")
    end = await records.output_end(session, run_id)
    assert end is not None
    return Output(session, run_id, end)


async def hits(output: Output, wanted: Wanted, *, upwards: bool = False, size: int = 8_000_000) -> list[Hit]:
    start = (await output.extent()).pieces if upwards else 0
    found: list[Hit] = []
    async for part in search(output, wanted, start=start, upwards=upwards, width=200, size=size):
        assert part.first <= part.last
        found += part.hits
    return found


def lines(found: list[Hit]) -> list[int]:
    return [hit.line for hit in found]


async def test_edges_streams_colours_and_hostile_bytes(workspace: Workspace, agent: Agent) -> None:
    output = await printed(workspace, agent, [
        ("stdout", "zero Wörld\none nee".encode()),  # 0, 1
        ("stderr", b"warn\n"),  # 1
        ("stdout", "dle\ntwo \x1b[31mred\x1b[0mhot\nö".encode()[:-1]),
        ("stdout", "ö".encode()[-1:] + b"tang\n\xff\xfe needle \\x \x00 end\n"),
        ("stdout", b"last needle nee"),
        ("stdout", b"dle and more"),
    ])  # fmt: skip
    try:
        for size in (1, 8_000_000):
            found = await hits(output, wanted_by("needle"), size=size)
            assert lines(found) == [2, 5, 6], "the first over an edge and another stream, and a line once only"
            assert [hit.words.raw for hit in found][:1] == ["one needle"]
            assert "needle \\x \0 end" in found[1].words.raw
            assert lines(await hits(output, wanted_by("redhot"), size=size)) == [3]
            assert lines(await hits(output, wanted_by("WÖRLD".lower()), size=size)) == [0]
            assert lines(await hits(output, wanted_by("WÖRLD"), size=size)) == []
            assert lines(await hits(output, wanted_by("ötang"), size=size)) == [4]
            assert lines(await hits(output, wanted_by("/^(one|last).*needle\\b/"), size=size)) == [2, 6]
            assert lines(await hits(output, wanted_by("/nee\\w+$/"), size=size)) == [2]
            upwards = await hits(output, wanted_by("needle"), upwards=True, size=size)
            assert sorted(lines(upwards)) == [2, 5, 6]
        for wrong in ("/(/", "/[z-a]/"):
            with pytest.raises(KolonyError, match="regular expression"):
                await hits(output, wanted_by(wrong))
        for empty in ("", "a\nb", "x" * 1001):
            with pytest.raises(UsageError):
                wanted_by(empty)
        stranger = await log_in(workspace.database.target("olga"), "test", "other")
        try:
            with pytest.raises(KolonyError):
                await stranger.db.call("search_output", output.session.workspace.workspace_id, output.run_id, 1,
                                       output.end.output_day, 0, 9, "needle", False, True, None, 10)  # fmt: skip
        finally:
            await stranger.db.close()
    finally:
        await output.session.db.close()


async def test_a_search_ends_when_it_is_left_or_takes_too_long(
    workspace: Workspace, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A line of 1 MB, in two pieces, and one that goes on; what is to come twice in it is looked for at every length.
    half = b"a" * 500_000
    output = await printed(workspace, agent, [("stdout", half), ("stdout", half + b"c\n"), ("stdout", half)])
    endless = wanted_by("/(a+)b?\\1(a+)\\2c$/")
    superuser = await workspace.database.superuser()

    async def searches() -> int:
        count: int = await superuser.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
            "AND query LIKE '%search_output%' AND pid <> pg_backend_pid()"
        )
        return count

    async def become(count: int) -> None:
        async with asyncio.timeout(5):
            while await searches() != count:
                await asyncio.sleep(0.02)

    try:
        assert lines(await hits(output, wanted_by("/(a+)+c$/"))) == [0], "what is merely written badly is found"
        looking = asyncio.ensure_future(hits(output, endless))
        await become(1)
        looking.cancel()
        await become(0)
        with pytest.raises(asyncio.CancelledError):
            await looking
        monkeypatch.setattr(searching, "STEP_SECONDS", 0.2)
        with pytest.raises(WorkFailed, match=r"^the server ended this search, which has 0.2 seconds") as told:
            await hits(output, endless)
        assert "\n" not in told.value.line
        assert await output.session.db.value("people/clock"), "and the connection serves on"
    finally:
        await output.session.db.close()
