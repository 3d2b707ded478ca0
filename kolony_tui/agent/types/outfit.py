"""How an agent's program is started for one run: what its type says, what the person added, what its config says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.types.agent_type import AgentType, filled

TRUST_WORDS = ("trusted", "untrusted")
"""What the key ``trust`` of an agent's config may say. Without it a folder is trusted: who runs the runner chose it."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """What a runner was started with. ``program``: the person's own words, empty: the type's. ``trust``: a word of
    ``TRUST_WORDS`` that goes before the agent's config, empty: the config decides."""

    kind: AgentType
    program: tuple[str, ...] = ()
    trust: str = ""

    def kind_for(self, config: Mapping[str, Any]) -> AgentType:
        """The type with what an agent's config changes: ``mode``, ``model``."""
        mode, model = config.get("mode"), config.get("model")
        kind = self.kind
        if isinstance(mode, str) and mode:
            kind = replace(kind, mode=mode)
        if isinstance(model, str) and model and kind.model:
            kind = replace(kind, argv=(*kind.argv, *filled(kind.model, model=model)))
        return kind

    def launch_for(self, launch: Launch, config: Mapping[str, Any]) -> Launch:
        """``launch`` for one run. Raises CannotStart where the folder is not to be trusted and the type has no switch
        for that."""
        kind = self.kind_for(config)
        made = replace(
            launch,
            program=words(kind, self.program),
            passed=(*launch.passed, *kind.passes),
            sets={**launch.sets, **kind.environment},
        )
        if not self.untrusted(config):
            return made
        switch = kind.untrusted
        if not switch.possible:
            raise CannotStart(
                f"the type {kind.name} has no switch for a folder that is not trusted",
                "run it in a container of its own, or say --trust",
            )
        return replace(
            made,
            program=(*made.program, *switch.argv),
            sets={**made.sets, **switch.environment},
            remarks=(*made.remarks, f"The folder is not trusted. Turned off: {switch.turns_off}."),
        )

    def untrusted(self, config: Mapping[str, Any]) -> bool:
        """Whether the folder's own configuration is not to be believed; any word but ``trusted`` says so."""
        return (self.trust or str(config.get("trust") or "trusted")) != "trusted"


def words(kind: AgentType, program: tuple[str, ...]) -> tuple[str, ...]:
    """The argument list: the type's, or the person's program. Claude Code's own flags are added to that: without them
    it does not speak its protocol; a person who gave them has given all."""
    if not program:
        return kind.argv
    if kind.adapter != "claude" or "--output-format" in program:
        return program
    return (*program, *kind.argv[1:])
