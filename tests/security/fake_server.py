"""Servers between a client and its password: one that only pretends, and a way over TLS to a real one."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from kolony_tui.db.place import find_place
from kolony_tui.db.target import Target
from tests.security.certificates import Certificate

READY = b"Z" + struct.pack("!Ic", 5, b"I")
WELCOME = struct.pack("!cII", b"R", 8, 0) + READY
SSL_REQUEST = 80877103
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def request(kind: int, more: bytes = b"") -> bytes:
    """An Authentication message (PostgreSQL documentation, "Message Formats")."""
    return struct.pack("!cII", b"R", 8 + len(more), kind) + more


SCRAM = request(10, b"SCRAM-SHA-256\0\0")


class FakeServer:
    """Says one thing to whoever connects, over TLS where it has a certificate, and keeps every byte that it hears.

    ``started``: start-up messages that came; ``heard``: everything after one. ``forges``: it goes through SCRAM
    without knowing the password.
    """

    def __init__(
        self, says: bytes, *, by_pieces: int = 0, certificate: Certificate | None = None, forges: bool = False
    ) -> None:
        self.says = says
        self.by_pieces = by_pieces
        self.certificate = certificate
        self.forges = forges
        self.started = 0
        self.heard = b""
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        with suppress(OSError, asyncio.IncompleteReadError):  # the client hung up, as it should
            if await _asks_for_tls(reader):
                await _answer_tls(writer, self.certificate)
                await _asks_for_tls(reader)
            await self._start(reader, writer)
        await closed(writer)
        self.left.set()

    async def _start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.started += 1
        if self.forges:
            writer.write(SCRAM)
            first = await reader.read(4096)
            nonce = first.partition(b",r=")[2]
            writer.write(request(11, b"r=" + nonce + b"x,s=c2FsdHNhbHRzYWx0c2FsdA==,i=4096"))
            self.heard += first + await reader.read(4096)
        step = self.by_pieces or len(self.says)
        for at in range(0, len(self.says), step):
            writer.write(self.says[at : at + step])
            await writer.drain()
            await asyncio.sleep(0)
        self.heard += await reader.read()


async def _asks_for_tls(reader: asyncio.StreamReader) -> bool:
    """Reads the first message of a client: a request for TLS, or the start-up itself."""
    length, code = struct.unpack("!II", await reader.readexactly(8))
    await reader.readexactly(length - 8)
    return bool(code == SSL_REQUEST)


async def _answer_tls(writer: asyncio.StreamWriter, certificate: Certificate | None) -> None:
    writer.write(b"N" if certificate is None else b"S")
    await writer.drain()
    if certificate is not None:
        await writer.start_tls(certificate.context())


async def closed(writer: asyncio.StreamWriter) -> None:
    """Closes our side too."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def listening(serve: Callable[..., Awaitable[None]]) -> AsyncIterator[int]:
    """A server on a port of this machine, on all of its addresses."""
    server = await asyncio.start_server(serve, "0.0.0.0", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextmanager
def tls_front(behind: Target, certificate: Certificate | None) -> Iterator[int]:
    """A port with TLS in front of a real server's socket, in a thread; None: it offers no TLS, as the server itself."""
    [(folder, number)] = find_place(behind).addresses
    front = _Front(f"{folder}/.s.PGSQL.{number}", certificate)
    thread = threading.Thread(target=lambda: asyncio.run(front.run()), name="TLS front")
    thread.start()
    try:
        assert front.ready.wait(10)
        yield front.port
    finally:
        front.end()
        thread.join()


class _Front:
    def __init__(self, socket: str, certificate: Certificate | None) -> None:
        self.socket = socket
        self.certificate = certificate
        self.ready = threading.Event()
        self.port = 0
        self.end: Callable[[], object] = lambda: None
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.end = lambda: loop.call_soon_threadsafe(ended.set)
        async with listening(self.serve) as self.port:
            self.ready.set()
            await ended.wait()
            clients = list(self._clients)
            for client in clients:  # wherever each of them is: in the middle of a handshake, too
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        ends = [writer]
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                first = await reader.readexactly(8)
                if struct.unpack("!II", first)[1] == SSL_REQUEST:
                    await _answer_tls(writer, self.certificate)
                    first = b""
                inner, outer = await asyncio.open_unix_connection(self.socket)
                ends.append(outer)
                outer.write(first)
                await asyncio.gather(_pass_on((reader, outer)), _pass_on((inner, writer)))
            await closed(writer)
        finally:
            for end in ends:
                end.transport.abort()
            self._clients.discard(task)


async def _pass_on(ends: Stream) -> None:
    reader, writer = ends
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    await closed(writer)
