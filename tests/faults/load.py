"""A small colony under load: agents with real runners, programs that print known bytes, and a sender that notes what
was acknowledged; and the judgement of all of it after a fault."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import asyncpg

from kolony_tui.core.session import PersonSession, log_in
from kolony_tui.core.tokens import Token, new_token
from kolony_tui.core.work import Sending, send
from kolony_tui.db.connect import connect
from kolony_tui.db.errors import DRIVER_ERRORS
from kolony_tui.db.target import Target
from kolony_tui.models.errors import CannotConnect, KolonyError
from kolony_tui.server.bootstrap import Prepared
from kolony_tui.server.embedded import EmbeddedServer
from tests.agent.colony import RunnerProcess, until
from tests.database import Database, verifier
from tests.faults.judging import Judgement, judged
from tests.terminal import Terminal
from tests.ui.terminal import opened

PROGRAM = Path(__file__).with_name("program.py")
DEADLINE = 60.0


@dataclass(frozen=True)
class Ground:
    """A server with a workspace of ours: the way there (no login), its admin, its superuser's URL, a KOLONY_HOME."""

    place: Target
    admin: Target
    superuser: Callable[[], str]
    home: Path

    @property
    def admin_dsn(self) -> str:
        """The admin's URL, for programs that are started."""
        assert self.admin.login is not None
        assert self.admin.password is not None
        login = f"{quote(self.admin.login)}:{quote(self.admin.password.reveal(), safe='')}"
        return self.place.dsn.replace("://", f"://{login}@", 1)


def own_ground(server: EmbeddedServer, prepared: Prepared, home: Path) -> Ground:
    """On an embedded server that a test may kill."""
    password = server.secrets.get(f"person:{prepared.first_admin}")
    assert password is not None
    address = prepared.address
    place = Target(f"postgresql:///{address.database}?host={quote(address.host, safe='/')}&port={address.port}")
    return Ground(place, place.as_login(prepared.first_admin, password), server.superuser_dsn, home)


def shared_ground(database: Database, home: Path) -> Ground:
    """On a test's own database of the session's server."""
    return Ground(database.target(), database.target("ada"), lambda: database.cluster.dsn(database.name), home)


@dataclass(frozen=True)
class Worker:
    """An agent with a token."""

    agent_id: UUID
    name: str
    token: Token


@dataclass
class Sent:
    """A command as its sender knows it; ``run_id`` is None until it was acknowledged."""

    key: str
    seed: str
    size: int
    run_id: UUID | None = None


@dataclass
class Load:
    """One colony. ``sent`` is what was tried; ``via`` another way to the server than the ground's, for runners."""

    ground: Ground
    rng: random.Random
    session: PersonSession
    workers: list[Worker] = field(default_factory=list)
    runners: list[RunnerProcess] = field(default_factory=list)
    serving: dict[int, Worker] = field(default_factory=dict)
    """Whose runner has this process id."""
    sent: list[Sent] = field(default_factory=list)
    via: Target | None = None

    @property
    def copies(self) -> Path:
        """Where programs keep what they print."""
        return self.ground.home / "copies"

    @property
    def acknowledged(self) -> list[Sent]:
        """What the server said that it has."""
        return [each for each in self.sent if each.run_id is not None]

    async def superuser(self) -> asyncpg.Connection:
        """A connection of the superuser."""
        return await asyncpg.connect(self.ground.superuser())

    async def quick(self, heartbeat: int = 1, lease: int = 4) -> None:
        """Short heartbeats and leases."""
        superuser = await self.superuser()
        await superuser.execute(
            "UPDATE kolony.workspaces SET heartbeat_seconds = $1, lease_seconds = $2, backoff_seconds = 1",
            heartbeat, lease,
        )  # fmt: skip
        await superuser.close()

    async def add_worker(self) -> Worker:
        """An agent with a token of its own."""
        name, token = f"w{uuid4().hex[:8]}", new_token()
        admin = await connect(self.ground.admin, "kolony tests")
        made = await admin.fetchval("SELECT kolony.create_agent($1, $2)", self.session.workspace.workspace_id, name)
        await admin.execute("SELECT kolony.issue_token($1, $2, $3, $4, $5)",
                            made, token.login, verifier(token.secret), token.digest, token.hint)  # fmt: skip
        await admin.close()
        self.workers.append(Worker(made, name, token))
        return self.workers[-1]

    def start(
        self,
        worker: Worker,
        *flags: str,
        program: tuple[str, ...] = ("-m", "kolony_tui"),
        home: Path | None = None,
        concurrency: int = 3,
    ) -> RunnerProcess:
        """Starts a runner as a process; ``program`` is what the interpreter is given in the place of Kolony."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("KOLONY_", "PG"))}
        log = self.ground.home / f"runner-{len(self.runners)}.log"
        words = ["agent", "run", worker.name, "--concurrency", str(concurrency), *flags]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, *program, *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={
                    **kept,
                    "KOLONY_HOME": str(home or self.ground.home),
                    "KOLONY_DSN": (self.via or self.ground.place).dsn,
                    "KOLONY_AGENT_TOKEN": worker.token.secret.reveal(),
                },
            )
        self.runners.append(RunnerProcess(process, log))
        self.serving[process.pid] = worker
        return self.runners[-1]

    def one_runner(self) -> tuple[Worker, RunnerProcess]:
        """One of the runners that live, by chance, and whose it is."""
        runner = self.rng.choice([each for each in self.runners if each.process.poll() is None])
        return self.serving[runner.process.pid], runner

    def text(self, sent: Sent, seconds: float) -> str:
        """The command's text: the program that prints its bytes."""
        words = [sys.executable, "-S", "-E", str(PROGRAM), str(self.copies), sent.seed, str(sent.size), str(seconds)]
        return "exec " + " ".join(words)

    async def send(self, worker: Worker, size: int = 20_000, seconds: float = 0.5, *, tries: int = 100) -> Sent:
        """Sends one command, again under the same key until it is acknowledged, however often the server goes away."""
        sent = Sent(key=uuid4().hex, seed=uuid4().hex[:8], size=size)
        self.sent.append(sent)
        how = Sending(idempotency_key=sent.key)
        for _ in range(tries):
            try:
                done = await send(self.session, [worker.agent_id], self.text(sent, seconds), how)
            except CannotConnect:
                await asyncio.sleep(0.1)
                continue
            run_id = done.runs[0].run_id
            assert run_id is not None
            sent.run_id = run_id
            await self._retry_often(run_id)
            return sent
        raise AssertionError("no server for too long")

    async def _retry_often(self, run_id: UUID) -> None:
        """A test loses more attempts of one run than people allow."""
        superuser = None
        while superuser is None:
            with contextlib.suppress(asyncpg.PostgresError, OSError, CannotConnect):
                superuser = await self.superuser()
                continue
            await asyncio.sleep(0.05)
        with contextlib.suppress(*DRIVER_ERRORS):
            await superuser.execute(
                """UPDATE kolony.commands c SET max_attempts = 100 FROM kolony.runs r
                   WHERE r.run_id = $1 AND c.command_id = r.command_id""", run_id,
            )  # fmt: skip
        superuser.terminate()

    @asynccontextmanager
    async def sending(self, every: float = 0.1, size: int = 20_000, seconds: float = 0.5) -> AsyncIterator[None]:
        """Sends to the workers in turn while the block lasts; what is on its way then is still acknowledged."""
        going = True

        async def send_on() -> None:
            number = 0
            while going:
                await self.send(self.workers[number % len(self.workers)], size, seconds)
                number += 1
                await asyncio.sleep(every * self.rng.uniform(0.5, 1.5))

        task = asyncio.create_task(send_on())
        try:
            yield
        except BaseException:
            task.cancel()
            raise
        going = False
        await task

    def random_moment(self, least: float, most: float) -> float:
        """Seconds to wait before the fault."""
        return self.rng.uniform(least, most)

    async def prints(self, sent: Sent) -> None:
        """Returns when the program of this run prints."""

        async def look() -> bool:
            return any(file.stat().st_size for file in self.copies.glob(f"{sent.run_id}-*[0-9]"))

        await until(look, what="a program that prints")

    async def printed_so_far(self, sent: Sent) -> int:
        """How much its program has printed, once that does not become more for a second."""
        size, grew = -1, time.monotonic()

        async def stands() -> bool:
            nonlocal size, grew
            now = sum(file.stat().st_size for file in self.copies.glob(f"{sent.run_id}-*[0-9]"))
            if now != size:
                size, grew = now, time.monotonic()
            return time.monotonic() - grew > 1

        await until(stands, what="a program that waits")
        return size

    async def any_runner_says(self, *words: str) -> None:
        """Waits until one of the runners has one of these in its log."""

        async def said() -> bool:
            return any(word in runner.lines for runner in self.runners for word in words)

        try:
            await until(said, what=f"one of {words}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs}\n{await self._server_does()}") from None

    async def _server_does(self) -> str:
        try:
            superuser = await self.superuser()
        except (KolonyError, *DRIVER_ERRORS) as error:
            return f"the server: {error!r}"
        rows = await superuser.fetch(
            """SELECT pid, backend_type, application_name, state, wait_event_type, wait_event,
                      now() - state_change AS since, pg_blocking_pids(pid) AS behind, left(query, 80) AS query
               FROM pg_stat_activity WHERE pid <> pg_backend_pid()"""
        )
        superuser.terminate()
        return "\n".join(str(dict(row)) for row in rows)

    async def some_output(self, bytes_before: int = 1) -> None:
        """Returns when programs of this colony have printed something new."""
        await until(self._printed(bytes_before), what="programs that print")

    def _printed(self, least: int) -> Callable[[], Any]:
        async def look() -> bool:
            return sum(file.stat().st_size for file in self.copies.iterdir()) >= least

        return look

    async def ended(self, deadline: float = DEADLINE) -> None:
        """Returns when every acknowledged run has ended."""
        ids = [each.run_id for each in self.acknowledged]

        async def all_ended() -> bool:
            with contextlib.suppress(KolonyError, *DRIVER_ERRORS):
                superuser = await self.superuser()
                try:
                    return not await superuser.fetchval(
                        "SELECT EXISTS (SELECT FROM kolony.runs WHERE run_id = ANY ($1) AND outcome IS NULL)", ids
                    )
                finally:
                    superuser.terminate()
            return False

        try:
            await until(all_ended, deadline=deadline, what="the end of every run")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{await self._left(ids)}\n{self.logs}") from None

    async def outcome(self, sent: Sent) -> str | None:
        """What became of it; None while it goes on."""
        superuser = await self.superuser()
        outcome: str | None = await superuser.fetchval("SELECT outcome FROM kolony.runs WHERE run_id = $1", sent.run_id)
        await superuser.close()
        return outcome

    async def _left(self, ids: list[UUID | None]) -> str:
        superuser = await self.superuser()
        rows = await superuser.fetch(
            """SELECT r.run_id, t.number, t.outcome, t.error
               FROM kolony.runs r LEFT JOIN kolony.attempts t USING (run_id)
               WHERE r.run_id = ANY ($1) AND r.outcome IS NULL ORDER BY 1, 2""", ids,
        )  # fmt: skip
        superuser.terminate()
        return "\n".join(str(dict(row)) for row in rows[:20])

    @property
    def logs(self) -> str:
        """What the runners wrote: the last lines of each."""
        return "\n---\n".join("\n".join(runner.lines.splitlines()[-30:]) for runner in self.runners)

    async def judge(self, outcomes: tuple[str, ...] = ("completed",)) -> Judgement:
        """Waits for every run's end and holds what is in the database against what was acknowledged and printed."""
        await self.ended()
        superuser = await self.superuser()
        try:
            found = await judged(superuser, {each.key: each.run_id for each in self.sent}, self.copies)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs}") from None
        finally:
            await superuser.close()
        assert set(found.outcomes) <= set(outcomes), f"{found}\n{self.logs}"
        for runner in self.runners:
            assert "Traceback" not in runner.lines, runner.lines
        return found

    @contextmanager
    def app(self) -> Iterator[Terminal]:
        """The app in a terminal, as the admin."""
        home = self.ground.home / "app"
        home.mkdir(exist_ok=True)
        with opened(home, self.ground.admin_dsn, columns=140, rows=40) as terminal:
            terminal.until(lambda: "online" in terminal.shown, "the dashboard")
            with terminal.read_along():
                yield terminal

    async def heals(self, terminal: Terminal) -> None:
        """Waits, without a key, until the app shows that nothing runs or waits, only what has ended, and no banner.

        What it says above the output is what the database has of that run: how it ended, and in which attempt.
        """
        ends = await self._ends()

        def healed() -> bool:
            rows = terminal.shown.splitlines()
            output = next((number for number, row in enumerate(rows) if row.startswith(" Output ")), 0)
            listed = [row for row in rows[3:output] if "#" in row]
            ended = bool(listed) and all("✔ completed" in row for row in listed)
            shown = re.search(r" #(\d+) ", rows[output])
            outcome, attempt = ends.get(int(shown[1]), ("", 0)) if shown is not None else ("", 0)
            said = [outcome, *([f"attempt {attempt}"] if attempt > 1 else [])]
            true = shown is not None and all(f" {words} " in rows[output] for words in said)
            return "connection lost" not in terminal.shown and "0 busy" in rows[1] and ended and true

        await asyncio.to_thread(terminal.until, healed, "the end on the screen, without a key")

    async def _ends(self) -> dict[int, tuple[str, int]]:
        """By the number of each command: how its run ended, and in which attempt."""
        superuser = await self.superuser()
        rows = await superuser.fetch(
            """SELECT c.number, r.outcome, (SELECT max(t.number) FROM kolony.attempts t WHERE t.run_id = r.run_id)
               FROM kolony.runs r JOIN kolony.commands c USING (command_id)
               WHERE r.outcome IS NOT NULL AND r.workspace_id = $1""", self.session.workspace.workspace_id,
        )  # fmt: skip
        await superuser.close()
        return {number: (outcome, attempt) for number, outcome, attempt in rows}

    async def close(self) -> None:
        """Ends the runners; whatever they ran ends with them."""
        for runner in self.runners:
            with contextlib.suppress(ProcessLookupError):
                runner.process.kill()
            runner.process.wait()
        await self.session.db.close()


@asynccontextmanager
async def load_on(ground: Ground, rng: random.Random, workers: int = 2) -> AsyncIterator[Load]:
    """A colony of so many agents on that ground, with short leases and no runner yet."""
    made = Load(ground, rng, await log_in(ground.admin, "kolony tests sender"))
    made.copies.mkdir(exist_ok=True)
    try:
        await made.quick()
        for _ in range(workers):
            await made.add_worker()
        yield made
    finally:
        await made.close()
