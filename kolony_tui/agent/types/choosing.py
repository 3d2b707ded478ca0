"""Which type of agent a runner works as, and the adapter of each of its attempts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from kolony_tui.agent.adapter import Adapter, Assignment
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.supervision.cage import Cages
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.agent.supervision.meter import Meter
from kolony_tui.agent.types.agent_type import AgentType
from kolony_tui.agent.types.known_types import known_names, type_named
from kolony_tui.agent.types.outfit import Outfit
from kolony_tui.models.errors import UsageError


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says: ``adapter`` and ``type`` are empty where it does not."""

    adapter: str = ""
    type: str = ""
    program: tuple[str, ...] = ()
    trust: str = ""

    def early(self, home: Path) -> AgentType | None:
        """The type, where it does not hang on what the database says. Raises NotFound, UsageError."""
        if self.type:
            kind = type_named(home, self.type)
            if self.adapter and self.adapter != kind.adapter:
                raise UsageError(f"the type {kind.name} is for --adapter {kind.adapter}, not {self.adapter}")
            if not kind.argv and not self.program and kind.adapter != "process":
                raise _which_program(kind.name)
            return self._own(kind)
        if self.adapter in ("", "process"):
            return self._own(AgentType("process", "process"))
        return None

    def late(self, home: Path, agent: str, agents_type: str) -> AgentType:
        """The type for an agent of this name and type: the agent's own, the one that is called like it, the adapter's.

        Raises UsageError where none of them names a program.
        """
        if (kind := self.early(home)) is not None:
            return kind
        for name in (agents_type, agent, self.adapter):
            found = type_named(home, name) if name in known_names(home) else None
            if found is not None and found.adapter == self.adapter and (found.argv or self.program):
                return self._own(found)
        raise _which_program(self.adapter)

    def remark(self, home: Path, agents_type: str) -> str:
        """What a person may not know who starts an agent as a plain program."""
        if self.adapter or self.type or agents_type not in known_names(home):
            return ""
        kind = type_named(home, agents_type)
        if kind.adapter == "process":
            return ""
        return (
            f"this agent's type is {kind.name}, but it is run as a plain program: --adapter {kind.adapter} shows its"
            " answers, tools, permissions and usage"
        )

    def _own(self, kind: AgentType) -> AgentType:
        """A person's own program has a version of its own. Raises UsageError where no switch does what is wanted."""
        if self.trust == "untrusted" and not kind.untrusted.possible:
            raise UsageError(
                f"the type {kind.name} has no switch for a folder that is not trusted",
                "run it in a container of its own, without --untrusted",
            )
        return replace(kind, least_version="") if self.program else kind


def _which_program(name: str) -> UsageError:
    return UsageError(f"{name} names no program", "say --type TYPE (see kolony agent type list), or -- PROGRAM ARGS")


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every adapter of a runner gets."""

    launch: Launch
    guard: Guard
    graces: Graces
    meter: Meter
    cages: Cages | None

    def make(self, outfit: Outfit, work: Assignment) -> Adapter:
        """The adapter of one attempt. Raises CannotStart."""
        launch, kind = outfit.launch_for(self.launch, work.config), outfit.kind_for(work.config)
        if kind.adapter == "acp":
            from kolony_tui.agent.acp.work import AcpWork

            return AcpWork(work, launch, self.guard, self.graces, self.meter, self.cages, kind=kind)
        if kind.adapter == "claude":
            from kolony_tui.agent.claude.work import ClaudeWork

            return ClaudeWork(work, launch, self.guard, self.graces, self.meter, self.cages, kind=kind)
        from kolony_tui.agent.process import ProcessWork

        return ProcessWork(work, launch, self.guard, self.graces, self.meter, self.cages)
