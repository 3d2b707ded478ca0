"""Webhooks: signed without anybody seeing the secret, carried once, tried again, given up, logged; and who may."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import asyncpg
import pytest

from kolony_tui.core import webhooks
from kolony_tui.core.session import PersonSession, log_in
from kolony_tui.core.upkeep import run_upkeep
from kolony_tui.models.errors import NoRight
from kolony_tui.models.notifications import Urgency
from kolony_tui.models.secret import Secret
from tests.database import Agent, Workspace, refused
from tests.people.test_notifications import fail
from tests.work.calls import Runner, send

SECRET = Secret("a webhook's own secret")


@dataclass
class Receiver:
    """A server that takes what it is sent, and answers ``status``."""

    url: str = ""
    status: int = 200
    elsewhere: str = ""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """One on this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append((self.path, dict(self.headers), body))
            self.send_response(receiver.status)
            if receiver.elsewhere:
                self.send_header("Location", receiver.elsewhere)
            self.end_headers()

        def do_GET(self) -> None:
            receiver.got.append((self.path, {}, b"a redirect was followed"))

        def log_message(self, format: str, *args: object) -> None:
            """Not on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?of=kolony"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def session(workspace: Workspace, nickname: str) -> PersonSession:
    """A person who is logged in."""
    return await log_in(workspace.database.target(nickname), "kolony tests", "main")


async def let_time_pass(superuser: asyncpg.Connection) -> None:
    """What waits for its next try is due."""
    await superuser.execute(
        "UPDATE kolony.webhook_deliveries SET next_try_at = now() - interval '1 second' WHERE state = 'pending'"
    )


async def test_a_failure_reaches_a_webhook_signed_and_once(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob = await session(workspace, "ada"), await database.connect("bob")
    runner = await Runner.of(database, agent)
    with receiving() as receiver:
        await webhooks.add_webhook(ada, "ops", receiver.url, SECRET, kinds=["run_failed"], at_least=Urgency.MEDIUM)
        await send(bob, agent)
        await fail(runner, error="exit 1 \x1b]52;c;aGk=\x07")
        await bob.execute("SELECT kolony.take_notice($1)", workspace.workspace_id)
        # Two programs at once: each delivery is carried by one of them.
        both = await asyncio.gather(webhooks.deliver_due(ada), webhooks.deliver_due(ada))
        assert sum(each.delivered for each in both) == 1
        [(path, headers, body)] = receiver.got
    told = json.loads(body)
    assert (path, told["kind"], told["title"], told["workspace"]) == (
        "/hook?of=kolony", "run_failed", "#1 failed on worker", "main"
    )  # fmt: skip
    assert told["message"] == "exit 1  ]52;c;aGk="
    assert told["data"]["agent_id"] == str(agent.agent_id)
    seconds, digest = headers["Kolony-Signature"].removeprefix("t=").split(",v1=")
    expected = hmac.digest(SECRET.reveal().encode(), f"{seconds}.".encode() + body, hashlib.sha256).hex()
    assert digest == expected
    assert headers["Kolony-Delivery"] == told["id"]
    [logged] = await webhooks.deliveries(ada)
    assert (logged.state, logged.tries, logged.last_status, logged.last_error) == ("delivered", 1, 200, None)
    assert await webhooks.deliver_due(ada) == webhooks.Carried()
    await ada.db.close()


async def test_the_signature_is_that_of_the_standard(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    for key in (b"", b"k", b"k" * 64, b"k" * 65, bytes(range(256))):
        digest = await superuser.fetchval("SELECT kolony.hmac_sha256($1, $2)", key, b"what is signed")
        assert digest == hmac.digest(key, b"what is signed", hashlib.sha256)


async def test_what_is_refused_is_tried_again_and_given_up_after_ten_tries(workspace: Workspace) -> None:
    ada, superuser = await session(workspace, "ada"), await workspace.database.superuser()
    with receiving() as receiver:
        receiver.status, receiver.elsewhere = 307, receiver.url
        hook = await webhooks.add_webhook(ada, "ops", receiver.url, SECRET)
        tested = await webhooks.test_webhook(ada, hook)
        assert (tested.state, tested.last_status, len(receiver.got)) == ("pending", 307, 1), "no redirect is followed"
        gaps = []
        for tries in range(2, 11):
            assert (await webhooks.deliver_due(ada)).refused == 0, "not before its time"
            await let_time_pass(superuser)
            jobs = {job.job: job.result for job in await run_upkeep(ada)}
            assert jobs["webhooks"] == {"delivered": 0, "refused": 1}
            [delivery] = await webhooks.deliveries(ada)
            if delivery.next_try_at is not None and delivery.tried_at is not None:
                gaps.append((delivery.next_try_at - delivery.tried_at).total_seconds() / (30 * 2 ** (tries - 1)))
    assert (delivery.state, delivery.tries, len(receiver.got)) == ("failed", 10, 10)
    assert all(0.99 < gap < 1.6 for gap in gaps), gaps
    assert len({round(gap, 3) for gap in gaps}) > 1, "with jitter"
    await superuser.execute("SELECT kolony.hand_out(workspace_id) FROM kolony.workspaces")
    admin = await workspace.database.connect("ada")
    assert "the webhook ops does not take what it is sent" in await admin.fetchval(
        "SELECT title FROM kolony.notifications WHERE kind = 'webhook_failed'"
    )
    await ada.db.close()


async def test_who_dies_while_carrying_loses_nothing_and_is_not_believed_later(workspace: Workspace) -> None:
    ada, superuser = await session(workspace, "ada"), await workspace.database.superuser()
    with receiving() as receiver:
        hook = await webhooks.add_webhook(ada, "ops", receiver.url, SECRET)
        delivery = (await ada.db.call("test_webhook", hook))[0][0]
        take = (workspace.workspace_id, 10, None)
        [lost] = await ada.db.call("take_deliveries", *take)
        assert await ada.db.call("take_deliveries", *take) == [], "for a minute it is whose who took it"
        await let_time_pass(superuser)
        [taken] = await ada.db.call("take_deliveries", *take)
        assert (await ada.db.call("end_delivery", delivery, lost["try"], 200, None))[0][0] == "pending"
        [logged] = await webhooks.deliveries(ada)
        assert (logged.state, logged.tries, taken["try"]) == ("pending", 2, 2), "only the last try is believed"
        await let_time_pass(superuser)
        assert (await webhooks.deliver_due(ada)).delivered == 1
        late = await ada.db.call("end_delivery", delivery, lost["try"], 500, "too late")
        assert late[0][0] == "delivered"
        assert len(receiver.got) == 1
    await ada.db.close()


async def test_nobody_reads_a_secret_and_only_admins_see_webhooks(workspace: Workspace) -> None:
    ada = await session(workspace, "ada")
    hook = await webhooks.add_webhook(ada, "ops", "https://example.org/hook?key=1", SECRET)
    with pytest.raises(NoRight):
        async with ada.db.connection() as connection:
            await connection.fetch("SELECT * FROM kolony.webhook_secrets")
    bob = await session(workspace, "bob")
    assert await webhooks.webhooks(bob) == []
    for call, arguments in (("take_deliveries", (workspace.workspace_id,)), ("test_webhook", (hook,)),
                            ("remove_webhook", (hook,)), ("change_webhook", (hook, "https://x.net/"))):  # fmt: skip
        with pytest.raises(NoRight):
            await bob.db.call(call, *arguments)
    audit = await workspace.database.connect("ada")
    facts = await audit.fetchval("SELECT details::text FROM kolony.audit_log WHERE event = 'WEBHOOK_ADDED'")
    assert "example.org" in str(facts)
    assert "key=1" not in str(facts)
    await ada.db.call("test_webhook", hook)
    await webhooks.remove_webhook(ada, hook)
    superuser = await workspace.database.superuser()
    assert await superuser.fetchval("SELECT count(*) FROM kolony.webhook_secrets") == 0
    assert [each.state for each in await webhooks.deliveries(ada)] == ["cancelled"]
    assert await webhooks.webhooks(ada) == []
    for each in (ada, bob):
        await each.db.close()


async def test_odd_addresses_are_refused_with_a_reason(workspace: Workspace) -> None:
    ada = await workspace.database.connect("ada")
    add = "SELECT kolony.add_webhook($1, $2, $3, 'sixteen letters and more')"
    for url in ("http://example.org/", "ftp://example.org/", "https://user:pw@example.org/", "https:///x", "x",
                "http://localhost.example.org/", "https://example.org/\r\nX: y",
                "http://127.0.0.1@example.org/"):  # fmt: skip
        with refused("22023", "address"):
            await ada.execute(add, workspace.workspace_id, "ops", url)
    await ada.execute(add, workspace.workspace_id, "ops", "https://[2001:db8::1]:8443/a?b=c")
    with refused("23505", 'a webhook "ops" already'):
        await ada.execute(add, workspace.workspace_id, "ops", "https://example.org/")
    with refused("22023", "16 to 500"):
        await ada.execute("SELECT kolony.add_webhook($1, 'x', 'https://x.org/', 'short')", workspace.workspace_id)


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "224.0.0.1", "0.0.0.0"])
async def test_no_webhook_reaches_a_clouds_secrets(workspace: Workspace, host: str) -> None:
    ada = await session(workspace, "ada")
    hook = await webhooks.add_webhook(ada, "ops", f"https://{host}/latest/meta-data", SECRET)
    sent = await webhooks.test_webhook(ada, hook)
    assert sent.last_error is not None
    assert "where no webhook can be" in sent.last_error.raw
    await ada.db.close()


async def test_an_answer_in_drops_is_not_waited_for(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PATIENCE", 0.3)
    dropping, hung_up = asyncio.Event(), asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.")
        dropping.set()
        try:
            while not reader.at_eof():
                writer.write(b"O")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            hung_up.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ada = await session(workspace, "ada")
    hook = await webhooks.add_webhook(ada, "ops", f"http://localhost:{port}/", SECRET)
    async with asyncio.timeout(5):
        sent = await webhooks.test_webhook(ada, hook)
        await hung_up.wait()
    assert dropping.is_set()
    assert sent.state == "pending"
    server.close()
    await server.wait_closed()
    await ada.db.close()
