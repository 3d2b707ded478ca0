"""Presets: saved commands with typed variables, and how a variable is written by a person."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from kolony_tui.models.errors import UsageError
from kolony_tui.models.untrusted import Untrusted

TYPES = ("text", "number", "choice", "agent", "run")
KINDS = ("natural", "investigate", "review", "plan", "synthesize")
"""What a command can be."""

_WRITTEN = re.compile(
    r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_]{0,62})(?P<optional>\?)?\s*"
    r"(?::\s*(?P<type>[a-z]+)\s*(?::(?P<choices>[^=()]*))?)?\s*(?:\((?P<help>[^=()]*)\)\s*)?(?:=(?P<default>.*))?"
)
_HINT = 'write NAME, NAME:TYPE=DEFAULT, or NAME:choice:A,B; NAME? may stay empty; help in ( ) before the "="'


@dataclass(frozen=True, slots=True)
class Variable:
    """A placeholder of a preset. Without a default it has to be given, unless it is not ``required``."""

    name: str
    type: str = "text"
    default: Untrusted | None = None
    required: bool = True
    choices: tuple[Untrusted, ...] = ()
    help: Untrusted = field(default_factory=lambda: Untrusted(""))

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Variable:
        """From what the database keeps."""
        default = stored.get("default")
        return cls(
            stored["name"],
            stored["type"],
            None if default is None else Untrusted(default),
            bool(stored.get("required", default is None)),
            tuple(Untrusted(each) for each in stored.get("choices", ())),
            Untrusted(stored.get("help", "")),
        )

    @property
    def stored(self) -> dict[str, Any]:
        """What the database keeps."""
        kept: dict[str, Any] = {"name": self.name, "type": self.type, "required": self.required}
        if self.default is not None:
            kept["default"] = self.default.raw
        if self.choices:
            kept["choices"] = [each.raw for each in self.choices]
        if self.help:
            kept["help"] = self.help.raw
        return kept

    @property
    def written(self) -> Untrusted:
        """As a person writes it; ``variable_written`` reads it back.

        >>> Variable("n", "number", Untrusted("3"), help=Untrusted("how many")).written.raw
        'n:number (how many)=3'
        """
        words = self.name + ("" if self.required else "?") + f":{self.type}"
        words += ":" + ",".join(each.raw for each in self.choices) if self.choices else ""
        words += f" ({self.help.raw})" if self.help else ""
        return Untrusted(words + (f"={self.default.raw}" if self.default is not None else ""))


def variable_written(text: str) -> Variable:
    """A variable as a person wrote it: ``NAME[?][:TYPE[:CHOICE,CHOICE]] [(HELP)][=DEFAULT]``. Raises UsageError.

    >>> variable_written("level? : choice : low,high (how)=low").stored
    {'name': 'level', 'type': 'choice', 'required': False, 'default': 'low', 'choices': ['low', 'high'], 'help': 'how'}
    >>> variable_written("who").stored
    {'name': 'who', 'type': 'text', 'required': True}
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise UsageError(f"{text.strip()!r} is no variable", _HINT)
    name, of_type = match["name"], match["type"] or "text"
    if of_type not in TYPES:
        raise UsageError(f"the variable {name!r} is of no known type", "there are text, number, choice, agent and run")
    choices = tuple(Untrusted(each.strip()) for each in (match["choices"] or "").split(",") if each.strip())
    if (of_type == "choice") != bool(choices):
        raise UsageError(f"the variable {name!r}: choices belong to a choice", f"write {name}:choice:A,B,C")
    default = None if match["default"] is None else Untrusted(match["default"].strip())
    return Variable(name, of_type, default, not match["optional"], choices, Untrusted((match["help"] or "").strip()))


def writable(variables: tuple[Variable, ...]) -> bool:
    """Whether these come back as they are from how they are written: not with a line break in a default, say."""
    try:
        return all(variable_written(each.written.raw) == each for each in variables)
    except UsageError:
        return False


@dataclass(frozen=True, slots=True)
class PresetVersion:
    """What a preset said at some time."""

    version: int
    description: Untrusted
    content: Untrusted
    kind: str
    priority: int
    target_words: Untrusted
    constraint_id: UUID | None
    constraint_name: Untrusted | None
    variables: list[dict[str, Any]]
    changed_at: datetime
    changed_by_login: str | None


@dataclass(frozen=True, slots=True)
class Preset:
    """A saved command. ``mine``: its owner is who asks; ``version``: the newest one, which the rest is of."""

    preset_id: UUID
    name: Untrusted
    description: Untrusted
    owner_login: str | None
    mine: bool
    shared: bool
    version: int
    content: Untrusted
    kind: str
    priority: int
    target_words: Untrusted
    constraint_id: UUID | None
    constraint_name: Untrusted | None
    variables: list[dict[str, Any]]
    used_count: int
    last_used_at: datetime | None
    created_at: datetime
    changed_at: datetime
    changed_by_login: str | None

    @property
    def asks(self) -> tuple[Variable, ...]:
        """Its variables, in the order in which a form asks for them."""
        return tuple(Variable.read(each) for each in self.variables)
