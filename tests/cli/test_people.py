"""``kolony user``, ``workspace`` and ``rights``: bulk steps, refusals of one line, plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine


def test_a_removed_person_is_out_and_comes_back_by_an_explicit_step_only(kolony: CommandLine) -> None:
    dsn = kolony.login("remo", "operator")
    assert kolony("user", "remove", "remo", "--json").json == {"login": "remo", "removed": True}
    kolony("agent", "list", "--dsn", dsn).refused(3, "remo", "disabled")
    assert "remo" not in {each["login"] for each in kolony("user", "list", "--json").json}
    kolony("user", "add", "remo", "--role", "viewer").refused(4, "remo", "already", "--existing")
    back = kolony("user", "add", "remo", "--role", "viewer", "--existing", "--json").json
    assert back == {"login": "remo", "role": "viewer"}
    kolony("agent", "create", "by-remo", "--dsn", dsn).refused(4, "you are a viewer here")
    kolony("user", "add", "remo", "--role", "viewer", "--existing").refused(
        4, "remo", "member of this workspace already"
    )


def test_several_people_at_once_and_who_is_refused_does_not_hold_up_the_others(kolony: CommandLine) -> None:
    for name in ("bulk1", "bulk2"):
        kolony("user", "add", name, "--role", "viewer")
    changed = kolony("user", "role", "bulk1", "nobody_here", "bulk2", "operator", "--json")
    assert changed.code == 4
    assert changed.err.startswith("nobody_here: there is no person")
    assert changed.out.count("\n") == 1
    roles = {each["login"]: each["role"] for each in kolony("user", "list", "--json").json}
    assert (roles["bulk1"], roles["bulk2"]) == ("operator", "operator")
    assert kolony("user", "disable", "bulk1", "bulk2", "--json").json == [
        {"login": "bulk1", "disabled": True},
        {"login": "bulk2", "disabled": True},
    ]
    assert kolony("user", "enable", "bulk1", "--json").json == {"login": "bulk1", "disabled": False}
    said = kolony("user", "remove", "bulk1", "bulk1", "bulk2")
    assert (said.code, said.out, said.err.count("\n")) == (0, "", 2)


def test_who_is_connected_is_seen_and_can_be_forced_out(kolony: CommandLine) -> None:
    dsn = kolony.login("kim", "viewer")
    mine = kolony("user", "sessions", "--json").json
    assert {"login", "pid", "application", "client", "since", "idle_seconds", "state"} == set(mine[0])
    assert [each["application"] for each in mine] == ["kolony cli"]
    assert kolony("user", "kick", "kim", "--json").json == {"login": "kim", "ended": 0}
    kolony("user", "sessions", "--dsn", dsn).refused(4, "viewer", "admin")
    kolony("user", "kick", "kim", "--dsn", dsn).refused(4, "viewer", "admin")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Bob", 'in lower case: "bob"'),
        ("pg_bob", 'begin with "pg_"'),
        ("kolony_bob", 'begin with "kolony_"'),
        ("ka_bob", 'begin with "ka_"'),
        ("none", 'not to be "none"'),
        ("b" * 32, "at most 31 characters, this one has 32"),
        ("", "not empty"),
        ("7of9", "begin with a letter"),
        ("bob-smith", 'has no "-"'),
        ("bob\x1b[31m", "a-z, 0-9"),
    ],
)
def test_an_odd_login_hears_what_is_odd(kolony: CommandLine, name: str, words: str) -> None:
    refused = kolony("user", "add", name, "--role", "viewer")
    refused.refused(4, words)
    assert "\x1b" not in refused.err


def test_refusals_are_one_clear_line(kolony: CommandLine) -> None:
    me = next(each["login"] for each in kolony("user", "list", "--json").json if each["role"] == "admin")
    for words in (["role", me, "viewer"], ["disable", me], ["remove", me]):
        kolony("user", *words).refused(4, me, "only admin of this workspace")
    for words in (
        ["role", "x_nobody", "viewer"],
        ["disable", "x_nobody"],
        ["remove", "x_nobody"],
        ["kick", "x_nobody"],
    ):
        kolony("user", *words).refused(4, 'there is no person "x_nobody"')
    kolony("workspace", "create", "elsewhere")
    kolony("user", "add", "wanda", "--role", "viewer", "--workspace", "elsewhere")
    for verb in ("disable", "remove", "kick"):
        kolony("user", verb, "wanda").refused(4, '"wanda" is no member of this workspace')
    kolony("user", "add", "x_nobody", "--role", "viewer", "--existing").refused(4, "there is no login", "CREATE ROLE")
    kolony("user", "add", "postgres", "--role", "viewer", "--existing").refused(4, "is no person's")
    kolony("user", "role", "wanda", "boss").refused(2, "boss")


def test_a_plan_has_limits_that_the_database_enforces(kolony: CommandLine) -> None:
    kolony("workspace", "create", "small")
    small = ("--workspace", "small")
    unlimited = kolony("workspace", "limits", *small, "--json").json
    assert unlimited == {
        "slug": "small", "plan": "unlimited", "max_members": None, "max_agents": None, "max_waiting_runs": None,
        "members": 1, "agents": 0, "waiting_runs": 0,
    }  # fmt: skip
    set_now = ("--plan", "free", "--members", "1", "--agents", "1", "--waiting-runs", "2")
    assert kolony("workspace", "limits", *set_now, *small, "--json").json["plan"] == "free"
    kolony("user", "add", "toomany", "--role", "viewer", *small).refused(4, "plan allows 1 member", "workspace limits")
    assert kolony("agent", "create", "first", *small).code == 0
    kolony("agent", "create", "second", *small).refused(4, "plan allows 1 agent")
    for _ in range(2):
        assert kolony("send", "first", *small, "--", "true").code == 0
    kolony("send", "first", *small, "--", "true").refused(4, "plan allows 2 waiting runs")
    assert kolony("workspace", "limits", "--agents", "none", *small, "--json").json["max_waiting_runs"] == 2
    assert kolony("agent", "create", "second", *small).code == 0
    kolony("workspace", "limits", "--agents", "-1", *small).refused(2, "-1")
    kolony("workspace", "limits", "--members", "0", *small).refused(4, "at least one member")
    kolony("workspace", "limits", "--plan", "\x1b]0;x\x07", *small).refused(4, "a plan is named")
    vera = kolony.login("vera_small", "viewer")
    kolony("workspace", "limits", "--agents", "9", "--dsn", vera).refused(4, "viewer", "admin")


def test_a_workspace_is_renamed_and_admits_viewers_or_not(kolony: CommandLine) -> None:
    kolony("workspace", "create", "named", "--name", "First")
    assert kolony("workspace", "rename", "named", "Second", "--json").json == {"slug": "named", "name": "Second"}
    assert kolony("workspace", "rename", "Third", "--workspace", "named").code == 0
    listed = {each["slug"]: each for each in kolony("workspace", "list", "--json").json}
    assert (listed["named"]["name"], listed["named"]["admits_viewers"]) == ("Third", False)
    assert kolony("workspace", "admit-viewers", "on", "--workspace", "named", "--json").json["admits_viewers"] is True
    listed = {each["slug"]: each for each in kolony("workspace", "list", "--json").json}
    assert listed["named"]["admits_viewers"] is True
    kolony("workspace", "rename", "nowhere", "X").refused(4, "nowhere")
    kolony("workspace", "rename", "named", " ").refused(4, "printable")
    kolony("workspace", "admit-viewers", "perhaps").refused(2, "perhaps")


def test_rights_say_what_is_allowed_and_by_which_rule(kolony: CommandLine) -> None:
    vera = kolony.login("vera_rights", "viewer")
    mine = {each["rule"]: each for each in kolony("rights", "--json").json}
    hers = {each["rule"]: each for each in kolony("rights", "--json", "--dsn", vera).json}
    assert mine.keys() == hers.keys()
    rule = "kolony.set_role(uuid,text,text)"
    assert mine[rule] == {"action": "give a person another role", "needs": "admin", "allowed": True, "rule": rule}
    assert hers[rule]["allowed"] is False
    assert hers["policy member on kolony.runs"]["allowed"] is True
    assert all(each["allowed"] for each in mine.values())
    assert "give a person another role" in kolony("rights", "--dsn", vera).out


def test_the_roles_that_a_server_administrator_makes_are_printed(kolony: CommandLine, tmp_path: Path) -> None:
    printed = kolony("migrate", "--roles")
    assert printed.code == 0
    for role in ("owner", "api", "roleadm", "user", "agents", "backup", "agent"):
        assert f"kolony_{role}" in printed.out
    assert kolony("migrate", "--roles", "--json").json["sql"] + "\n" == printed.out
    kolony("migrate", "--roles", "--plan").refused(2, "--plan")
    assert kolony("migrate", "--json").json["user_admin"] == "on"
    kolony("migrate", "--user-admin", "perhaps").refused(2, "perhaps")
