"""What was seen of agents since the app opened, and how many runs ended in a minute: what sparklines are drawn from."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from kolony_tui.models.fleet import Agent
from kolony_tui.ui.looks import number

KEPT = 120
MINUTES = 10
MEASURES = ("cpu_percent", "memory_bytes", "running")


class Samples:
    """One sample for each heartbeat seen of an agent in view, and the runs that ended in each of the last minutes."""

    def __init__(self) -> None:
        self._series: dict[tuple[UUID, str], deque[float]] = {}
        self._beats: dict[UUID, datetime] = {}
        self._minutes: dict[int, int] = {}
        self._counted_in: int | None = None

    def take(self, agents: Sequence[Agent]) -> None:
        """Notes down what is new in ``agents``."""
        for agent in agents:
            if agent.last_seen is None or agent.health is None or self._beats.get(agent.agent_id) == agent.last_seen:
                continue
            self._beats[agent.agent_id] = agent.last_seen
            for name in MEASURES:
                value = number(agent.health.get(name))
                if value is not None:
                    self._series.setdefault((agent.agent_id, name), deque(maxlen=KEPT)).append(value)

    def counted_from(self, now: datetime) -> datetime:
        """From when on ended runs are to be counted: what is in a past minute was counted after it."""
        minute = int(now.timestamp() // 60) - MINUTES + 1
        if self._counted_in is not None:
            minute = max(minute, self._counted_in - 1)
        return datetime.fromtimestamp(minute * 60, UTC)

    def count(self, ended: Mapping[int, int], now: datetime) -> None:
        """Takes up how many runs ended in the minutes since ``counted_from``."""
        minute = int(now.timestamp() // 60)
        since = int(self.counted_from(now).timestamp() // 60)
        kept = {each: count for each, count in self._minutes.items() if minute - MINUTES < each < since}
        self._minutes = kept | dict(ended)
        self._counted_in = minute

    def series(self, agent_id: UUID, name: str) -> list[float]:
        """What an agent reported of itself under ``name``, oldest first."""
        return list(self._series.get((agent_id, name), ()))

    def pace(self, now: datetime) -> list[float]:
        """Runs that ended in each of the last minutes, the current one last; empty before they were counted."""
        if self._counted_in is None:
            return []
        minute = int(now.timestamp() // 60)
        return [self._minutes.get(each, 0) for each in range(minute - MINUTES + 1, minute + 1)]
