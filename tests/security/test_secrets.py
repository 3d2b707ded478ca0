"""G11: no secret in a log, in what the server tells about sessions and statements, in the audit log or in a hint."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from kolony_tui.core import fleet, people
from kolony_tui.core.fault import traceback_of
from kolony_tui.core.session import PersonSession, log_in
from kolony_tui.models.errors import LoginRefused
from kolony_tui.models.people import Role
from kolony_tui.models.secret import Secret
from tests.database import GIVEN_SERVER, Agent, Database, Workspace, refused, verifier
from tests.security import leaks
from tests.text.hostile import everything, forbidden
from tests.work.calls import Runner

LOUD = {"log_statement": "all", "log_min_duration_statement": "0", "log_parameter_max_length": "-1",
        "log_parameter_max_length_on_error": "-1", "log_min_error_statement": "debug5"}  # fmt: skip
"""The most that an administrator of the server can have logged."""


@asynccontextmanager
async def _logged_in(database: Database, login: str, password: Secret | None = None) -> AsyncIterator[PersonSession]:
    target = database.target(login) if password is None else database.target(login, password)
    session = await log_in(target, "kolony tests", "main")
    yield session
    await session.db.close()


async def _everything_about_secrets(database: Database, agent: Agent) -> list[Secret]:
    """Makes a person and tokens, changes and uses their secrets, rightly and wrongly. Answers with the secrets."""
    login = f"s{agent.agent_id.hex[-10:]}"
    first, second, third = people.new_password(), people.new_password(), people.new_password()
    async with _logged_in(database, "ada") as admin:
        await people.add_person(admin, login, Role.OPERATOR, first, "Secretive")
        async with _logged_in(database, login, first) as person:
            await people.set_password(person, login, second)
        await people.set_password(admin, login, third)
        with pytest.raises(LoginRefused):
            await database.connect(login, second)
        issued = await fleet.issue_token(admin, agent.agent_id, label="one")
        spare = await fleet.issue_token(admin, agent.agent_id, label="two")
        known = await fleet.tokens(admin, agent.agent_id)
        await fleet.revoke_token(admin, next(each.token_id for each in known if each.label.raw == "two"))
        target = database.target(issued.token.login, issued.token.secret)
        runner = await Runner.of(database, Agent(agent.agent_id, "", issued.token_id, issued.token.login,
                                                 issued.token.secret, target))  # fmt: skip
        await runner.beat()
        with pytest.raises(LoginRefused):
            await database.open(database.target(spare.token.login, spare.token.secret))
        with refused("42501"):
            await runner.connection.execute("SELECT kolony.list_tokens($1)", admin.workspace.workspace_id)
    return [first, second, third, issued.token.secret, spare.token.secret]


async def _log(superuser: asyncpg.Connection, last: str) -> str:
    """The server's log, from when it holds ``last``: its collector takes a while.

    Without a collector it is the standard error of every process of the server.
    """
    read = "SELECT pg_read_binary_file(coalesce(pg_current_logfile(), '/proc/self/fd/2'))"
    async with asyncio.timeout(10):
        while last not in (log := bytes(await superuser.fetchval(read)).decode("utf-8", "replace")):
            await asyncio.sleep(0.02)
    return log


async def test_g11_nothing_of_a_token_or_password_is_in_the_log(workspace: Workspace, agent: Agent) -> None:
    """Attack 64: with everything logged that can be, tokens and passwords are not: they never reach the server."""
    database = workspace.database
    superuser = await database.superuser()
    for name, value in LOUD.items():
        await superuser.execute(f"ALTER DATABASE {database.name} SET {name} = '{value}'")
    leaks.loud.add(database.name)
    secrets = await _everything_about_secrets(database, agent)
    async with _logged_in(database, "ada") as admin:
        await admin.db.call("note_logout", workspace.workspace_id)
    log = await _log(superuser, "kolony.note_logout")
    assert "kolony.issue_token" in log
    assert leaks.VERIFIER.search(log), "the control: what does reach the server is in such a log"
    assert [secret for secret in secrets if secret.reveal() in log] == []
    assert leaks.leaks(log, verifiers=False) == []
    assert await leaks.in_statistics(superuser) == []
    assert await leaks.in_audit(superuser) == []


async def test_g11_a_failing_change_of_a_password_is_logged_without_it(workspace: Workspace) -> None:
    """The statement with a verifier in its text. By default PostgreSQL logs a statement that fails; ours does not."""
    database = workspace.database
    eve, superuser = await database.connect("eve"), await database.superuser()
    own = verifier(people.new_password())
    with refused("25006"):
        await eve.execute(f"BEGIN READ ONLY; ALTER ROLE CURRENT_USER PASSWORD '{own}'")
    log = leaks.entries(await _log(superuser, "cannot execute ALTER ROLE"))
    log = [entry for entry in log if database.name in entry or "cannot execute ALTER ROLE" in entry]
    ours = await superuser.fetchval("SHOW log_min_error_statement") == "panic"
    assert ours != bool(GIVEN_SERVER)
    assert [entry for entry in log if leaks.leaks(entry, verifiers=ours)] == []


async def test_g11_a_session_that_others_can_see_shows_no_secret(workspace: Workspace, agent: Agent) -> None:
    """Attack 64: pg_stat_activity, also to a superuser, while the statements are the last ones of their sessions."""
    database = workspace.database
    superuser = await database.superuser()
    async with _logged_in(database, "ada") as admin:
        for step in (
            fleet.issue_token(admin, agent.agent_id),
            people.add_person(admin, f"t{agent.agent_id.hex[-10:]}", Role.VIEWER, people.new_password()),
        ):
            await step
            seen = await superuser.fetchval(
                "SELECT query FROM pg_stat_activity WHERE usename = $1 AND state = 'idle' AND datname = $2",
                database.cluster.login("ada"), database.name,
            )  # fmt: skip
            assert "$3" in seen
            assert leaks.leaks(seen) == []


async def test_g11_and_attack_60_the_audit_log_has_neither_hash_nor_verifier(
    workspace: Workspace, agent: Agent
) -> None:
    database = workspace.database
    superuser, ada = await database.superuser(), await database.connect("ada")
    secrets = await _everything_about_secrets(database, agent)
    entries = await ada.fetch("SELECT l::text AS entry, event FROM kolony.audit_log l")
    assert {"USER_ADDED", "TOKEN_ISSUED", "TOKEN_REVOKED", "PASSWORD_RESET"} <= {row["event"] for row in entries}
    text = "\n".join(row["entry"] for row in entries)
    hashes = [row[0] for row in await superuser.fetch("SELECT token_hash FROM kolony.agent_tokens")]
    verifiers = [row[0] for row in await superuser.fetch("SELECT rolpassword FROM pg_authid WHERE rolpassword <> ''")]
    assert len(hashes) == 3
    for kept in (*[digest.hex() for digest in hashes], *verifiers, *[secret.reveal() for secret in secrets]):
        assert kept not in text
    assert leaks.leaks(text) == []


async def test_g11_hints_carry_ids_and_nothing_else(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    heard: list[str] = []
    eve = await database.connect("eve")
    channel = workspace.channel

    def listen(connection: object, pid: int, channel: str, payload: object) -> None:
        heard.append(str(payload))

    await eve.add_listener(channel, listen)
    await _everything_about_secrets(database, agent)
    await eve.execute("SELECT 1")
    await eve.remove_listener(channel, listen)
    assert len(heard) >= 4
    for payload in heard:
        assert leaks.leaks(payload) == []
        kind, _, identity = payload.partition(":")
        assert kind.isalpha(), payload
        assert identity == "*" or len(identity) == 36, payload


async def test_g11_a_secret_prints_as_stars(workspace: Workspace) -> None:
    """In formatted text, in the repr of whatever holds it, and in a traceback of a failed login."""
    secret = people.new_password()
    target = workspace.database.target("ada", secret)
    with pytest.raises(LoginRefused) as caught:
        await log_in(target, "kolony tests", "main")
    shown = "".join(traceback.format_exception(caught.value))
    assert "log_in" in shown
    for text in (shown, f"{target} {target!r}", f"{secret} {secret!r} {secret:>20}", str([secret]), str({"x": secret})):
        assert leaks.leaks(text) == []
    assert leaks.leaks(secret.reveal()) != []


def test_g11_the_pictures_show_no_secret() -> None:
    folder = Path(__file__).parents[2] / "screenshots"
    assert len(list(folder.glob("*.svg"))) > 5
    assert leaks.in_folder(folder) == {}


def test_the_search_finds_what_it_is_for(tmp_path: Path) -> None:
    token = "kol_" + "0123456789abcdef" + "_" + "A" * 49
    secret = Secret("not to be found anywhere")
    head = "2026-01-01 10:00:00.000 UTC [7] bob@loud_one "
    leaks.loud.add("loud_one")
    entries = {
        f"{head}LOG: ... {token}": 1,
        f"{head}LOG: said {secret.reveal()}": 1,
        f"{head}STATEMENT: ALTER ROLE x PASSWORD 'SCRAM-SHA-256$4096:x'": 0,
        f"{head.replace('loud_one', 'other')}STATEMENT: ALTER ROLE x PASSWORD 'SCRAM-SHA-256$4096:x'": 1,
        f"{head}LOG: kol_0123": 0,
    }
    for entry, expected in entries.items():
        assert len(leaks.in_log(entry)) == expected, entry
        assert token not in str(leaks.in_log(entry))
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "postgres-Mon.log").write_text("\n".join(entries))
    found = leaks.in_folder(tmp_path)
    assert [len(each) for each in found.values()] == [3]
    (tmp_path / "log" / "postgres-Mon.log").write_text("nothing")


def test_g11_and_g12_a_traceback_for_debugging_is_fit_to_print() -> None:
    """What ``--debug`` shows of an error that quotes a password, a token and an agent's escape sequences."""
    token = "kol_" + "0123456789abcdef" + "_" + "A" * 49

    def driver(password: str) -> None:
        raise RuntimeError(f"no route to postgresql://ada:s3cret-and-long@db/x with {token}: {everything()}")

    with pytest.raises(RuntimeError) as caught:
        driver("a password that is only a local variable")
    shown = traceback_of(caught.value)
    assert "in driver" in shown
    assert "no route to" in shown
    for secret in ("s3cret-and-long", token):
        assert secret not in shown
    assert forbidden(shown, allowed="\n") == set()
