"""What agents leave in a workspace beside their output, and what people lay down for them, for the policy matrix."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.work.calls import Runner

if TYPE_CHECKING:
    from tests.security.furnishing import Furnisher

_FILE = b"something"
_REPORT = {
    "title": "Why it is slow",
    "sections": [{"title": "What was seen", "content": "It waits."}],
    "findings": [{"severity": "high", "title": "A lock", "evidence": "12 s"}],
}


async def leave(of: Furnisher) -> None:
    """Does it all, with ids of what functions are called with."""
    await _rules(of)
    await _money(of)
    attempt, agent = of.ids["attempt"], of.runner.connection
    entry = {"key": "turn:1", "position": 0, "revision": 1, "type": "llm_prompt", "name": "turn"}
    await agent.execute("SELECT kolony.append_trace($1, $2)", attempt, [entry])
    digest = hashlib.sha256(_FILE).hexdigest()
    keep = "SELECT artifact_id FROM kolony.keep_artifact($1, $2, 'file', 'text/plain', $3, $4)"
    of.ids["artifact"] = await agent.fetchval(keep, attempt, "result.txt", len(_FILE), digest)
    await agent.execute("SELECT kolony.append_artifact_part($1, $2, 0, $3)", attempt, of.ids["artifact"], _FILE)
    of.ids["unfinished"] = await agent.fetchval(keep, attempt, "more.txt", len(_FILE), digest)
    facts = {"path": "/srv/work/1", "isolation": "run", "base_commit": "0" * 40}
    await agent.execute("SELECT kolony.note_folder($1, $2)", attempt, facts)
    await _report(of)


async def _report(of: Furnisher) -> None:
    """Of an agent of its own: people judge what is finished."""
    writer = await of.database.add_agent(f"writer-{of.slug}", workspace=of.slug)
    runner = await Runner.of(of.database, writer)
    await of.operator.execute("SELECT kolony.send_command($1, $2, 'look into it')", of.home, [writer.agent_id])
    [claimed] = await runner.claim(1)
    put = "SELECT kolony.put_report($1, $2, 'draft', 'report.json')"
    of.ids["report"] = await runner.connection.fetchval(put, claimed["attempt_id"], _REPORT)
    await runner.finish(claimed["attempt_id"])


async def _rules(of: Furnisher) -> None:
    home, ids = of.home, of.ids
    add = "SELECT kolony.add_rule($1, $2, 'execute', 'git status', 'allow')"
    ids["approval_rule"] = await of.operator.fetchval(add, home, ids["agent"])
    await of.operator.execute("SELECT kolony.set_variable($1, 'REGION', 'eu')", ids["agent"])
    await of.operator.execute("SELECT kolony.set_note($1, 'layout', 'the tests are in t/')", ids["agent"])


async def _money(of: Furnisher) -> None:
    home = of.home
    await of.admin.execute("SELECT kolony.set_price($1, 'stub-*', 1, 2)", home)
    login = await of.operator.fetchval("SELECT session_user::text")
    await of.admin.execute("SELECT kolony.set_people_group($1, 'payers', $2)", home, [login])
    budget = "SELECT kolony.set_budget($1, $2, $3, 'month', $4, NULL)"
    of.ids["budget"] = await of.admin.fetchval(budget, home, "workspace", None, 1_000_000_000)
    report = {"number": 0, "source": "acp", "scope": "turn", "session_id": "one", "model": "stub-1",
              "input_fresh": 10, "output": 5}  # fmt: skip
    await of.runner.connection.execute("SELECT kolony.report_usage($1, $2)", of.ids["attempt"], [report])


async def thread(of: Furnisher) -> None:
    """A conversation, the run of whose first message the runner has at work."""
    start = "SELECT * FROM kolony.start_conversation($1, $2, 'hello', NULL, $3, $4)"
    begun = await of.operator.fetchrow(start, of.home, of.agent.agent_id, ["a.txt"], [_FILE])
    assert begun is not None
    [claimed] = await of.runner.claim(1)
    note = "SELECT kolony.note_session($1, 'their-session', 'new', 'acp')"
    await of.runner.connection.execute(note, claimed["attempt_id"])
    await of.runner.connection.execute("SELECT kolony.note_reply($1, 'hello too')", claimed["attempt_id"])
    await of.viewer.execute("SELECT kolony.read_conversation($1)", begun["conversation_id"])
    attached = "SELECT attachment_id FROM kolony.message_attachments WHERE message_id = $1"
    of.ids |= {"conversation": begun["conversation_id"], "talking": claimed["attempt_id"],
               "attachment": await of.operator.fetchval(attached, begun["message_id"])}  # fmt: skip
