"""A plan on the command line, by a real runner: proposed, looked at, accepted in part, discarded."""

from __future__ import annotations

import json

from tests.cli.conftest import CommandLine

PLAN = [{"content": "echo one"}, {"content": "echo two", "after": [1]}, {"content": "echo three", "priority": 90}]


def test_a_plan_from_its_proposal_to_its_runs(kolony: CommandLine) -> None:
    kolony("agent", "create", "planner", "--instructions", "Be \x1b[31mbrief.")
    token = kolony("token", "issue", "planner", "--json").json["token"]
    runner = kolony.started("agent", "run", "planner", KOLONY_AGENT_TOKEN=token)
    try:
        write = (
            f"cd \"$KOLONY_RUN_DIR\" && printf '%s' '{json.dumps(PLAN)}' > plan.json && "
            'echo \'{"title": "sure?", "expires_s": 1}\' > ask/q.json && '
            "until [ -e answers/q.json ]; do sleep 0.1; done"
        )
        sent = kolony("send", "planner", "--kind", "plan", "--wait", "--json", "--", write).json
        plan = str(sent["number"])
        items = kolony("command", "plan", plan, "--json").json
        assert [(each["item"], each["content"], each["priority"], each["after_items"], each["state"], each["agent"])
                for each in items] == [
            (1, "echo one", 50, [], "draft", "planner"), (2, "echo two", 50, [1], "draft", "planner"),
            (3, "echo three", 90, [], "draft", "planner"),
        ]  # fmt: skip
        children = kolony("command", "list", "--parent", plan, "--json").json
        assert [each["number"] for each in children] == [each["number"] for each in items]
        viewer = kolony.login("vanna", "viewer")
        kolony("command", "accept", plan, "--dsn", viewer).refused(4, "operator")
        kolony("command", "accept", plan, "--only", "4").refused(4, "no item 4")
        kolony("command", "accept", plan, "--only", "0").refused(2, "'0' names no item")
        accepted = kolony("command", "accept", plan, "--only", "2-3", "--json").json
        assert [(each["item"], each["waits_for"]) for each in accepted] == [(2, [items[0]["number"]]), (3, [])]
        kolony("command", "accept", plan, "--only", "3").refused(4, "item 3 is no draft any more: it is accepted")
        assert [each["item"] for each in kolony("command", "discard", plan, "--json").json] == [1]
        kolony("command", "plan", str(items[0]["number"])).refused(4, "has proposed no plan")
        run = kolony("run", "show", plan, "--json").json
        assert [(each["title"], each["state"], each["answered_by_login"]) for each in run["approvals"]] == [
            ("sure?", "expired", None)
        ]
        told = run["told"]
        assert [each["part"] for each in told] == ["instructions", "command"]
        assert told[0]["words"].startswith("Be \x1b[31mbrief.\n\nThis is a request for a plan")
        shown = kolony("run", "show", plan).out
        assert "This is a request for a plan" in shown
        assert "expired" in shown
        assert "\x1b" not in shown
    finally:
        runner.terminate()
        runner.communicate(timeout=30)
