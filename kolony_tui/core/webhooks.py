"""Webhooks: what admins can do about them, and carrying the deliveries that are due.

What is sent is a POST of JSON, signed by the database with the webhook's secret: the header ``Kolony-Signature`` is
``t=<seconds>,v1=<hex>``, the HMAC-SHA256 over ``<seconds>.<body>``. No redirect is followed, no proxy used, and nothing
of an answer is kept but its status. The name is resolved once and that address connected to. An address of a private
network is fine: a webhook in one's own house is the usual one, and only admins say where it goes. Link-local addresses
(where clouds keep their machines' secrets) and those of groups are refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from kolony_tui import __version__
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import NotFound
from kolony_tui.models.notifications import Delivery, Urgency, Webhook
from kolony_tui.models.secret import Secret

PATIENCE = 10.0
"""Seconds that a webhook has to answer."""
AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of the deliveries that were due."""

    delivered: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Taken:
    delivery_id: UUID
    try_: int
    url: str
    body: str
    signature: str


async def webhooks(session: PersonSession) -> list[Webhook]:
    """The workspace's, by name; empty for who is no admin."""
    return await session.db.rows(Webhook, "notifications/webhooks", session.workspace.workspace_id)


def webhook_named(known: Sequence[Webhook], reference: str) -> Webhook:
    """One by its name or id. Raises NotFound."""
    for each in known:
        if reference in (each.name.raw, str(each.webhook_id)):
            return each
    raise NotFound(f"there is no webhook {reference!r} here", "see kolony webhook list")


async def deliveries(
    session: PersonSession, webhook_id: UUID | None = None, *, state: str | None = None, limit: int = 200
) -> list[Delivery]:
    """The log of what was sent, newest first; kept for 30 days after its end."""
    home = session.workspace.workspace_id
    return await session.db.rows(Delivery, "notifications/deliveries", home, webhook_id, state, limit)


def new_secret() -> Secret:
    """A secret that nobody has to think of."""
    return Secret(secrets.token_urlsafe(32))


async def add_webhook(
    session: PersonSession,
    name: str,
    url: str,
    secret: Secret,
    *,
    kinds: Sequence[str] = (),
    at_least: Urgency = Urgency.LOW,
) -> UUID:
    """Adds one. Raises NoRight (admins only), NotFound (no such kind), Refused (the name is taken, the URL odd)."""
    home = session.workspace.workspace_id
    rows = await session.db.call("add_webhook", home, name, url, secret.reveal(), list(kinds), str(at_least))
    made: UUID = rows[0][0]
    return made


async def change_webhook(
    session: PersonSession,
    webhook_id: UUID,
    *,
    url: str | None = None,
    kinds: Sequence[str] | None = None,
    at_least: Urgency | None = None,
    secret: Secret | None = None,
) -> None:
    """Changes what is given. Raises as ``add_webhook``."""
    await session.db.call(
        "change_webhook", webhook_id, url, None if kinds is None else list(kinds),
        None if at_least is None else str(at_least), None if secret is None else secret.reveal(),
    )  # fmt: skip


async def remove_webhook(session: PersonSession, webhook_id: UUID) -> None:
    """Removes one for good, with its secret; what still waits is not sent. Raises NoRight, NotFound."""
    await session.db.call("remove_webhook", webhook_id)


async def test_webhook(session: PersonSession, webhook_id: UUID) -> Delivery:
    """Sends one a test now, and answers with what became of it. Raises NoRight, NotFound."""
    delivery_id: UUID = (await session.db.call("test_webhook", webhook_id))[0][0]
    await _carry_all(session, await _take(session, delivery_id))
    sent = await deliveries(session, webhook_id)
    return next(each for each in sent if each.delivery_id == delivery_id)


async def deliver_due(session: PersonSession) -> Carried:
    """Carries what is due, by an admin's program; whoever else does the same at this moment carries others."""
    if not await session.db.value("notifications/due", session.workspace.workspace_id):
        return Carried()
    total = Carried()
    while taken := await _take(session):
        carried = await _carry_all(session, taken)
        total = Carried(total.delivered + carried.delivered, total.refused + carried.refused)
    return total


async def _take(session: PersonSession, only: UUID | None = None) -> list[_Taken]:
    rows = await session.db.call("take_deliveries", session.workspace.workspace_id, AT_ONCE, only)
    return [_Taken(row["delivery_id"], row["try"], row["url"], row["body"], row["signature"]) for row in rows]


async def _carry_all(session: PersonSession, taken: Sequence[_Taken]) -> Carried:
    ends = await asyncio.gather(*(asyncio.to_thread(_carry, each) for each in taken))
    for each, (status, error) in zip(taken, ends, strict=True):
        await session.db.call("end_delivery", each.delivery_id, each.try_, status, error)
    delivered = sum(1 for status, _ in ends if status is not None and 200 <= status <= 299)
    return Carried(delivered, len(ends) - delivered)


def _carry(taken: _Taken) -> tuple[int | None, str | None]:
    """One POST; the status, and what went wrong."""
    # Deferred: nobody but who carries deliveries needs it.
    import http.client

    url = urlsplit(taken.url)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"kolony/{__version__}",
        "Kolony-Delivery": str(taken.delivery_id),
        "Kolony-Signature": taken.signature,
    }
    connection = http.client.HTTPConnection(url.netloc)
    try:
        with _connected(url.scheme == "https", url.hostname or "", url.port) as line:
            connection.sock = line
            # Each read has its own time, so an answer in drops would take for ever.
            hurry = threading.Timer(PATIENCE, _hang_up, (line,))
            hurry.start()
            try:
                path = (url.path or "/") + (f"?{url.query}" if url.query else "")
                connection.request("POST", path, taken.body.encode(), headers)
                answer = connection.getresponse()
                answer.close()  # its words are not read: they may be endless
            finally:
                hurry.cancel()
                connection.close()
    except (http.client.HTTPException, OSError, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"
    wrong = None if 200 <= answer.status <= 299 else f"it answered {answer.status} {answer.reason}".rstrip()
    return answer.status, wrong


def _connected(secure: bool, host: str, port: int | None) -> socket.socket:
    """A connection to the one address that the name stands for now. Raises OSError."""
    port = port or (443 if secure else 80)
    line = socket.create_connection((_address(host, port), port), timeout=PATIENCE)
    if not secure:
        return line
    import ssl

    try:
        return ssl.create_default_context().wrap_socket(line, server_hostname=host)
    except BaseException:
        line.close()
        raise


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _address(host: str, port: int) -> str:
    """The address that a name stands for. Raises OSError."""
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for each in found:
        address = ipaddress.ip_address(each)
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise OSError(f"{host} is {each}, where no webhook can be")
    return found[0]
