"""The verbs with their JSON keys and exit codes, as scripts rely on them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from kolony_tui import __version__
from kolony_tui.cli.main import VERBS, main, parser_for
from kolony_tui.cli.reference import _leaves, with_tables
from kolony_tui.server.migrations import migrations
from tests.cli.conftest import CommandLine
from tests.database import INSTALLER, Database

REPOSITORY = Path(__file__).resolve().parents[2]
LEAVES = [parser.prog for parser in _leaves(parser_for([name for name, _, _ in VERBS]))]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"kolony {__version__}\n"


@pytest.mark.parametrize("verb", LEAVES)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*verb.split()[1:], "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {verb}")


def test_the_readme_is_made_from_the_code() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert readme == with_tables(readme), "run: python -m kolony_tui.cli.reference"


def test_a_person_is_added_once_and_can_log_in(kolony: CommandLine) -> None:
    made = kolony("user", "add", "carol", "--role", "operator", "--json").json
    assert set(made) == {"login", "role", "password"}
    assert (made["login"], made["role"]) == ("carol", "operator")
    kolony("user", "add", "carol", "--role", "viewer").refused(4, "carol", "already")
    people = {each["login"]: each for each in kolony("user", "list", "--json").json}
    assert people["carol"]["role"] == "operator"
    assert made["password"] not in json.dumps(people)


def test_roles_decide(kolony: CommandLine) -> None:
    viewer, operator = kolony.login("vera", "viewer"), kolony.login("oscar", "operator")
    assert kolony("agent", "create", "by-operator", "--dsn", operator).code == 0
    kolony("agent", "create", "by-viewer", "--dsn", viewer).refused(4, "viewer", "operator")
    kolony("user", "add", "nobody", "--role", "viewer", "--dsn", operator).refused(4, "operator", "admin")
    kolony("token", "issue", "by-operator", "--dsn", operator).refused(4, "admin")
    kolony("send", "by-operator", "--dsn", viewer, "--", "true").refused(4, "viewer")
    names = {each["agent"] for each in kolony("agent", "list", "--json", "--dsn", viewer).json}
    assert "by-operator" in names
    assert "by-viewer" not in names
    kolony("user", "role", "oscar", "viewer")
    kolony("agent", "create", "later", "--dsn", operator).refused(4, "viewer")


def test_a_disabled_person_hears_so(kolony: CommandLine) -> None:
    dsn = kolony.login("dora", "operator")
    assert kolony("user", "disable", "dora").code == 0
    kolony("agent", "list", "--dsn", dsn).refused(3, "dora", "disabled")
    assert kolony("user", "enable", "dora").code == 0
    assert kolony("agent", "list", "--dsn", dsn).code == 0


def test_a_new_password_works_and_the_old_one_does_not(kolony: CommandLine) -> None:
    old = kolony.login("paula", "viewer")
    new = kolony("user", "passwd", "paula", "--generate", "--json").json["password"]
    kolony("agent", "list", "--dsn", old).refused(3, "password")
    place = old.partition("@")[2]
    assert kolony("agent", "list", "--dsn", f"postgresql://paula:{new}@{place}").code == 0


def test_a_token_is_shown_once_and_revoked_at_once(kolony: CommandLine) -> None:
    kolony("agent", "create", "holder")
    issued = kolony("token", "issue", "holder", "--json").json
    assert {"agent", "token", "hint"} <= set(issued)
    listed = kolony("token", "list", "--json")
    assert issued["token"] not in listed.out
    mine = next(each for each in listed.json if each["token_id"] == issued["token_id"])
    assert mine["active"] is True
    assert kolony("token", "revoke", issued["token_id"]).code == 0
    kolony("agent", "run", "holder", KOLONY_AGENT_TOKEN=issued["token"]).refused(3, "token")
    kolony("agent", "run", "holder", KOLONY_AGENT_TOKEN="wrong").refused(3, "token")


def test_drafts_are_edited_sent_and_cancelled(kolony: CommandLine) -> None:
    kolony("agent", "create", "drafter")
    sent = kolony("send", "drafter", "--draft", "--json", "--", "echo", "one").json
    command = sent["command_id"]
    assert kolony("command", "show", command, "--json").json["status"] == "draft"
    assert kolony("command", "edit", command, "--priority", "70", "--", "echo two").code == 0
    assert kolony("command", "submit", command).code == 0
    shown = kolony("command", "show", command, "--json").json
    assert (shown["status"], shown["content"], shown["priority"]) == ("queued", "echo two", 70)
    assert kolony("command", "edit", command, "--", "echo three").code == 0, "as long as nobody has begun it"
    run = shown["run_list"][0]["run_id"]
    keys = {"run_id", "command_id", "agent", "status", "attempt", "exit_code", "error", "usage", "artifacts",
            "reason", "warning"}  # fmt: skip
    assert keys <= set(kolony("run", "show", run, "--json").json)
    assert kolony("run", "priority", run, "9").code == 0
    kolony("run", "priority", run, "101").refused(4, "101")
    assert kolony("command", "cancel", command, "--reason", "enough", "--json").json["cancelled"] == 1
    shown = kolony("run", "show", run, "--json").json
    assert (shown["status"], shown["content"]) == ("cancelled", "echo three")
    kolony("command", "edit", command, "--", "echo four").refused(4, "ended")
    kolony("run", "cancel", run).refused(4, "ended")
    assert kolony("run", "retry", run).code == 0
    waiting = kolony("run", "list", "--status", "waiting", "--agent", "drafter", "--json").json
    assert [each["run_id"] for each in waiting] == [run]


def test_a_paused_and_a_retired_agent(kolony: CommandLine) -> None:
    kolony("agent", "create", "rester")
    assert kolony("agent", "pause", "rester", "--reason", "holiday").code == 0
    shown = kolony("agent", "show", "rester", "--json").json
    assert (shown["desired"], shown["desired_why"], shown["status"]) == ("paused", "holiday", "offline")
    assert kolony("agent", "retire", "rester").code == 0
    kolony("send", "rester", "--", "true").refused(4, "rester", "retired")
    assert "rester" not in {each["agent"] for each in kolony("agent", "list", "--json").json}
    assert kolony("agent", "resume", "rester").code == 0


def test_workspaces_keep_apart(kolony: CommandLine) -> None:
    assert kolony("workspace", "create", "apart", "--json").json["slug"] == "apart"
    kolony("agent", "create", "hermit", "--workspace", "apart")
    assert kolony("workspace", "use", "apart").code == 0
    assert [each["agent"] for each in kolony("agent", "list", "--json").json] == ["hermit"]
    assert kolony("workspace", "use", "main").code == 0
    kolony("agent", "show", "hermit").refused(4, "hermit", "main")
    kolony("agent", "list", "--workspace", "nowhere").refused(4, "nowhere")


def test_bad_input_gets_one_line(kolony: CommandLine) -> None:
    kolony("agent", "create", "target")
    kolony("send", "nobody-here", "--", "true").refused(4, "nobody-here")
    kolony("send", "target", "--", "  ").refused(2, "empty")
    kolony("send", "target").refused(2, "empty")
    kolony("send", "target", "--priority", "101", "--", "true").refused(2, "101")
    kolony("send", "--", "true").refused(2, "agents")
    kolony("agent", "list", "--wrong").refused(2, "--wrong")
    kolony("nonsense").refused(2, "nonsense")
    kolony("agent", "list", "--dsn", "nonsense").refused(3, "--dsn")
    kolony("agent", "list", "--dsn", "postgresql://ada@127.0.0.1:1/x").refused(3, "--dsn")
    kolony("agent", "list", "--profile", "none").refused(2, "none")
    kolony("tail", "4711").refused(4, "4711")
    kolony("run", "show", "x").refused(2, "x")
    kolony("agent", "create", "\x1b]52;c;eA==\x07").refused(4, "printable")
    refused = kolony("agent", "show", "\x1b]0;title\x07\u202e")
    refused.refused(4)
    assert not {"\x1b", "\x07", "\u202e"} & set(refused.err)


def test_a_large_command_comes_back_whole(kolony: CommandLine) -> None:
    kolony("agent", "create", "reader")
    text = "# " + "x" * 1_000_000 + "é"
    command = kolony("send", "reader", "--json", "--", "-", stdin=text).json["command_id"]
    assert kolony("command", "show", command, "--json").json["content"] == text


def test_a_command_above_the_bound_is_refused_before_it_is_sent(kolony: CommandLine) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    refused = kolony("send", "reader", "--dsn", nowhere, "--", "-", stdin="x" * (4 * 1024 * 1024 + 1))
    refused.refused(2, "4194305", "4194304")


def test_config_faults_name_file_and_key(kolony: CommandLine, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text("[ui]\nteme = 'nord'\n")
    kolony("agent", "list", "--profile", "x", KOLONY_HOME=str(home)).refused(2, "config.toml", "teme", "theme")
    (home / "config.toml").write_text("[profiles.far]\ndsn = 'postgresql://ada@127.0.0.1:1/x'\n")
    kolony("agent", "list", "--profile", "far", KOLONY_HOME=str(home)).refused(3, "profile far")


def test_psql_gets_in_by_the_printed_url(kolony: CommandLine) -> None:
    from kolony_tui.server.binaries import installed

    url = kolony("db", "url").out.strip()
    done = subprocess.run(
        [installed().program("psql"), url, "-XAtc", "SELECT count(*) > 0 FROM kolony.memberships"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == "t\n"


def test_the_live_schema_is_checked(kolony: CommandLine) -> None:
    assert kolony("migrate", "--check").code == 0
    assert kolony("migrate", "--json").json["applied"] == []
    assert kolony("migrate", "--plan", "--json").json["pending"] == []


def test_two_installers_at_once_make_one_schema(kolony: CommandLine, database: Database) -> None:
    cluster = database.cluster
    name = f"{database.name}_bare"
    owner = cluster.login(INSTALLER)

    async def make() -> None:
        root = await cluster.superuser()
        await root.execute(f"CREATE DATABASE {name} OWNER {owner}")
        await root.close()

    async def drop() -> None:
        root = await cluster.superuser()
        await root.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await root.close()

    asyncio.run(make())
    try:
        dsn = cluster.dsn(name, owner)
        both = [kolony.started("migrate", "--json", "--dsn", dsn) for _ in range(2)]
        answers = [json.loads(each.communicate(timeout=60)[0]) for each in both]
        assert sorted(answers[0]["applied"] + answers[1]["applied"]) == [
            f"{each.version:04d}_{each.name}" for each in migrations()
        ]
        assert {answers[0]["first_admin"], answers[1]["first_admin"]} == {owner, None}
        assert [each["login"] for each in kolony("user", "list", "--json", "--dsn", dsn).json] == [owner]
    finally:
        asyncio.run(drop())


def test_a_restored_database_is_the_expected_one(tmp_path: Path, short_home: CommandLine) -> None:
    kolony = short_home
    assert kolony("agent", "create", "kept").code == 0
    backup = str(tmp_path / "backup")
    assert kolony("db", "backup", backup).code == 0
    assert kolony("agent", "create", "later").code == 0
    kolony("db", "restore", backup).refused(4, "--force")
    assert kolony("db", "restore", backup, "--force").code == 0
    assert [each["agent"] for each in kolony("agent", "list", "--json").json] == ["kept"]
    checked = kolony("migrate", "--check")
    assert (checked.code, checked.out) == (0, "")
