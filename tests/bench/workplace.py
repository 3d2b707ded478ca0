"""A workspace on a server of the benchmark's own: an admin, agents with tokens, and the app in a real terminal."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import UUID

import asyncpg

from kolony_tui.db.target import Target
from kolony_tui.models.secret import Secret
from tests.bench.idle_work import TOKEN, make_token
from tests.bench.peers import server
from tests.database import verifier
from tests.terminal import Terminal, running

PERSON, PASSWORD = "bench_person", Secret("only for a benchmark")
_PEOPLE = f"""
INSERT INTO kolony.workspaces (slug, name) VALUES ('main', 'Main');
INSERT INTO kolony.profiles (login, role_oid) VALUES ('{PERSON}', '{PERSON}'::regrole::oid);
INSERT INTO kolony.memberships (workspace_id, profile_id, role)
SELECT w.workspace_id, p.profile_id, 'admin' FROM kolony.workspaces w, kolony.profiles p;
"""


@dataclass(frozen=True)
class Workplace:
    """A workspace ``main``. ``superuser``: the superuser's URL in its database."""

    superuser: str
    workspace_id: UUID
    channel: str
    agents: tuple[UUID, ...]

    @property
    def person_dsn(self) -> str:
        """The admin's URL, with the password."""
        return as_login(self.superuser, PERSON, PASSWORD)

    def person(self) -> Target:
        """Where the admin logs in."""
        return Target(dsn=as_login(self.superuser), origin="the benchmark").as_login(PERSON, PASSWORD)

    def runner(self, number: int) -> Target:
        """Where the runner of an agent (from 0) logs in."""
        return Target(dsn=as_login(self.superuser), origin="the benchmark").as_login(login_of(number), TOKEN)

    def app(self, *, columns: int = 140, rows: int = 40, home: Path | None = None) -> AbstractContextManager[Terminal]:
        """The app, as the admin, in a terminal; in a home of its own unless it is given one."""
        return app_of(self.person_dsn, columns=columns, rows=rows, home=home)


@contextmanager
def app_of(dsn: str, *, columns: int = 140, rows: int = 40, home: Path | None = None) -> Iterator[Terminal]:
    """The app in a terminal, as whoever logs in by this URL; in a home of its own unless it is given one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KOLONY_", "PG"))}
    kept.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory(prefix="kolony-bench-") as folder:
        given = {**kept, "KOLONY_HOME": str(home or Path(folder) / "kolony"), "KOLONY_DSN": dsn,
                 "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}  # fmt: skip
        with running([sys.executable, "-m", "kolony_tui"], given, columns=columns, rows=rows) as terminal:
            yield terminal


def login_of(number: int) -> str:
    """The login of an agent's runner."""
    return f"ka_{number:016x}"


def as_login(dsn: str, login: str = "", password: Secret | None = None) -> str:
    """A superuser's URL for somebody else: a login and its password, or nobody yet."""
    parts = urlsplit(dsn)
    said = f"{login}:{quote(password.reveal())}@" if password is not None else ""
    return f"{parts.scheme}://{said}{parts.netloc.rpartition('@')[2]}{parts.path}?{parts.query}"


@asynccontextmanager
async def workplace(
    agents: int, tokens: int | None = None, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Workplace]:
    """The workspace with so many agents, so many of which have a token (None: all); its server goes at the end."""
    with server(settings) as own:
        dsn = await own.kolony_database()
        owner = await asyncpg.connect(dsn)
        try:
            await owner.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{verifier(PASSWORD)}' IN ROLE kolony_user")
            await owner.execute(_PEOPLE)
            made = await owner.fetch(
                """INSERT INTO kolony.agents (workspace_id, name)
                   SELECT workspace_id, 'agent-' || lpad(n::text, 5, '0')
                   FROM kolony.workspaces, generate_series(1, $1) n
                   RETURNING agent_id, name""",
                agents,
            )
            ids = tuple(row["agent_id"] for row in sorted(made, key=lambda row: row["name"]))
            for number in range(agents if tokens is None else tokens):
                await make_token(owner, ids[number], login_of(number))
            home = await owner.fetchrow("SELECT workspace_id, channel FROM kolony.workspaces")
            assert home is not None
        finally:
            await owner.close()
        yield Workplace(dsn, home["workspace_id"], home["channel"], ids)
