"""What a filter can ask about agents and runs: the fields by name, with their kinds and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from kolony_tui.models.fleet import Activity, AgentStatus, Desired
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import RunStatus

Kind = Literal["text", "choice", "number", "age", "truth", "words"]
"""text: compared without case; choice: one of ``choices``; number; age: a time, compared by how long ago it was;
truth: yes or no; words: a set of words, of which one is meant."""


@dataclass(frozen=True, slots=True)
class Field:
    """A thing to ask about. ``column``: in SQL, over the view that is read; ``of``: the same of a row in hand."""

    kind: Kind
    column: str
    of: Callable[[Any], object]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one sort of row, and the names of those in which a bare word is looked for."""

    known: Mapping[str, Field]
    searched: tuple[str, ...]


def _values(kind: type[StrEnum]) -> tuple[str, ...]:
    return tuple(member.value for member in kind)


def _text(attribute: str) -> Field:
    def read(row: Any) -> object:
        value = getattr(row, attribute)
        return value.raw if isinstance(value, Untrusted) else value

    return Field("text", attribute, read)


def _plain(kind: Kind, attribute: str, choices: tuple[str, ...] = ()) -> Field:
    return Field(kind, attribute, lambda row: getattr(row, attribute), choices)


def _is_held(row: Any) -> object:
    held: datetime | None = row.held_at
    return held is not None


AGENT_FIELDS = Fields(
    {
        "name": _text("name"),
        "type": _text("type"),
        "category": _text("category"),
        "description": _text("description"),
        "host": _text("host"),
        "version": _text("version"),
        "adapter": _text("adapter"),
        "by": _text("created_by_login"),
        "status": _plain("choice", "status", _values(AgentStatus)),
        "activity": _plain("choice", "activity", _values(Activity)),
        "wanted": _plain("choice", "desired", _values(Desired)),
        "tag": Field("words", "tags", lambda row: [tag.raw for tag in row.tags]),
        "running": _plain("number", "running"),
        "slots": _plain("number", "slots"),
        "sessions": _plain("number", "sessions"),
        "waiting": Field(
            "number", "(ready + scheduled + blocked)", lambda row: row.ready + row.scheduled + row.blocked
        ),
        "seen": _plain("age", "last_seen"),
        "made": _plain("age", "created_at"),
    },
    ("name", "type", "category", "host", "status"),
)
"""Over ``kolony.agent_overview`` and rows of ``models.fleet.Agent``."""

RUN_FIELDS = Fields(
    {
        "command": _text("title"),
        "agent": _text("agent"),
        "by": _text("created_by_login"),
        "error": _text("error"),
        "status": _plain("choice", "status", _values(RunStatus)),
        "kind": _plain("choice", "kind", ("natural", "investigate", "review", "plan", "synthesize")),
        "limit": _plain("choice", "limit_hit", ("time_limit", "token_budget", "memory_limit", "cpu_limit", "budget")),
        "number": _plain("number", "command_number"),
        "priority": _plain("number", "priority"),
        "attempt": _plain("number", "attempt"),
        "exit": _plain("number", "exit_code"),
        "held": Field("truth", "(held_at IS NOT NULL)", _is_held),
        "lost": _plain("truth", "lost"),
        "age": _plain("age", "created_at"),
        "ended": _plain("age", "finished_at"),
    },
    ("command", "agent", "by", "status", "error"),
)
"""Over ``kolony.run_overview`` and rows of ``models.work.Run``."""
