"""G11: whatever secret a test makes is in no log, no statistics view and no audit entry when the tests are over.

``tests/conftest.py`` switches it on for every test: each ``Secret`` is remembered when it is made, and what people may
read is searched for it, and for the forms of tokens and password verifiers that other processes made.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

import asyncpg
import pytest

from kolony_tui.models.secret import Secret
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from kolony_tui.server.migrations import migrations

TOKEN = re.compile(r"kol_[0-9a-f]{16}_[0-9A-Za-z]{20,}")
VERIFIER = re.compile(r"SCRAM-SHA-256\$\d+:")
SHORTEST = 12
FEWEST = 6
"""Characters, and different ones: what has less ("guessed", "ééééééééééé") may stand somewhere for another reason."""
READABLE = (".log", ".svg", "state.json")
"""How the names of files end that hold what people read or pass on."""

made: set[str] = set()
"""Every secret of this process."""
loud: set[str] = set()
"""Databases of which a test has every statement logged: there, a verifier is bound to show."""


def leaks(text: str, *, verifiers: bool = True) -> list[str]:
    """What of a text is secret, each with the words around it, itself left out."""
    found = list(TOKEN.finditer(text))
    found += VERIFIER.finditer(text) if verifiers else ()
    if any(secret in text for secret in made):
        found += [match for secret in made for match in re.finditer(re.escape(secret), text)]
    return [f"{text[max(0, m.start() - 80) : m.start()]}***{text[m.end() : m.end() + 40]}" for m in found]


@cache
def own_words() -> str:
    """What all migrations say."""
    return "".join(migration.sql for migration in migrations())


def entries(log: str) -> list[str]:
    """The entries of a server's log, each of which begins with a time."""
    return re.split(r"(?m)^(?=\d{4}-\d\d-\d\d \d\d:)", log)


def in_log(text: str) -> list[str]:
    """The leaks of a server's log, ``log_line_prefix`` being as Kolony sets it."""
    found = []
    for entry in entries(text):
        database = re.match(r"\S+ \S+ \S+ \[\d+\] \S*@(\S*) ", entry)
        found += leaks(entry, verifiers=database is None or database[1] not in loud)
    return found


def in_folder(folder: Path) -> dict[str, list[str]]:
    """The leaks of the files below a folder that people read, by their names. Some go while one looks."""
    found = {}
    # Not rglob: it ends where a folder is gone before it was entered.
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names if name.endswith(READABLE)):
            if path.is_symlink():
                continue
            with suppress(FileNotFoundError):
                if path.is_file() and (leaked := in_log(path.read_text("utf-8", "replace"))):
                    found[str(path)] = leaked
    return found


async def in_statistics(superuser: asyncpg.Connection) -> list[str]:
    """The leaks of what the server shows of statements. Utility statements keep their verifiers there."""
    text = await superuser.fetchval("SELECT string_agg(query, E'\\n') FROM pg_stat_activity")
    if "pg_stat_statements" in await superuser.fetchval("SHOW shared_preload_libraries"):
        await superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        text += await superuser.fetchval("SELECT string_agg(query, E'\\n') FROM pg_stat_statements")
    return leaks(text, verifiers=False)


async def in_audit(superuser: asyncpg.Connection) -> list[str]:
    """The leaks of the audit log of this database, if it has one."""
    if await superuser.fetchval("SELECT to_regclass('kolony.audit_log') IS NULL"):
        return []
    return leaks(await superuser.fetchval("SELECT string_agg(l::text, E'\\n') FROM kolony.audit_log l") or "")


def watch(patch: pytest.MonkeyPatch) -> None:
    """Remembers secrets from now on, and searches each database's audit log and each server's log at their ends."""
    from tests.database import Database  # a plugin, which pytest is to import first

    keep, stop, close = Secret.__init__, EmbeddedServer.stop, Database.close

    def remembering(self: Secret, clear: str) -> None:
        keep(self, clear)
        if len(clear) >= SHORTEST and len(set(clear)) >= FEWEST:
            # The server shows migrations as statements: such a secret is found there, in whatever test looks next.
            assert clear not in own_words(), f"a test's secret must not read as our own words: {clear}"
            made.add(clear)

    def searching(self: EmbeddedServer, force: bool = False) -> bool:
        stopped = stop(self, force)
        search(self.home)
        return stopped

    async def reading(self: Database) -> None:
        found = []
        # A server that the test has taken down has nothing to read.
        with suppress(OSError, asyncpg.CannotConnectNowError):
            superuser = await self.cluster.superuser(self.name)
            found = await in_audit(superuser)
            await superuser.close()
        await close(self)
        assert found == [], f"secrets in the audit log: {found}"

    patch.setattr(Secret, "__init__", remembering)
    patch.setattr(EmbeddedServer, "stop", searching)
    patch.setattr(Database, "close", reading)


def search(home: Home) -> None:
    """Fails where a home's logs hold a secret."""
    found = in_folder(home.path) if home.path.is_dir() else {}
    assert found == {}, f"secrets in logs: {found}"
