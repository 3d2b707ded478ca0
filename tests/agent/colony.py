"""A real agent with a real token, its runner as a process, and an operator who sends it work and looks at the rows."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg

from kolony_tui.agent.adapter import Assignment
from kolony_tui.core.tokens import Token, new_token
from tests.database import Workspace, verifier

DEADLINE = 30.0

_Answer = TypeVar("_Answer")


async def until(
    look: Callable[[], Awaitable[_Answer | None]], *, deadline: float = DEADLINE, what: str = "it"
) -> _Answer:
    """What ``look`` answers as soon as that is true; fails after so many seconds."""
    end = time.monotonic() + deadline
    while not (found := await look()):
        assert time.monotonic() < end, f"{what} did not happen within {deadline} s"
        await asyncio.sleep(0.02)
    return found


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def assignment(text: str, **facts: Any) -> Assignment:
    """An attempt at this text."""
    usual: dict[str, Any] = {
        "attempt": 1, "command_number": 12, "ordinal": 1, "instructions": "", "config": {}, "time_limit_ms": None,
        "max_attempts": 3, "target_count": 1,
    }  # fmt: skip
    return Assignment(run_id=uuid4(), attempt_id=uuid4(), command_id=uuid4(), content=text, **usual | facts)


@dataclass
class RunnerProcess:
    """``kolony agent run`` as a process. ``log`` is what it wrote."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def lines(self) -> str:
        return self.log.read_text()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self, deadline: float = DEADLINE) -> int:
        """Its exit code, once it has ended."""

        async def code() -> tuple[int] | None:
            found = self.process.poll()
            return None if found is None else (found,)

        return (await until(code, deadline=deadline, what=f"the end of the runner ({self.lines})"))[0]

    async def says(self, words: str) -> None:
        """Waits until its log has these words."""

        async def said() -> bool:
            return words in self.lines

        await until(said, what=f"{words!r} in {self.lines!r}")


@dataclass
class Colony:
    """One agent of one test's database. ``operator`` is bob's connection, ``superuser`` what only the clock may do."""

    workspace: Workspace
    operator: asyncpg.Connection
    superuser: asyncpg.Connection
    agent_id: UUID
    token: Token
    home: Path
    runners: list[RunnerProcess] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        """The server's address, without a login."""
        return self.workspace.database.target().dsn

    async def quick(self, heartbeat: int = 1, lease: int = 3) -> None:
        """Short heartbeats and leases, for what has to wait for them."""
        await self.superuser.execute(
            "UPDATE kolony.workspaces SET heartbeat_seconds = $1, lease_seconds = $2, backoff_seconds = 1",
            heartbeat,
            lease,
        )

    def runner(self, *flags: str, program: tuple[str, ...] = (), token: str | None = None, name: str = "worker",
               **environment: str) -> RunnerProcess:  # fmt: skip
        """Starts a runner."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("KOLONY_", "PG"))}
        log = self.home / f"runner-{len(self.runners)}.log"
        words = [sys.executable, "-m", "kolony_tui", "agent", "run", name, *flags]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*words, "--", *program] if program else words,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={
                    **kept,
                    "KOLONY_HOME": str(self.home),
                    "KOLONY_DSN": self.dsn,
                    "KOLONY_AGENT_TOKEN": self.token.secret.reveal() if token is None else token,
                    **environment,
                },
            )
        self.runners.append(RunnerProcess(process, log))
        return self.runners[-1]

    async def another_token(self) -> str:
        """One more token of the same agent: a token serves at most four connections."""
        return (await issue(self.workspace, self.agent_id)).secret.reveal()

    async def send(self, text: str, **how: Any) -> UUID:
        """Sends a command; its run's id. ``how``: max_attempts, retry_on, time_limit_ms, priority."""
        named = "".join(f", {name} => ${place}" for place, name in enumerate(how, start=4))
        [row] = await self.operator.fetch(
            f"SELECT * FROM kolony.send_command($1, $2, $3{named})",
            self.workspace.workspace_id, [self.agent_id], text, *how.values(),
        )  # fmt: skip
        run_id: UUID = row["run_id"]
        return run_id

    async def run(self, run_id: UUID) -> asyncpg.Record:
        """The run as a screen sees it."""
        [row] = await self.operator.fetch("SELECT * FROM kolony.run_overview WHERE run_id = $1", run_id)
        return row

    async def status(self, run_id: UUID, *wanted: str, deadline: float = DEADLINE) -> asyncpg.Record:
        """The run, once it has one of these states."""

        async def reached() -> asyncpg.Record | None:
            row = await self.run(run_id)
            return row if row["status"] in wanted else None

        try:
            return await until(reached, deadline=deadline)
        except AssertionError:
            row = dict(await self.run(run_id))
            raise AssertionError(f"not {wanted}: {row}; {[runner.lines for runner in self.runners]}") from None

    async def done(self, run_id: UUID, deadline: float = DEADLINE) -> asyncpg.Record:
        """The run, once it has ended."""
        return await self.status(run_id, "completed", "failed", "cancelled", deadline=deadline)

    async def attempts(self, run_id: UUID) -> list[asyncpg.Record]:
        """Every try of a run, oldest first."""
        found: list[asyncpg.Record] = await self.operator.fetch(
            "SELECT * FROM kolony.attempts WHERE run_id = $1 ORDER BY number", run_id
        )
        return found

    async def chunks(self, run_id: UUID, attempt: int = 1) -> list[asyncpg.Record]:
        """The chunks of one attempt, in order."""
        found: list[asyncpg.Record] = await self.operator.fetch(
            "SELECT * FROM kolony.output_chunks WHERE run_id = $1 AND attempt = $2 ORDER BY seq", run_id, attempt
        )
        return found

    async def output(self, run_id: UUID, stream: str = "stdout", attempt: int = 1) -> bytes:
        """What one stream of an attempt holds; the numbers of all its chunks must be 0, 1, 2, ..."""
        chunks = await self.chunks(run_id, attempt)
        assert [chunk["seq"] for chunk in chunks] == list(range(len(chunks)))
        return b"".join(chunk["data"] for chunk in chunks if chunk["stream"] == stream)

    async def cancel(self, run_id: UUID, why: str = "") -> str:
        """Cancels a run."""
        said: str = await self.operator.fetchval("SELECT kolony.cancel_run($1, $2)", run_id, why)
        return said

    async def desire(self, state: str) -> None:
        """Pauses, retires or resumes the agent."""
        await self.operator.execute("SELECT kolony.set_agent_desired($1, $2, 'a test')", self.agent_id, state)

    def close(self) -> None:
        """Ends the runners; whatever they ran ends with them."""
        for runner in self.runners:
            runner.process.send_signal(signal.SIGCONT)
            runner.process.kill()
            runner.process.wait()


async def issue(workspace: Workspace, agent_id: UUID) -> Token:
    """A token as ``kolony token issue`` makes it, but for the cost of its verifier."""
    token = new_token()
    admin = await workspace.database.connect("ada")
    await admin.execute(
        "SELECT kolony.issue_token($1, $2, $3, $4, $5)",
        agent_id, token.login, verifier(token.secret), token.digest, token.hint,
    )  # fmt: skip
    await admin.close()
    return token
