"""What runs left and what investigations found, in the app: looked at, searched, saved, exported, judged."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.screens.reports.page import ReportScreen
from kolony_tui.ui.screens.reports.screen import ReportsScreen
from kolony_tui.ui.screens.work.artifact import ArtifactScreen
from kolony_tui.ui.screens.work.run import RunScreen
from kolony_tui.ui.widgets.artifact_list import ArtifactList
from tests.ui.stage import Runner, Stage, toasts, until, words

REPORT: dict[str, Any] = {
    "title": "Races \x1b[31min the store",
    "summary": "Two writers pass **the check**.\n\n- before either inserts",
    "sections": [{"title": "How", "body": "## Steps\n\n```diff\n-old\n+new\n```"}],
    "findings": [
        {"severity": "info", "title": "Odd name"},
        {"severity": "critical", "title": "Lost update", "detail": "Both pass.", "evidence": "88: if not there:",
         "file": "src/session.py", "line": 88},
    ],
    "recommendations": ["Insert first"],
    "attachments": ["trace.txt", "gone.txt"],
}  # fmt: skip

DOT = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEklEQVR4nGP4z8DAAMIM/4EAAB/uBfsL2WiLAAAAAElFTkSuQmCC")


async def _keep(runner: Runner, attempt: UUID, name: str, data: bytes, kind: str = "file", why: str | None = None,
                media: str = "text/plain") -> None:  # fmt: skip
    call = "SELECT artifact_id FROM kolony.keep_artifact($1, $2, $3, $4, $5, $6, $7)"
    digest = sha256(data).hexdigest()
    made = await runner.connection.fetchval(call, attempt, name, kind, media, len(data), digest, why)
    if why is None:
        await runner.connection.execute("SELECT kolony.append_artifact_part($1, $2, 0, $3)", attempt, made, data)


async def _investigated(stage: Stage) -> UUID:
    runner = await stage.runner()
    bob = await stage.workspace.database.connect("bob")
    run_id: UUID = await bob.fetchval(
        "SELECT run_id FROM kolony.send_command($1, $2, 'find the races', kind => 'investigate')",
        stage.workspace.workspace_id, [stage.agent.agent_id],
    )  # fmt: skip
    claim = await runner.take()
    attempt = claim["attempt_id"]
    await _keep(runner, attempt, "trace.txt", "first \x1b[31mline\nsecond ‮line".encode())
    await _keep(runner, attempt, "work.patch", b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n", "patch")
    await _keep(runner, attempt, "dot.png", DOT, media="image/png")
    await _keep(runner, attempt, "sparse", b"", why="a file of more than 16 MiB is not kept")
    put = "SELECT kolony.put_report($1, $2, $3, 'report.json')"
    await runner.connection.execute(put, attempt, REPORT, "complete")
    await runner.finish(claim, exit_code=0)
    await stage.send("unrelated")
    other = await runner.take()
    await runner.connection.execute(put, other["attempt_id"], {"title": "Slow start", "summary": "DNS"}, "in_progress")
    return run_id


async def test_a_report_is_found_read_judged_and_exported(stage: Stage, tmp_path: Path) -> None:
    await _investigated(stage)
    async with stage.app("bob", (80, 24)) as (app, pilot):
        await pilot.press("7")
        await until(lambda: isinstance(app.screen, ReportsScreen) and "Slow start" in words(app), "the reports")
        assert "in progress" in words(app)
        await pilot.press("f")
        await until(lambda: isinstance(app.screen, Form), "what is searched")
        await pilot.press(*"updates", "ctrl+s")
        await until(lambda: "«update»" in words(app) and "Slow start" not in words(app), "what was found")
        assert "\x1b" not in words(app)
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, ReportScreen) and "before either inserts" in words(app), "the page")
        assert "1 critical 1 info" in words(app)
        await pilot.press("down", "down")
        await until(lambda: "88: if not there:" in words(app) and "src/session.py:88" in words(app), "a finding")
        await pilot.press("d")
        await until(lambda: "is a draft now" in toasts(app) and "◌ draft  by bob" in words(app), "it is judged")
        await pilot.press("e")
        await until(lambda: isinstance(app.screen, Form), "where to")
        await pilot.press("down", *str(tmp_path / "r.md"), "ctrl+s")
        await until(lambda: "written to" in toasts(app), "it is exported")
        assert "### 1. [CRITICAL] Lost update" in (tmp_path / "r.md").read_text()
        await pilot.press("end", "up", "enter")
        await until(lambda: isinstance(app.screen, ArtifactScreen) and "second" in words(app), "an attachment")
        await pilot.press("escape", "end", "enter")
        await pilot.press("o")
        await until(lambda: isinstance(app.screen, RunScreen) and "✔ completed" in words(app), "its run")
    async with stage.app("eve", (140, 40)) as (app, pilot):
        await pilot.press("7")
        await until(lambda: "Races in the store" in words(app), "a viewer reads too")
        await pilot.press("end", "enter")
        await until(lambda: isinstance(app.screen, ReportScreen) and "+new" in words(app), "the page")
        await pilot.press("d")
        await until(lambda: "this takes an operator" in toasts(app), "and judges nothing")


async def test_what_a_run_left_is_looked_at_saved_and_opened(stage: Stage, tmp_path: Path, monkeypatch: Any) -> None:
    run_id = await _investigated(stage)
    opened = tmp_path / "opened"
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\ncp "$1" {opened}\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    async with stage.app("eve", (140, 40)) as (app, pilot):
        app.open_run(run_id)
        await until(lambda: isinstance(app.screen, RunScreen) and "F shows its report" in words(app), "its run")
        await pilot.press("F")
        await until(lambda: isinstance(app.screen, ReportScreen) and "Lost update" in words(app), "its report")
        await pilot.press("escape")
        await until(lambda: isinstance(app.screen, RunScreen), "back")
        screen = app.screen
        assert isinstance(screen, RunScreen)
        screen.show_pane("artifacts")
        await until(lambda: isinstance(app.focused, ArtifactList) and "+new" in words(app), "the patch")
        assert "1 not kept" in words(app)
        assert "a file of more than 16 MiB" in words(app)
        await pilot.press("s")
        await until(lambda: "its content was not kept" in toasts(app) or isinstance(app.screen, Form), "saving")
        assert isinstance(app.screen, Form)
        target = tmp_path / "saved.patch"
        await pilot.press("ctrl+u", *str(target), "ctrl+s")
        await until(lambda: "written to" in toasts(app), "it is saved")
        assert target.read_bytes().endswith(b"-old\n+new\n")
        await pilot.press("end")
        await until(lambda: "second" in words(app), "the text below")
        assert "\x1b" not in words(app)
        await pilot.press("up", "up")
        await until(lambda: "▀▀" in words(app), "a picture")
        await pilot.press("end", "o")
        await until(lambda: isinstance(app.screen, Question) and "An agent made it" in words(app), "it asks")
        assert not opened.exists()
        await pilot.press("y")
        await until(opened.exists, "it is opened")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, ArtifactScreen) and "second" in words(app), "a screen of its own")
