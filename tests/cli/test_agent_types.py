"""``kolony agent type``, ``doctor`` and ``edit`` as people and scripts use them."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cli.conftest import CommandLine


def test_types_are_listed_shown_and_ones_own_are_found(kolony: CommandLine) -> None:
    folder = Path(kolony("agent", "type", "path", "--json").json["path"])
    folder.mkdir()
    (folder / "mine.toml").write_text(
        'adapter = "acp"\nargv = ["no-such-agent"]\ninstall = "ask \\u001b]0;t\\u0007 me"\n'
    )
    try:
        listed = {each["type"]: each for each in kolony("agent", "type", "list", "--json").json}
        assert {"claude", "codex", "gemini", "opencode", "acp", "process", "mine"} <= set(listed)
        assert (listed["mine"]["source"], listed["claude"]["source"]) == (str(folder / "mine.toml"), None)
        shown = kolony("agent", "type", "show", "claude", "--toml").out
        assert 'adapter = "claude"' in shown
        unknown = kolony("agent", "type", "show", "cluade")
        assert (unknown.code, unknown.err.strip()) == (
            4,
            "kolony: there is no type 'cluade' of agents; did you mean claude?",
        )
        missing = kolony("agent", "doctor", "mine")
        assert missing.code == 1
        assert "there is no program 'no-such-agent'" in missing.out
        assert "\x1b" not in missing.out
        (folder / "mine.toml").write_text("adapter = 7\n")
        wrong = kolony("agent", "type", "list")
        assert (wrong.code, str(folder / "mine.toml") in wrong.err) == (2, True)
    finally:
        (folder / "mine.toml").unlink()
        os.rmdir(folder)


def test_an_agent_is_edited_and_shown(kolony: CommandLine) -> None:
    assert kolony("agent", "create", "edited", "--config", '{"a": 1}').code == 0
    said = kolony("agent", "edit", "edited", "--type", "claude", "--set", "trust=untrusted", "--set", "n=3",
                  "--unset", "a", "--instructions", "be brief", "--json")  # fmt: skip
    assert said.json == {"agent": "edited", "changed": True}
    shown = kolony("agent", "show", "edited", "--json").json
    assert (shown["type"], shown["instructions"]) == ("claude", "be brief")
    assert shown["config"] == {"trust": "untrusted", "n": 3}
    assert kolony("agent", "edit", "edited", "--set", "n=3", "--json").json["changed"] is False
    kolony("agent", "edit", "edited", "--set", "x").refused(2, "write KEY=VALUE")
    kolony("agent", "edit", "nobody", "--type", "x").refused(4, "nobody")
