"""``kolony stop``, ``lift``, ``inbox``, ``approve``, ``deny`` and ``answer`` as processes, with a real runner."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.cli.conftest import CommandLine

ASKS = """
ask() { mkdir -p "$KOLONY_RUN_DIR/ask"; printf "$2" > "$KOLONY_RUN_DIR/ask/$1.tmp"
        mv "$KOLONY_RUN_DIR/ask/$1.tmp" "$KOLONY_RUN_DIR/ask/$1.json"; }
ask rm '{"title": "allow rm?", "detail": "rm -rf /tmp/x", "risk": "high", "expires_s": 600}'
ask port '{"kind": "question", "title": "which port?"}'
while [ ! -e "$KOLONY_RUN_DIR/answers/rm.json" ] || [ ! -e "$KOLONY_RUN_DIR/answers/port.json" ]; do sleep 0.05; done
cat "$KOLONY_RUN_DIR/answers/port.json"
"""


def _waiting(kolony: CommandLine, count: int) -> list[dict[str, object]]:
    end = time.monotonic() + 20
    while True:
        found = [each for each in kolony("inbox", "--json").json if each["agent"] == "asker"]
        if len(found) == count:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.1)


def test_asked_answered_stopped_and_lifted(kolony: CommandLine, tmp_path: Path) -> None:
    script = tmp_path / "ask.sh"
    script.write_text(ASKS)
    kolony("agent", "create", "asker")
    token = kolony("token", "issue", "asker", "--json").json["token"]
    eve = kolony.login("eve_inbox", "viewer")
    runner = kolony.started("agent", "run", "asker", KOLONY_AGENT_TOKEN=token)
    try:
        sent = kolony("send", "asker", "--json", "--", f"sh {script}").json
        asked = {each["title"]: each for each in _waiting(kolony, 2)}
        first = asked["allow rm?"]
        assert {"id", "kind", "agent", "run_id", "title", "detail", "expires_at"} <= set(first)
        assert (first["kind"], first["run_id"], first["detail"]) == (
            "permission", sent["runs"][0]["run_id"], "rm -rf /tmp/x",
        )  # fmt: skip
        permission, question = str(first["id"]), str(asked["which port?"]["id"])
        assert "high risk" in kolony("inbox").out
        assert kolony("deny", permission, "--note", "never", "--json").json == {"id": permission, "state": "denied"}
        kolony("approve", permission[-8:]).refused(4, "answered already by", "denied")
        assert kolony("inbox", "snooze", question[-8:], "--for", "2h").code == 0
        assert _waiting(kolony, 0) == []
        assert kolony("answer", question[-8:], "--", "8080").code == 0
        number = str(sent["number"])
        assert json.loads(kolony("tail", number, "--follow").out)["answer"] == "8080"

        kolony("send", "asker", "--", "trap '' INT; sleep 613")
        kolony("stop").refused(2, "name the agents")
        kolony("stop", "asker").refused(2, "--reason")
        kolony("stop", "--all", "--reason", "x", "--dsn", eve).refused(4, "viewer")
        stopped = kolony("stop", "asker", "--reason", "it burns", "--wait", "--json").json
        assert (stopped["confirmed"], stopped["total"], stopped["reason"]) == (1, 1, "it burns")
        assert [(each["agent"], each["state"]) for each in stopped["agents"]] == [("asker", "ended")]
        kolony("send", "asker", "--", "true")
        said = kolony("stop", "--status")
        assert "1 agent is stopped by" in said.out
        assert "1 of 1 confirmed" in said.out
        assert kolony("stop", "lift", "asker", "--json").json == {"lifted": 1}
        kolony("lift").refused(4, "no emergency stop is on")
    finally:
        runner.terminate()
        runner.communicate()
