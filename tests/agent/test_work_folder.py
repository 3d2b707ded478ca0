"""Worktrees of runs, with real git: made from a commit, taken again, removed where clean, kept and listed where not."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt.work_folder import Isolation, check, diff, left, prepare, remove, settle
from tests.agent.colony import Colony
from tests.database import PASSWORD


def _git(folder: Path, *words: str) -> str:
    asked = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(folder), *words]
    return subprocess.run(asked, check=True, capture_output=True, encoding="utf-8").stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit, an ignored ``.env``, and a change that nobody has committed."""
    made = tmp_path / "repo"
    made.mkdir()
    _git(made, "init", "-q")
    (made / "a.txt").write_text("one\n")
    (made / ".gitignore").write_text(".env\nbuilt/\n")
    _git(made, "add", ".")
    _git(made, "commit", "-qm", "first")
    (made / ".env").write_text("KEY=1\n")
    (made / "local.cfg").write_text("in no commit\n")
    (made / "a.txt").write_text("not committed\n")
    hook = made / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    return made


def test_a_clean_one_goes_and_what_was_changed_is_kept(repository: Path, tmp_path: Path) -> None:
    isolation = Isolation(repository, "run", copies=(".env", "*.cfg"))
    folder = tmp_path / "work" / "agent" / "1-abc"
    facts = prepare(isolation, folder)
    base = _git(repository, "rev-parse", "HEAD")
    assert (facts["base_commit"], facts["base_dirty"], facts["isolation"]) == (base, True, "run")
    assert ((folder / "a.txt").read_text(), (folder / ".env").read_text()) == ("one\n", "KEY=1\n")
    assert not (tmp_path / "hooked").exists()
    (folder / "built").mkdir()
    (folder / "built" / "x").write_text("x")
    assert diff(folder) is None
    gone = settle(folder, remove_clean=True)
    assert gone is not None
    assert (gone["state"], folder.exists(), _git(repository, "worktree", "list").count("\n")) == ("removed", False, 0)

    prepare(isolation, folder)
    (folder / "a.txt").write_text("two\n")
    (folder / "new.txt").write_text("new\n")
    # Whoever comes again to the same path finds what is there.
    assert prepare(isolation, folder)["base_commit"] == base
    _git(folder, "commit", "-qam", "second")
    kept = settle(folder, remove_clean=True)
    assert kept is not None
    assert (kept["state"], kept["dirty_files"], kept["new_commits"]) == ("kept", 1, 1)
    changes = diff(folder) or ""
    assert [words in changes for words in ("-one\n+two\n", "+++ b/new.txt\n", "KEY=1")] == [True, True, False]
    assert "local.cfg" not in changes
    (folder / "local.cfg").write_text("changed")
    found = left(folder)
    assert found is not None
    assert found.dirty_files == 2
    note = Path(_git(folder, "rev-parse", "--absolute-git-dir"), "kolony.json")
    kept_note = note.read_text()
    note.write_text(kept_note.replace(base, "--output=/nowhere"))
    assert (diff(folder), left(folder)) == (None, None)
    note.write_text(kept_note)
    assert _git(folder, "status", "--porcelain") == "?? local.cfg\n?? new.txt"
    remove(folder)
    assert not folder.exists()
    assert _git(repository, "worktree", "list").count("\n") == 0


def test_what_cannot_be_is_said_in_a_line(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolation = Isolation(repository)
    folder = tmp_path / "work" / "taken"
    folder.mkdir(parents=True)
    (folder / "mine").touch()
    plain = tmp_path / "plain"
    plain.mkdir()

    def refused(how: Isolation, where: Path, *words: str) -> None:
        with pytest.raises(CannotStart) as caught:
            prepare(how, where)
        assert "\n" not in caught.value.line
        for word in words:
            assert word in caught.value.line

    refused(isolation, folder, "is taken", str(folder))
    with pytest.raises(CannotStart, match="is no worktree that Kolony made"):
        remove(folder)
    assert (folder / "mine").exists()
    refused(replace(isolation, repository=plain), tmp_path / "new", "is no git repository")
    refused(replace(isolation, repository=tmp_path / "nowhere"), tmp_path / "new", "there is no folder")
    refused(replace(isolation, base="--upload-pack=x"), tmp_path / "new", "names no commit")
    refused(replace(isolation, copies=("/etc/*",)), tmp_path / "new", "no pattern")
    assert not (tmp_path / "new").exists()
    _git(plain, "init", "-q")
    refused(replace(isolation, repository=plain), tmp_path / "new", "names no commit")
    assert settle(plain, remove_clean=True) is None
    assert left(plain) is None
    assert check(replace(isolation, repository=plain, per="none")) == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(isolation, tmp_path / "new", "there is no program 'git'")


async def _kolony(colony: Colony, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KOLONY_", "PG"))}
    kept |= {"KOLONY_DSN": colony.workspace.database.dsn("bob", PASSWORD), "KOLONY_HOME": str(colony.home / "bob")}
    asked = [sys.executable, "-m", "kolony_tui", *words]
    return await asyncio.to_thread(
        subprocess.run, asked, capture_output=True, encoding="utf-8", timeout=60, env=kept, input=""
    )


async def test_runs_leave_what_they_changed_and_a_conversation_goes_on_in_its_folder(
    colony: Colony, repository: Path
) -> None:
    runner = colony.runner("--repo", str(repository), "--copy", ".env")
    clean, dirty = await colony.send("cat a.txt .env"), await colony.send("echo more >>a.txt; pwd")
    assert (await colony.done(clean))["status"] == "completed"
    assert await colony.output(clean) == b"one\nKEY=1\n"
    assert (await colony.done(dirty))["status"] == "completed"
    path = (await colony.output(dirty)).decode().strip()
    said = await _kolony(colony, "conversation", "start", "worker", "--wait", "--json", "--", "echo x >>kept; pwd")
    assert said.returncode == 0, said.stderr
    talk = json.loads(said.stdout)
    again = await _kolony(colony, "conversation", "send", talk["reference"], "--wait", "--", "cat kept; rm kept; pwd")
    assert again.stdout == f"x\n{talk['answer']}\n", again.stderr
    assert f"leaves {path}: 1 changed files, 0 new commits" in runner.lines

    listed = await _kolony(colony, "agent", "folders", "list", "--json")
    found: dict[str, Any] = {each["path"]: each for each in json.loads(listed.stdout)}
    assert set(found) == {path, talk["answer"]}
    assert (found[talk["answer"]]["dirty_files"], Path(talk["answer"]).exists()) == (0, True)
    assert [found[path][key] for key in ("run", "dirty_files", "state", "isolation")] == [
        "#2",
        1,
        "kept",
        "conversation",
    ]
    shown = json.loads((await _kolony(colony, "run", "show", "1", "--json")).stdout)["folder"]
    assert (shown["state"], shown["base_commit"]) == ("removed", _git(repository, "rev-parse", "HEAD"))
    refused = await _kolony(colony, "agent", "folders", "remove", path)
    assert (refused.returncode, refused.stderr.count("\n"), Path(path).exists()) == (1, 1, True)
    removed = await _kolony(colony, "agent", "folders", "remove", "--force", path)
    assert (removed.returncode, Path(path).exists()) == (0, False), removed.stderr
    assert path not in (await _kolony(colony, "agent", "folders", "list", "--json")).stdout
