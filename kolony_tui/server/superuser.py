"""The embedded server's superuser, through PostgreSQL's own client programs; for what nobody else may do."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from kolony_tui.models.errors import CannotConnect, WorkFailed
from kolony_tui.models.secret import Secret
from kolony_tui.server.address import SUPERUSER, Address
from kolony_tui.server.binaries import installed, plain_environment

OURSELVES = "kolony db"
"""The application name of these sessions."""
NO_SESSION = 2
"""Exit code of psql when it could not connect."""


@dataclass(frozen=True, slots=True)
class Superuser:
    """The login ``postgres`` on the server at ``address``."""

    address: Address
    password: Secret

    def environment(self, database: str) -> dict[str, str]:
        """How psql, pg_dump and the like reach ``database``: by environment, for arguments are seen by everybody."""
        return plain_environment(
            PGHOST=self.address.host,
            PGPORT=str(self.address.port),
            PGUSER=SUPERUSER,
            PGPASSWORD=self.password.reveal(),
            PGDATABASE=database,
            PGAPPNAME=OURSELVES,
            PGCONNECT_TIMEOUT="10",
            PGCLIENTENCODING="UTF8",
        )

    def ask(self, script: str, *, database: str = "postgres", **values: str) -> str:
        """What psql prints for ``script`` (rows only, unaligned); it stops at the first error.

        ``:'name'`` in the script stands for a value as a string constant, ``:"name"`` for it as an identifier.
        Each statement is its own transaction unless the script says otherwise. Raises CannotConnect, or WorkFailed
        with the server's words.
        """
        ended = subprocess.run(
            [installed().program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            input="".join(f"\\set {name} {_argument(value)}\n" for name, value in values.items()) + script,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            env=self.environment(database),
        )
        if ended.returncode == NO_SESSION:
            raise CannotConnect(f"the embedded server refused its superuser: {reason(ended.stderr)}")
        if ended.returncode != 0:
            raise WorkFailed(f"the embedded server refused a step: {reason(ended.stderr)}")
        return ended.stdout.rstrip("\n")


def reason(said: str) -> str:
    """The first error in what a client program said; escaped, for it may quote what a person or an agent wrote."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no reason given"]
    telling = [line for line in lines if "FATAL:" in line or "ERROR:" in line or "error:" in line]
    text = (telling or lines)[0]
    for mark in ("error:", "ERROR:", "FATAL:"):
        text = text.rpartition(mark)[2].strip()
    return ascii(text)[1:-1]


def _argument(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"
