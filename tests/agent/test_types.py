"""Types of agents: those that come with Kolony, a person's own, and whether their programs work here."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.types.agent_type import AgentType, Untrusted
from kolony_tui.agent.types.choosing import Choice
from kolony_tui.agent.types.known_types import known_names, known_types, read_type, type_named
from kolony_tui.agent.types.outfit import Outfit, words
from kolony_tui.agent.types.trying import Tried, tried
from kolony_tui.models.errors import NotFound, UsageError
from tests.agent.colony import assignment

CLAUDE = (sys.executable, str(Path(__file__).parent / "fakes" / "claude.py"))
ACP = """
import json, sys
hello = json.loads(sys.stdin.readline())
assert hello["params"]["protocolVersion"] == 1
print("starting up")
print(json.dumps({"jsonrpc": "2.0", "id": hello["id"], "result": {"protocolVersion": VERSION, "agentInfo":
    {"name": "fake", "version": "1.5.0"}, "agentCapabilities": {"loadSession": True}}}), flush=True)
sys.stdin.read()
"""


def _own(home: Path, content: str, name: str = "mine") -> Path:
    folder = home / "agent-types"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.toml"
    file.write_text(content)
    return file


def test_what_comes_with_kolony_can_be_read_and_says_how_to_get_it(tmp_path: Path) -> None:
    found = {kind.name: kind for kind in known_types(tmp_path)}
    assert set(found) >= {
        "claude",
        "claude-acp",
        "codex",
        "gemini",
        "opencode",
        "qwen",
        "vibe",
        "goose",
        "acp",
        "process",
    }
    for kind in found.values():
        assert kind.source == ""
        assert kind.install or not kind.argv, kind.name
        assert not any(name.startswith(("KOLONY", "PG", "CLAUDECODE")) for name in kind.passes), kind.name
    assert found["codex"].mode == "read-only"
    assert found["claude"].untrusted.possible
    assert "--setting-sources" in found["claude"].untrusted.argv


def test_a_type_of_ones_own_stands_in_the_place_of_kolonys(tmp_path: Path) -> None:
    _own(tmp_path, 'adapter = "acp"\nargv = ["my-agent", "--acp"]\nmode = "ask"\n[environment]\nA = "1"\n')
    _own(tmp_path, 'adapter = "claude"\nargv = ["my-claude"]\n', "claude")
    assert "mine" in known_names(tmp_path)
    mine = type_named(tmp_path, "mine")
    assert (mine.argv, mine.mode, dict(mine.environment)) == (("my-agent", "--acp"), "ask", {"A": "1"})
    assert mine.source.endswith("agent-types/mine.toml")
    assert type_named(tmp_path, "claude").argv == ("my-claude",)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("adapter = ", "is not valid TOML"),
        ('argv = ["x"]', "adapter: Field required"),
        ('adapter = "telnet"', "adapter: Input should be 'process', 'acp' or 'claude'"),
        ('adapter = "acp"\nenviroment = {}', "unknown key enviroment, did you mean environment?"),
        ('adapter = "acp"\nargv = "x y"', "argv: Input should be a valid list"),
        ('adapter = "acp"\ninitialize_seconds = 0', "initialize_seconds: Input should be greater than 0"),
        ('adapter = "acp"\nquirks = ["late_update"]', "'late_update' is not known, did you mean late_updates?"),
        ('adapter = "acp"\nresume = ["--resume"]', "resume says nowhere {session}"),
        ('adapter = "acp"\npasses = ["A B"]', "'A B' is no name of a variable"),
        ('adapter = "acp"\n[environment]\nKOLONY_DSN = "x"', "KOLONY_DSN is not set for programs"),
        ('adapter = "acp"\n[untrusted]\nargv = ["--safe"]', "untrusted.turns_off: Field required"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_what_is_wrong(tmp_path: Path, content: str, fault: str) -> None:
    file = _own(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        read_type(file)
    assert str(file) in caught.value.message
    assert fault in caught.value.message


@pytest.mark.parametrize("name", ["../config", "cluade", "", "CON"])
def test_a_type_that_is_not_there_is_said_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.toml").write_text('adapter = "acp"')
    with pytest.raises(NotFound):
        type_named(tmp_path, name)


def test_which_type_a_runner_works_as(tmp_path: Path) -> None:
    mine = ("my-program",)
    assert Choice().late(tmp_path, "x", "claude").adapter == "process"
    assert Choice("acp").late(tmp_path, "x", "gemini").name == "gemini"
    assert Choice("acp").late(tmp_path, "gemini", "process").name == "gemini"
    assert Choice("acp", program=mine).late(tmp_path, "x", "process").name == "acp"
    assert Choice("claude").late(tmp_path, "x", "gemini").name == "claude"
    assert Choice(type="gemini").late(tmp_path, "x", "claude").adapter == "acp"
    with pytest.raises(UsageError, match="names no program"):
        Choice("acp").late(tmp_path, "x", "claude")
    with pytest.raises(UsageError, match="is for --adapter acp"):
        Choice("claude", "gemini").early(tmp_path)
    with pytest.raises(UsageError, match="has no switch"):
        Choice(type="gemini", trust="untrusted").early(tmp_path)
    assert "--adapter claude" in Choice().remark(tmp_path, "claude")
    assert Choice("process").remark(tmp_path, "claude") == Choice().remark(tmp_path, "process") == ""


def _launch(tmp_path: Path, **environment: str) -> Launch:
    return Launch("worker", tmp_path, tmp_path, environment={"PATH": "/bin", "HOME": "/h", **environment})


def test_a_folder_that_is_not_trusted_turns_things_off_and_says_what(tmp_path: Path) -> None:
    kind = AgentType("k", "acp", ("k",), untrusted=Untrusted(("--safe",), {"SAFE": "1"}, "its hooks"))
    launch = _launch(tmp_path)
    for trust, config, untrusted in (
        ("", {}, False), ("", {"trust": "untrusted"}, True), ("", {"trust": "perhaps"}, True),
        ("trusted", {"trust": "untrusted"}, False), ("untrusted", {"trust": "trusted"}, True),
    ):  # fmt: skip
        made = Outfit(kind, trust=trust).launch_for(launch, config)
        assert ("--safe" in made.program, made.sets.get("SAFE") == "1", bool(made.remarks)) == (untrusted,) * 3
    [remark] = made.remarks
    assert remark == "The folder is not trusted. Turned off: its hooks."
    with pytest.raises(CannotStart, match="has no switch"):
        Outfit(AgentType("k", "acp", ("k",))).launch_for(launch, {"trust": "untrusted"})


def test_a_program_gets_what_its_type_names_and_no_more(tmp_path: Path) -> None:
    kind = AgentType("k", "acp", ("k",), passes=("K_*", "PG*", "KOLONY_*"), environment={"QUIET": "1"})
    given = {"K_KEY": "1", "OTHER": "1", "PGPASSWORD": "x", "KOLONY_AGENT_TOKEN": "x", "CLAUDECODE": "1", "QUIET": "0"}
    launch = Outfit(kind).launch_for(_launch(tmp_path, **given), {})
    variables = launch.variables(assignment("x"), tmp_path)
    assert variables["QUIET"] == "1"
    assert variables["K_KEY"] == "1"
    assert not {"OTHER", "PGPASSWORD", "KOLONY_AGENT_TOKEN", "CLAUDECODE"} & set(variables)


def test_a_persons_program_gets_the_flags_without_which_it_does_not_speak(tmp_path: Path) -> None:
    claude, gemini = type_named(tmp_path, "claude"), type_named(tmp_path, "gemini")
    assert words(claude, ("/opt/claude",)) == ("/opt/claude", *claude.argv[1:])
    assert words(claude, ("c", "--output-format", "x")) == ("c", "--output-format", "x")
    assert words(gemini, ("g",)) == ("g",)
    kind = Outfit(claude).kind_for({"model": "opus", "mode": "plan"})
    assert (kind.argv[-2:], kind.mode) == (("--model", "opus"), "plan")


async def _tried(tmp_path: Path, kind: AgentType, *program: str, seconds: float = 10.0) -> Tried:
    return await tried(kind, program, _launch(tmp_path, PATH="/usr/bin:/bin"), seconds)


async def test_what_works_what_does_not_and_why(tmp_path: Path) -> None:
    claude, acp = type_named(tmp_path, "claude"), type_named(tmp_path, "acp")
    python = sys.executable
    good, spoken, second, silent, gone, missing = await asyncio.gather(
        _tried(tmp_path, claude, *CLAUDE),
        _tried(tmp_path, acp, python, "-c", ACP.replace("VERSION", "1")),
        _tried(tmp_path, acp, python, "-c", ACP.replace("VERSION", "2")),
        _tried(tmp_path, acp, "sh", "-c", "setsid sleep 71234 & sleep 71234", seconds=0.5),
        _tried(tmp_path, acp, python, "-c", "raise SystemExit('no key in the environment')"),
        _tried(tmp_path, claude, "no-such-program"),
    )
    assert good.ok
    assert (spoken.ok, spoken.version) == (True, "1.5.0")
    assert (second.ok, second.trials[-1].finding) == (False, "it speaks version 2 of ACP, Kolony 1")
    assert (silent.ok, silent.trials[-1].finding) == (False, "it did not answer within 0.5 s")
    assert gone.trials[-1].finding == "it ended without an answer: no key in the environment"
    assert (missing.ok, missing.there, missing.trials[0].remedy) == (False, False, claude.install)
    left = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert not [words for words in left if words and "71234" in words]


async def test_a_version_that_is_too_old_is_said(tmp_path: Path) -> None:
    for name, printed in (("old", "1.9.0 (Claude Code)"), ("new", "2.1.329 (Claude Code)"), ("odd", "soon")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{printed}'\n")
        program.chmod(0o700)
    found = [
        await _tried(tmp_path, AgentType("k", "process", (path,), version=(path, "--version"), least_version="2.0"))
        for path in (str(tmp_path / name) for name in ("old", "new", "odd"))
    ]
    assert [each.trials[-1].status for each in found] == ["wrong", "ok", "warning"]
    assert found[0].trials[-1].finding == "1.9.0 is too old: 2.0 or newer is needed"
