"""What was seen of agents since the app opened: the samples that sparklines and the pace are drawn from."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from kolony_tui.models.fleet import Agent
from kolony_tui.ui.looks import number

KEPT = 120
MINUTES = 10
MEASURES = ("cpu_percent", "memory_bytes", "running")


class Samples:
    """One sample for each heartbeat seen of an agent, and the runs that ended in each of the last minutes."""

    def __init__(self) -> None:
        self._series: dict[tuple[UUID, str], deque[float]] = {}
        self._beats: dict[UUID, datetime] = {}
        self._ended: dict[UUID, float] = {}
        self._minutes: dict[int, float] = {}
        self._first_minute: int | None = None

    def take(self, agents: Sequence[Agent], now: datetime) -> None:
        """Notes down what is new in ``agents``."""
        minute = int(now.timestamp() // 60)
        if self._first_minute is None:
            self._first_minute = minute
        for agent in agents:
            if agent.last_seen is None or agent.health is None or self._beats.get(agent.agent_id) == agent.last_seen:
                continue
            self._beats[agent.agent_id] = agent.last_seen
            for name in MEASURES:
                value = number(agent.health.get(name))
                if value is not None:
                    self._series.setdefault((agent.agent_id, name), deque(maxlen=KEPT)).append(value)
            ended = (number(agent.health.get("done")) or 0) + (number(agent.health.get("failed")) or 0)
            before = self._ended.get(agent.agent_id)
            self._ended[agent.agent_id] = ended
            # A counter that fell is a runner that was started anew.
            if before is not None and ended > before:
                self._minutes[minute] = self._minutes.get(minute, 0) + ended - before
        for old in [each for each in self._minutes if each < minute - MINUTES]:
            del self._minutes[old]

    def series(self, agent_id: UUID, name: str) -> list[float]:
        """What an agent reported of itself under ``name``, oldest first."""
        return list(self._series.get((agent_id, name), ()))

    def pace(self, now: datetime) -> list[float]:
        """Runs that ended in each minute seen, the current one last; empty before the first sample."""
        if self._first_minute is None:
            return []
        minute = int(now.timestamp() // 60)
        since = max(self._first_minute, minute - MINUTES + 1)
        return [self._minutes.get(each, 0) for each in range(since, minute + 1)]
