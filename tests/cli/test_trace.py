"""`kolony run trace` on what a real program has left: JSON with its keys, the tree, a search, as it happens."""

from __future__ import annotations

import json
import sys

from tests.cli.conftest import CommandLine

PROGRAM = r"""
import json, os
with open(os.environ["KOLONY_RUN_DIR"] + "/trace.jsonl", "w") as file:
    for entry in (
        {"id": "p", "type": "llm_prompt", "input": "fix \x1b[31mit"},
        {"id": "t", "parent_id": "p", "type": "thought", "output": "two\nwriters \u0000", "confidence": 0.25},
        {"id": "c", "parent_id": "p", "type": "tool_call", "name": "sh\x1b]0;x\x07", "input": {"command": "ls"},
         "status": "error", "error": "exit 1", "tokens": 5, "duration_ms": 1500},
        {"id": "s", "parent_id": "c", "type": "response", "output": {"deep": [1]}},
    ):
        file.write(json.dumps(entry) + "\n")
"""
KEYS = ["id", "parent_id", "type", "name", "status", "input", "output", "duration_ms", "tokens", "error"]


def test_a_trace_is_a_list_a_tree_and_a_stream(kolony: CommandLine) -> None:
    assert kolony("agent", "create", "tracer").code == 0
    token = kolony("token", "issue", "tracer", "--json").json["token"]
    unbegun = kolony("send", "tracer", "--json", "--", "later").json["number"]
    assert kolony("run", "trace", str(unbegun), "--json").json == []
    runner = kolony.started("agent", "run", "tracer", "--", sys.executable, "-c", PROGRAM, KOLONY_AGENT_TOKEN=token)
    try:
        streamed = kolony("run", "trace", str(unbegun), "--follow", "--json")
        assert kolony("send", "tracer", "--wait", "--", "again").code == 0
    finally:
        runner.terminate()
        runner.communicate(timeout=30)
    found = kolony("run", "trace", str(unbegun), "--json").json
    assert [list(entry)[: len(KEYS)] for entry in found] == [KEYS] * 4
    prompt, thought, tool, said = found
    assert [entry["parent_id"] for entry in found] == [None, prompt["id"], prompt["id"], tool["id"]]
    assert [entry["type"] for entry in found] == ["llm_prompt", "thought", "tool_call", "response"]
    assert (prompt["input"], thought["output"], said["output"]) == ("fix \x1b[31mit", "two\nwriters \0", {"deep": [1]})
    assert (tool["status"], tool["duration_ms"], tool["tokens"], tool["error"]) == ("failed", 1500, 5, "exit 1")
    assert thought["confidence"] == 0.25
    lines = [json.loads(line) for line in streamed.out.splitlines()]
    assert {line["id"]: line["status"] for line in lines} == {entry["id"]: entry["status"] for entry in found}

    tree = kolony("run", "trace", str(unbegun))
    assert [line[: len(line) - len(line.lstrip())] for line in tree.out.splitlines()] == ["", "  ", "  ", "    "]
    assert "\x1b" not in tree.out
    assert "exit 1  1.5 s  5 tokens" in tree.out
    assert "25% sure" in tree.out
    [only] = kolony("run", "trace", str(unbegun), "--find", "WRITERS").out.splitlines()
    assert only.split()[0] == "thought"
    kolony("run", "trace", str(unbegun), "--attempt", "9").refused(4, "no attempt 9")
    kolony("run", "trace", "99999").refused(4, "99999")
    kolony("run", "trace", str(unbegun), "--follow", "--find", "x").refused(2, "--follow")
