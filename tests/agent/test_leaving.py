"""What programs leave in their run's folder, through a real runner, and as the command line shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.agent.colony import Colony, until

REPORT: dict[str, Any] = {
    "title": "Races \x1b[31min the store",
    "summary": "Two writers.",
    "sections": [{"title": "How", "body": "Read `it`."}],
    "findings": [
        {"severity": "high", "title": "Lost update", "detail": "Both pass.", "evidence": "88: if not there:\n```",
         "file": "src/session.py", "line": 88},
        {"severity": "info", "title": "Odd name", "detail": "", "evidence": "", "file": None, "line": None},
    ],
    "recommendations": [{"title": "Insert first", "detail": "Then look.", "priority": ""}],
    "attachments": ["logs/trace.txt", "gone.txt"],
}  # fmt: skip

LEAVE = """
cd "$KOLONY_RUN_DIR/artifacts" && mkdir -p logs/deep && printf 'one\\ntwo\\n' > logs/trace.txt && cp logs/trace.txt twin
head -c 1500000 /dev/urandom > noise.bin && ln -s {outside} link && ln -s {folder} logs/way-out && mkfifo pipe
truncate -s 1G sparse && : > empty && : > "$(printf 'odd\\033[31m\\nname')" && ln -s / .hidden && echo x > .env
cp noise.bin ../kept-noise && cp noise.bin {copy}
printf '%s' '{report}' > ../report.json
"""


def _cli(colony: Colony, *words: str, login: str = "bob", code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kolony_tui", *words, "--dsn", colony.workspace.database.dsn(login)],
        capture_output=True, encoding="utf-8", timeout=60, env={**os.environ, "KOLONY_HOME": str(colony.home)},
    )  # fmt: skip
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def _json(colony: Colony, *words: str) -> Any:
    return json.loads(_cli(colony, *words, "--json"))


async def test_files_and_a_report_as_the_command_line_shows_them(colony: Colony, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("nobody is to see this")
    runner = colony.runner()
    text = LEAVE.format(outside=outside, folder=tmp_path, copy=tmp_path / "copy", report=json.dumps(REPORT))
    run_id = await colony.send(text, kind="investigate")
    assert (await colony.done(run_id))["error"] is None
    number = str((await colony.run(run_id))["command_number"])
    left = {each["name"]: each for each in _json(colony, "run", "artifacts", number)}
    why = {name: each["why_not"] for name, each in left.items()}
    assert why == {
        ".env": None, ".hidden": "it is a link; links are not followed", "empty": None,
        "link": "it is a link; links are not followed", "logs/trace.txt": None,
        "logs/way-out": "it is a link; links are not followed", "noise.bin": None, "odd\ufffd[31m\ufffdname": None,
        "pipe": "it is no regular file", "sparse": "a file of more than 16 MiB is not kept", "twin": None,
    }  # fmt: skip
    assert left["sparse"]["size"] == 1 << 30
    shown = _json(colony, "run", "show", number)["artifacts"]
    assert {each["name"] for each in shown} == set(left)
    assert _json(colony, "run", "show", number)["report_id"] == _json(colony, "report", "list")[0]["report_id"]
    assert {"id", "name", "kind", "media_type", "size", "sha256"} <= set(shown[0])
    contents = await colony.operator.fetchval("SELECT count(DISTINCT artifact_id) FROM kolony.artifact_parts")
    assert contents == 3, "two files with the same content are kept once"
    await runner.says("left 11 files, 5 of them not kept")

    target = tmp_path / "saved"
    _cli(colony, "artifact", "save", number, "noise.bin", "-o", str(target))
    assert target.read_bytes() == (tmp_path / "copy").read_bytes()
    assert "is there already" in _cli(colony, "artifact", "save", left["twin"]["id"], "-o", str(target), code=1)
    _cli(colony, "artifact", "save", left["twin"]["id"], "-o", str(target), "--force")
    assert target.read_bytes() == b"one\ntwo\n"
    assert "was not kept: it is a link" in _cli(colony, "artifact", "save", number, "link", code=4)
    assert _cli(colony, "artifact", "show", number, "logs/trace.txt") == "one\ntwo\n\n"

    [listed] = _json(colony, "report", "list", "--search", "lost updates")
    assert (listed["run_id"], listed["status"], listed["high"], listed["finding_count"]) == (
        str(run_id), "complete", 1, 2,
    )  # fmt: skip
    assert "«Lost» «update»" in listed["excerpt"]
    assert _json(colony, "report", "list", "--search", "nowhere") == []
    _cli(colony, "report", "export", number, "--format", "json", "-o", str(tmp_path / "report.json"))
    exported = json.loads((tmp_path / "report.json").read_text())
    assert {name: exported[name] for name in REPORT} == REPORT
    again = await colony.send(f'cp {tmp_path / "report.json"} "$KOLONY_RUN_DIR"', kind="natural")
    await colony.done(again)
    two = [_json(colony, "report", "show", str((await colony.run(each))["command_number"])) for each in (run_id, again)]
    assert [{name: each[name] for name in REPORT if name != "attachments"} for each in two] == [
        {name: REPORT[name] for name in REPORT if name != "attachments"}
    ] * 2
    assert [bool(each["artifact_id"]) for each in two[0]["attachments"]] == [True, False]
    markdown = _cli(colony, "report", "export", number)
    assert "### 1. [HIGH] Lost update" in markdown
    assert "````\n88: if not there:\n```\n````" in markdown
    assert "\x1b" not in markdown + _cli(colony, "report", "show", number) + _cli(colony, "report", "list")
    assert "needs the role operator" in _cli(colony, "report", "status", number, "draft", login="eve", code=4)
    _cli(colony, "report", "status", number, "draft")
    assert _json(colony, "report", "show", number)["status"] == "draft"
    assert "no report" in _cli(colony, "report", "show", str(run_id)[:-1] + ("0" if str(run_id)[-1] != "0" else "1"),
                               code=4)  # fmt: skip


BAD = {
    "printf '{' > report.json": "report.json is no JSON (line 1)",
    "printf '[1]' > report.json": "report.json: it is array, not an object",
    """printf '{"title": "a", "findings": [{"severity": "urgent", "title": "x"}]}' > report.json""":
        'report.json: findings[0].severity is "urgent"',
    """printf '{"summary": NaN}' > report.json""": "report.json is no JSON",
    "mkdir report.json": "report.json is no regular file",
    "ln -s /etc/passwd report.json": "report.json cannot be read",
    "mkfifo report.json": "report.json is no regular file",
    "truncate -s 1G report.json": "report.json has more than 2048 KiB",
    "head -c 1000000 /dev/zero | tr '\\0' '[' > report.json": "report.json is nested too deep",
    """{ printf '{"title": "t", "x": '; head -c 100 /dev/zero | tr '\\0' '[';
    head -c 100 /dev/zero | tr '\\0' ']'; printf '}'; } > report.json""": "report.json is nested too deep",
    "printf '\\377\\376{' > report.json": "report.json is no JSON",
}  # fmt: skip


async def test_a_report_that_does_not_fit_fails_the_run_with_its_cause(colony: Colony) -> None:
    colony.runner("--concurrency", "4")
    runs = {bad: await colony.send(f'cd "$KOLONY_RUN_DIR" && {bad}', max_attempts=1) for bad in BAD}
    for bad, words in BAD.items():
        row = await colony.done(runs[bad])
        assert (row["status"], row["reason"]) == ("failed", "report"), bad
        assert row["error"].startswith(words), (bad, row["error"])
        assert "\n" not in row["error"]
    assert await colony.operator.fetchval("SELECT count(*) FROM kolony.reports") == 0
    # What cannot be text in the database is marked, and a report of a run that fails anyway is a draft.
    odd = """cd "$KOLONY_RUN_DIR" && printf '{"title": "a\\\\u0000b\\\\ud800c"}' > report.json && exit 3"""
    row = await colony.done(await colony.send(odd, max_attempts=1))
    assert row["exit_code"] == 3
    [report] = await colony.operator.fetch("SELECT title, status FROM kolony.report_overview")
    assert tuple(report) == ("a\ufffdb?c", "draft")


async def test_a_report_grows_while_it_is_written_and_an_answer_is_one(colony: Colony, tmp_path: Path) -> None:
    colony.runner()
    flag = tmp_path / "go"
    grow = (
        """cd "$KOLONY_RUN_DIR" && printf '{"title": "So far"}' > report.json && """
        f"""until [ -e {flag} ]; do sleep 0.05; done && printf '{{"title": "At last"}}' > report.json"""
    )
    growing = await colony.send(grow, kind="investigate")

    async def seen(run_id: UUID) -> tuple[str, str, str] | None:
        query = "SELECT title, status, source FROM kolony.report_overview WHERE run_id = $1"
        row = await colony.operator.fetchrow(query, run_id)
        return None if row is None else (row["title"], row["status"], row["source"])

    async def so_far() -> bool:
        return await seen(growing) == ("So far", "in_progress", "report.json")

    await until(so_far, what="the report on its way")
    flag.touch()
    await colony.done(growing)
    assert await seen(growing) == ("At last", "complete", "report.json")
    answer = (
        "printf '# Slow \\033[1mstart\\033[0m\\nIt waits.\\n\\n"
        "## Findings\\n\\n- **High**: DNS, at net.py:7\\n  twice\\n'"
    )
    answered = await colony.send(answer, kind="investigate")
    natural = await colony.send(answer)
    await colony.done(answered)
    await colony.done(natural)
    assert await seen(answered) == ("Slow start", "complete", "answer")
    [finding] = await colony.operator.fetch("SELECT severity, title, detail, file, line FROM kolony.report_findings")
    assert tuple(finding) == ("high", "DNS, at net.py:7", "twice", "net.py", 7)
    assert await seen(natural) is None


async def test_a_large_folder_is_bounded(colony: Colony) -> None:
    runner = colony.runner()
    many = 'cd "$KOLONY_RUN_DIR/artifacts" && seq 1 1700 | while read n; do echo $n > f$n; done'
    began = time.monotonic()
    run_id = await colony.send(many)
    assert (await colony.done(run_id, deadline=90))["status"] == "completed"
    rows = await colony.operator.fetch("SELECT why_not FROM kolony.artifact_overview")
    assert len(rows) == 1500
    assert sum(row["why_not"] is None for row in rows) == 1000
    assert sum(row["why_not"] == "a run keeps at most 1,000 files" for row in rows) == 499
    assert sum("more files were left than are recorded" in (row["why_not"] or "") for row in rows) == 1
    await runner.says("500 of them not kept")
    assert time.monotonic() - began < 60


async def test_the_patch_of_a_worktree_and_texts_without_secrets(colony: Colony, tmp_path: Path) -> None:
    repository = tmp_path / "repo"
    repository.mkdir()
    (repository / "a.txt").write_text("one\n")
    for words in (("init", "-q"), ("add", "."), ("-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x")):
        subprocess.run(["git", "-C", str(repository), *words], check=True)
    secret = "hush-hush-0451"
    await colony.operator.execute("SELECT kolony.set_variable($1, 'KEY', $2, true)", colony.agent_id, secret)
    colony.runner("--repo", str(repository), "--isolation", "run")
    work = (
        'echo "two $KEY" >> a.txt; cd "$KOLONY_RUN_DIR"; echo "key: $KEY" > artifacts/log.txt; '
        """printf '{"title": "It is %s"}' "$KEY" > report.json"""
    )
    run_id = await colony.send(work)
    assert (await colony.done(run_id))["error"] is None
    rows = await colony.operator.fetch(
        """SELECT a.name, a.kind, a.media_type, a.why_not, string_agg(p.data, '' ORDER BY p.part) AS data
           FROM kolony.artifact_overview a LEFT JOIN kolony.artifact_parts p ON p.artifact_id = a.content_id
           GROUP BY a.name, a.kind, a.media_type, a.why_not ORDER BY a.name"""
    )
    patch, log = rows
    assert (patch["name"], patch["kind"], patch["media_type"]) == ("changes.patch", "patch", "text/x-diff")
    assert b"+two ***\n" in patch["data"]
    assert (log["name"], log["data"]) == ("log.txt", b"key: ***\n")
    assert await colony.operator.fetchval("SELECT title FROM kolony.reports") == "It is ***"


EDITS = r"""
import json, os, sys

def write(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

def update(**facts):
    write(method="session/update", params={"sessionId": "s", "update": facts})

for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        write(id=asked["id"], result={"protocolVersion": 1, "agentCapabilities": {}, "authMethods": []})
    elif asked.get("method") == "session/new":
        write(id=asked["id"], result={"sessionId": "s"})
    elif asked.get("method") == "session/prompt":
        path = os.path.join(os.getcwd(), "src/a.py")
        change = {"type": "diff", "path": path, "oldText": "x = 1\n", "newText": "x = 2\n"}
        tool = {"toolCallId": "t", "title": "Edit", "kind": "edit", "status": "completed", "content": [change]}
        update(sessionUpdate="tool_call", **tool)
        told = 'Here it is.\n```json\n{"title": "Found", "findings": [{"severity": "low", "title": "x was 1"}]}\n```\n'
        for piece in (told[:20], told[20:]):
            update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": piece})
        write(id=asked["id"], result={"stopReason": "end_turn"})
"""


async def test_what_an_agent_of_a_protocol_changed_and_answered(colony: Colony, tmp_path: Path) -> None:
    program = tmp_path / "edits.py"
    program.write_text(EDITS)
    colony.runner("--adapter", "acp", program=(sys.executable, str(program)))
    run_id = await colony.send("look into x", kind="investigate")
    assert (await colony.done(run_id))["error"] is None
    [made] = await colony.operator.fetch(
        """SELECT DISTINCT a.name, a.kind, p.data FROM kolony.artifact_overview a
           JOIN kolony.artifact_parts p ON p.artifact_id = a.content_id"""
    )
    assert (made["name"], made["kind"]) == ("src/a.py.diff", "diff")
    assert made["data"] == b"--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
    # Only an investigation's answer is a report.
    await colony.done(await colony.send("look into x"))
    [report] = await colony.operator.fetch("SELECT title, status, source, low FROM kolony.report_overview")
    assert tuple(report) == ("Found", "complete", "answer", 1)
