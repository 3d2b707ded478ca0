"""``kolony constraint`` as a process: by an admin, by a viewer, and with what cannot be."""

from __future__ import annotations

from datetime import datetime

from tests.cli.conftest import CommandLine


def test_profiles_are_made_shown_changed_and_deleted(kolony: CommandLine) -> None:
    limits = ("--time-limit", "1.5", "--token-budget", "5000000000", "--memory-limit-mb", "200", "--cpu-limit", "150")
    made = kolony("constraint", "create", "small", *limits, "--default", "--json").json
    assert made["name"] == "small"
    shown = kolony("constraint", "show", "small", "--json").json
    assert (shown["constraint_id"], shown["time_limit_ms"], shown["token_budget"]) == (
        made["constraint_id"], 1500, 5_000_000_000)  # fmt: skip
    assert (shown["memory_limit_mb"], shown["cpu_limit_percent"], shown["is_default"]) == (200, 150, True)
    kolony("constraint", "edit", "small", "--time-limit", "none", "--name", "tiny")
    [listed] = kolony("constraint", "list", "--json").json
    # One is the database's own JSON, which ends a time at its last digit that is none of 0.
    assert datetime.fromisoformat(listed["created_at"]) == datetime.fromisoformat(shown["created_at"])
    times = {name: listed[name] for name in ("created_at", "updated_at")}
    assert listed == {**shown, "name": "tiny", "time_limit_ms": None, **times}
    assert "5000000000 tokens" in kolony("constraint", "list").out
    assert kolony("constraint", "default", "--none", "--json").json == {"constraint_id": None, "name": None}
    assert kolony("constraint", "delete", "tiny", "--json").json["name"] == "tiny"
    assert kolony("constraint", "list", "--json").json == []
    kolony("undo")
    assert [each["name"] for each in kolony("constraint", "list", "--json").json] == ["tiny"]


def test_what_is_wrong_is_one_line(kolony: CommandLine) -> None:
    dsn = kolony.login("conny", "viewer")
    kolony("constraint", "create", "c1")
    kolony("constraint", "create", "c1").refused(4, 'there is a constraint profile "c1" already')
    kolony("constraint", "create", "c2", "--memory-limit-mb", "lots").refused(2, "a memory limit is a whole number")
    kolony("constraint", "create", "c2", "--cpu-limit", "0").refused(4, "a CPU limit is 1 to 100000 percent")
    kolony("constraint", "create", "c2", "--time-limit", "-1").refused(2, "a time limit is a number of seconds")
    kolony("constraint", "edit", "c1").refused(2, "nothing to change was given")
    kolony("constraint", "default").refused(2, "no default was named")
    kolony("constraint", "show", "nobody").refused(4, "there is no constraint profile 'nobody' here")
    kolony("constraint", "create", "c3", "--dsn", dsn).refused(4, "you are a viewer here; this needs the role admin")
    assert "c1" in [each["name"] for each in kolony("constraint", "list", "--dsn", dsn, "--json").json]


def test_an_agents_config_is_for_its_runner(kolony: CommandLine) -> None:
    kolony("agent", "create", "configured", "--config", '{"emergency_grace_seconds": 1}')
    for wrong in ('{"half', "[1]"):
        kolony("agent", "create", "broken", "--config", wrong).refused(2, "--config is")
