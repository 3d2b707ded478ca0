"""One thing that was looked at, and whom it was looked at for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from kolony_tui.db.place import Place
from kolony_tui.db.queries import query
from kolony_tui.db.target import Target
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.server.home import Home

Status = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was found by the check named ``check``, and the remedy (empty where nothing is to be done).

    A ``warning`` is what a person should know and may leave as it is.
    """

    check: str
    status: Status
    finding: Untrusted
    remedy: Untrusted


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined: a server as ``connection`` sees it, the way of a person to it, and this machine.

    On the embedded server the connection is the superuser's; elsewhere it is the person's own.
    """

    connection: asyncpg.Connection
    target: Target
    place: Place
    home: Home
    embedded: bool

    async def rows(self, name: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """The rows of ``sql/queries/doctor/<name>.sql``."""
        found: Sequence[asyncpg.Record] = await self.connection.fetch(query(f"doctor/{name}"), *arguments)
        return found

    async def row(self, name: str) -> asyncpg.Record:
        """The one row of such a query."""
        return (await self.rows(name))[0]


def ok(check: str, finding: str) -> Check:
    """All is well."""
    return Check(check, "ok", Untrusted(finding), Untrusted(""))


def warning(check: str, finding: str, remedy: str) -> Check:
    """Something that a person should know."""
    return Check(check, "warning", Untrusted(finding), Untrusted(remedy))


def wrong(check: str, finding: str, remedy: str) -> Check:
    """Something that is to be put right."""
    return Check(check, "wrong", Untrusted(finding), Untrusted(remedy))
