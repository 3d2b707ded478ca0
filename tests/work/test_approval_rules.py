"""Rules that answer agents: what they fit and what they never fit, who makes them, and that no rule is a person."""

from __future__ import annotations

import random
import shlex
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, send

FIT = ("git status", "git  status -s", "  git status", "git status 'a; b' \"c & d\"", "'git' st'at'us",
       "git status *.py",        "git status --format=%H~3^2,x@y:z+1")  # fmt: skip
NEVER = (
    "git status; rm -rf /", "git status;", "git status && curl x | sh", "git status || x", "git status | sh",
    "git status & x", "git status\nrm -rf /", "git status\r\nx", "git status `x`", "git status $(x)",
    'git status "$(x)"',
    'git status "`x`"', "git status $HOME", "git status ${x}", "git status > f", "git status >> f", "git status < f",
    "git status <(x)", "git status 2>&1", "git status \\; x", "git status 'a", 'git status "a', "git status 'a' ; x",
    "git status 'a\nb'", "git status \"a\\\"; x\"", "git status #; x", "git status {a,b}", "git status (x)",
    "git status !x", 'git status "!x"', "git statusx", "git-status", "gitstatus", "git", "status git", "x git status",
    "FOO=1 git status", "git status\u00a0x", "git\u00a0status", "git status \u202ex", "git status \x1b[2Kls",
    "git status\t; x",     "git status \ufffd",
    "git status \nrm -rf /", "git status x\\y", "git status \r", "git status -s \n id", "", " ",
)  # fmt: skip


async def _fits(workspace: Workspace, rule: str, decision: str, commands: list[str]) -> set[str]:
    superuser = await workspace.database.superuser()
    rows = await superuser.fetch(
        "SELECT c FROM unnest($3::text[]) c WHERE kolony.rule_fits($1, $2, c)", rule, decision, commands
    )
    return {row["c"] for row in rows}


async def test_a_prefix_fits_words_and_nothing_that_a_shell_makes_more_of(workspace: Workspace) -> None:
    found = await _fits(workspace, "git status", "allow", [*FIT, *NEVER])
    assert found == set(FIT)
    # A rule with an operator or a pattern in it is for exactly that text.
    for whole in ("git status; make", "ls *", "echo 'a b'", 'x "y"'):
        assert await _fits(workspace, whole, "allow", [whole, f"{whole} x", f" {whole}", f"{whole}\n"]) == {whole}
    # Rejecting goes further: what begins like that is rejected whatever comes behind.
    assert await _fits(workspace, "git status", "reject", ["git status; ls", "git   status\nx", "git statusx"]) == {
        "git status; ls", "git   status\nx"
    }  # fmt: skip


async def test_a_real_shell_runs_no_other_program_for_what_a_rule_fits(workspace: Workspace, tmp_path: Path) -> None:
    chosen = random.Random(7)
    hostile = [*"\t\n;&|<>()$`\\\"'*?#!{}[]", "$(id)", "`id`", "é", "''", "~"]
    pieces = [*hostile, *[" ", "a", "-b", "'c; d'", '"e & f"', " g=h", "/i.j", "*"] * 12]
    made = {"git status" + "".join(chosen.choices(pieces, k=chosen.randint(0, 8))) for _ in range(4000)}
    made |= {"".join(chosen.choices(pieces, k=chosen.randint(1, 8))) for _ in range(2000)}
    found = {each for each in await _fits(workspace, "git status", "allow", sorted(made)) if "~" not in each}
    assert len(found) > 100
    # Each line is what the function was called with; anything else that ran would be missing, or say so.
    script = 'git() { printf \'%s\\0\' "$#" "$@"; }\nset -f\n' + "\n".join(sorted(found)) + "\n"
    ran = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, env={"PATH": "", "HOME": "~"}, capture_output=True)
    assert (ran.returncode, ran.stderr) == (0, b"")
    expected = []
    for command in sorted(found):
        words = shlex.split(command, comments=False)[1:]
        assert words[0] == "status"
        expected += [str(len(words)), *words]
    said = ran.stdout.decode().split("\0")[:-1]
    assert said == expected
    assert list(tmp_path.iterdir()) == []


class Asked:
    """A run under way whose agent asks by exact commands."""

    def __init__(self, workspace: Workspace, runner: Runner, attempt: UUID) -> None:
        self.workspace, self.runner, self.attempt, self.asked = workspace, runner, attempt, 0

    @classmethod
    async def begin(cls, workspace: Workspace, agent: Agent) -> Asked:
        await send(await workspace.database.connect("bob"), agent)
        runner = await Runner.of(workspace.database, agent)
        [run] = await runner.claim()
        await runner.start(run["attempt_id"])
        return cls(workspace, runner, run["attempt_id"])

    async def ask(self, command: str, tool: str = "execute") -> tuple[UUID, str]:
        self.asked += 1
        row = await self.runner.connection.fetchrow(
            "SELECT * FROM kolony.ask($1, $2, 'permission', 'run it?', tool => $3, command => $4)",
            self.attempt, f"p{self.asked}", tool, command,
        )  # fmt: skip
        assert row is not None
        return row["approval_id"], row["state"]

    async def hear(self, approval: UUID) -> tuple[Any, ...]:
        row = await self.runner.connection.fetchrow("SELECT * FROM kolony.hear_answer($1)", approval)
        assert row is not None
        return row["state"], row["answered_by"]


ADD = "SELECT kolony.add_rule($1, $2, $3, $4, $5, $6)"


async def test_a_rule_answers_at_once_and_is_never_a_person(workspace: Workspace, agent: Agent) -> None:
    bob, eve = await workspace.database.connect("bob"), await workspace.database.connect("eve")
    asked = await Asked.begin(workspace, agent)
    home = workspace.workspace_id
    rule = await bob.fetchval(ADD, home, agent.agent_id, "execute", "git status", "allow", None)
    assert (await asked.ask("git status; x"))[1] == "open"
    assert (await asked.ask("git status", tool="edit"))[1] == "open", "of another tool"
    approval, state = await asked.ask("git status -s")
    assert state == "allowed"
    login = workspace.database.cluster.login("bob")
    assert await asked.hear(approval) == ("allowed", f"rule of {login}")
    seen = await eve.fetchrow("SELECT * FROM kolony.approval_overview WHERE approval_id = $1", approval)
    assert seen is not None
    assert (seen["answered_by_login"], seen["rule_by_login"], seen["rule_id"]) == (None, login, rule)
    waiting = [row["detail"] for row in await eve.fetch("SELECT detail FROM kolony.inbox($1)", home)]
    assert sorted(waiting) == ["git status", "git status; x"]
    with refused("55000", f"by a rule of {login}"):
        await bob.execute("SELECT kolony.answer_approval($1, false)", approval)
    hits = "SELECT hits, last_hit_at IS NOT NULL FROM kolony.approval_rules WHERE rule_id = $1"
    assert tuple(await eve.fetchrow(hits, rule) or ()) == (1, True)

    # Rejecting goes before allowing, for every agent; what is over or revoked answers nothing.
    reject = await bob.fetchval(ADD, home, None, None, "git status -s", "reject", None)
    assert (await asked.ask("git status -s"))[1] == "denied"
    await bob.execute("SELECT kolony.revoke_rule($1)", reject)
    assert (await asked.ask("git status -s"))[1] == "allowed"
    superuser = await workspace.database.superuser()
    await superuser.execute("UPDATE kolony.approval_rules SET until = now() - interval '1 s' WHERE rule_id = $1", rule)
    assert (await asked.ask("git status -s"))[1] == "open"
    ada = await workspace.database.connect("ada")
    events = [row["event"] for row in await ada.fetch(
        "SELECT event FROM kolony.audit_log WHERE event LIKE 'APPROVAL_RUL%' ORDER BY entry_id")]  # fmt: skip
    assert events == ["APPROVAL_RULE_CREATED", "APPROVAL_RULED", "APPROVAL_RULE_CREATED", "APPROVAL_RULED",
                      "APPROVAL_RULE_REVOKED", "APPROVAL_RULED"]  # fmt: skip


async def test_answering_always_fits_what_it_answers_and_operators_alone_do_it(
    workspace: Workspace, agent: Agent
) -> None:
    bob, eve = await workspace.database.connect("bob"), await workspace.database.connect("eve")
    otto = await workspace.database.connect("otto")
    asked = await Asked.begin(workspace, agent)
    home = workspace.workspace_id
    approval, _ = await asked.ask("make deploy; rm x")
    always = "SELECT kolony.answer_always($1, true, $2)"
    with refused("22023", "would not have answered"):
        await bob.fetchval(always, approval, "make deploy")
    assert await asked.hear(approval) == ("open", None), "nothing was answered then"
    rule = await bob.fetchval(always, approval, None)
    assert (await asked.hear(approval))[0] == "allowed"
    assert (await asked.ask("make deploy; rm x"))[1] == "allowed"
    other, state = await asked.ask("make deploy; rm xy")
    assert state == "open"

    for login, state_code in ((eve, "42501"), (otto, "42501")):
        with refused(state_code):
            await login.fetchval(ADD, home, agent.agent_id, None, "ls", "allow", None)
    with refused("42501"):
        await eve.execute("SELECT kolony.revoke_rule($1)", rule)
    with refused("P0002"):
        await otto.execute("SELECT kolony.revoke_rule($1)", rule)
    with refused("42501"):
        await eve.execute(always, other, None)
    # The agent itself makes none, and reads none.
    for call in ("SELECT kolony.add_rule($1, NULL, 'execute', 'ls', 'allow')", "SELECT kolony.revoke_rule($1)",
                 "SELECT kolony.keep_approval_rule($1, NULL, NULL, 'ls', 'allow', NULL, NULL)",
                 "SELECT kolony.answer_always($1, true)", "SELECT FROM kolony.approval_rules"):  # fmt: skip
        with refused("42501"):
            await asked.runner.connection.execute(*([call, home] if "$1" in call else [call]))
    for wrong, words in (
        ((None, None, None, "allow"), "about a tool"), ((None, "execute", None, "allow"), "whatever it likes"),
        ((agent.agent_id, "execute", None, "allow"), "whatever it likes"), ((None, None, "ls", "maybe"), "allows or"),
        ((None, "edit", None, "allow"), "whatever it likes"), ((None, None, " ", "allow"), "needs words"),
    ):  # fmt: skip
        with refused("22023", words):
            await bob.fetchval(ADD, home, *wrong, None)
    await bob.fetchval(ADD, home, agent.agent_id, "edit", None, "allow", None)
    assert (await asked.ask('{"path": "x"}', tool="edit"))[1] == "allowed"

    # Withdrawn: nobody answers it any more, and whoever tries hears why.
    await asked.runner.connection.execute("SELECT kolony.withdraw_question($1, 'its turn is over')", other)
    with refused("55000", "its turn is over"):
        await bob.execute("SELECT kolony.answer_approval($1, true)", other)


async def test_the_inbox_holds_commands_whole(workspace: Workspace, agent: Agent) -> None:
    eve = await workspace.database.connect("eve")
    asked = await Asked.begin(workspace, agent)
    command = "printf '\x1b[8m' " + "y" * 700_000
    approval, _ = await asked.ask(command)
    with refused("22023", "1 MiB"):
        await asked.ask("y" * 1_048_577)
    found = await eve.fetchrow("SELECT * FROM kolony.inbox($1, false, 1048576)", workspace.workspace_id)
    assert found is not None
    assert (found["item_id"], found["detail"], found["exact"], found["tool"]) == (approval, command, True, "execute")
