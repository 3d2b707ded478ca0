"""``kolony doctor`` on a server that is not ours: what it finds, with no more rights than the login has."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kolony_tui.db.place import find_place
from kolony_tui.server.doctor import access, running
from kolony_tui.server.doctor.check import Check, Patient
from kolony_tui.server.doctor.examination import GROUPS, examine
from kolony_tui.server.doctor.holes import known_holes
from kolony_tui.server.home import Home
from tests.database import Cluster, Database, Workspace, verifier
from tests.upkeep.conftest import make_impatient, until_due

MISTAKES = {
    "ALTER TABLE kolony.runs DISABLE ROW LEVEL SECURITY": "row security is not forced: kolony.runs",
    "GRANT SELECT ON kolony.agent_tokens TO kolony_user": "secrets can be read: kolony.agent_tokens by kolony_user",
    "GRANT EXECUTE ON FUNCTION kolony.settle(uuid) TO PUBLIC": "everybody may execute a function: kolony.settle",
    "ALTER FUNCTION kolony.hint(uuid, text) RESET search_path": "a function looks names up where its caller says",
    "ALTER TABLE kolony.commands OWNER TO CURRENT_USER": "the wrong owner: kolony.commands",
    "DROP POLICY member ON kolony.agent_sessions": "table agent_sessions: missing: POLICY member",
    "ALTER TABLE kolony.agents ADD COLUMN extra text": "table agents: not expected: COLUMN extra text",
}
"""What somebody does by hand, and how a finding begins that says so."""


async def doctor(database: Database, login: str, *words: str) -> tuple[int, str, str]:
    """``kolony doctor`` as a process: exit code, standard output, standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "kolony_tui", "doctor", "--dsn", database.dsn(login), *words],
        capture_output=True, encoding="utf-8", env=kept, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


async def findings(database: Database, login: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and checks of ``kolony doctor --json``."""
    code, out, err = await doctor(database, login, "--json")
    assert err == ""
    answer = json.loads(out)
    assert answer["ok"] == (code == 0)
    assert all(set(check) == {"check", "status", "finding", "remedy"} for check in answer["checks"])
    return code, answer["checks"]


@asynccontextmanager
async def patient(database: Database, login: str = "eve", home: Path | None = None) -> AsyncIterator[Patient]:
    """Somebody's connection to be examined."""
    target = database.target(login)
    connection = await database.connect(login)
    yield Patient(connection, target, find_place(target), Home(home or Path("/nowhere")), embedded=False)
    await connection.close()


def said(checks: list[Check]) -> list[tuple[str, str]]:
    """Status and finding of each."""
    return [(check.status, check.finding.raw) for check in checks]


async def test_what_the_migrations_make_is_sound_for_a_viewer_and_an_admin(database: Database) -> None:
    for login in ("eve", "ada"):
        code, checks = await findings(database, login)
        assert [check for check in checks if check["status"] == "wrong"] == []
        assert code == 0
        assert all(check["remedy"] for check in checks if check["status"] != "ok")
        assert {"server version", "clock", "rights", "schema", "keyring", "TLS"} <= {check["check"] for check in checks}


async def test_mistakes_made_by_hand_are_found_with_what_to_do(database: Database) -> None:
    superuser = await database.superuser()
    for mistake in MISTAKES:
        await superuser.execute(mistake)
    code, checks = await findings(database, "eve")
    assert code == 1
    wrong = {check["finding"]: check["remedy"] for check in checks if check["status"] == "wrong"}
    for mistake, beginning in MISTAKES.items():
        found = [finding for finding in wrong if finding.startswith(beginning)]
        assert found, (mistake, wrong)
        assert all(wrong[finding] for finding in found)
    code, out, err = await doctor(database, "eve")
    assert code == 1
    assert "✖ rights: row security is not forced: kolony.runs\n      → ALTER TABLE" in out
    assert err.endswith("checks found something wrong\n")


async def test_no_schema_and_no_server_are_one_line(database: Database, cluster: Cluster) -> None:
    superuser = await database.superuser()
    await superuser.execute("DROP SCHEMA kolony CASCADE")
    assert await doctor(database, "eve") == (
        3, "", f"kolony: the database {database.name} has no schema of Kolony; "
               "run kolony migrate as the role that owns the database\n",
    )  # fmt: skip
    away = replace(database, cluster=replace(cluster, superuser_dsn="postgresql://x:y@127.0.0.1:1/postgres"))
    code, out, err = await doctor(away, "eve")
    assert (code, out, err.count("\n")) == (3, "", 1)


async def test_what_a_login_may_not_see_it_is_told(workspace: Workspace) -> None:
    database = workspace.database
    await make_impatient(await database.superuser())
    bob = await database.connect("bob")
    await bob.execute("SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT 1")
    await until_due(await database.superuser(), bob)
    async with patient(database) as eve:
        [check] = await running.check_sessions(eve)
        assert check.status == "ok"
        assert "other sessions do is for admins and superusers to see" in check.finding.raw
        assert said(await access.check_entrance(eve)) == [("ok", "its rules are for a superuser to see")]
        superuser = replace(eve, connection=await database.superuser())
        [check] = await running.check_sessions(superuser)
        assert check.status == "warning"
        assert check.finding.raw.startswith(f"{database.cluster.login('bob')} (pid {bob.get_server_pid()}")
        assert "kolony maintain" in check.remedy.raw


async def test_each_check_alone_finds_its_fault(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    superuser = await database.superuser()
    async with patient(database) as eve:
        by_name = {check.__name__: check for _, checks in GROUPS for check in checks}

        async def status(name: str, on: Patient = eve) -> set[str]:
            return {check.status for check in await by_name[name](on)}

        for name in ("check_clock", "check_queue", "check_passwords", "check_way", "check_upkeep", "check_prepared"):
            assert await status(name) == {"ok"}, name
        elsewhere = replace(eve.target, dsn="postgresql://eve@db.example.org/kolony", insecure=True)
        assert await status("check_way", replace(eve, target=elsewhere, place=find_place(elsewhere))) == {"wrong"}
        await eve.connection.execute("SET password_encryption = 'md5'")
        assert await status("check_passwords") == {"wrong"}
        await superuser.execute("UPDATE kolony.upkeep SET last_began = now() - interval '3 days' WHERE job = 'settle'")
        assert said(await by_name["check_upkeep"](eve)) == [("warning", "settle is overdue by more than a day")]
        await superuser.execute('UPDATE kolony.upkeep SET last_began = now(), last_result = \'{"error": "no disk"}\'')
        assert ("warning", "settle ended with: no disk") in said(await by_name["check_upkeep"](eve))

        class Late(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.now(tz) - timedelta(minutes=1)

        monkeypatch.setattr(running, "datetime", Late)
        [check] = await by_name["check_clock"](eve)
        assert (check.status, "60.0 s ahead of this machine's" in check.finding.raw) == ("warning", True)


async def test_settings_on_a_login_are_named(database: Database) -> None:
    login = await database.add_person("viewer")
    superuser = await database.superuser()
    await superuser.execute(f"ALTER ROLE {login} SET statement_timeout = '1ms'")
    await superuser.execute(f"ALTER ROLE {login} IN DATABASE {database.name} SET work_mem = '64kB'")
    async with patient(database, login) as person:
        assert said(await access.check_login_settings(person)) == [
            ("warning", f"sessions of {login} in {database.name} begin with work_mem=64kB"),
            ("ok", "statement_timeout=1ms: overridden here, in force in psql"),
        ]


async def test_logins_above_row_security_and_passwords_by_md5_are_named(database: Database) -> None:
    login = await database.add_person("viewer")
    superuser = await database.superuser()
    stranger = f"{login}_dba"
    await superuser.execute(f"CREATE ROLE {stranger} LOGIN BYPASSRLS")
    await superuser.execute(f"UPDATE pg_authid SET rolpassword = 'md5{'0' * 32}' WHERE rolname = '{login}'")
    try:
        async with patient(database) as eve:
            by_name = {check.__name__: check for _, checks in GROUPS for check in checks}
            roles = said(await by_name["check_roles"](eve))
            assert ("warning", f"the login {stranger} has BYPASSRLS and reads every row that it is granted") in roles
            old = eve.connection.get_server_version().major < 16
            assert any("may change every login but superusers" in finding for _, finding in roles) == old
            found = said(await access.check_passwords(replace(eve, connection=superuser)))
            assert found == [("wrong", f"the password of {login} is no SCRAM verifier")]
    finally:
        await superuser.execute(f"DROP ROLE {stranger}; ALTER ROLE {login} PASSWORD '{verifier()}'")


async def test_logged_parameters_matter_where_agents_share_a_login(database: Database) -> None:
    superuser = await database.superuser()
    async with patient(database) as eve:
        assert [status for status, _ in said(await access.check_logged_tokens(eve))] == ["ok"]
    # Roles are the whole server's: seen from inside a transaction that is never committed.
    await superuser.execute("SET log_parameter_max_length = -1; SET log_statement = 'none'")
    await superuser.execute("SET log_min_duration_statement = -1; BEGIN; ALTER ROLE kolony_roleadm NOCREATEROLE")
    async with patient(database) as eve:
        inside = replace(eve, connection=superuser)
        assert [status for status, _ in said(await access.check_logged_tokens(inside))] == ["warning"]
        await superuser.execute("SET log_statement = 'all'")
        assert [status for status, _ in said(await access.check_logged_tokens(inside))] == ["wrong"]
        await superuser.execute("SET log_parameter_max_length = 0; SET log_parameter_max_length_on_error = 0")
        assert [status for status, _ in said(await access.check_logged_tokens(inside))] == ["ok"]
    await superuser.execute("ROLLBACK")


async def test_files_that_others_may_read_are_found(database: Database, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "secrets").mkdir(parents=True)
    for folder in (home, home / "secrets"):
        folder.chmod(0o700)
    (home / "secrets" / "person").write_text("x")
    (home / "config.toml").write_text("")
    async with patient(database, home=home) as eve:
        by_name = {check.__name__: check for _, checks in GROUPS for check in checks}
        for path, good, bad in (("secrets/person", 0o600, 0o640), ("config.toml", 0o644, 0o666), ("", 0o711, 0o777)):
            (home / "secrets" / "person").chmod(0o600)
            (home / "config.toml").chmod(0o644)
            (home / path).chmod(good)
            assert [check.status for check in await by_name["check_folders"](eve)] == ["ok"], path
            (home / path).chmod(bad)
            [check] = await by_name["check_folders"](eve)
            assert (check.status, check.remedy.raw.startswith("chmod ")) == ("wrong", True), path
            (home / path).chmod(good)


async def test_an_unforeseen_refusal_is_said_and_not_wrong(database: Database) -> None:
    superuser = await database.superuser()
    await superuser.execute("REVOKE SELECT ON kolony.upkeep FROM kolony_user")
    async with patient(database) as eve:
        found = {check.check: check for checks in (await examine(eve)).values() for check in checks}
    assert found["upkeep"].status == "ok"
    assert "for an admin or a superuser to see" in found["upkeep"].finding.raw


@pytest.mark.parametrize(
    ("version", "names"),
    [
        (150008, ["CVE-2024-10976", "CVE-2025-8713", "CVE-2026-6473"]),
        (150017, ["CVE-2026-6473"]),
        (150018, []),
        (160013, ["CVE-2026-6473"]),
        (170005, ["CVE-2025-8713", "CVE-2026-6473"]),
        (170010, []),
        (180003, ["CVE-2026-6473"]),
        (180004, []),
        (190000, []),
    ],
)
def test_versions_with_known_holes(version: int, names: list[str]) -> None:
    assert [hole.name for hole in known_holes(version)] == names


async def test_a_holed_server_is_told_what_it_needs(database: Database) -> None:
    class Holed(Patient):
        async def row(self, name: str) -> Any:
            return {"version": 170002, "version_words": "17.2"}

    async with patient(database) as eve:
        holed = Holed(eve.connection, eve.target, eve.place, eve.home, embedded=False)
        [check] = await running.check_version(holed)
    assert check.status == "wrong"
    assert "CVE-2025-8713" in check.finding.raw
    assert check.remedy.raw == "upgrade the server, to 17.10 or later"


async def test_hostile_names_reach_no_terminal(database: Database) -> None:
    superuser: asyncpg.Connection = await database.superuser()
    await superuser.execute('CREATE TABLE kolony."\x1b]0;owned\x07\x1b[31m[/]" (words text)')
    code, out, _ = await doctor(database, "eve")
    assert code == 1
    assert "row security is not forced" in out
    assert "\x1b" not in out
