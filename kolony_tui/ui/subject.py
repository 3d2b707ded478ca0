"""What a step is for: the runs, drafts, agents, tokens or people that the focused part of the screen has chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from kolony_tui.models.fleet import Agent, AgentToken
from kolony_tui.models.people import Person
from kolony_tui.models.presets import Preset
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import Draft, Run

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

T = TypeVar("T")


@runtime_checkable
class ChoosesRuns(Protocol):
    """A part of the screen on which runs can be chosen."""

    def chosen_runs(self) -> list[Run]:
        """The chosen runs."""


@runtime_checkable
class ChoosesDrafts(Protocol):
    """A part of the screen on which drafts can be chosen."""

    def chosen_drafts(self) -> list[Draft]:
        """The chosen drafts."""


@runtime_checkable
class ChoosesAgents(Protocol):
    """A part of the screen on which agents can be chosen."""

    def chosen_agents(self) -> list[Agent]:
        """The chosen agents."""


@runtime_checkable
class ChoosesTokens(Protocol):
    """A part of the screen on which agents' tokens can be chosen."""

    def chosen_tokens(self) -> list[AgentToken]:
        """The chosen tokens."""


@runtime_checkable
class ChoosesPeople(Protocol):
    """A part of the screen on which people can be chosen."""

    def chosen_people(self) -> list[Person]:
        """The chosen people."""


@runtime_checkable
class ChoosesPresets(Protocol):
    """A part of the screen on which presets can be chosen."""

    def chosen_presets(self) -> list[Preset]:
        """The chosen presets."""


@dataclass(frozen=True, slots=True)
class Aimed:
    """An agent that a new command is most likely for, as far as it is known where one is."""

    name: Untrusted
    desired: str


def nearest(app: KolonyApp, kind: type[T]) -> T | None:
    """The focused widget, or what holds it, as far up as its screen, that is a ``kind``."""
    screen = app.ground
    if screen is None:
        return None
    node = screen.focused or screen
    for each in node.ancestors_with_self:
        if isinstance(each, kind):
            return each
        if each is screen:
            return None
    return None


def chosen_runs(app: KolonyApp) -> list[Run]:
    """The runs that a step is for; none where runs are not chosen."""
    part = nearest(app, ChoosesRuns)  # type: ignore[type-abstract]
    return part.chosen_runs() if part is not None else []


def chosen_drafts(app: KolonyApp) -> list[Draft]:
    """The drafts that a step is for; none where drafts are not chosen."""
    part = nearest(app, ChoosesDrafts)  # type: ignore[type-abstract]
    return part.chosen_drafts() if part is not None else []


def chosen_agents(app: KolonyApp) -> list[Agent]:
    """The agents that a step is for; none where agents are not chosen."""
    part = nearest(app, ChoosesAgents)  # type: ignore[type-abstract]
    return part.chosen_agents() if part is not None else []


def chosen_tokens(app: KolonyApp) -> list[AgentToken]:
    """The tokens that a step is for; none where tokens are not chosen."""
    part = nearest(app, ChoosesTokens)  # type: ignore[type-abstract]
    return part.chosen_tokens() if part is not None else []


def chosen_people(app: KolonyApp) -> list[Person]:
    """The people that a step is for; none where people are not chosen."""
    part = nearest(app, ChoosesPeople)  # type: ignore[type-abstract]
    return part.chosen_people() if part is not None else []


def chosen_presets(app: KolonyApp) -> list[Preset]:
    """The presets that a step is for; none where presets are not chosen."""
    part = nearest(app, ChoosesPresets)  # type: ignore[type-abstract]
    return part.chosen_presets() if part is not None else []
