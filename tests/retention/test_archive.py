"""The archive: output comes back as it was, whoever dies in between, and nothing is lost or there twice."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from kolony_tui.core import archiving, retention
from kolony_tui.core.archive_stores import MARK, FolderStore
from kolony_tui.core.session import PersonSession
from kolony_tui.core.work import run_detail
from kolony_tui.models.errors import NoRight, WorkFailed, WrongState
from tests.database import Agent, Workspace, refused
from tests.retention.past import archive_state, ended_run, logged_in, rows


def objects(folder: Path) -> list[Path]:
    """What is in an archive, its mark left out."""
    return sorted(each for each in folder.rglob("*") if each.is_file() and each.name != MARK)


async def restored(session: PersonSession, run_id: UUID) -> None:
    """Brings a run's output back."""
    assert [each.run_id for each in await archiving.restore(session, run_id)] == [run_id]


async def test_output_goes_and_comes_back_to_the_last_bit(workspace: Workspace, agent: Agent, tmp_path: Path) -> None:
    superuser = await workspace.database.superuser()
    old, young = await ended_run(workspace, agent, 40), await ended_run(workspace, agent, 20)
    before, others = await rows(superuser, old), await rows(superuser, young)
    assert before
    async with logged_in(workspace.database, "ada") as ada:
        assert (await archiving.tend(ada)).result == {"archived": 0, "removed": 0, "bytes": 0}
        await archiving.set_archive(ada, str(tmp_path))
        size = sum(len(row[-1]) for row in before)
        assert (await archiving.tend(ada)).result == {"archived": 1, "removed": 0, "bytes": size}
        assert (await rows(superuser, old), await rows(superuser, young)) == ([], others)
        assert [each.state for each in (await run_detail(ada, old)).archived] == ["archived"]
        [there] = await retention.archived(ada)
        [file] = objects(tmp_path)
        assert (there.byte_count, there.sha256) == (size, hashlib.sha256(file.read_bytes()).hexdigest())
        assert [each.run_id for each in await retention.search(ada, ["REFUSED", "conn"])] == [old]
        assert await retention.search(ada, ["refused", "elsewhere"]) == []
        await restored(ada, old)
        assert await rows(superuser, old) == before
        with pytest.raises(WrongState, match="already"):
            await archiving.restore(ada, old)
        # Its time here is over; the object is still there, so it need not be written again.
        await superuser.execute("UPDATE kolony.output_archives SET restored_at = now() - interval '8 days'")
        await superuser.execute("SELECT kolony.retain('output')")
        assert (await rows(superuser, old), await archive_state(superuser, old)) == ([], "archived")
        await restored(ada, old)
        assert await rows(superuser, old) == before
        await superuser.execute("UPDATE kolony.output_archives SET finished_at = now() - interval '91 days'")
        assert (await archiving.tend(ada)).result == {"archived": 0, "removed": 1, "bytes": 0}
        assert (objects(tmp_path), await rows(superuser, old)) == ([], [])
        assert await archive_state(superuser, old) == "removed"
        assert await retention.search(ada, ["refused"]) == []


async def test_an_output_of_many_batches_and_its_words(workspace: Workspace, agent: Agent, tmp_path: Path) -> None:
    superuser = await workspace.database.superuser()
    # "needle" stands on the edge of two chunks; there are more chunks than are read or written at once.
    run_id = await ended_run(workspace, agent, 40, [b"a nee", b"dle is here\n", *(b"line %d\n" % n for n in range(40))])
    before = await rows(superuser, run_id)
    async with logged_in(workspace.database, "ada") as ada:
        await archiving.set_archive(ada, str(tmp_path))
        assert (await archiving.tend(ada)).archived == 1
        assert len(await retention.search(ada, ["needle"])) == 1
        async with logged_in(workspace.database, "bob") as bob:
            await restored(bob, run_id)
    assert await rows(superuser, run_id) == before


class Dying(FolderStore):
    """A folder at which the program dies in one of its steps, by an error that nothing of ours expects."""

    def __init__(self, folder: Path, dies_at: str) -> None:
        super().__init__(folder)
        self._dies_at = dies_at

    def put(self, name: str, file: Path) -> None:
        if self._dies_at == "put":
            raise RuntimeError
        super().put(name, file)
        if self._dies_at == "after put":
            raise RuntimeError

    def read(self, name: str) -> Iterator[bytes]:
        yield from super().read(name)
        raise RuntimeError


@pytest.mark.parametrize("dies_at", ["put", "after put", "read"])
async def test_who_dies_on_the_way_there_loses_nothing(
    workspace: Workspace, agent: Agent, tmp_path: Path, dies_at: str
) -> None:
    superuser = await workspace.database.superuser()
    run_id = await ended_run(workspace, agent, 40)
    before = await rows(superuser, run_id)
    async with logged_in(workspace.database, "ada") as ada:
        await archiving.set_archive(ada, str(tmp_path))
        home = ada.workspace.workspace_id
        [row] = await ada.db.call("take_archive", home, "a host that dies")
        taken = archiving._Taken(*row.values())
        with pytest.raises(RuntimeError):
            await archiving.archive_one(ada, Dying(tmp_path, dies_at), taken)
        assert await rows(superuser, run_id) == before
        assert await ada.db.call("take_archive", home, "another host") == [], "it is still taken"
        await superuser.execute("UPDATE kolony.output_archives SET taken_until = now() - interval '1 second'")
        assert (await archiving.tend(ada)).archived == 1
        [_] = objects(tmp_path)  # what was left behind is swept
        with pytest.raises(WrongState):  # who comes late after all
            await archiving.archive_one(ada, FolderStore(tmp_path), taken)
        assert len(objects(tmp_path)) == 1
        await restored(ada, run_id)
    assert await rows(superuser, run_id) == before


async def test_who_dies_while_removing_is_followed(workspace: Workspace, agent: Agent, tmp_path: Path) -> None:
    superuser = await workspace.database.superuser()
    run_id = await ended_run(workspace, agent, 40)
    async with logged_in(workspace.database, "ada") as ada:
        await archiving.set_archive(ada, str(tmp_path))
        await archiving.tend(ada)
        await superuser.execute("UPDATE kolony.output_archives SET finished_at = now() - interval '91 days'")
        home = ada.workspace.workspace_id
        [row] = await ada.db.call("take_removal", home)  # and dies, its object removed or not
        FolderStore(tmp_path).remove(row["objects"][-1])
        assert await ada.db.call("take_removal", home) == []
        with pytest.raises(WrongState, match="being removed"):
            await retention.hold(ada, "run", run_id, "a case")
        await superuser.execute("UPDATE kolony.output_archives SET taken_until = now() - interval '1 second'")
        assert (await archiving.tend(ada)).removed == 1
        assert await archive_state(superuser, run_id) == "removed"


async def test_two_at_once_take_each_output_once(workspace: Workspace, agent: Agent, tmp_path: Path) -> None:
    superuser = await workspace.database.superuser()
    runs = [await ended_run(workspace, agent, 40, [b"one of many %d\n" % n]) for n in range(6)]
    async with logged_in(workspace.database, "ada") as ada, logged_in(workspace.database, "ada") as again:
        await archiving.set_archive(ada, str(tmp_path))
        did = await asyncio.gather(archiving.tend(ada), archiving.tend(again))
        assert sum(each.archived for each in did) == 6
        assert len(objects(tmp_path)) == 6
    assert [await archive_state(superuser, run) for run in runs] == ["archived"] * 6


async def test_what_was_changed_in_the_archive_does_not_come_back(
    workspace: Workspace, agent: Agent, tmp_path: Path
) -> None:
    superuser = await workspace.database.superuser()
    run_id = await ended_run(workspace, agent, 40)
    async with logged_in(workspace.database, "ada") as ada:
        await archiving.set_archive(ada, str(tmp_path))
        await archiving.tend(ada)
        [file] = objects(tmp_path)
        whole = file.read_bytes()
        for damaged in (whole[:-20], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], b"something else", b""):
            file.write_bytes(damaged)
            with pytest.raises(WorkFailed, match="archive"):
                await archiving.restore(ada, run_id)
            assert await rows(superuser, run_id) == []
        file.write_bytes(whole)
        (tmp_path / MARK).rename(tmp_path / "unmounted")
        with pytest.raises(WorkFailed, match="no archive on this machine"):
            await archiving.restore(ada, run_id)
        (tmp_path / "unmounted").rename(tmp_path / MARK)
        await restored(ada, run_id)


async def test_nobody_puts_in_what_was_never_there(workspace: Workspace, agent: Agent, tmp_path: Path) -> None:
    superuser, bob = await workspace.database.superuser(), await workspace.database.connect("bob")
    run_id = await ended_run(workspace, agent, 40)
    home = workspace.workspace_id
    async with logged_in(workspace.database, "ada") as ada:
        await archiving.set_archive(ada, str(tmp_path))
        await archiving.tend(ada)
    forged = (home, run_id, 1, [0], ["stdout"], [await bob.fetchval("SELECT now()")], [0], [1], [b"never said\n"])
    put = "SELECT kolony.restore_output($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    with refused("55000", "proved in the same transaction"):
        await bob.execute(put, *forged)
    with refused("55000", "not what was put into it"):
        async with bob.transaction():
            await bob.execute(put, *forged)
            await bob.execute("SELECT kolony.finish_restore($1, $2, 1)", home, run_id)
    assert await rows(superuser, run_id) == []
    eve = await workspace.database.connect("eve")
    with refused("42501", "needs the role operator"):
        await eve.execute(put, *forged)
    async with logged_in(workspace.database, "bob") as operator:
        with pytest.raises(NoRight):
            await archiving.tend(operator)


async def test_what_is_not_in_the_object_stays_in_the_database(
    workspace: Workspace, agent: Agent, tmp_path: Path
) -> None:
    run_id = await ended_run(workspace, agent, 40)
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    async with logged_in(workspace.database, "ada") as session:
        await archiving.set_archive(session, str(tmp_path))
    row = await ada.fetchrow("SELECT * FROM kolony.take_archive($1, 'psql')", workspace.workspace_id)
    assert row is not None
    finish = "SELECT kolony.finish_archive($1, $2, 1, $3, $4, 10, $5, '{}', false)"
    with refused("55000", "not what is in the database"):
        await ada.execute(finish, workspace.workspace_id, run_id, row["ticket"], "0" * 64, b"x" * 32)
    assert len(await rows(superuser, run_id)) == 5


async def test_a_place_that_does_not_answer_ends_it_and_says_so(
    workspace: Workspace, agent: Agent, tmp_path: Path
) -> None:
    superuser: asyncpg.Connection = await workspace.database.superuser()
    run_id = await ended_run(workspace, agent, 40)
    before = await rows(superuser, run_id)
    async with logged_in(workspace.database, "ada") as ada:
        await archiving.set_archive(ada, str(tmp_path))
        (tmp_path / MARK).unlink()
        carried = await archiving.tend(ada)
        assert (carried.archived, carried.failed) == (0, 1)
        [job] = [each for each in await retention.jobs(ada) if each.job == "archive"]
        assert (job.failed, "no archive on this machine" in job.words) == (True, True)
        assert await rows(superuser, run_id) == before
        await archiving.set_archive(ada, str(tmp_path))
        assert (await archiving.tend(ada)).archived == 1, "it was given back, and can be taken at once"
