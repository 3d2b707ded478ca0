"""Fleet: making agents, pausing and retiring them, their tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kolony_tui.core import fleet, lists, targeting
from kolony_tui.models.errors import NotFound, UsageError
from kolony_tui.models.fleet import Agent, Desired
from kolony_tui.models.people import Role
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command, Reason
from kolony_tui.ui.subject import chosen_agents, nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def _needs_agent(fits: Callable[[Agent], bool], otherwise: str) -> Reason:
    def reason(app: KolonyApp) -> str | None:
        agents = chosen_agents(app)
        if not agents:
            return "no agent is chosen here"
        return None if any(fits(agent) for agent in agents) else otherwise

    return reason


def _preview(agents: list[Agent]) -> list[str]:
    waiting = {agent.agent_id: agent.ready + agent.scheduled for agent in agents}
    return [f"{safe(each.name).plain}  {each.running} running, {waiting[each.agent_id]} waiting" for each in agents]


async def _set_all(app: KolonyApp, agents: list[Agent], desired: Desired, why: str = "") -> None:
    session = session_of(app)
    for agent in agents:
        await fleet.set_desired(session, agent.agent_id, desired, why)
    words = {Desired.ACTIVE: "resumed", Desired.PAUSED: "paused", Desired.RETIRED: "retired"}[desired]
    said = f"{len(agents)} agents {words}" if len(agents) > 1 else f"{safe(agents[0].name).plain} is {words}"
    if desired == Desired.RETIRED:
        app.undoing.offer(said, len(agents))
    else:
        app.say(said)
    from kolony_tui.ui.widgets.rows import RowList

    rows = nearest(app, RowList)
    if rows is not None:
        rows.unmark()


async def _pause(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    agents = [agent for agent in chosen_agents(app) if agent.desired != Desired.RETIRED]
    active = [agent for agent in agents if agent.desired == Desired.ACTIVE]
    if not active:
        await _set_all(app, agents, Desired.ACTIVE)
        return
    if len(active) > 1:
        said = "They take no new work; what runs goes on."
        question = Question(f"Pause {len(active)} agents?", said, _preview(active), yes="Pause")
        if await app.push_screen_wait(question) is None:
            return
    await _set_all(app, active, Desired.PAUSED)


async def _retire(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    agents = [agent for agent in chosen_agents(app) if agent.desired != Desired.RETIRED]
    what = f"{len(agents)} agents" if len(agents) > 1 else safe(agents[0].name).plain
    waiting = sum(agent.ready + agent.scheduled for agent in agents)
    said = f"What waits for them is cancelled ({waiting} runs); what runs is finished."
    question = Question(f"Retire {what}?", said, _preview(agents), yes="Retire", reason="why (optional)")
    answer = await app.push_screen_wait(question)
    if answer is not None:
        await _set_all(app, agents, Desired.RETIRED, answer)


async def _create(app: KolonyApp, name: str) -> None:
    from kolony_tui.agent.types.known_types import known_names
    from kolony_tui.server.home import kolony_home

    name, _, kind = name.partition(" type=")
    if not name:
        types = ", ".join(known_names(kolony_home().path))
        raise UsageError("the agent needs a name", f"for example :agent worker-1 type=claude; types: {types}")
    agent_id = await fleet.create_agent(session_of(app), name, type=kind or "process")
    app.say(f"agent {name} is there; :token {name} lets a runner log in as it")
    app.open_agent(agent_id)


async def _token(app: KolonyApp, name: str) -> None:
    from kolony_tui.ui.commands.tokens import show_tokens

    agents = [await agent_named(app, name)] if name else chosen_agents(app)
    if not agents:
        raise NotFound("no agent is chosen here", "for example :token worker-1")
    issued = await fleet.issue_token(session_of(app), agents[0].agent_id, label="issued in the app")
    await show_tokens(app, [(safe(agents[0].name, limit=40), issued)])


async def agent_named(app: KolonyApp, name: str) -> Agent:
    """The agent of a name as a person types it. Raises NotFound."""
    found = await lists.agents_named(session_of(app), [name])
    if not found:
        near = await names_of_agents(app, name[:1])
        raise NotFound(f"there is no agent {name!r} here", f"there are {', '.join(near[:8])}" if near else "see 3")
    return found[0]


async def names_of_agents(app: KolonyApp, begun: str) -> Sequence[str]:
    """The agents that are not retired, by the names that go on from what is typed."""
    if app.session is None:
        return []
    return [safe(name).plain for name in await targeting.names_like(app.session, begun)]


_STAYS = _needs_agent(lambda agent: agent.desired != Desired.RETIRED, "that agent is retired")

COMMANDS: tuple[Command, ...] = (
    Command("agent.pause", "Pause or resume agents", "a paused agent takes no new work; for all marked agents", _pause,
            ("agents", "agent"), ("p",), "pause", Role.OPERATOR, unavailable=_STAYS, short="pause"),
    Command("agent.retire", "Retire agents", "takes agents out of service for good; for all marked agents", _retire,
            ("agents", "agent"), ("R",), "retire", Role.OPERATOR, destructive=True, unavailable=_STAYS),
    Command("agent.create", "Create an agent", "makes an agent; a token then lets a runner log in as it", _create,
            name="agent", role=Role.OPERATOR, argument="NAME [type=TYPE]"),
    Command("agent.token", "Issue a token", "makes a token for an agent and shows it once", _token,
            ("agents", "agent"), ("T",), "token", Role.ADMIN, argument="NAME",
            completes=names_of_agents, short="token"),
)  # fmt: skip
