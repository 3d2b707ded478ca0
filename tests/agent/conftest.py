"""The colony of one test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agent.colony import Colony, issue
from tests.database import Workspace


@pytest.fixture
async def colony(workspace: Workspace, tmp_path: Path) -> AsyncIterator[Colony]:
    """The agent ``worker``, with nobody running it yet."""
    operator = await workspace.database.connect("bob")
    agent_id = await operator.fetchval("SELECT kolony.create_agent($1, 'worker')", workspace.workspace_id)
    token = await issue(workspace, agent_id)
    superuser = await workspace.database.superuser()
    for kind in ("json", "jsonb"):
        await superuser.set_type_codec(kind, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    made = Colony(workspace, operator, superuser, agent_id, token, tmp_path)
    yield made
    made.close()
