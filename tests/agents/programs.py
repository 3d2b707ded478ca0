"""Where each real agent program finds the scripted model server: its own settings, in a home made for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_QUIET_CLAUDE = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
}

_CODEX = """\
model = "stub-model"
model_provider = "stub"
check_for_update_on_startup = false
[model_providers.stub]
name = "stub"
base_url = "{url}/v1"
env_key = "STUB_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
[analytics]
enabled = false
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its agent type. ``prepare`` writes its settings into a home and answers with its environment.

    ``asks`` is the marker at which it asks for a permission; ``resumes``: a second process can go on with a session.
    """

    agent_type: str
    executable: str
    prepare: Callable[[Path, str], dict[str, str]]
    adapter: str = "acp"
    asks: str = "touch"
    resumes: bool = True
    options: tuple[str, ...] = field(default_factory=tuple)

    @property
    def installed(self) -> bool:
        """Whether it is on the PATH."""
        return shutil.which(self.executable) is not None


def _claude(home: Path, url: str) -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "dummy-key", **_QUIET_CLAUDE}


def _codex(home: Path, url: str) -> dict[str, str]:
    place = home / "codex"
    place.mkdir(exist_ok=True)
    (place / "config.toml").write_text(_CODEX.format(url=url))
    return {"CODEX_HOME": str(place), "STUB_KEY": "dummy-key", "NO_BROWSER": "1"}


def _gemini(home: Path, url: str) -> dict[str, str]:
    place = home / ".gemini"
    place.mkdir(exist_ok=True)
    settings = {
        "general": {"disableAutoUpdate": True},
        "privacy": {"usageStatisticsEnabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
    }
    (place / "settings.json").write_text(json.dumps(settings))
    return {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "dummy-key", "NO_COLOR": "1"}


def _opencode(home: Path, url: str) -> dict[str, str]:
    place = home / ".config" / "opencode"
    place.mkdir(parents=True, exist_ok=True)
    settings = {
        "autoupdate": False,
        "share": "disabled",
        "model": "stub/stub-model",
        "permission": {"bash": "ask", "edit": "ask"},
        "provider": {
            "stub": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": f"{url}/v1", "apiKey": "dummy-key"},
                "models": {
                    "stub-model": {"cost": {"input": 1, "output": 2}, "limit": {"context": 100000, "output": 8000}}
                },
            }
        },
    }
    (place / "opencode.json").write_text(json.dumps(settings))
    names = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD")
    return {f"OPENCODE_DISABLE_{name}": "1" for name in names}


def _qwen(home: Path, url: str) -> dict[str, str]:
    place = home / ".qwen"
    place.mkdir(exist_ok=True)
    settings = {
        "general": {"disableAutoUpdate": True},
        "privacy": {"usageStatisticsEnabled": False},
        "security": {"auth": {"selectedType": "openai"}},
        "model": {"name": "stub-model"},
    }
    (place / "settings.json").write_text(json.dumps(settings))
    return {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "dummy-key", "OPENAI_MODEL": "stub-model"}


PROGRAMS = (
    Program("claude", "claude", _claude, adapter="claude"),
    Program("claude-acp", "claude-agent-acp", _claude),
    Program("codex", "codex-acp", _codex, asks="ask"),
    Program("gemini", "gemini", _gemini, resumes=False),
    Program("opencode", "opencode", _opencode),
    Program("qwen", "qwen", _qwen),
)
