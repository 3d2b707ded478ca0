"""What programs print is what the database holds: every byte, once, in order, through lost connections (G4)."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path
from uuid import UUID

from tests.agent.colony import Colony, until


async def _cut_off(colony: Colony) -> int:
    """Ends the runner's connections as a dead network does; how many."""
    cut: int = await colony.superuser.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = $1", colony.token.login,
    )  # fmt: skip
    return cut


async def _let_in(colony: Colony, allowed: bool) -> None:
    await colony.superuser.execute(f"ALTER ROLE {colony.token.login} CONNECTION LIMIT {4 if allowed else 0}")


async def test_bytes_come_back_exactly(colony: Colony) -> None:
    hostile = bytes(range(256)) * 300 + b"\0\0\xff\xfe\xc3\x1b[31mred\x1b[0m\r\n\xe2\x82"
    hostile += random.Random(4).randbytes(200_000)
    (colony.home / "hostile").write_bytes(hostile)
    colony.runner()
    run_id = await colony.send(f"cat {colony.home}/hostile; cat {colony.home}/hostile >&2")
    row = await colony.done(run_id)
    assert row["status"] == "completed", row
    assert await colony.output(run_id) == hostile
    assert await colony.output(run_id, "stderr") == hostile


async def test_streams_stay_apart_and_in_the_order_of_their_arrival(colony: Colony) -> None:
    colony.runner()
    run_id = await colony.send("for i in 1 2 3; do echo out$i; sleep 0.15; echo err$i >&2; sleep 0.15; done")
    await colony.done(run_id)
    chunks = await colony.chunks(run_id)
    assert [(chunk["stream"], chunk["data"]) for chunk in chunks] == [
        (stream, f"{stream[3:]}{number}\n".encode()) for number in (1, 2, 3) for stream in ("stdout", "stderr")
    ]
    times = [chunk["at"] for chunk in chunks]
    assert times == sorted(times)


async def test_a_line_is_seen_while_its_program_runs(colony: Colony) -> None:
    colony.runner()
    run_id = await colony.send(f"printf 'no newline'; while [ ! -e {colony.home}/go ]; do sleep 0.02; done")

    async def seen() -> bool:
        return await colony.output(run_id) == b"no newline"

    await until(seen, what="the prompt")
    (colony.home / "go").touch()
    await colony.done(run_id)


async def test_onlookers_are_told_of_output_seldom_and_of_changes(colony: Colony) -> None:
    heard: list[str] = []
    listener = await colony.workspace.database.connect("eve")
    await listener.add_listener(colony.workspace.channel, lambda *words: heard.append(str(words[-1])))
    colony.runner()
    run_id = await colony.send("for i in $(seq 200); do echo $i; sleep 0.005; done")
    await colony.done(run_id)

    async def told() -> bool:
        return heard.count(f"run:{run_id}") >= 2

    await until(told, what="the hint of its end")
    assert 2 <= heard.count(f"output:{run_id}") <= 60
    assert f"agent:{colony.agent_id}" in heard


async def test_a_million_lines_through_cut_connections_have_no_hole_and_no_double(colony: Colony) -> None:
    runner = colony.runner()
    program = "import sys\nfor n in range(1000000): sys.stdout.write('%d\\n' % n)"
    run_id = await colony.send(f'{sys.executable} -I -S -c "{program}"')
    cuts = 0
    for some in (1, 20, 60, 100):
        await _wait_for_chunks(colony, run_id, some)
        cuts += await _cut_off(colony)
    row = await colony.done(run_id, deadline=60)
    assert row["status"] == "completed", (row, runner.lines)
    assert cuts >= 4
    assert await colony.output(run_id) == b"".join(b"%d\n" % number for number in range(1_000_000))
    [attempt] = await colony.attempts(run_id)
    assert (attempt["line_count"], attempt["byte_count"]) == (1_000_000, 6_888_890)
    assert attempt["chunk_count"] == len(await colony.chunks(run_id))


async def _wait_for_chunks(colony: Colony, run_id: UUID, count: int) -> None:
    async def there() -> bool:
        found = await colony.superuser.fetchval("SELECT count(*) FROM kolony.output_chunks WHERE run_id = $1", run_id)
        return bool(found >= count)

    await until(there, what=f"{count} chunks")


async def test_output_waits_on_disk_while_the_database_is_away(colony: Colony) -> None:
    runner = colony.runner()
    done = colony.home / "printed"
    run_id = await colony.send(f"echo first; while [ ! -e {colony.home}/go ]; do sleep 0.02; done;"
                               f" head -c 12000000 /dev/zero | tr '\\0' 'z'; touch {done}; echo last")  # fmt: skip
    await _wait_for_chunks(colony, run_id, 1)
    await _let_in(colony, False)
    await _cut_off(colony)
    await runner.says("trying again")
    (colony.home / "go").touch()

    async def printed() -> bool:
        return await asyncio.to_thread(done.exists)

    await until(printed, what="the program's end, which nothing slowed")
    assert len(await colony.output(run_id)) < 100
    await _let_in(colony, True)
    assert (await colony.done(run_id))["status"] == "completed"
    assert await colony.output(run_id) == b"first\n" + b"z" * 12_000_000 + b"last\n"
    # But for what the runner holds while it lives.
    assert [each.name[:7] for each in (colony.home / "spool").iterdir()] == ["runner-"]


async def test_a_full_spool_slows_the_program_and_drops_nothing(colony: Colony) -> None:
    runner = colony.runner("--spool", "1")
    run_id = await colony.send(f"echo $$; while [ ! -e {colony.home}/go ]; do sleep 0.02; done;"
                               " exec dd if=/dev/zero bs=1M count=12 status=none")  # fmt: skip
    await _wait_for_chunks(colony, run_id, 1)
    pid = int(await colony.output(run_id))
    await _let_in(colony, False)
    await _cut_off(colony)
    await runner.says("trying again")
    (colony.home / "go").touch()
    looks = [""] * 20

    async def blocked() -> bool:
        looks.pop(0)
        looks.append((Path("/proc") / str(pid) / "wchan").read_text())
        return all("pipe" in look for look in looks)

    await until(blocked, what=f"a program that waits in its write ({looks})")
    await _let_in(colony, True)
    assert (await colony.done(run_id))["status"] == "completed"
    assert await colony.output(run_id) == b"%d\n" % pid + bytes(12 * 1024 * 1024)


async def test_pieces_that_the_server_lost_are_written_again(colony: Colony) -> None:
    colony.runner()
    wait = f"while [ ! -e {colony.home}/go ]; do sleep 0.02; done"
    run_id = await colony.send(f"for i in 1 2 3 4; do echo $i; sleep 0.15; done; {wait}")
    await _wait_for_chunks(colony, run_id, 4)
    await colony.superuser.execute("DELETE FROM kolony.output_chunks WHERE run_id = $1 AND seq IN (1, 3)", run_id)
    (colony.home / "go").touch()
    row = await colony.done(run_id)
    assert (row["status"], row["error"]) == ("completed", None)
    assert await colony.output(run_id) == b"1\n2\n3\n4\n"
