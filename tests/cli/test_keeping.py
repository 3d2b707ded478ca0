"""``kolony rule``, ``agent var``, ``agent memory``, ``approve --always`` as processes, by an admin and by a viewer."""

from __future__ import annotations

from tests.cli.conftest import CommandLine


def test_rules_variables_and_notes(kolony: CommandLine) -> None:
    kolony("agent", "create", "keeper")
    eve = ("--dsn", kolony.login("eve_keeping", "viewer"))

    made = kolony("rule", "add", "--agent", "keeper", "--prefix", "git status", "--until", "friday", "--json").json
    kolony("rule", "add", "--prefix", "ls").refused(2, "--any-agent")
    kolony("rule", "add", "--any-agent", "--tool", "execute").refused(4, "whatever it likes")
    kolony("rule", "add", "--any-agent", "--prefix", "ls", "--until", "someday").refused(2, "no end of a rule")
    kolony("rule", "add", "--any-agent", "--prefix", "ls", *eve).refused(4, "viewer")
    [rule] = kolony("rule", "list", "--json", *eve).json
    assert (rule["id"], rule["agent"], rule["prefix"], rule["decision"], rule["hits"], rule["state"]) == (
        made["rule_id"], "keeper", "git status", "allow", 0, "in force",
    )  # fmt: skip
    assert "git status" in kolony("rule", "list").out
    kolony("rule", "revoke", rule["id"][-8:], *eve).refused(4, "viewer")
    assert kolony("rule", "revoke", rule["id"][-8:], "--json").json == {"rule_id": rule["id"]}
    assert kolony("rule", "list", "--json").json == []
    assert kolony("rule", "list", "--all", "--json").json[0]["state"] == "revoked"
    kolony("approve", "12345678", "--prefix", "ls").refused(2, "--always")

    assert kolony("agent", "var", "set", "keeper", "URL", "http://x", "--json").json["secret"] is False
    kolony("agent", "var", "set", "keeper", "KEY", "visible-to-all", "--secret").refused(2, "no command line")
    kolony("agent", "var", "set", "keeper", "LD_PRELOAD", "x").refused(4, "not for agents")
    said = kolony("agent", "var", "set", "keeper", "KEY", "--secret", stdin="kept-from-all-8")
    assert said.code == 0
    assert "kept-from-all" not in said.out + said.err
    listed = kolony("agent", "var", "list", "keeper", "--json", *eve)
    assert [(each["name"], each["value"], each["secret"], each["length"]) for each in listed.json] == [
        ("KEY", None, True, 15), ("URL", "http://x", False, 8)
    ]  # fmt: skip
    kolony("agent", "var", "unset", "keeper", "URL", *eve).refused(4, "viewer")
    assert kolony("agent", "var", "unset", "keeper", "URL").code == 0

    assert kolony("agent", "memory", "set", "keeper", "todo", "--text", "buy \x1b[31mmilk").code == 0
    assert kolony("agent", "memory", "show", "keeper", "todo").out == "buy milk\n"
    assert kolony("agent", "memory", "show", "keeper", "todo", "--json").json["content"] == "buy \x1b[31mmilk"
    kolony("agent", "memory", "delete", "keeper", "todo", *eve).refused(4, "viewer")
    assert [each["name"] for each in kolony("agent", "memory", "list", "keeper", "--json", *eve).json] == ["todo"]
    assert kolony("agent", "memory", "delete", "keeper", "todo").code == 0
    kolony("agent", "memory", "show", "keeper", "todo").refused(4, "no note")
