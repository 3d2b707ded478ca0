"""``kolony preset``, and what it refuses in one line."""

from __future__ import annotations

import subprocess

from tests.cli.conftest import CommandLine

TEXT = "printf '%s %s %s' {{who|sh}} {{n}} {{level}}"


def test_a_preset_from_its_making_to_its_end(kolony: CommandLine) -> None:
    made = kolony(
        "preset", "create", "greet", "--var", "who", "--var", "n:number (how often)=2",
        "--var", "level:choice:low,high=low", "--priority", "70", "--description", "says hello", "--json", "--", TEXT,
    ).json  # fmt: skip
    assert (made["name"], made["version"]) == ("greet", 1)
    [listed] = kolony("preset", "list", "--json").json
    assert {"preset_id", "name", "description", "owner_login", "mine", "shared", "version", "content", "kind",
            "priority", "target_words", "variables", "used_count", "last_used_at"} <= set(listed)  # fmt: skip
    assert listed["variables"][1] == {
        "name": "n", "type": "number", "required": True, "default": "2", "help": "how often",
    }  # fmt: skip
    filled = kolony("preset", "fill", "greet", "--var", "who=o'brien; exit 3", "--var", "level=high")
    said = subprocess.run(["sh", "-c", filled.out], capture_output=True, encoding="utf-8", check=True).stdout
    assert said == "o'brien; exit 3 2 high"
    oda = kolony.login("oda", "operator")
    kolony("preset", "show", "greet", "--dsn", oda).refused(4, "there is no preset 'greet'")
    assert kolony("preset", "share", "greet", "--json").code == 0
    assert kolony("preset", "show", "greet", "--dsn", oda, "--json").json["shared"] is True
    kolony("preset", "edit", "greet", "--priority", "1", "--dsn", oda).refused(4, "owner or an admin")
    assert kolony("preset", "edit", "greet", "--no-vars", "--json", "--", "true").json["version"] == 2
    assert kolony("preset", "restore", "greet", "1", "--json").json["version"] == 3
    assert [each["content"] for each in kolony("preset", "versions", "greet", "--json").json] == [TEXT, "true", TEXT]
    shown = kolony("preset", "show", "greet").out
    assert all(words in shown for words in ("says hello", "n:number (how often)=2", TEXT)), shown
    assert kolony("preset", "delete", "greet", "--json").json["name"] == "greet"
    assert kolony("preset", "list", "--json").json == []


def test_what_is_wrong_is_said_in_one_line(kolony: CommandLine) -> None:
    kolony("preset", "create", "level", "--var", "level:choice:low,high", "--var", "n:number=1", "--", "{{level}}{{n}}")
    fill = ("preset", "fill", "level")
    kolony(*fill).refused(4, '"level" needs a value for "level"')
    kolony(*fill, "--var", "level=middle").refused(4, "it is one of low, high")
    kolony(*fill, "--var", "level=low", "--var", "n=ten").refused(4, '"n" is a number, not "ten"')
    kolony(*fill, "--var", "lvl=low").refused(4, 'no variable "lvl"', "it has level, n")
    kolony(*fill, "--var", "level").refused(2, "write NAME=VALUE")
    kolony("preset", "fill", "levle").refused(4, "did you mean 'level'?")
    kolony("preset", "create", "level", "--", "x").refused(4, "already")
    kolony("preset", "create", "other").refused(2, "the command is empty")
    kolony("preset", "create", "other", "--", "{{what}}").refused(4, 'no variable "what"')
    kolony("preset", "create", "other", "--var", "a:date", "--", "x").refused(2, "no known type")
    kolony("preset", "create", "other", "--var", "a b", "--", "x").refused(2, "'a b' is no variable")
    kolony("preset", "create", "other", "--priority", "101", "--", "x").refused(4, "a priority is 0 to 100")
    kolony("preset", "edit", "level").refused(2, "nothing to change")
    viewer = kolony.login("vito", "viewer")
    kolony("preset", "create", "mine", "--dsn", viewer, "--", "x").refused(4, "you are a viewer here")


def test_what_a_preset_makes_is_sent_and_counted(kolony: CommandLine) -> None:
    for name in ("pre-a", "pre-b"):
        kolony("agent", "create", name)
    kolony(
        "preset", "create", "both", "--var", "n:number=1", "--priority", "77", "--to", "pre-a, pre-b", "--", "n {{n}}"
    )
    sent = kolony("send", "--preset", "both", "--var", "n=5", "--json").json
    assert [run["agent"] for run in sent["runs"]] == ["pre-a", "pre-b"]
    shown = kolony("run", "show", sent["runs"][0]["run_id"], "--json").json
    assert (shown["content"], shown["priority"]) == ("n 5", 77)
    alone = kolony("send", "pre-a", "--preset", "both", "--priority", "3", "--json").json
    shown = kolony("run", "show", alone["runs"][0]["run_id"], "--json").json
    assert (shown["content"], shown["priority"]) == ("n 1", 3)
    [preset] = [each for each in kolony("preset", "list", "--json").json if each["name"] == "both"]
    assert preset["used_count"] == 2
    assert [each["subject"] for each in kolony("audit", "--event", "preset-used", "--json").json] == ["both"] * 2
    dry = kolony("send", "--preset", "both", "--dry-run", "--json").json
    assert dry["agents"] == ["pre-a", "pre-b"]
    kolony("send", "pre-a", "--preset", "both", "--", "text").refused(2, "a preset brings its own text")
    kolony("send", "pre-a", "--var", "n=1", "--", "text").refused(2, "--preset NAME")
    kolony("send", "pre-a", "--preset", "both", "--var", "n=x").refused(4, '"n" is a number')
    kolony("preset", "create", "aimless", "--", "x")
    kolony("send", "--preset", "aimless").refused(2, "does not say for whom")
    assert next(each for each in kolony("preset", "list", "--json").json if each["name"] == "both")["used_count"] == 2
