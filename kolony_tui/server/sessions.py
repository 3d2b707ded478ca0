"""Who uses the embedded server, asked as the superuser."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kolony_tui.models.errors import CannotConnect
from kolony_tui.models.secret import Secret
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.server.address import SUPERUSER, Address
from kolony_tui.server.binaries import installed, plain_environment

OURSELVES = "kolony db"
"""The application name of the questions asked here."""


@dataclass(frozen=True, slots=True)
class Session:
    """One program and login with its connections: ``pids`` are of the server's processes that serve them."""

    application: Untrusted
    login: Untrusted
    pids: tuple[int, ...]


def superuser_environment(address: Address, password: Secret, database: str) -> dict[str, str]:
    """The environment in which psql, pg_dump and the like reach ``database`` as the superuser; never in arguments."""
    return plain_environment(
        PGHOST=address.host,
        PGPORT=str(address.port),
        PGUSER=SUPERUSER,
        PGPASSWORD=password.reveal(),
        PGDATABASE=database,
        PGAPPNAME=OURSELVES,
        PGCONNECT_TIMEOUT="10",
        PGCLIENTENCODING="UTF8",
    )


def ask(
    address: Address,
    password: Secret,
    statement: str,
    *,
    database: str = "postgres",
    values: Mapping[str, str] | None = None,
) -> str:
    """What psql prints for ``statement`` (unaligned, rows only), in which ``:'name'`` stands for a value.

    Several statements are one after the other, each on its own. Raises CannotConnect with the server's words.
    """
    named = [part for name, value in (values or {}).items() for part in ("-v", f"{name}={value}")]
    ended = subprocess.run(
        [installed().program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", *named, "-f", "-"],
        input=statement,
        capture_output=True,
        text=True,
        check=False,
        env=superuser_environment(address, password, database),
    )
    if ended.returncode != 0:
        said = ended.stderr.strip().splitlines() or ["no reason given"]
        reason = said[0].rpartition("FATAL:")[2].rpartition("ERROR:")[2].strip()
        raise CannotConnect(f"the embedded server refused its superuser: {reason!a}")
    return ended.stdout.rstrip("\n")


def sessions_of(address: Address, password: Secret) -> list[Session]:
    """Everybody's sessions but our own. Raises CannotConnect."""
    answer = ask(
        address,
        password,
        """
        SELECT coalesce(json_agg(s ORDER BY s.application, s.login), '[]') FROM (
            SELECT application_name AS application, usename AS login, array_agg(pid ORDER BY pid) AS pids
              FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND usename IS NOT NULL
               AND NOT (application_name = :'ourselves' AND usename = current_user)
             GROUP BY 1, 2) s
        """,
        values={"ourselves": OURSELVES},
    )
    rows: list[dict[str, Any]] = json.loads(answer)
    return [Session(Untrusted(row["application"]), Untrusted(row["login"]), tuple(row["pids"])) for row in rows]


def described(sessions: Sequence[Session]) -> str:
    """The sessions in words on one line, fit for a terminal: names are escaped."""
    return ", ".join(f"{one.application or 'a program'} (login {one.login})" for one in sessions)
