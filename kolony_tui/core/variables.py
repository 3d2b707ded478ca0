"""An agent's variables: listing them without secrets, setting and taking away."""

from __future__ import annotations

from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import UsageError
from kolony_tui.models.secret import Secret
from kolony_tui.models.variables import Variable


async def variables(session: PersonSession, agent_id: UUID) -> list[Variable]:
    """An agent's variables, by name."""
    return await session.db.rows(Variable, "fleet/variables", session.workspace.workspace_id, agent_id)


async def set_variable(
    session: PersonSession, agent_id: UUID, name: str, value: Secret, *, secret: bool, description: str | None = None
) -> None:
    """Sets one; its next runs have it. Raises NoRight, Refused for a name or value that cannot be one."""
    text = value.reveal()
    if "\x00" in text or text.encode("utf-8", "replace").decode() != text:
        # In our words: the driver's would hold the value.
        raise UsageError("the value holds what no environment can: a NUL, or half a character", "take it out")
    await session.db.call("set_variable", agent_id, name, text, secret, description)


async def unset_variable(session: PersonSession, agent_id: UUID, name: str) -> None:
    """Takes one away. Raises NotFound, NoRight."""
    await session.db.call("unset_variable", agent_id, name)


async def set_masking(session: PersonSession, masked: bool) -> None:
    """Says whether secrets are masked in what runners store. Raises NoRight (admins only)."""
    await session.db.call("set_masking", session.workspace.workspace_id, masked)


async def set_redaction(session: PersonSession, workspace_id: UUID, redacted: bool) -> None:
    """Says whether what looks like a token is masked in what runners store. Raises NoRight (admins only)."""
    await session.db.call("set_redaction", workspace_id, redacted)
