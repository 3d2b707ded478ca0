"""The filter language: what it means, that rows in hand and the database agree, and what is said about a wrong one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kolony_tui.core.selecting import AGENT_FIELDS, LONGEST_FILTER, RUN_FIELDS, FilterError, parse, passes, where
from kolony_tui.models.untrusted import Untrusted
from tests.database import Cluster

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
COLUMNS = {
    "name": "text", "type": "text", "category": "text", "description": "text", "host": "text", "version": "text",
    "adapter": "text", "created_by_login": "text", "status": "text", "activity": "text", "desired": "text",
    "tags": "text[]", "running": "int", "slots": "int", "sessions": "int", "ready": "int", "scheduled": "int",
    "blocked": "int",
    "last_seen": "timestamptz", "created_at": "timestamptz",
}  # fmt: skip


def agent(**facts: Any) -> dict[str, Any]:
    """What the database would say of an agent, as JSON has it."""
    plain: dict[str, Any] = {
        "name": "claude-1", "type": "claude", "category": "review", "description": "", "host": "build-7",
        "version": "0", "adapter": "process", "created_by_login": "bob", "status": "online", "activity": "idle",
        "desired": "active",
        "tags": ["prod", "eu"], "running": 0, "slots": 2, "sessions": 1, "ready": 1, "scheduled": 2, "blocked": 0,
        "last_seen": NOW - timedelta(seconds=90), "created_at": NOW - timedelta(days=2),
    }  # fmt: skip
    return plain | facts


def in_hand(facts: dict[str, Any]) -> SimpleNamespace:
    """The same as a row that the app has read."""
    wrapped = ("name", "category", "description", "host", "version", "adapter")
    row = {key: Untrusted(value) if key in wrapped and value is not None else value for key, value in facts.items()}
    return SimpleNamespace(**{**row, "tags": tuple(map(Untrusted, facts["tags"]))})


def holds(text: str, **facts: Any) -> bool:
    """Whether a filter lets the agent above pass."""
    return passes(parse(text, AGENT_FIELDS), AGENT_FIELDS, in_hand(agent(**facts)), NOW)


@pytest.mark.parametrize(
    "text",
    [
        "", "claude", "CLAUDE build", "type=claude and host~build and status=online", "@prod", "@PROD !@us",
        "name=claude-*", "name=*-1", "not type=codex", "!type=codex", "type!=codex", "type=codex or @eu",
        "(type=codex or type=claude) status=online", "waiting=3", "waiting>2 running<1", "seen>1m seen<2m", "made>=1d",
        'name = "claude-1"', '"laude-1"', "tag~ro", "by=bob", "status!=offline", "host!~web", "orb or claude",
    ],
)  # fmt: skip
def test_what_passes(text: str) -> None:
    assert holds(text)
    assert not passes(parse(f"not ({text or 'claude'})", AGENT_FIELDS), AGENT_FIELDS, in_hand(agent()), NOW)


@pytest.mark.parametrize("text", ["host~build", "host=*", "seen>1s", "host=build-7", "by=bob"])
def test_what_is_not_known_passes_no_comparison(text: str) -> None:
    assert holds(text)
    assert not holds(text, host=None, last_seen=None, created_by_login=None)


def test_and_binds_closer_than_or() -> None:
    assert holds("type=claude or type=x and type=y")
    assert not holds("(type=claude or type=x) and type=y")


def test_words_that_only_begin_like_and_or_not_are_words() -> None:
    assert holds("android orbit notary", name="android-orbit-notary")


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("typ=claude", 0, "there is no field 'typ'; did you mean type?"),
        ("@prod and zzz=1", 10, "there is no field 'zzz'"),
        ("type=", 5, "a value is missing after ="),
        ("type==claude", 5, "not understood"),
        ("status=onlin", 7, "one of connecting, online"),
        ("waiting>many", 8, "a number is wanted"),
        ("seen>5x", 5, "an age is wanted"),
        ("type>claude", 0, "> compares numbers and ages"),
        ("waiting~3", 0, "~ looks into texts"),
        ("(claude", 7, "a closing parenthesis"),
        ("claude)", 6, "nothing is open here"),
        ("claude and", 10, "something to look for is missing"),
        ("a or and b", 5, "missing before it"),
        ('name="claude', 5, "the closing quote is missing"),
        ("!" * 61 + "a", 0, "more than 60"),
        ("x" * (LONGEST_FILTER + 1), LONGEST_FILTER, f"more than {LONGEST_FILTER} characters"),
    ],
)
def test_a_wrong_filter_says_where(text: str, position: int, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, AGENT_FIELDS)
    assert caught.value.position == position
    assert words in caught.value.line
    assert "\n" not in caught.value.line


def test_runs_have_no_tags() -> None:
    with pytest.raises(FilterError, match="nothing here has tags"):
        parse("@prod", RUN_FIELDS)


_LETTERS = "abAB-_%*.é\\'"
_WORDS = st.text(_LETTERS, min_size=1, max_size=3).filter(lambda word: word.lower() not in ("and", "or", "not"))
_QUOTED = st.text(_LETTERS + " =()!@~<>", max_size=3).map(lambda text: f'"{text}"')
_COMPARISONS = st.one_of(
    st.builds("{}{}{}".format, st.sampled_from(["name", "host", "by", "tag"]),
              st.sampled_from(["=", "!=", "~", "!~"]), _WORDS | _QUOTED),
    st.builds("{}{}{}".format, st.sampled_from(["running", "waiting"]),
              st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.integers(-1, 4)),
    st.builds("{}{}{}s".format, st.sampled_from(["seen", "made"]), st.sampled_from(["<", ">"]), st.integers(0, 100)),
    st.builds("status{}{}".format, st.sampled_from(["=", "!="]), st.sampled_from(["online", "busy"])),
)  # fmt: skip
_FILTERS = st.recursive(
    _COMPARISONS | _WORDS | _QUOTED | _WORDS.map("@{}".format),
    lambda below: st.one_of(
        st.builds("({} and {})".format, below, below), st.builds("({} or {})".format, below, below),
        st.builds("(not {})".format, below), st.builds("({} {})".format, below, below),
    ),
    max_leaves=6,
)  # fmt: skip
_TEXTS = st.text(_LETTERS, max_size=4)
_AGES = st.none() | st.integers(0, 100).map(lambda seconds: NOW - timedelta(seconds=seconds, milliseconds=500))
_AGENTS = st.builds(
    agent, name=_TEXTS, host=st.none() | _TEXTS, created_by_login=st.none() | _TEXTS, tags=st.lists(_TEXTS, max_size=2),
    running=st.integers(0, 3), ready=st.integers(0, 2), last_seen=_AGES, created_at=_AGES,
    status=st.sampled_from(["online", "busy"]),
)  # fmt: skip


@contextmanager
def _server(cluster: Cluster) -> Iterator[tuple[asyncio.AbstractEventLoop, asyncpg.Connection]]:
    """A connection that lasts over the examples, on a loop of its own."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(cluster.superuser())
    try:
        yield loop, connection
    finally:
        loop.run_until_complete(connection.close())
        loop.close()


async def _passed(connection: asyncpg.Connection, text: str, rows: list[dict[str, Any]]) -> list[int]:
    condition, parameters = where(parse(text, AGENT_FIELDS), AGENT_FIELDS, 3)
    typed = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    # The clock stands still for both: a column named like the function would not do, so the text is changed.
    statement = f"""
        SELECT place FROM jsonb_to_recordset($1::jsonb) AS agents (place int, {typed})
        WHERE $2::timestamptz IS NOT NULL AND {condition.replace("now()", "$2::timestamptz")} ORDER BY place"""
    document = json.dumps([{**row, "place": place} for place, row in enumerate(rows)], default=str)
    return [row["place"] for row in await connection.fetch(statement, document, NOW, *parameters)]


def test_the_database_and_rows_in_hand_agree(cluster: Cluster) -> None:
    with _server(cluster) as (loop, connection):

        @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @example("name=a_*", [agent(name="abc"), agent(name="a_c")])
        @example("name=a%*", [agent(name="abc"), agent(name="a%c")])
        @example("name=a\\\\*", [agent(name="a*"), agent(name="a\\\\c")])
        @given(_FILTERS, st.lists(_AGENTS, min_size=1, max_size=8))
        def agree(text: str, rows: list[dict[str, Any]]) -> None:
            understood = parse(text, AGENT_FIELDS)
            here = [place for place, row in enumerate(rows) if passes(understood, AGENT_FIELDS, in_hand(row), NOW)]
            assert loop.run_until_complete(_passed(connection, text, rows)) == here

        agree()
