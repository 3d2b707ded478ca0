"""Lists as JSON: the same over both connections, with the keys of the types, and with the same refusals."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from kolony_tui.cli.verbs import APPLICATION
from kolony_tui.core.connection import Choice, find_destination
from kolony_tui.core.reading import _names_a_server
from kolony_tui.models.fleet import Agent, AgentToken
from kolony_tui.models.people import Person
from kolony_tui.models.work import Command, Run
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from tests.cli.conftest import CommandLine

LISTS = [["run", "list"], ["agent", "list"], ["command", "list"], ["user", "list"], ["token", "list"]]
HOSTILE = '\x1b]0;t\x07 \x9b31m \u202e é 🙂 \x7f "quoted\\'


@pytest.fixture(scope="module")
def full(kolony: CommandLine) -> CommandLine:
    """A home with something in each list; text that nobody should print among it."""
    kolony("agent", "create", "lister", "--description", "é 🙂")
    kolony("token", "issue", "lister", "--label", "é")
    assert kolony("send", "lister", "--", "-", stdin=HOSTILE).code == 0
    return kolony


def url(kolony: CommandLine) -> str:
    return str(kolony("db", "url", "--json").json["url"])


@pytest.mark.parametrize("words", LISTS, ids=lambda words: words[0])
def test_both_connections_give_the_same(full: CommandLine, words: list[str]) -> None:
    direct, by_driver = full(*words, "--json"), full(*words, "--json", "--dsn", url(full))
    assert direct.json
    assert direct.out == by_driver.out
    assert direct.out.isascii()
    assert direct.out.count("\n") == 1
    assert not set(direct.out) & {"\x1b", "\x07", "\x7f"}


@pytest.mark.parametrize(
    ("words", "kind", "more"),
    [
        (["run", "list"], Run, {"reference"}),
        (["agent", "list"], Agent, {"agent"}),
        (["command", "list"], Command, set()),
        (["user", "list"], Person, set()),
        (["token", "list"], AgentToken, {"hint", "active"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_list_has_the_keys_of_its_type(full: CommandLine, words: list[str], kind: type, more: set[str]) -> None:
    for row in full(*words, "--json").json:
        assert set(row) == {field.name for field in fields(kind)} | more


def test_values_come_as_other_verbs_give_them(full: CommandLine) -> None:
    run = next(each for each in full("run", "list", "--agent", "lister", "--json").json)
    shown = full("run", "show", run["run_id"], "--json").json
    times = {"created_at"}
    assert {key: shown[key] for key in run if key not in times} == {key: run[key] for key in run if key not in times}
    assert datetime.fromisoformat(run["created_at"]) == datetime.fromisoformat(shown["created_at"])
    assert run["created_at"].endswith("+00:00")
    assert "\u202e" in run["title"]
    assert full("run", "list", "--status", "failed", "--agent", "lister", "--json").json == []
    assert len(full("run", "list", "--limit", "1", "--json").json) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "list", "--agent", 'no\\such "one"'], 4, "there is no agent"),
        (["run", "list", "--workspace", "nowhere"], 4, "nowhere"),
        (["run", "list", "--limit", "0"], 2, "--limit"),
    ],
)
def test_both_connections_refuse_alike(full: CommandLine, words: list[str], code: int, said: str) -> None:
    direct, by_driver = full(*words, "--json"), full(*words, "--json", "--dsn", url(full))
    direct.refused(code, said)
    assert direct == by_driver


def test_the_server_decides_over_both_connections(full: CommandLine) -> None:
    dsn = full.login("lena", "viewer")
    full("token", "list", "--json", "--dsn", dsn).refused(4, "admin")
    assert full("user", "disable", "lena").code == 0
    full("run", "list", "--json", "--dsn", dsn).refused(3, "disabled")


def test_time_zones_of_libpq_do_not_reach_the_answer(full: CommandLine) -> None:
    assert full("run", "list", "--json", PGTZ="Asia/Tokyo").out == full("run", "list", "--json").out


def test_a_stopped_server_is_started(full: CommandLine) -> None:
    before = full("run", "list", "--json").json
    assert full("db", "stop", "--force").code == 0
    assert full("run", "list", "--json").json == before


def test_a_killed_server_is_started(full: CommandLine) -> None:
    before = full("run", "list", "--json").json
    os.kill(full("db", "status", "--json").json["pid"], 9)
    assert full("run", "list", "--json").json == before


async def test_ctrl_c_ends_a_wait(full: CommandLine) -> None:
    superuser = EmbeddedServer(Home(full.home)).superuser_dsn()
    holder, watcher = await asyncpg.connect(superuser), await asyncpg.connect(superuser)
    waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1)"
    lister = None
    try:
        await holder.execute("BEGIN; LOCK TABLE kolony.commands")
        lister = full.started("run", "list", "--json")
        deadline = time.monotonic() + 20
        while not await watcher.fetchval(waiting, APPLICATION):
            assert time.monotonic() < deadline
            assert lister.poll() is None
        lister.send_signal(signal.SIGINT)
        assert lister.communicate(timeout=20) == ("", "")
        assert lister.returncode == 130
    finally:
        if lister is not None:
            lister.kill()
            lister.communicate()
        await holder.close()
        await watcher.close()


def test_the_short_way_is_taken_exactly_where_the_embedded_server_is_meant(
    full: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOLONY_HOME", str(full.home))
    elsewhere = "postgresql://ada@127.0.0.1:1/x"
    for name in ("KOLONY_DSN", "KOLONY_PROFILE", "PGHOST", "PGSERVICE"):
        assert not _names_a_server(None, None, str(full.home))
        assert find_destination(Choice()).embedded
        monkeypatch.setenv(name, elsewhere)
        assert _names_a_server(None, None, str(full.home))
        monkeypatch.delenv(name)
    assert _names_a_server(elsewhere, None, str(full.home))
    assert _names_a_server(None, "far", str(full.home))
    config = tmp_path / "config.toml"
    for content, names in (("", False), ("[ui]\ntheme = 'nord'\n", False), ("profile = 'far'\n", True), ("[", True)):
        config.write_text(content)
        assert _names_a_server(None, None, str(tmp_path)) is names
