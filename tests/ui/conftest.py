"""The stage of one test."""

from __future__ import annotations

import pytest

from tests.database import Agent, Workspace
from tests.ui.stage import Stage


@pytest.fixture
async def stage(workspace: Workspace, agent: Agent) -> Stage:
    """``main`` with the agent ``worker``, nobody running it."""
    return Stage(workspace, agent)
