"""kill -9 under load, at random moments: of runners, of what watches over programs, of the app, servers, upkeep."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import psutil

from kolony_tui.db.errors import DRIVER_ERRORS
from kolony_tui.models.errors import KolonyError
from kolony_tui.server.bootstrap import Prepared
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.postmaster import read_pid_file
from tests.faults.conftest import Extent
from tests.faults.load import Load


def _below(runner: int, word: str) -> list[psutil.Process]:
    """The processes below a runner whose command line ends with this word."""
    found = []
    for process in psutil.Process(runner).children(recursive=True):
        try:
            if process.cmdline()[-1:] == [word]:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def test_runners_and_the_app(load: Load, extent: Extent) -> None:
    for worker in load.workers:
        load.start(worker)
    with load.app() as app:
        async with load.sending():
            for number in extent.rounds(2, 30):
                await load.some_output()
                await asyncio.sleep(load.random_moment(0.3, 1.0))
                worker, runner = load.one_runner()
                runner.send(signal.SIGKILL)
                load.start(worker)
                if number == 0:
                    app.signal(signal.SIGKILL)
    with load.app() as app:
        found = await load.judge()
        await load.heals(app)
    assert found.runs > 3
    assert found.lost > 0


async def test_what_watches_over_programs(load: Load, extent: Extent) -> None:
    """Without its guardian a runner goes on; a program whose own watcher is killed ends, and its run says so."""
    await load.quick(1, 12)
    runner = load.start(load.workers[0])
    for number in extent.rounds(2, 20):
        word, outcome = (("guardian", "completed"), (str(runner.process.pid), "failed"))[number % 2]
        sent = await load.send(load.workers[0], 40_000, 1.0)
        await load.prints(sent)
        await asyncio.sleep(load.random_moment(0.0, 0.5))
        watching = _below(runner.process.pid, word)
        assert watching
        for process in watching:
            process.kill()
        await load.ended()
        assert await load.outcome(sent) == outcome
    found = await load.judge(("completed", "failed"))
    assert (found.lost, runner.process.poll()) == (0, None)


async def test_the_server_and_its_backends(
    durable_load: Load, durable: tuple[EmbeddedServer, Prepared], extent: Extent
) -> None:
    load, (server, _) = durable_load, durable
    for worker in load.workers:
        load.start(worker)
    with load.app() as app:
        async with load.sending(every=0.2):
            for number in extent.rounds(2, 20):
                await load.some_output()
                await asyncio.sleep(load.random_moment(0.3, 1.5))
                await _kill_server(load, server, whole=number % 2 == 1)
        found = await load.judge()
        await load.heals(app)
    assert found.runs > 3


async def _kill_server(load: Load, server: EmbeddedServer, *, whole: bool) -> None:
    """The main process, which is started again; or a backend of a runner, and the server recycles by itself."""
    if not whole and (backend := await _backend_of_a_runner(load)) is not None:
        os.kill(backend, signal.SIGKILL)
        return
    found = read_pid_file(server.home.data)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    await asyncio.sleep(load.random_moment(0.0, 0.5))
    while not await asyncio.to_thread(_serves, server, found.pid):
        await asyncio.to_thread(server.ensure)


async def _backend_of_a_runner(load: Load) -> int | None:
    while True:
        try:
            superuser = await load.superuser()
            backends = await superuser.fetch(
                "SELECT pid FROM pg_stat_activity WHERE starts_with(application_name, 'kolony run')"
            )
            await superuser.close()
        except (KolonyError, *DRIVER_ERRORS):
            await asyncio.sleep(0.1)  # it is still repairing itself
            continue
        return load.rng.choice(backends)["pid"] if backends else None


def _serves(server: EmbeddedServer, old: int) -> bool:
    now = read_pid_file(server.home.data)
    return server.address is not None and now is not None and now.pid != old


async def test_whoever_does_the_upkeep(load: Load, extent: Extent) -> None:
    """Killed anywhere in its work, it leaves every job to the next one, and each is done."""
    await load.quick(1, 12)
    for worker in load.workers:
        load.start(worker)
    async with load.sending(every=0.3):
        superuser = await load.superuser()
        jobs = await superuser.fetchval("SELECT count(*) FROM kolony.upkeep")
        for _ in extent.rounds(3, 40):
            await superuser.execute("UPDATE kolony.upkeep SET last_began = last_began - interval '2 days'")
            maintainer = _maintain(load)
            await asyncio.sleep(load.random_moment(0.25, 0.8))
            maintainer.kill()
            maintainer.communicate()
        await superuser.execute("UPDATE kolony.upkeep SET last_began = last_began - interval '2 days'")
        done = _maintain(load)
        said = (await asyncio.to_thread(done.communicate))[0]
        assert done.returncode == 0, said
        assert await superuser.fetchval("SELECT count(*) FROM kolony.upkeep WHERE last_began <= last_ended") == jobs
        assert not await superuser.fetchval("SELECT count(*) FROM kolony.upkeep WHERE last_result ? 'error'")
        await superuser.close()
    found = await load.judge()
    assert found.lost == 0


def _maintain(load: Load) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "kolony_tui", "maintain", "--all", "--dsn", load.ground.admin_dsn],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "KOLONY_HOME": str(load.ground.home)},
    )
