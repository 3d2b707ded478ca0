"""The run's folder: what a program finds there, what it asks through it, and how a plan comes out of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from kolony_tui.agent.adapter import Assignment
from kolony_tui.agent.attempt.run_folder import RunFolder, sweep
from tests.agent.colony import Colony, until

ASK = """\
mkdir -p out; cd "$KOLONY_RUN_DIR"
printf '%s' '{question}' > ask/q.json.tmp && mv ask/q.json.tmp ask/q.json
while [ ! -e answers/q.json ]; do sleep 0.05; done
cat answers/q.json"""


async def _open_approval(colony: Colony, name: str = "q") -> asyncpg.Record:
    async def there() -> asyncpg.Record | None:
        return await colony.operator.fetchrow("SELECT * FROM kolony.approval_overview WHERE name = $1", name)

    return await until(there, what=f"the question {name} ({colony.runners[-1].lines})")


async def _answer(colony: Colony, approval: UUID, allow: bool | None, *words: str | None) -> None:
    await colony.operator.execute("SELECT kolony.answer_approval($1, $2, $3, $4)", approval, allow, *words)


async def _printed(colony: Colony, run_id: UUID) -> Any:
    assert (await colony.done(run_id))["status"] == "completed", await colony.output(run_id, "stderr")
    return json.loads(await colony.output(run_id))


async def test_a_program_finds_what_it_is_told_and_the_folder_goes_with_it(colony: Colony) -> None:
    await colony.superuser.execute("UPDATE kolony.agents SET instructions = 'Be brief.'")
    colony.runner()
    look = (
        'cd "$KOLONY_RUN_DIR" && stat -c %a . && ls && cat instructions.txt && echo " $KOLONY_KIND $KOLONY_COMMAND" && '
        'cat limits.json && [ "$KOLONY_INSTRUCTIONS" = "$(cat instructions.txt)" ] && cat command.txt && pwd'
    )
    run_id = await colony.send(look, kind="investigate", time_limit_ms=60_500)
    assert (await colony.done(run_id))["status"] == "completed"
    printed = (await colony.output(run_id)).decode()
    assert printed.startswith(
        "700\nanswers\nartifacts\nask\ncommand.txt\ninstructions.txt\nlimits.json\nmemory\nBe brief.\n\nThis is an inv"
    )
    assert '"time_limit_s": 60.5' in printed
    assert look in printed
    told = await colony.operator.fetch("SELECT * FROM kolony.told($1)", run_id)
    number = (await colony.run(run_id))["command_number"]
    assert [row["part"] for row in told] == ["instructions", "command"]
    assert f"{told[0]['words']} investigate #{number}\n" in printed
    assert told[1]["words"] == look
    spool = colony.home / "spool"
    assert printed.rstrip().endswith(f"/spool/run-{(await colony.attempts(run_id))[0]['attempt_id'].hex}")

    async def gone() -> bool:
        return not list(spool.glob("run-*"))

    await until(gone, what="the folder's end")


async def test_a_shell_script_asks_and_goes_on(colony: Colony) -> None:
    """The time limit stands still meanwhile: the answer comes after more time than the run has."""
    colony.runner()
    question = {"title": "remove x?", "detail": "rm -r x", "risk": "high", "options": [{"id": "once", "label": "Once"}]}
    run_id = await colony.send(ASK.format(question=json.dumps(question)), time_limit_ms=1500)
    asked = await _open_approval(colony)
    assert (asked["kind"], asked["title"], asked["risk"], asked["options"]) == (
        "permission", "remove x?", "high", [{"id": "once", "label": "Once"}],
    )  # fmt: skip
    begun = (await colony.run(run_id))["started_at"]

    async def past_the_limit() -> bool:
        passed: bool = await colony.operator.fetchval("SELECT now() > $1::timestamptz + interval '1.8 seconds'", begun)
        return passed

    await until(past_the_limit)
    await _answer(colony, asked["approval_id"], True, "once", "go \x1b[31mon")
    answered = time.monotonic()
    by = colony.workspace.database.cluster.login("bob")
    assert await _printed(colony, run_id) == {"state": "allowed", "answer": "once", "note": "go \x1b[31mon", "by": by}
    assert time.monotonic() - answered < 5, "by a hint, not by the heartbeat"


PYTHON = """\
import json, os, pathlib, sys, time
folder = pathlib.Path(os.environ["KOLONY_RUN_DIR"])
def ask(name, **question):
    file = folder / "ask" / f"{name}.json.tmp"
    file.write_text(json.dumps(question))
    file.rename(file.with_suffix(""))
def answer(name):
    file = folder / "answers" / f"{name}.json"
    while not file.exists():
        time.sleep(0.02)
    return json.loads(file.read_text())
"""


async def test_a_python_program_asks_well_and_badly(colony: Colony) -> None:
    """What is malformed or hostile is refused with the reason, and the run goes on."""
    program = PYTHON + (
        "for name, text in (('word', 'no json'), ('list', '[]'), ('deep', '[' * 100000), ('large', ' ' * 300000)):\n"
        "    (folder / 'ask' / f'{name}.json').write_text(text)\n"
        "os.mkfifo(folder / 'ask' / 'pipe.json')\n"
        "(folder / 'ask' / 'link.json').symlink_to('/etc/passwd')\n"
        "ask('stray', title='x', colour='red')\n"
        "ask('empty')\n"
        "ask('kind', title='x', kind='threat')\n"
        "ask('soon', title='x', expires_s=0)\n"
        "ask('options', title='x', options=['a'])\n"
        "ask('a b', title='x')\n"
        "ask('odd', title='a\\0\\ud800\\x1b]0;b\\x07', kind='question', expires_s=1)\n"
        "names = 'word,list,deep,large,pipe,link,stray,empty,kind,soon,options,a b,odd'.split(',')\n"
        "print(json.dumps({name: answer(name) for name in names}))\n"
    )
    colony.runner(program=("python3", "-"))
    answers = await _printed(colony, await colony.send(program))
    odd = answers.pop("odd")
    assert odd == {"state": "expired", "answer": None, "note": None, "by": None}, "expired, and denied by nobody"
    assert {answer["state"] for answer in answers.values()} == {"refused"}
    for name, words in (
        ("word", "no JSON"), ("list", "no JSON object"), ("deep", "no JSON"), ("large", "more than 256 KiB"),
        ("pipe", "no regular file"), ("link", "cannot be read"), ("stray", "'colour' is no part"),
        ("empty", "a title is needed"), ("kind", "a kind is"), ("soon", "expires_s is a number"),
        ("options", "a list of"), ("a b", "a name is"),
    ):  # fmt: skip
        assert words in answers[name]["error"], answers[name]
    [row] = await colony.operator.fetch("SELECT title FROM kolony.approvals")
    assert row["title"] == "a\ufffd?\x1b]0;b\x07"


async def test_a_lost_hint_costs_one_heartbeat(colony: Colony) -> None:
    await colony.quick(heartbeat=1, lease=6)
    colony.runner()
    run_id = await colony.send(ASK.format(question='{"title": "go on?", "kind": "question"}'))
    asked = await _open_approval(colony)
    await colony.superuser.execute(
        """UPDATE kolony.approvals SET answer = 'yes', answered_at = now(),
           answered_by = (SELECT profile_id FROM kolony.profiles WHERE login = $2) WHERE approval_id = $1""",
        asked["approval_id"], colony.workspace.database.cluster.login("bob"),
    )  # fmt: skip
    assert (await _printed(colony, run_id))["answer"] == "yes"


async def test_a_cancel_ends_what_is_asked(colony: Colony) -> None:
    colony.runner()
    run_id = await colony.send("trap 'exit 1' INT\n" + ASK.format(question='{"title": "go on?"}'))
    await _open_approval(colony)
    await colony.cancel(run_id)
    assert (await colony.done(run_id))["status"] == "cancelled"
    assert (await _open_approval(colony))["state"] == "cancelled"


async def test_a_new_attempt_asks_anew_and_the_killed_ones_folder_is_swept(colony: Colony) -> None:
    await colony.quick()
    runner = colony.runner()
    run_id = await colony.send(ASK.format(question='{"title": "go on?"}'))
    first = await _open_approval(colony)
    runner.send(signal.SIGKILL)
    await runner.ended()
    assert len(list((colony.home / "spool").glob("run-*"))) == 1
    await colony.superuser.execute("UPDATE kolony.agent_sessions SET last_seen = last_seen - interval '1 hour'")
    colony.runner(token=await colony.another_token())

    async def asked_anew() -> UUID | None:
        found: UUID | None = await colony.operator.fetchval(
            "SELECT approval_id FROM kolony.approval_overview WHERE state = 'open' AND approval_id <> $1",
            first["approval_id"],
        )
        return found

    second = await until(asked_anew)
    states = "SELECT state FROM kolony.approval_overview ORDER BY approval_id"
    assert [row["state"] for row in await colony.operator.fetch(states)] == ["cancelled", "open"]
    attempt = (await colony.attempts(run_id))[-1]["attempt_id"]
    assert [folder.name for folder in (colony.home / "spool").glob("run-*")] == [f"run-{attempt.hex}"]
    await _answer(colony, second, False, None, None)
    assert (await colony.done(run_id))["status"] == "completed"
    assert json.loads(await colony.output(run_id, attempt=2))["state"] == "denied"


async def test_a_review_is_handed_the_other_runs_work(colony: Colony) -> None:
    colony.runner()
    first = await colony.send("printf 'a\\377b'; echo err >&2; exit 3")
    await colony.done(first)
    number = (await colony.run(first))["command_number"]
    look = f'cd "$KOLONY_RUN_DIR/subjects" && cat {number}.json && wc -c < {number}.txt && [ $(ls | wc -l) = 2 ]'
    review = await colony.send(look, kind="review", about_runs=[first])
    assert (await colony.done(review))["status"] == "completed"
    document, _, size = (await colony.output(review)).decode().rstrip().rpartition("\n")
    facts = json.loads(document)
    assert (facts["run"], facts["agent"], facts["status"], facts["exit_code"]) == (f"#{number}", "worker", "failed", 3)
    assert (facts["command"], facts["output_bytes"], facts["output_cut"], int(size)) == (
        "printf 'a\\377b'; echo err >&2; exit 3", 7, False, 7,
    )  # fmt: skip
    told = [tuple(row) for row in await colony.operator.fetch("SELECT * FROM kolony.told($1)", review)]
    assert told[0][1].startswith("This is a review")
    assert told[-1] == ("subject", f"#{number} of worker")


async def test_a_plan_becomes_drafts_and_a_broken_one_fails_with_its_place(colony: Colony) -> None:
    colony.runner()
    write = "printf '%s' '{plan}' > \"$KOLONY_RUN_DIR/plan.json\""
    plan = [{"content": "first"}, {"content": "second", "priority": 80, "after": [1], "agent": "worker"}]
    run_id = await colony.send(write.format(plan=json.dumps(plan)), kind="plan")
    assert (await colony.done(run_id))["status"] == "completed"
    items = await colony.operator.fetch("SELECT * FROM kolony.plan_overview WHERE run_id = $1 ORDER BY item", run_id)
    assert [(row["content"], row["priority"], row["after_items"], row["state"]) for row in items] == [
        ("first", 50, [], "draft"), ("second", 80, [1], "draft"),
    ]  # fmt: skip
    broken = {
        "[{": "plan.json is no JSON (line 1)",
        '{"items": []}': "plan.json: a plan is a list of items",
        '[{"content": "x"}, {"content": "x", "agent": "nobody"}]': 'plan.json: item 2: there is no agent "nobody"',
    }
    sent = [(await colony.send(write.format(plan=text), kind="plan"), words) for text, words in broken.items()]
    sent.append((await colony.send('mkfifo "$KOLONY_RUN_DIR/plan.json"', kind="plan"), "plan.json is no regular file"))
    for run_id, words in sent:
        row = await colony.done(run_id)
        assert (row["status"], row["error"]) == ("failed", words)
    nothing = await colony.send("echo I have no plan", kind="plan")
    assert (await colony.done(nothing))["status"] == "completed"
    await colony.runners[0].says("left no plan.json")


def test_only_what_nobody_holds_is_swept(tmp_path: Path) -> None:
    work = Assignment(uuid4(), uuid4(), 1, uuid4(), 1, 1, "x", "", {}, None, 1, 1)
    held, left = RunFolder(tmp_path, work), RunFolder(tmp_path, replace(work, attempt_id=uuid4()))
    held.make([])
    left.make([])
    kept = shutil.copytree(left.path, tmp_path / "kept")
    left.remove()
    kept.rename(left.path)  # as a runner leaves it that was killed: there, and locked by nobody
    being_made = tmp_path / "new-run-0"
    being_made.mkdir()
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([held.path, being_made])
    os.utime(being_made, (0, 0))
    held.remove()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
