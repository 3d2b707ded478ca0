"""The local agent of the embedded server: one process agent on this machine, so that a first command really runs."""

from __future__ import annotations

from kolony_tui.core import fleet
from kolony_tui.core.session import PersonSession
from kolony_tui.core.tokens import parse_token
from kolony_tui.models.errors import LoginRefused, NotFound
from kolony_tui.models.fleet import Agent, Desired
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import Home
from kolony_tui.server.secrets import SecretStore

LOCAL_AGENT = "local"


async def local_agent(session: PersonSession, home: Home) -> tuple[Agent, Secret] | None:
    """The agent ``local`` and a token for its runner; made on the first call, by an admin.

    None where this person has none: no admin, or the agent was retired.
    """
    store = SecretStore(home)
    name = f"agent:{session.workspace.slug}:{LOCAL_AGENT}"
    try:
        agent_id = (await fleet.agent_ids(session, [LOCAL_AGENT]))[0]
    except NotFound:
        if session.role.value != "admin":
            return None
        agent_id = await fleet.create_agent(
            session, LOCAL_AGENT, description="runs commands on this machine, in a shell of their own"
        )
    agent = await fleet.agent(session, agent_id)
    if agent.desired == Desired.RETIRED:
        return None
    kept = store.get(name)
    if kept is not None and await _works(session, kept):
        return agent, kept
    if session.role.value != "admin":
        return None
    issued = await fleet.issue_token(session, agent_id, label="the runner beside the app")
    store.set(name, issued.token.secret)
    return agent, issued.token.secret


async def _works(session: PersonSession, kept: Secret) -> bool:
    try:
        hint = parse_token(kept.reveal()).hint
    except LoginRefused:
        return False
    if session.role.value != "admin":
        return True
    return any(token.token_hint == hint and token.token_active for token in await fleet.tokens(session))
