"""What runs leave in the database: in pieces, once, under caps, and only by who holds the lease."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Agent, Database, Workspace, refused
from tests.work.calls import Runner, let_backoff_pass, let_pass, send

KEEP = "SELECT * FROM kolony.keep_artifact($1, $2, $3, $4, $5, $6, $7)"
APPEND = "SELECT kolony.append_artifact_part($1, $2, $3, $4)"
MIB = 1024 * 1024


class Leaver:
    """A runner with an attempt that leaves things."""

    def __init__(self, runner: Runner, run_id: UUID, attempt_id: UUID) -> None:
        self.runner, self.run_id, self.attempt_id = runner, run_id, attempt_id

    async def keep(self, name: str, data: bytes, kind: str = "file", *, size: int | None = None,
                   why_not: str | None = None, digest: str | None = "") -> asyncpg.Record:  # fmt: skip
        found = sha256(data).hexdigest() if digest == "" else digest
        size = len(data) if size is None else size
        arguments = (self.attempt_id, name, kind, "text/plain", size, found, why_not)
        row = await self.runner.connection.fetchrow(KEEP, *arguments)
        assert row is not None
        return row

    async def part(self, artifact_id: UUID, part: int, data: bytes) -> bool:
        done: bool = await self.runner.connection.fetchval(APPEND, self.attempt_id, artifact_id, part, data)
        return done

    async def leave(self, name: str, data: bytes, piece: int = MIB) -> UUID:
        row = await self.keep(name, data)
        for part, start in enumerate(range(0, len(data), piece)):
            await self.part(row["artifact_id"], part, data[start : start + piece])
        artifact_id: UUID = row["artifact_id"]
        return artifact_id


async def leaver(database: Database, agent: Agent, bob: asyncpg.Connection) -> Leaver:
    """One attempt under way."""
    runner = await Runner.of(database, agent)
    [run_id] = await send(bob, agent)
    [claimed] = await runner.claim()
    await runner.start(claimed["attempt_id"])
    return Leaver(runner, run_id, claimed["attempt_id"])


@pytest.fixture
async def bob(workspace: Workspace) -> asyncpg.Connection:
    return await workspace.database.connect("bob")


async def _seen(viewer: asyncpg.Connection) -> dict[str, Any]:
    rows = await viewer.fetch("SELECT name, kept, why_not, attempt FROM kolony.artifact_overview")
    return {f"{row['name']}@{row['attempt']}": row["why_not"] or row["kept"] for row in rows}


async def test_content_is_there_when_all_its_pieces_are(
    workspace: Workspace, agent: Agent, bob: asyncpg.Connection
) -> None:
    left = await leaver(workspace.database, agent, bob)
    data = bytes(range(256)) * 4096 * 2
    first = await left.keep("logs/run.bin", data)
    assert (first["stored"], first["kept"], first["why_not"]) == (0, False, None)
    assert not await left.part(first["artifact_id"], 0, data[:MIB])
    # The answer was lost: both calls are said again.
    assert not await left.part(first["artifact_id"], 0, data[:MIB])
    again = await left.keep("logs/run.bin", data)
    assert (again["artifact_id"], again["stored"]) == (first["artifact_id"], MIB)
    assert await _seen(bob) == {"logs/run.bin@1": "it is being stored"}
    assert await left.part(first["artifact_id"], 1, data[MIB:])
    assert await left.part(first["artifact_id"], 1, data[MIB:])
    parts = await bob.fetch("SELECT data FROM kolony.artifact_parts ORDER BY part")
    assert b"".join(row["data"] for row in parts) == data
    assert await _seen(bob) == {"logs/run.bin@1": True}
    # The same content under another name, and of another kind, takes no room.
    twin = await left.keep("copy.bin", data)
    assert twin["kept"]
    assert (await left.keep("empty", b""))["kept"]
    assert await bob.fetchval("SELECT count(*) FROM kolony.artifact_parts") == 2
    stranger = await workspace.database.connect("olga")
    assert await stranger.fetch("SELECT FROM kolony.artifacts") == []
    assert await stranger.fetch("SELECT FROM kolony.artifact_parts") == []


async def test_what_is_not_what_was_said_of_it(workspace: Workspace, agent: Agent, bob: asyncpg.Connection) -> None:
    left = await leaver(workspace.database, agent, bob)
    said = await left.keep("a.txt", b"what was said")
    with refused("22023", "not what was said"):
        await left.part(said["artifact_id"], 0, b"what was done")
    with refused("22023", "more than was said"):
        await left.part(said["artifact_id"], 0, b"what was said and more")
    given_up = await left.keep("a.txt", b"what was said", why_not="it changed while it was read")
    assert given_up["why_not"] == "it changed while it was read"
    with refused("55000", "not kept"):
        await left.part(said["artifact_id"], 0, b"what was said")
    for name in ("", "/etc/passwd", "a/../b", "..", "a//b", "a\nb", "x" * 1025, "a/"):
        with refused("22023", "relative path"):
            await left.keep(name, b"x")
    with refused("22023", "file, a diff or a patch"):
        await left.keep("b", b"x", "directory")
    with refused("22023", "64 hexadecimal"):
        await left.keep("b", b"x", digest="abc")
    with refused("P0002", "no such artifact"):
        await left.part(left.attempt_id, 0, b"x")


async def test_caps_and_who_may(workspace: Workspace, agent: Agent, bob: asyncpg.Connection) -> None:
    left = await leaver(workspace.database, agent, bob)
    superuser = await workspace.database.superuser()
    assert "16 MiB" in (await left.keep("big", b"", size=16 * MIB + 1, digest="0" * 64))["why_not"]
    await superuser.execute(
        """INSERT INTO kolony.artifacts (workspace_id, run_id, attempt_id, name, kind, media_type, size, sha256,
               content_id, artifact_id, kept_at)
           SELECT $1, $2, $3, 'n' || n, 'file', 'text/plain', 16 * 1024 * 1024 - 1, repeat('0', 64), i, i, now()
           FROM generate_series(1, 4) n, LATERAL (SELECT gen_random_uuid() i WHERE n > 0) i""",
        workspace.workspace_id, left.run_id, left.attempt_id,
    )  # fmt: skip
    assert (await left.keep("four bytes", b"1234"))["why_not"] is None
    assert "64 MiB" in (await left.keep("one more", b"1"))["why_not"]
    await superuser.execute("UPDATE kolony.artifacts SET size = 0")
    await superuser.execute(
        """INSERT INTO kolony.artifacts (workspace_id, run_id, attempt_id, name, kind, media_type, size, sha256,
               content_id, artifact_id)
           SELECT $1, $2, $3, 'm' || n, 'file', 'text/plain', 0, repeat('0', 64), i, i
           FROM generate_series(1, 994) n, LATERAL (SELECT gen_random_uuid() i WHERE n > 0) i""",
        workspace.workspace_id, left.run_id, left.attempt_id,
    )  # fmt: skip
    assert (await left.keep("the thousandth", b"1"))["why_not"] is None
    assert "1,000 files" in (await left.keep("one more file", b"2"))["why_not"]
    for name in ("bob", "eve"):
        person = await workspace.database.connect(name)
        with refused("42501"):
            await person.fetch(KEEP, left.attempt_id, "x", "file", "text/plain", 1, None, None)
        with refused("42501"):
            await person.execute("DELETE FROM kolony.artifacts")
    # Whoever lost the lease keeps nothing; what had begun says so, and the next attempt's same content is one.
    await superuser.execute("DELETE FROM kolony.artifacts WHERE name LIKE 'm%' OR name LIKE 'n%'")
    half = await left.keep("half", b"3")
    await left.leave("whole", b"4")
    await let_pass(superuser, left.runner.session_id)
    with refused("KO001"):
        await left.part(half["artifact_id"], 0, b"3")
    with refused("KO001"):
        await left.keep("late", b"5")
    await bob.execute("SELECT kolony.settle($1)", workspace.workspace_id)
    await let_backoff_pass(superuser)
    second = await Runner.of(workspace.database, agent)
    [claimed] = await second.claim()
    after = Leaver(second, left.run_id, claimed["attempt_id"])
    assert (await after.keep("whole", b"4"))["kept"]
    seen = await _seen(bob)
    assert seen["half@1"] == "its runner went before all of it was stored"
    assert [seen["whole@1"], seen["whole@2"]] == [True, True]
    # Retention takes a run's whole at once.
    await superuser.execute("DELETE FROM kolony.artifacts WHERE run_id = $1", left.run_id)
    assert await superuser.fetchval("SELECT count(*) FROM kolony.artifact_parts") == 0
