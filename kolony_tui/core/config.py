"""The person's settings: one TOML file, every key described here; an unknown key is an error that names it."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kolony_tui.models.errors import UsageError
from kolony_tui.server.home import Home


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProfileSettings(_Part):
    """A named connection: ``[profiles.NAME]``."""

    dsn: str = Field(description="postgresql:// URL or libpq words; without a password")
    workspace: str | None = Field(default=None, description="slug of the workspace to enter")
    pin: str | None = Field(
        default=None, description="sha256:... of the one certificate to trust; written by kolony login --trust"
    )
    insecure_tls: bool = Field(
        default=False, description="true: connect to a server that proves nothing, under a red banner"
    )


class UiSettings(_Part):
    """How the app looks: ``[ui]``."""

    theme: str | None = Field(default=None, description="name of a theme; see :theme in the app")
    glyphs: Literal["unicode", "ascii"] = Field(default="unicode", description="ascii: no symbols outside ASCII")
    confirm_above: int = Field(
        default=10, ge=0, description="what goes to more agents than this is confirmed by typing their number"
    )


class Config(_Part):
    """The whole file ``config.toml``."""

    profile: str | None = Field(default=None, description="the profile that is used when none is named")
    profiles: dict[str, ProfileSettings] = Field(default_factory=dict, description="named connections")
    ui: UiSettings = Field(default_factory=UiSettings, description="how the app looks")
    keys: dict[str, str] = Field(default_factory=dict, description="command id = key, replaces the command's own keys")


def load_config(home: Home) -> Config:
    """Reads ``config.toml``; defaults where there is none. Raises UsageError naming file, key and what is wrong."""
    try:
        content = home.config.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {home.config}: {error}") from error
    try:
        return Config.model_validate(tomllib.loads(content))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{home.config} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise UsageError(f"{home.config}: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    fault: Any = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        return f"{key}: {fault['msg']}"
    parts: dict[str, type[_Part]] = {"ui": UiSettings, "profiles": ProfileSettings}
    model = parts.get(str(fault["loc"][0]), Config)
    near = get_close_matches(str(fault["loc"][-1]), list(model.model_fields), n=1)
    return f"unknown key {key}" + (f", did you mean {near[0]}?" if near else "")
