"""To whom a command goes: names, everyone, or a filter, read once and shown before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from kolony_tui.core.fleet import agent_ids
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import NotFound
from kolony_tui.models.untrusted import Untrusted

EVERYONE = "everyone"
"""The word that means every agent which is not retired."""


@dataclass(frozen=True, slots=True)
class Target:
    """One agent of an aim."""

    agent_id: UUID
    name: Untrusted


@dataclass(frozen=True, slots=True)
class Aim:
    """What the words of a target mean at this moment: the agents by name (as typed where they were named)."""

    words: str
    targets: tuple[Target, ...]

    @property
    def agent_ids(self) -> list[UUID]:
        """The ids, in the order of the runs that a command makes."""
        return [target.agent_id for target in self.targets]

    def __len__(self) -> int:
        return len(self.targets)


async def aim_at_names(session: PersonSession, names: Sequence[str]) -> Aim:
    """The agents of these names, each once. Raises NotFound naming the first that is unknown."""
    wanted = list(dict.fromkeys(names))
    found = await agent_ids(session, wanted)
    targets = tuple(Target(agent_id, Untrusted(name)) for agent_id, name in zip(found, wanted, strict=True))
    return Aim(", ".join(wanted), targets)


async def aim_by_filter(session: PersonSession, text: str) -> Aim:
    """The agents that a filter lets pass, retired ones left out; possibly none. Raises FilterError."""
    from kolony_tui.core.selecting import AGENT_FIELDS, parse, where

    condition, parameters = where(parse(text, AGENT_FIELDS), AGENT_FIELDS, 2)
    found = await session.db.filtered(Target, "fleet/aim", condition, session.workspace.workspace_id, *parameters)
    return Aim(text.strip(), tuple(found))


async def aim_at_everyone(session: PersonSession) -> Aim:
    """Every agent that is not retired."""
    return Aim(EVERYONE, (await aim_by_filter(session, "")).targets)


async def aim(session: PersonSession, words: str) -> Aim:
    """What a person wrote as a target: ``everyone``, names with commas between, or a filter with fields or tags.

    Words alone are names and never a filter: a misspelt name must not go to whomever it resembles.
    Raises NotFound, FilterError.
    """
    from kolony_tui.core.selecting import AGENT_FIELDS, FilterError, parse

    said = words.strip()
    if said.lower() == EVERYONE:
        return await aim_at_everyone(session)
    names = [name.strip() for name in said.split(",") if name.strip()]
    try:
        return await aim_at_names(session, names)
    except NotFound as unknown:
        try:
            if parse(said, AGENT_FIELDS).only_words:
                raise unknown
        except FilterError:
            if not any(sign in said for sign in "=~<>@"):
                raise unknown from None
            raise
    return await aim_by_filter(session, said)


async def names_like(session: PersonSession, begun: str, limit: int = 20) -> list[Untrusted]:
    """Names of agents that go on from ``begun``, by name."""
    found = await session.db.records("fleet/names_like", session.workspace.workspace_id, begun, limit)
    return [Untrusted(row["name"]) for row in found]
