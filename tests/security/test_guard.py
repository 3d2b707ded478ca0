"""Attack 65: a server that asks for the password in another form than SCRAM gets nothing, by TCP as by a socket."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from kolony_tui.db.connect import connect
from kolony_tui.db.direct import DirectConnection
from kolony_tui.db.place import find_place
from kolony_tui.db.startup import NEWER_SETTINGS, NEWER_SINCE, SETTINGS
from kolony_tui.db.target import Target, parse_target
from kolony_tui.models.errors import CannotConnect, LoginRefused, PasswordMissing, PasswordRefused
from kolony_tui.models.secret import Secret
from tests.database import PASSWORD as TEST_PASSWORD
from tests.database import Database, verifier
from tests.security.fake_server import READY, SCRAM, WELCOME, FakeServer, listening, request

PASSWORD = "correct horse battery staple"
REQUESTS = {
    "the password in clear text": request(3),
    "an MD5 password": request(5, b"salt"),
    "without proving": WELCOME,
    "a login of kind 7": request(7),
    "a login of kind 9": request(9),
    "before it has let us in": READY,
    "says 'K' before": struct.pack("!cIII", b"K", 12, 1, 1) + request(3),
    "says 'S' before": b"S" + struct.pack("!I", 8) + b"a\0b\0" + WELCOME,
}


@asynccontextmanager
async def fake(server: FakeServer) -> AsyncIterator[Target]:
    """The fake server on a port of this machine."""
    async with listening(server.serve) as port:
        yield parse_target(f"postgresql://127.0.0.1:{port}/kolony?sslmode=disable", "the test").as_login(
            "ada", Secret(PASSWORD)
        )


@pytest.mark.parametrize("by_pieces", [0, 1, 3])
@pytest.mark.parametrize(("words", "says"), REQUESTS.items())
async def test_nothing_is_sent_to_a_server_that_asks_for_something_else(
    words: str, says: bytes, by_pieces: int
) -> None:
    server = FakeServer(says, by_pieces=by_pieces)
    async with fake(server) as target:
        with pytest.raises(CannotConnect, match=words) as caught:
            await connect(target, "kolony tests")
        await asyncio.wait_for(server.left.wait(), 5)
    assert (server.started, server.heard) == (1, b"")
    assert "which Kolony refuses" in caught.value.line
    assert "\n" not in caught.value.line
    assert PASSWORD not in caught.value.line


async def test_a_welcome_after_half_a_scram_exchange_is_no_proof() -> None:
    server = FakeServer(SCRAM + WELCOME)
    async with fake(server) as target:
        with pytest.raises(CannotConnect, match="without proving"):
            await connect(target, "kolony tests")
        await asyncio.wait_for(server.left.wait(), 5)
    assert PASSWORD.encode() not in server.heard
    assert b"SELECT" not in server.heard


async def test_a_forged_end_of_scram_is_refused() -> None:
    """A server that does not know the password cannot sign the end of the exchange."""
    server = FakeServer(request(12, b"v=" + b"A" * 43 + b"=") + WELCOME, forges=True)
    async with fake(server) as target:
        with pytest.raises(CannotConnect):
            await connect(target, "kolony tests")
        await asyncio.wait_for(server.left.wait(), 5)
    assert b",r=" in server.heard
    assert b"p=" in server.heard
    assert PASSWORD.encode() not in server.heard
    assert b"SELECT" not in server.heard


async def test_without_a_password_the_exchange_is_not_begun() -> None:
    server = FakeServer(SCRAM)
    async with fake(server) as target:
        with pytest.raises(PasswordMissing, match=r"ada at 127\.0\.0\.1:"):
            await connect(parse_target(f"{target.dsn}&user=ada", "the test"), "kolony tests")
        await asyncio.wait_for(server.left.wait(), 5)
    assert server.heard == b""


def by_driver(folder: Path) -> None:
    """One connection of asyncpg."""
    target = parse_target(f"postgresql:///kolony?host={folder}", "the test").as_login("ada", Secret(PASSWORD))
    asyncio.run(connect(target, "kolony tests"))


def by_library(folder: Path) -> None:
    """One connection of libpq."""
    DirectConnection(str(folder), 5432, "kolony", "ada", Secret(PASSWORD), "kolony tests").close()


FORGED = FakeServer(request(12, b"v=" + b"A" * 43 + b"=") + WELCOME, forges=True)
PLANTED = {"clear": FakeServer(request(3)), "md5": FakeServer(request(5, b"salt")), "gss": FakeServer(request(7)),
           "half": FakeServer(SCRAM + WELCOME), "forged": FORGED}  # fmt: skip


@pytest.mark.parametrize("by", [by_driver, by_library])
@pytest.mark.parametrize("kind", PLANTED)
async def test_a_planted_socket_gets_no_password_and_no_query(
    by: Callable[[Path], None], kind: str, tmp_path: Path
) -> None:
    planted = PLANTED[kind]
    server = FakeServer(planted.says, forges=planted.forges)
    async with await asyncio.start_unix_server(server.serve, tmp_path / ".s.PGSQL.5432"):
        with pytest.raises(CannotConnect):
            await asyncio.to_thread(by, tmp_path)
        await asyncio.wait_for(server.left.wait(), 5)
    assert server.started == 1
    assert PASSWORD.encode() not in server.heard
    assert b"SELECT" not in server.heard
    assert b"SET" not in server.heard


async def test_a_real_login_passes_and_a_wrong_password_does_not(database: Database) -> None:
    connection = await database.connect("ada")
    assert await connection.fetchval("SELECT session_user") == database.cluster.login("ada")
    with pytest.raises(LoginRefused):
        await database.connect("ada", Secret("guessed"))


POISON = {
    "role": "kolony_user", "search_path": "public", "statement_timeout": "1ms", "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms", "idle_session_timeout": "1ms",
    "default_transaction_isolation": "serializable", "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on", "row_security": "off", "exit_on_error": "on",
    "standard_conforming_strings": "off", "transform_null_equals": "on", "array_nulls": "off",
    "client_min_messages": "debug5", "DateStyle": "SQL, DMY", "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu", "extra_float_digits": "-15", "bytea_output": "escape",
    "local_preload_libraries": "no_such_library", "jit": "on", "transaction_timeout": "1ms",
}  # fmt: skip
"""A bad value for each setting that is said at the start."""


async def test_settings_poisoned_on_the_role_do_not_apply(database: Database) -> None:
    """Attack 48: whoever may change their own role (all may) cannot make Kolony's connections misbehave by it."""
    expected = {**SETTINGS, **NEWER_SETTINGS}
    assert set(POISON) == set(expected)
    login = await database.add_person("viewer")
    mine = await database.connect(login)
    if mine.get_server_version().major < NEWER_SINCE:
        for name in NEWER_SETTINGS:
            del expected[name]
    for name in expected:
        await mine.execute(f"ALTER ROLE {login} SET {name} = '{POISON[name]}'")
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(database.dsn(login))  # the poison works where nobody minds it
    again = await database.connect(login)
    for name, value in expected.items():
        assert (name, await again.fetchval(f"SELECT current_setting('{name}')")) == (name, value)
    assert await again.fetchval("SELECT count(*) FROM kolony.workspaces") == 1
    assert await again.fetchval("SELECT current_user::text") == login
    [(folder, port)] = find_place(database.target()).addresses
    direct = DirectConnection(folder, port, database.name, login, TEST_PASSWORD, "kolony tests")
    for name, value in expected.items():
        assert (name, direct.rows("SELECT current_setting($1)", name)) == (name, [value])
    direct.close()


async def test_a_login_that_ended_says_so_as_far_as_the_server_does(database: Database) -> None:
    login = await database.add_person("viewer")
    superuser = await database.cluster.superuser()
    await superuser.execute(f"ALTER ROLE {login} VALID UNTIL '2020-01-01'")
    with pytest.raises(PasswordRefused, match="authentication failed") as expired:
        await database.connect(login)
    assert "or it has expired" in expired.value.hint
    await superuser.execute(f"ALTER ROLE {login} NOLOGIN VALID UNTIL 'infinity'")
    with pytest.raises(LoginRefused, match="this login is disabled") as disabled:
        await database.connect(login)
    assert not isinstance(disabled.value, PasswordRefused)
    await superuser.execute(f"ALTER ROLE {login} LOGIN PASSWORD '{verifier()}'")
    await superuser.close()
    await database.connect(login)
