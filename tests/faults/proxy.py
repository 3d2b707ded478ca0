"""A way to the server that tests can cut, slow down, leave hanging, or rob of answers and hints."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from kolony_tui.db.place import find_place
from kolony_tui.db.target import Target

_SLOW_BYTES, _SLOW_SECONDS = 20_000, 0.3
_NOTIFICATION, _DONE, _READY = b"A", b"C", b"Z"


@dataclass
class _Talk:
    """One connection through the proxy. ``statements``: what was prepared; ``asked``: what is being answered."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    statements: dict[bytes, bytes] = field(default_factory=dict)
    asked: bytes = b""
    begun: bool = False
    unread: bytes = b""

    def listen(self, data: bytes) -> None:
        """Reads along what the client says: which statement it has carried out."""
        self.unread += data
        while len(self.unread) >= 5:
            head = 1 if self.begun else 0  # the first message has no type
            size = struct.unpack_from("!I", self.unread, head)[0] + head
            if len(self.unread) < size:
                return
            kind, body, self.unread = self.unread[:1], self.unread[head + 4 : size], self.unread[size:]
            if not self.begun:
                self.begun = True
            elif kind == b"P":
                name, text = body.split(b"\0")[:2]
                self.statements[name] = text
            elif kind == b"B":
                self.asked = self.statements.get(body.split(b"\0")[1], b"")

    def abort(self) -> None:
        """Ends both sides at once."""
        for side in (self.client, self.server):
            side.transport.abort()


class Proxy:
    """``mode`` is what it does with what goes through; ``hung`` connections stay so, whatever comes after.

    ``mum``: who logs in is let in, and hears nothing more.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._talks: list[_Talk] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._rob = ""
        self._robbed = asyncio.Event()
        self.mode: Literal["pass", "hung", "mum", "slow", "mute", "shut"] = "pass"
        self.seen: Counter[str] = Counter()
        """The functions that were called through it."""
        self.dropped = 0
        """Hints that did not arrive."""

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "shut":
            return
        if self.mode == "hung":
            await asyncio.Event().wait()
        server_reader, server_writer = await asyncio.open_unix_connection(self._server)
        talk = _Talk(writer, server_writer)
        self._talks.append(talk)
        ways = [asyncio.create_task(self._up(talk, reader)), asyncio.create_task(self._down(talk, server_reader))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._talks.remove(talk)
            talk.abort()

    async def _up(self, talk: _Talk, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            talk.listen(data)
            await self._delay(len(data))
            talk.server.write(data)
            await talk.server.drain()

    async def _down(self, talk: _Talk, reader: asyncio.StreamReader) -> None:
        kept = b""
        while True:
            head = await reader.readexactly(5)
            frame = head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
            kind = head[:1]
            await self._delay(len(frame))
            if kind == _NOTIFICATION and self.mode == "mute":
                self.dropped += 1
                continue
            if kind == _DONE:
                self.seen[_called(talk.asked)] += 1
            if self._rob and _called(talk.asked) == self._rob:
                # Held until the server is ready again: then it has committed, and nobody hears of it.
                kept += frame
                if kind == _READY and _commanded(kept):
                    self._rob = ""
                    self._robbed.set()
                    return
                if kind != _READY:
                    continue
                frame, kept = kept, b""
            talk.client.write(kept + frame)
            kept = b""
            await talk.client.drain()
            if kind == _READY and self.mode == "mum":
                await asyncio.Event().wait()

    async def _delay(self, size: int) -> None:
        if self.mode == "hung":
            await asyncio.Event().wait()
        if self.mode == "slow":
            await asyncio.sleep(_SLOW_SECONDS * (size > 64) + size / _SLOW_BYTES)

    def cut(self) -> int:
        """Ends every connection at once; answers with how many."""
        talks = list(self._talks)
        for talk in talks:
            talk.abort()
        return len(talks)

    async def rob(self, function: str, deadline: float = 30.0) -> None:
        """Cuts the connection over which this function is called next, when it is committed and before the answer."""
        self._rob = function
        self._robbed.clear()
        await asyncio.wait_for(self._robbed.wait(), deadline)

    async def close(self) -> None:
        """Ends everything."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _called(statement: bytes) -> str:
    """The function of ours that a statement calls, or an empty text."""
    return statement.partition(b"kolony.")[2].partition(b"(")[0].decode() if b"FROM kolony." in statement else ""


def _commanded(frames: bytes) -> bool:
    """Whether one of these messages says that a command is done."""
    while frames:
        if frames[:1] == _DONE:
            return True
        frames = frames[1 + struct.unpack_from("!I", frames, 1)[0] :]
    return False


@asynccontextmanager
async def proxied(target: Target, folder: Path) -> AsyncIterator[tuple[Proxy, Target]]:
    """A proxy before a server's socket, and the target that leads through it; ``folder``: where its socket may lie."""
    place = find_place(target)
    host, port = place.addresses[0]
    proxy = Proxy(f"{host}/.s.PGSQL.{port}")
    path = folder / f".s.PGSQL.{port}"
    listening = await asyncio.start_unix_server(proxy.accept, path)
    try:
        through = target.dsn.replace(quote(host, safe="/"), quote(str(folder), safe="/"))
        assert through != target.dsn
        yield proxy, replace(target, dsn=through)
    finally:
        listening.close()
        await proxy.close()
        with contextlib.suppress(OSError):
            path.unlink()
