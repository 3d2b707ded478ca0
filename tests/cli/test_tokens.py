"""``kolony token``: made, rotated and revoked by people and scripts, who are always told by whom one is in use."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from kolony_tui.core.tokens import parse_token
from kolony_tui.db.target import SHARED_AGENT_LOGIN
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from tests.cli.conftest import CommandLine
from tests.terminal import running

DEADLINE = 30.0


@contextmanager
def at_work(kolony: CommandLine, agent: str, token: str) -> Iterator[subprocess.Popen[str]]:
    """A runner of this agent that is in the middle of a command."""
    runner = kolony.started("agent", "run", agent, KOLONY_AGENT_TOKEN=token)
    try:
        command = kolony("send", agent, "--json", "--", "sleep 600").json["number"]
        end = time.monotonic() + DEADLINE
        while not kolony("run", "list", "--agent", agent, "--status", "executing", "--json").json:
            assert time.monotonic() < end, runner.poll()
        yield runner
        kolony("command", "cancel", str(command))
    finally:
        runner.kill()
        runner.communicate()


def tokens(kolony: CommandLine, agent: str) -> list[dict[str, Any]]:
    """As ``token list --agent --json``."""
    return list(kolony("token", "list", "--agent", agent, "--json").json)


def new_agent(kolony: CommandLine, name: str) -> dict[str, Any]:
    """An agent, and its first token as ``token issue --json`` gives it."""
    assert kolony("agent", "create", name).code == 0
    return dict(kolony("token", "issue", name, "--label", "first", "--json").json)


def from_now(when: str) -> timedelta:
    """How far ahead a moment is."""
    return datetime.fromisoformat(when) - datetime.now(UTC)


def test_a_token_says_what_it_is_and_when_it_ends(kolony: CommandLine) -> None:
    kolony("agent", "create", "timed")
    for words, least, most in ((["30"], 29, 30), (["12h"], 0, 0.5), (["2199-12-31"], 60000, 70000)):
        issued = kolony("token", "issue", "timed", "--json", "--expires", *words).json
        assert {"agent", "token", "hint", "token_id", "login", "expires_at"} == set(issued)
        assert timedelta(days=least) < from_now(issued["expires_at"]) <= timedelta(days=most)
        assert parse_token(issued["token"]).login == issued["login"]
    assert kolony("token", "issue", "timed", "--json").json["expires_at"] is None
    for wrong in ("0", "-1", "soon", "2020-01-01", "2026-13-01", "1e9", "99999999999"):
        kolony("token", "issue", "timed", f"--expires={wrong}").refused(2, wrong)
    assert len(tokens(kolony, "timed")) == 4


def test_the_old_token_serves_on_for_the_overlap(kolony: CommandLine) -> None:
    first = new_agent(kolony, "rotated")
    rotated = kolony("token", "rotate", "rotated", "--overlap", "24h", "--json").json
    assert (rotated["agent"], rotated["replaces"], rotated["expires_at"]) == ("rotated", [first["hint"]], None)
    old, new = tokens(kolony, "rotated")
    assert (old["token_id"], new["token_id"]) == (first["token_id"], rotated["token_id"])
    assert timedelta(hours=23) < from_now(old["expires_at"]) <= timedelta(hours=24)
    assert (old["state"], new["state"], new["label"]) == ("active", "active", "first")
    once_more = kolony("token", "rotate", rotated["hint"], "--overlap", "0", "--label", "third")
    assert re.fullmatch(r"kol_[0-9a-f]{16}_[0-9A-Za-z]{49}\n", once_more.out)
    assert f"{rotated['hint']} runs out" in once_more.err
    assert [each["state"] for each in tokens(kolony, "rotated")] == ["active", "expired", "active"]
    whole_agent = kolony("token", "rotate", "rotated", "--json", "--overlap", "0").json
    assert whole_agent["replaces"] == [parse_token(once_more.out).hint, first["hint"]]
    assert [each["state"] for each in tokens(kolony, "rotated")] == ["expired", "expired", "expired", "active"]


def test_a_rotated_token_lives_as_long_as_the_one_before(kolony: CommandLine) -> None:
    kolony("agent", "create", "mayfly")
    kolony("token", "issue", "mayfly", "--expires", "90")
    rotated = kolony("token", "rotate", "mayfly", "--json").json
    assert timedelta(days=89) < from_now(rotated["expires_at"]) <= timedelta(days=90)
    kolony("agent", "create", "bare")
    made = kolony("token", "rotate", "bare", "--json").json
    assert (made["replaces"], len(tokens(kolony, "bare"))) == ([], 1)


def test_a_script_revokes_at_once_and_hears_by_whom_it_was_in_use(kolony: CommandLine) -> None:
    issued = new_agent(kolony, "busy")
    with at_work(kolony, "busy", issued["token"]) as runner:
        [use] = tokens(kolony, "busy")[0]["in_use_by"]
        revoked = kolony("token", "revoke", issued["hint"], "--json")
        answer = revoked.json
        [told] = answer["in_use_by"]
        # One is the database's writing of the moment, which leaves out zeros at its end.
        assert {**told, "since": datetime.fromisoformat(told["since"])} == {
            **use, "since": datetime.fromisoformat(use["since"]),
        }  # fmt: skip
        assert {"host", "pid", "session_id", "since", "runs"} == set(use)
        assert (use["pid"], len(use["runs"])) == (runner.pid, 1)
        assert {"token_id", "agent", "hint", "active", "revoked_before", "revoked_at", "revoked_by"} <= set(answer)
        assert (answer["active"], answer["revoked_before"], answer["agent"]) == (False, False, "busy")
        assert f"in use by {use['host']} pid {runner.pid}" in revoked.err
        assert runner.wait(DEADLINE) == 3
    again = kolony("token", "revoke", issued["hint"])
    assert (again.code, again.out) == (0, "")
    assert re.search(rf"{issued['hint']} of busy was revoked already, \d+[smhd] ago by \w+\n", again.err)


def test_on_a_terminal_it_asks_first_and_names_them(kolony: CommandLine) -> None:
    issued = new_agent(kolony, "asked")
    words = [sys.executable, "-m", "kolony_tui", "token", "revoke", issued["hint"]]
    environment = {**os.environ, **kolony.environment, "KOLONY_HOME": str(kolony.home)}
    with at_work(kolony, "asked", issued["token"]) as runner:

        def answered(answer: str) -> tuple[int | None, bool]:
            with running(words, environment) as terminal:
                terminal.until(lambda: "[y/N]" in terminal.shown, "the question")
                assert f"pid {runner.pid} since" in terminal.shown
                assert tokens(kolony, "asked")[0]["state"] == "active"
                terminal.press(answer)
                terminal.until(terminal.ended, "its end")
                terminal.read(1)
                return terminal.code, "nothing was revoked" in terminal.shown

        assert answered("n\r") == (1, True)
        assert answered("\r") == (1, True)
        assert answered("\x03") == (130, False)
        assert answered("y\r") == (0, False)
        assert runner.wait(DEADLINE) == 3
    assert tokens(kolony, "asked")[0]["state"] == "revoked"


def test_yes_does_not_ask_and_nobody_to_ask_about_neither(kolony: CommandLine) -> None:
    issued, idle = new_agent(kolony, "unasked"), new_agent(kolony, "idle")
    environment = {**os.environ, **kolony.environment, "KOLONY_HOME": str(kolony.home)}
    with at_work(kolony, "unasked", issued["token"]):
        for words in ([issued["hint"], "--yes"], [idle["hint"]]):
            with running([sys.executable, "-m", "kolony_tui", "token", "revoke", *words], environment) as terminal:
                terminal.until(terminal.ended, "its end")
                terminal.read(1)
                assert terminal.code == 0
                assert "is revoked" in terminal.shown
                assert "[y/N]" not in terminal.shown


def test_several_go_on_after_a_refusal(kolony: CommandLine) -> None:
    first, second = new_agent(kolony, "many-1"), new_agent(kolony, "many-2")
    both = kolony("token", "revoke", first["hint"], second["token_id"], first["token_id"], "--json").json
    assert [each["agent"] for each in both] == ["many-1", "many-2"]
    third = kolony("token", "issue", "many-1", "--json").json
    some = kolony("token", "revoke", "kol_zzzz", third["hint"], "--json")
    assert some.code == 4
    assert [each.get("hint", each.get("token")) for each in json.loads(some.out)] == [third["hint"], "kol_zzzz"]
    assert "kol_zzzz: there is no token" in some.err
    assert {each["state"] for each in tokens(kolony, "many-1")} == {"revoked"}


def test_bad_input_gets_one_line(kolony: CommandLine) -> None:
    issued = new_agent(kolony, "careful")
    kolony("token", "revoke", "kol_zzzz").refused(4, "no token 'kol_zzzz'", "kolony token list")
    kolony("token", "rotate", "nobody").refused(4, "neither an agent nor a token 'nobody'")
    kolony("token", "list", "--agent", "nobody").refused(4, "nobody")
    kolony("token", "list", "--agent", "nobody", "--json").refused(4, "nobody")
    kolony("token", "issue", "nobody").refused(4, "nobody")
    kolony("token", "rotate", "careful", "--overlap", "-1").refused(2, "'-1' is no length of time")
    kolony("token", "rotate", "careful", "--overlap", "long").refused(2, "'long' is no length of time")
    kolony("token", "rotate", "careful", "--overlap", "366d").refused(2, "365")
    for words in (["revoke", issued["token"]], ["rotate", issued["token"]], ["revoke", issued["token"], "kol_zzzz"]):
        refused = kolony("token", *words)
        assert refused.code in (2, 4)
        assert issued["token"][9:] not in refused.out + refused.err
        assert f"its hint is {issued['hint']}" in refused.err
    assert [each["state"] for each in tokens(kolony, "careful")] == ["active"]
    kolony("token", "revoke", issued["hint"])
    kolony("token", "rotate", issued["hint"]).refused(4, "serves no more")
    kolony("agent", "retire", "careful")
    kolony("token", "issue", "careful").refused(4, "retired")
    assert len(tokens(kolony, "careful")) == 1


async def test_a_hint_of_two_tokens_names_both(kolony: CommandLine) -> None:
    first, second = new_agent(kolony, "twin-1"), new_agent(kolony, "twin-2")
    superuser = await asyncpg.connect(EmbeddedServer(Home(kolony.home)).superuser_dsn())
    try:
        change = "UPDATE kolony.agent_tokens SET token_hint = 'kol_0000' WHERE token_id = ANY ($1::uuid[])"
        await superuser.execute(change, [first["token_id"], second["token_id"]])
    finally:
        await superuser.close()
    for verb in ("revoke", "rotate"):
        refused = await asyncio.to_thread(kolony, "token", verb, "kol_0000")
        refused.refused(2, "2 tokens", first["token_id"], second["token_id"], "twin-1", "twin-2")
    assert {each["state"] for each in tokens(kolony, "twin-1") + tokens(kolony, "twin-2")} == {"active"}


@pytest.mark.parametrize("verb", ["issue", "list", "rotate", "revoke"])
def test_who_is_no_admin_gets_nothing(kolony: CommandLine, verb: str) -> None:
    name = f"closed-{verb}"
    issued = new_agent(kolony, name)
    dsn = kolony.login(f"o{verb}", "operator")
    words = {"issue": [name], "list": [], "rotate": [name], "revoke": [issued["hint"]]}[verb]
    kolony("token", verb, *words, "--dsn", dsn).refused(4, "admin")
    assert [each["state"] for each in tokens(kolony, name)] == ["active"]


def test_no_token_stands_in_a_log_of_the_machine(kolony: CommandLine) -> None:
    """G11: neither the server's log nor anything of the home holds a token in clear."""
    issued = new_agent(kolony, "discreet")
    rotated = kolony("token", "rotate", "discreet", "--json").json
    kolony("token", "revoke", issued["hint"])
    for folder, _, names in os.walk(kolony.home):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                found = file.read()
            for each in (issued, rotated):
                assert each["token"].encode() not in found, path


async def test_where_no_logins_are_made_it_says_how_a_runner_connects(kolony: CommandLine) -> None:
    kolony("agent", "create", "sharer")
    superuser = await asyncpg.connect(EmbeddedServer(Home(kolony.home)).superuser_dsn())
    try:
        await superuser.execute("ALTER ROLE kolony_roleadm NOCREATEROLE")
        kolony("token", "issue", "sharer").refused(4, "may make no logins", "kolony migrate --roles")
        assert tokens(kolony, "sharer") == []
        await superuser.execute(f"CREATE ROLE {SHARED_AGENT_LOGIN} LOGIN IN ROLE kolony_agents")
        for words in (["issue", "sharer"], ["rotate", "sharer"]):
            issued = kolony("token", *words, "--json")
            assert issued.json["login"] == SHARED_AGENT_LOGIN
            assert f"kolony agent run sharer --dsn postgresql://{SHARED_AGENT_LOGIN}@" in issued.err
            assert issued.json["token"] not in issued.err
            login = parse_token(issued.json["token"]).login
            assert await superuser.fetchval("SELECT to_regrole($1) IS NULL", login)
        revoked = kolony("token", "revoke", *[each["token_id"] for each in tokens(kolony, "sharer")], "--json").json
        assert [each["revoked_before"] for each in revoked] == [False, False]
    finally:
        await superuser.execute("ALTER ROLE kolony_roleadm CREATEROLE")
        await superuser.execute(f"DROP ROLE IF EXISTS {SHARED_AGENT_LOGIN}")
        await superuser.close()
