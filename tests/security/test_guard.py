"""A server that asks for the password in another form than SCRAM gets nothing, over TCP as over a socket."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from kolony_tui.db.connect import connect
from kolony_tui.db.target import Target, parse_target
from kolony_tui.models.errors import CannotConnect, LoginRefused
from kolony_tui.models.secret import Secret
from tests.database import Database

PASSWORD = "correct horse battery staple"
WELCOME = struct.pack("!cII", b"R", 8, 0) + b"Z" + struct.pack("!Ic", 5, b"I")


def request(kind: int, more: bytes = b"") -> bytes:
    """An Authentication message (PostgreSQL documentation, "Message Formats")."""
    return struct.pack("!cII", b"R", 8 + len(more), kind) + more


class FakeServer:
    """Says one thing to whoever connects, and keeps every byte that it hears after the start-up message."""

    def __init__(self, says: bytes, by_pieces: int = 0) -> None:
        self.says = says
        self.by_pieces = by_pieces
        self.heard = b""
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        try:
            await started(reader)
            step = self.by_pieces or len(self.says)
            for at in range(0, len(self.says), step):
                writer.write(self.says[at : at + step])
                await writer.drain()
                await asyncio.sleep(0)
            self.heard = await reader.read()
        except ConnectionError:
            pass  # the client hung up, as it should
        finally:
            await closed(writer)
            self.left.set()


async def started(reader: asyncio.StreamReader) -> None:
    """Reads a client's start-up message."""
    length = struct.unpack("!I", await reader.readexactly(4))[0]
    await reader.readexactly(length - 4)


async def closed(writer: asyncio.StreamWriter) -> None:
    """Closes our side too."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def fake(server: FakeServer) -> AsyncIterator[Target]:
    """The fake server on a port of this machine."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield parse_target(f"postgresql://127.0.0.1:{port}/kolony?sslmode=disable", "the test").as_login(
            "ada", Secret(PASSWORD)
        )


REQUESTS = {
    "the password in clear text": request(3) + b"",
    "an MD5 password": request(5, b"salt"),
    "without proving": WELCOME,
    "a login of kind 7": request(7),
    "a login of kind 9": request(9),
}


@pytest.mark.parametrize("by_pieces", [0, 1, 3])
@pytest.mark.parametrize(("words", "says"), REQUESTS.items())
async def test_nothing_is_sent_to_a_server_that_asks_for_something_else(
    words: str, says: bytes, by_pieces: int
) -> None:
    server = FakeServer(says, by_pieces)
    async with fake(server) as target:
        with pytest.raises(CannotConnect, match=words) as caught:
            await connect(target, "kolony tests")
        await asyncio.wait_for(server.left.wait(), 5)
    assert server.heard == b""
    assert "which Kolony refuses" in caught.value.line
    assert "\n" not in caught.value.line
    assert PASSWORD not in caught.value.line


async def test_a_welcome_after_half_a_scram_exchange_is_no_proof() -> None:
    server = FakeServer(request(10, b"SCRAM-SHA-256\0\0") + WELCOME)
    async with fake(server) as target:
        with pytest.raises(CannotConnect, match="without proving"):
            await connect(target, "kolony tests")
        await asyncio.wait_for(server.left.wait(), 5)
    assert PASSWORD.encode() not in server.heard
    assert b"SELECT" not in server.heard


async def test_a_forged_end_of_scram_is_refused() -> None:
    """A server that does not know the password cannot sign the end of the exchange."""
    nonce, heard, done = b"", list[bytes](), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal nonce
        await started(reader)
        writer.write(request(10, b"SCRAM-SHA-256\0\0"))
        first = await reader.read(4096)
        nonce = first.partition(b",r=")[2]
        writer.write(request(11, b"r=" + nonce + b"x,s=c2FsdHNhbHRzYWx0c2FsdA==,i=4096"))
        await reader.read(4096)
        writer.write(request(12, b"v=" + b"A" * 43 + b"=") + WELCOME)
        heard.append(await reader.read())
        await closed(writer)
        done.set()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        target = parse_target(f"postgresql://ada@127.0.0.1:{port}/kolony?sslmode=disable", "the test")
        with pytest.raises(CannotConnect):
            await connect(target.as_login("ada", Secret(PASSWORD)), "kolony tests")
        await asyncio.wait_for(done.wait(), 5)
    assert nonce
    assert b"".join(heard) in (b"", b"X\0\0\0\4")


@pytest.mark.parametrize("says", [request(3), request(5, b"salt")])
async def test_a_planted_socket_gets_no_password_either(says: bytes, tmp_path: Path) -> None:
    server = FakeServer(says)
    listening = await asyncio.start_unix_server(server.serve, tmp_path / ".s.PGSQL.5432")
    async with listening:
        target = parse_target(f"postgresql:///kolony?host={tmp_path}", "the test").as_login("ada", Secret(PASSWORD))
        with pytest.raises(CannotConnect, match="which Kolony refuses"):
            await connect(target, "kolony tests")
        await asyncio.wait_for(server.left.wait(), 5)
    assert server.heard == b""


async def test_a_real_login_passes_and_a_wrong_password_does_not(database: Database) -> None:
    connection = await database.connect("ada")
    assert await connection.fetchval("SELECT session_user") == database.cluster.login("ada")
    with pytest.raises(LoginRefused):
        await database.connect("ada", Secret("guessed"))


async def test_settings_poisoned_on_the_role_do_not_apply(database: Database) -> None:
    """Attack 48: whoever may change their own role (all may) cannot make Kolony's connections misbehave by it."""
    login = await database.add_person("viewer")
    poisoned = await database.connect(login)
    poison = {"statement_timeout": "1ms", "default_transaction_read_only": "on", "row_security": "off",
              "default_transaction_isolation": "serializable", "search_path": "public"}  # fmt: skip
    for name, value in poison.items():
        await poisoned.execute(f"ALTER ROLE {login} SET {name} = '{value}'")
    again = await database.connect(login)
    for name, value in poison.items():
        assert await again.fetchval(f"SELECT current_setting('{name}') <> $1", value)
    assert await again.fetchval("SELECT count(*) FROM kolony.workspaces") == 1
