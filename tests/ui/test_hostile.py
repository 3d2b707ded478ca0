"""G12: in every screen that the registry knows, hostile text of others stays text, in a real terminal."""

from __future__ import annotations

import asyncio
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kolony_tui.ui.registry import SCREENS
from tests.security.fake_server import FakeServer
from tests.terminal import Terminal
from tests.text.hostile import COLOUR, MARKUP, everything, forbidden, printable
from tests.ui.stage import Stage
from tests.ui.terminal import opened

# What Textual itself sends: modes, cursor, clearing, the keyboard protocol, questions about these, the pointer's shape.
OWN = re.compile(
    r"\x1b\[(?:\?[0-9;]*[hl]|[0-9;]*[HJKABCDG]|[<>=]?[0-9;]*u|\?[0-9;]*\$p|[0-9]*\x20q|\?[0-9]*u|[0-9;]*t)"
    r"|\x1b\]22;[a-z-]*\x07"
    r"|\x1b\]52;c;ZXZpb[A-Za-z0-9+/=]*\x07"  # "evil...", which the walk asks to copy
)
_TEXTS = """SELECT c.oid::regclass::text AS table_name, a.attname AS column_name, format_type(a.atttypid, NULL) AS kind
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = 'kolony'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND format_type(a.atttypid, NULL) IN ('text', 'jsonb') AND a.attgenerated = ''
              AND c.relname <> 'migrations' ORDER BY 1, 2"""
KEPT = {("kolony.profiles", "login"), ("kolony.agent_tokens", "login"), ("kolony.workspaces", "channel"),
        ("kolony.workspaces", "time_zone")}  # fmt: skip
"""By these the app finds itself; and a time zone that the server does not know was never taken."""


async def _make_hostile(superuser: asyncpg.Connection) -> set[str]:
    """Writes hostile text into every column of text that takes it. Answers with the columns."""
    written = set()
    for row in await superuser.fetch(_TEXTS):
        table, column = row["table_name"], row["column_name"]
        if (table, column) in KEPT:
            continue
        texts = [everything().replace("\0", ""), printable()]
        values: list[Any] = [text[:length] for text in texts for length in (3000, 900, 190, 90, 50, 8)]
        if row["kind"] == "jsonb":
            values = [
                json.dumps({texts[0]: texts[0], "reason": texts[0], "before": {texts[1]: 1}}).replace("\\u0000", "")
            ]
        for value in values:
            transaction = superuser.transaction()
            await transaction.start()
            try:
                # Without triggers: one of them keeps the audit log as it is.
                await superuser.execute("SET LOCAL session_replication_role = replica")
                await superuser.execute(f"UPDATE {table} SET {column} = $1::text::{row['kind']}", value)
            except asyncpg.PostgresError:
                await transaction.rollback()
                continue
            await transaction.commit()
            written.add(f"{table}.{column}")
            break
    return written


async def _furnish(stage: Stage) -> None:
    """Work in every state, a draft, a person with a hostile login, and then hostile text wherever it fits."""
    database, home = stage.workspace.database, stage.workspace.workspace_id
    superuser, ada = await database.superuser(), await database.connect("ada")
    runner = await stage.runner()
    for _ in range(4):
        await stage.send("work")
    await ada.execute("SELECT kolony.send_command($1, $2, 'a draft', 50, true)", home, [stage.agent.agent_id])
    failed, done, running = [await runner.take() for _ in range(3)]
    for claim in (failed, done, running):
        evil = everything().encode("utf-8", "surrogatepass")
        await runner.write(claim, evil + b"\nevil line\n", ("stderr", evil))
        held = json.dumps(everything())
        entry = {"key": "tool", "position": 0, "revision": 1, "type": "tool_call", "input": held, "output": held}
        await runner.connection.execute("SELECT kolony.append_trace($1, $2)", claim["attempt_id"], [entry])
    await runner.finish(failed, "failed", error=printable()[:900], chunks=2)
    await runner.finish(done, chunks=2)
    talk = "SELECT kolony.start_conversation($1, $2, 'hello', NULL, ARRAY['a.txt'], ARRAY['x'::bytea])"
    await ada.execute(talk, home, stage.agent.agent_id)
    folder = {"path": "/work", "isolation": "run", "repository": "/repo", "base_commit": "0" * 40}
    await runner.connection.execute("SELECT kolony.note_folder($1, $2)", running["attempt_id"], folder)
    person = await database.add_person("operator")
    await ada.execute("SELECT kolony.disable_person($1, $2)", home, await database.add_person("viewer"))
    await superuser.execute(
        """WITH made AS (INSERT INTO kolony.profiles (login, role_oid) VALUES ($1, 1) RETURNING profile_id)
           INSERT INTO kolony.memberships (workspace_id, profile_id, role) SELECT $2, profile_id, 'viewer' FROM made""",
        everything().replace("\0", ""), home,
    )  # fmt: skip
    claimed = await database.connect(person)
    await claimed.execute("SELECT set_config('application_name', $1, false)", everything().replace("\0", ""))
    written = await _make_hostile(superuser)
    expected = {"agents.name", "agents.description", "agent_tokens.label", "agent_sessions.host", "commands.content",
                "runs.error", "workspaces.name", "profiles.display_name", "audit_log.details", "audit_log.login",
                "audit_log.application", "audit_log.subject", "trace_entries.name",
                "trace_entries.summary"}  # fmt: skip
    assert {f"kolony.{column}" for column in expected} <= written, "the hostile text did not come in there"


async def _spoof(stage: Stage) -> None:
    """Hints that nobody of ours sent."""
    eve = await stage.workspace.database.connect("eve")
    for payload in (
        everything().replace("\0", "")[:2000],
        "x" * 7999,
        "run:\x1b[c",
        "nonsense",
        "agents:*",
        "run:" + "9" * 900,
    ):
        await eve.execute("SELECT pg_notify($1, $2)", stage.workspace.channel, payload)


def _showing(terminal: Terminal, text: str, *, wanted: bool = True) -> Callable[[], bool]:
    return lambda: (text in terminal.shown) == wanted


def _strangers(terminal: Terminal) -> set[str]:
    """Names of what came out and is neither text nor a colour nor of Textual's own."""
    text = terminal.seen.decode("utf-8", "replace")
    left = OWN.sub("", COLOUR.sub("", text))
    around = [left[max(0, at - 10) : at + 30] for at in (match.start() for match in re.finditer("\x1b", left))]
    return forbidden(left, allowed="\n\r\x1b") | {repr(each) for each in around}


@pytest.mark.parametrize(("login", "size"), [("ada", (180, 50)), ("eve", (80, 24))])
async def test_g12_no_screen_lets_hostile_text_through(
    stage: Stage, tmp_path: Path, login: str, size: tuple[int, int]
) -> None:
    await _furnish(stage)
    report = tmp_path / "report"
    environment = {"WALK_REPORT": str(report), "PYTHONPATH": str(Path(__file__).parents[2])}
    with opened(
        tmp_path, stage.workspace.database.dsn(login), columns=size[0], rows=size[1],
        program=("-m", "tests.ui.walker"), **environment,
    ) as terminal:  # fmt: skip
        await asyncio.to_thread(
            terminal.until, lambda: "evil" in terminal.shown or terminal.ended(), "something hostile"
        )
        await _spoof(stage)
        await asyncio.to_thread(terminal.until, terminal.ended, "the end of the walk", 240)
        terminal.read(0.2)
    seen = [json.loads(line) for line in report.read_text().splitlines()]
    assert not (tmp_path / "faults.log").exists(), (tmp_path / "faults.log").read_text()
    assert [each for each in seen if each["where"] == "the walk itself"] == []
    assert terminal.code == 0
    assert _strangers(terminal) == set()
    # Before the last gate too: what others write is made safe where it comes in.
    raw = {(each["where"], *forbidden(each["text"], allowed="\n")) for each in seen}
    assert {each for each in raw if len(each) > 1} == set()
    assert [(each["where"], click) for each in seen for click in each["clicks"] if "hostile" in click] == []
    assert [each["text"] for each in seen if each["where"] == "keys"] == [""], "nothing pressed a key"
    wanted = {f"{entry.name} {part}".strip() for entry in SCREENS for part in ("", *entry.parts())}
    assert wanted <= {each["where"] for each in seen}
    hostile = {each["screen"] for each in seen if "evil" in each["text"]}
    expected = {
        "DashboardScreen",
        "AgentsScreen",
        "RunsScreen",
        "SettingsScreen",
        "RunScreen",
        "AgentScreen",
        "ConversationsScreen",
    }
    assert {*expected, "WhyScreen"} <= hostile


@pytest.mark.parametrize("options", [(), ("--debug",)], ids=["", "with a traceback"])
async def test_g12_a_server_that_refuses_in_hostile_words(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The login screen, before anybody is logged in, and the line that is left when one leaves."""
    words = f"SFATAL\0C28P01\0M{everything().replace(chr(0), '')}\0Devil\0Hevil {MARKUP}\0\0".encode()
    server = FakeServer(b"E" + struct.pack("!I", len(words) + 4) + words)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        dsn = f"postgresql://ada@127.0.0.1:{port}/kolony?sslmode=disable"
        with opened(tmp_path, dsn, *options, PGPASSWORD="guessed") as terminal:
            await asyncio.to_thread(terminal.until, lambda: "evil" in terminal.shown and "Log in" in terminal.shown,
                                    "the login screen")  # fmt: skip
            await asyncio.to_thread(terminal.insist, "\x1b", terminal.ended, "the end")
            terminal.read(0.2)
    assert terminal.code == 3
    assert "evil" in terminal.seen[terminal.seen.rfind(b"\x1b[?1049l") :].decode()
    assert _strangers(terminal) == set()


async def test_g12_what_a_person_pastes_commands_nothing(stage: Stage, tmp_path: Path) -> None:
    """Terminals take the escapes out of a paste, not the 8-bit controls; nobody makes it safe before it is shown."""
    await stage.send("work")
    pasted = everything().replace("\x1b", "").replace("\n", "")
    with opened(tmp_path, stage.workspace.database.dsn("bob")) as terminal:
        await asyncio.to_thread(terminal.until, lambda: "online" in terminal.shown, "the dashboard")
        for keys, there, then in (("/", "!text", "the filter is wrong"), ("n", "Priority", "the end")):
            await asyncio.to_thread(terminal.insist, keys, _showing(terminal, there), there)
            terminal.press(f"\x1b[200~{pasted}the end\x1b[201~")
            await asyncio.to_thread(terminal.until, _showing(terminal, then), "the paste")
            gone = _showing(terminal, then, wanted=False)
            await asyncio.to_thread(terminal.insist, "\x1b", gone, "the way back")
        terminal.press("\x11")
        await asyncio.to_thread(terminal.until, terminal.ended, "its end")
    assert terminal.code == 0
    assert _strangers(terminal) == set()
