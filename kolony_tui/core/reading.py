"""Lists for scripts: JSON as the database writes it, over the connection that takes the least time.

The embedded server is reached through the client library that comes with it, every other server through asyncpg; the
steps are the same. Whatever is unusual about the embedded server (not up, not made yet, secrets in the keyring) goes
the way of every other verb, which mends it or says what is wrong.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from kolony_tui.core.finding import agent_named, workspace_place
from kolony_tui.db.queries import json_query
from kolony_tui.db.startup import LIBPQ_NAMES
from kolony_tui.models.errors import CannotConnect, Refused
from kolony_tui.models.secret import Secret
from kolony_tui.server.traces import home_folder, last_workspace, read_pid_lines, read_secret, read_state, secret_file
from kolony_tui.server.versions import check_schema_version, check_server_version, newest_version

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Protocol

    from kolony_tui.db.direct import Value

    Named = tuple[str | None, str | None, str | None, str | None, bool]

    class Connection(Protocol):
        """A connection that blocks; a row is its first column as text."""

        def server_major(self) -> int: ...

        def rows(self, statement: str, *arguments: Value) -> list[str]: ...

        def close(self) -> None: ...


class Reader:
    """A person who is logged in and in a workspace, to read; the short form of ``session.PersonSession``.

    Raises what ``session.log_in`` raises, and closes the connection then.
    """

    def __init__(self, connection: Connection, workspace: str | None) -> None:
        self._connection = connection
        try:
            check_server_version(connection.server_major())
            mine = self._mine()
            login = "" if mine else connection.rows("SELECT session_user")[0]
            entered = mine[workspace_place(workspace, [each["slug"] for each in mine], login)]
        except BaseException:
            connection.close()
            raise
        self.workspace_id, self.slug = entered["workspace_id"], entered["slug"]

    def _mine(self) -> list[dict[str, str]]:
        # The usual case is one round trip: the version of the schema comes with each workspace.
        try:
            mine = self._workspaces()
        except Refused:
            self._check_schema()
            raise
        if mine:
            check_schema_version(int(mine[0]["schema_version"]))
            return mine
        self._check_schema()
        self._connection.rows("SELECT kolony.ensure_profile()")
        return self._workspaces()

    def _check_schema(self) -> None:
        check_schema_version(int(self._connection.rows("SELECT kolony.schema_version()")[0]))

    def _workspaces(self) -> list[dict[str, str]]:
        return [json.loads(row) for row in self._connection.rows(json_query("people/my_workspaces"))]

    def rows(self, name: str, *arguments: Value) -> list[str]:
        """The rows of a named query whose first parameter is the workspace, each as a JSON object."""
        return self._connection.rows(json_query(name), self.workspace_id, *arguments)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


def open_reader(connection: Named, application: str, tell: Callable[[str], None]) -> Reader:
    """Connects as ``connection.find_destination`` would, by the shorter way where there is one, and logs in.

    ``connection`` is what the person named: DSN, profile, workspace, pin, and whether TLS may go unverified.
    """
    dsn, profile, workspace, pin, insecure_tls = connection
    home = home_folder()
    if not _names_a_server(dsn, profile, home) and (found := _to_embedded(home, application)) is not None:
        embedded, last = found
        return Reader(embedded, workspace or os.environ.get("KOLONY_WORKSPACE") or last)
    from kolony_tui.core.connection import Choice, find_destination
    from kolony_tui.db.blocking import BlockingConnection

    destination = find_destination(Choice(dsn, profile, workspace, tell, pin, insecure_tls))
    return Reader(BlockingConnection(destination.target, application), destination.workspace)


def runs(reader: Reader, *, status: str | None, agent: str | None, limit: int) -> list[str]:
    """As ``work.runs``, after ``work.settle``; the agent by name. Raises NotFound."""
    of_agent = None if agent is None else agent_id(reader, agent)
    reader.rows("work/settle")
    return reader.rows("work/runs", status, of_agent, limit)


def agent_id(reader: Reader, name: str) -> str:
    """The id of an agent. Raises NotFound."""
    found = [json.loads(row) for row in reader.rows("fleet/agent_ids_by_name", [name])]
    ids: dict[str, str] = {each["name"]: each["agent_id"] for each in found}
    return agent_named(name, ids, reader.slug)


def _names_a_server(dsn: str | None, profile: str | None, home: str) -> bool:
    if dsn is not None or profile is not None:
        return True
    if any(os.environ.get(name) for name in ("KOLONY_DSN", "KOLONY_PROFILE", *LIBPQ_NAMES)):
        return True
    config = os.path.join(home, "config.toml")
    if not os.path.exists(config):
        return False
    import tomllib

    try:
        with open(config, "rb") as file:
            return "profile" in tomllib.load(file)
    except (OSError, ValueError):
        return True  # whoever reads it whole says what is wrong with it


def _to_embedded(home: str, application: str) -> tuple[Connection, str | None] | None:
    state = read_state(os.path.join(home, "state.json"))
    login, running = state.get("first_admin"), read_pid_lines(os.path.join(home, "postgres"))
    if state.get("schema") != newest_version() or not isinstance(login, str) or running is None:
        return None
    _, socket_folder, port, phase = running
    clear = read_secret(secret_file(os.path.join(home, "secrets"), f"person:{login}"))
    if clear is None or phase != "ready":
        return None
    from kolony_tui.db.direct import DirectConnection

    try:
        connection = DirectConnection(socket_folder, port, "kolony", login, Secret(clear), application)
    except CannotConnect:
        return None
    return connection, last_workspace(state, "embedded")
