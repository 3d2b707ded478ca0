"""The types of agents that are known: those that come with Kolony, and a person's own files beside them."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from kolony_tui.agent.types.agent_type import QUIRKS, AgentType, Untrusted
from kolony_tui.models.errors import NotFound, UsageError

OWN_FOLDER = "agent-types"
"""The folder of a person's own types in KOLONY_HOME: ``NAME.toml``; one of the same name replaces Kolony's."""

_SHIPPED = Path(__file__).parent
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _settable(found: dict[str, str]) -> dict[str, str]:
    for name in found:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a variable")
        if name.startswith(("KOLONY_", "PG")):
            raise ValueError(f"{name} is not set for programs")
    return found


class _Untrusted(_Part):
    """``[untrusted]``"""

    argv: list[str] = []
    environment: dict[str, str] = {}
    turns_off: str = Field(min_length=1)

    _names = field_validator("environment")(_settable)


class _File(_Part):
    """The whole file of a type."""

    adapter: Literal["process", "acp", "claude"]
    argv: list[str] = []
    title: str = ""
    resume: list[str] = []
    new_session: list[str] = []
    budget: list[str] = []
    model: list[str] = []
    passes: list[str] = []
    environment: dict[str, str] = {}
    mode: str = ""
    initialize_seconds: float = Field(default=120.0, gt=0, le=3600)
    exit_seconds: float = Field(default=5.0, ge=0, le=3600)
    late_seconds: float = Field(default=1.0, ge=0, le=60)
    permission_seconds: float = Field(default=1800.0, gt=0, le=7 * 86400)
    quirks: list[str] = []
    version: list[str] = []
    least_version: str = Field(default="", pattern=r"^([0-9]+(\.[0-9]+){0,3})?$")
    untrusted: _Untrusted | None = None
    install: str = ""
    login: str = ""

    _names = field_validator("environment")(_settable)

    @field_validator("passes")
    @classmethod
    def _patterns(cls, found: list[str]) -> list[str]:
        for name in found:
            if not _PATTERN.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a variable, nor the beginning of one and *")
        return found

    @field_validator("quirks")
    @classmethod
    def _known(cls, found: list[str]) -> list[str]:
        for name in found:
            if name not in QUIRKS:
                near = get_close_matches(name, QUIRKS, n=1)
                raise ValueError(f"{name!r} is not known" + (f", did you mean {near[0]}?" if near else ""))
        return found

    @field_validator("argv", "resume", "new_session", "budget", "model", "version")
    @classmethod
    def _words(cls, found: list[str]) -> list[str]:
        if any("\0" in word for word in found) or (found and not found[0]):
            raise ValueError("an argument is empty or has a NUL")
        return found

    @model_validator(mode="after")
    def _fits(self) -> _File:
        for field, place in (("resume", "session"), ("new_session", "session"), ("budget", "usd"), ("model", "model")):
            words = getattr(self, field)
            if words and not any("{" + place + "}" in word for word in words):
                raise ValueError(f"{field} says nowhere {{{place}}}")
        return self


def read_type(file: Path, *, own: bool = True) -> AgentType:
    """The type that a file describes; its name is the file's. Raises UsageError naming the file, the key, the fault."""
    if not _NAME.fullmatch(file.stem):
        raise UsageError(f"{file}: a type's name is up to 50 of a-z 0-9 . _ -, and begins with a letter or a digit")
    try:
        found = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise UsageError(f"{file}: {_fault(error)}", "see kolony agent type show claude for one that fits") from error
    return AgentType(
        name=file.stem,
        adapter=found.adapter,
        argv=tuple(found.argv),
        title=found.title or file.stem,
        resume=tuple(found.resume),
        new_session=tuple(found.new_session),
        budget=tuple(found.budget),
        model=tuple(found.model),
        passes=tuple(found.passes),
        environment=MappingProxyType(dict(found.environment)),
        mode=found.mode,
        initialize_seconds=found.initialize_seconds,
        exit_seconds=found.exit_seconds,
        late_seconds=found.late_seconds,
        permission_seconds=found.permission_seconds,
        quirks=frozenset(found.quirks),
        version=tuple(found.version),
        least_version=found.least_version,
        untrusted=_untrusted(found.untrusted),
        install=found.install,
        login=found.login,
        source=str(file) if own else "",
    )


def known_names(home: Path) -> list[str]:
    """The names of the types there are, in order."""
    return sorted({file.stem for folder in (_SHIPPED, home / OWN_FOLDER) for file in folder.glob("*.toml")})


def known_types(home: Path) -> list[AgentType]:
    """All types, by name. Raises UsageError for the first file that does not fit."""
    return [type_named(home, name) for name in known_names(home)]


def type_named(home: Path, name: str) -> AgentType:
    """One type. Raises NotFound with the nearest name, UsageError where its file does not fit."""
    file = file_of(home, name)
    if file is not None:
        return read_type(file, own=file.parent != _SHIPPED)
    near = get_close_matches(name, known_names(home), n=1)
    hint = f"did you mean {near[0]}?" if near else f"see kolony agent type list, or write {home / OWN_FOLDER}/NAME.toml"
    raise NotFound(f"there is no type {name!r} of agents", hint)


def file_of(home: Path, name: str) -> Path | None:
    """The file of a type; None where there is none."""
    files = (folder / f"{name}.toml" for folder in (home / OWN_FOLDER, _SHIPPED)) if _NAME.fullmatch(name) else ()
    return next((file for file in files if file.is_file()), None)


def _untrusted(found: _Untrusted | None) -> Untrusted:
    if found is None:
        return Untrusted()
    return Untrusted(tuple(found.argv), MappingProxyType(dict(found.environment)), found.turns_off)


def _fault(error: ValidationError) -> str:
    fault: Any = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        model: type[_Part] = _Untrusted if fault["loc"][0] == "untrusted" else _File
        near = get_close_matches(str(fault["loc"][-1]), list(model.model_fields), n=1)
        return f"unknown key {key}" + (f", did you mean {near[0]}?" if near else "")
    words = str(fault["msg"]).removeprefix("Value error, ")
    return f"{key}: {words}" if key else words
