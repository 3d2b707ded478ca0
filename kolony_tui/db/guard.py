"""Refuses every server that asks for a password in another form than SCRAM-SHA-256.

asyncpg answers whatever a server asks for: a clear-text request gets the clear password. It has no setting against
it, so its protocol class is replaced by one that reads the server's authentication messages before asyncpg does
(PostgreSQL documentation, "Message Formats", AuthenticationXXX). This is the reason for the pinned minor version.
"""

from __future__ import annotations

import asyncio
import struct
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from asyncpg import protocol

from kolony_tui.models.errors import CannotConnect, PasswordMissing

_OK, _CLEAR, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 5, 10, 11, 12
# Authentication, error, notice, another protocol version: all that a server may say before it has let one in.
_BEFORE_LOGIN = (b"R", b"E", b"N", b"v")
_WORDS = {_CLEAR: "the password in clear text", _MD5: "an MD5 password"}

refusals: ContextVar[list[CannotConnect] | None] = ContextVar("kolony_refusals", default=None)
"""Set by whoever connects; receives why the guard hung up, which asyncpg only reports as a lost connection."""


if TYPE_CHECKING:
    _Protocol = protocol.Protocol[Any]
else:
    _Protocol = protocol.Protocol  # no generic at run time


class GuardedProtocol(_Protocol):
    """asyncpg's protocol that hangs up unless the login is by SCRAM, all of it.

    On a Unix socket a server may let us in without asking: it has the kernel's word for who we are ("peer").
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._unread = b""
        self._proved = False
        self._watching = True
        self._may_just_welcome = isinstance(arguments[0], str)
        self._has_password = bool(arguments[2].password)
        self._channel: asyncio.Transport | None = None

    def connection_made(self, transport: object) -> None:
        """Keeps the transport, to hang up on it."""
        assert isinstance(transport, asyncio.Transport)
        self._channel = transport
        super().connection_made(transport)

    def data_received(self, data: object) -> None:
        """Reads the authentication messages in ``data``; hands on what is in order."""
        assert isinstance(data, bytes)
        if self._watching and (refusal := self._objection(data)):
            found = refusals.get()
            if found is not None:
                found.append(refusal)
            assert self._channel is not None
            self._channel.abort()
            return
        super().data_received(data)

    def _objection(self, data: bytes) -> CannotConnect | None:
        self._unread += data
        while len(self._unread) >= 5 and self._watching:
            kind, length = self._unread[:1], struct.unpack_from("!I", self._unread, 1)[0]
            if kind not in _BEFORE_LOGIN:
                return _refused(f"the server says {kind.decode('latin-1')!r} before it has let us in")
            if kind == b"R":
                if len(self._unread) < 9:
                    break
                if (objection := self._judged(struct.unpack_from("!I", self._unread, 5)[0])) is not None:
                    return objection
            if len(self._unread) < length + 1:
                break
            self._unread = self._unread[length + 1 :]
        return None

    def _judged(self, asked: int) -> CannotConnect | None:
        if asked == _SASL_FINAL:
            self._proved = True
        elif asked == _OK:
            if not (self._proved or self._may_just_welcome):
                return _refused("the server let us in without proving that it knows the password")
            self._watching = False
        elif asked not in (_SASL, _SASL_CONTINUE):
            return _refused(f"the server asks for {_WORDS.get(asked, f'a login of kind {asked}')}")
        elif not self._has_password:
            return PasswordMissing("the server wants a password, and none is known for this login")
        else:
            self._may_just_welcome = False
        return None


def _refused(reason: str) -> CannotConnect:
    return CannotConnect(f"{reason}, which Kolony refuses", "use a server with SCRAM-SHA-256")


setattr(protocol, "Protocol", GuardedProtocol)  # noqa: B010  (a class cannot be assigned to in the checker's eyes)
