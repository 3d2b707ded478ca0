"""Who uses the embedded server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kolony_tui.models.untrusted import Untrusted
from kolony_tui.server.superuser import OURSELVES, Superuser


@dataclass(frozen=True, slots=True)
class Session:
    """One program and login with its connections: ``pids`` are of the server's processes that serve them."""

    application: Untrusted
    login: Untrusted
    pids: tuple[int, ...]


def sessions_of(superuser: Superuser) -> list[Session]:
    """Everybody's sessions but our own. Raises CannotConnect."""
    answer = superuser.ask(
        """
        SELECT coalesce(json_agg(s ORDER BY s.application, s.login), '[]') FROM (
            SELECT application_name AS application, usename AS login, array_agg(pid ORDER BY pid) AS pids
              FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND usename IS NOT NULL
               AND NOT (application_name = :'ourselves' AND usename = current_user)
             GROUP BY 1, 2) s;
        """,
        ourselves=OURSELVES,
    )
    rows: list[dict[str, Any]] = json.loads(answer)
    return [Session(Untrusted(row["application"]), Untrusted(row["login"]), tuple(row["pids"])) for row in rows]


def described(sessions: Sequence[Session]) -> str:
    """The sessions in words on one line, fit for a terminal: names are escaped."""
    return ", ".join(f"{one.application or 'a program'} (login {one.login})" for one in sessions)
