"""The trace of an attempt: what an agent did, as entries that make a tree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class TraceLine:
    """An entry in short. ``key`` names it within its attempt, ``parent_key`` the one that it is a part of.

    ``type``: llm_prompt, tool_call, response, thought, plan or event; ``status``: running, completed, failed, denied or
    cancelled. ``position`` is its place in the order in which the entries began; ``revision`` goes up with all news of
    the attempt. ``line_from``, ``line_to``: newlines in the attempt's output when it began, and at its last news.
    """

    key: Untrusted
    parent_key: Untrusted | None
    position: int
    revision: int
    type: str
    name: Untrusted | None
    status: str
    summary: Untrusted | None
    error: Untrusted | None
    tokens: int | None
    confidence: float | None
    started_at: datetime
    duration_ms: float | None
    line_from: int | None
    line_to: int | None


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """An entry, all of it. ``input`` and ``output`` are JSON texts; a size above their own says where they were cut.

    ``attributes``: by the names of OpenTelemetry's semantic conventions for generative AI where they have one
    (gen_ai.operation.name, gen_ai.tool.name, gen_ai.tool.call.id, gen_ai.request.model, gen_ai.usage.input_tokens, ...;
    version 1.37, https://opentelemetry.io/docs/specs/semconv/gen-ai/), as the agent's adapter gave them.
    """

    id: UUID
    parent_id: UUID | None
    key: Untrusted
    position: int
    revision: int
    type: str
    name: Untrusted | None
    status: str
    input: Untrusted | None
    input_size: int | None
    output: Untrusted | None
    output_size: int | None
    error: Untrusted | None
    tokens: int | None
    confidence: float | None
    attributes: dict[str, Any]
    started_at: datetime
    ended_at: datetime | None
    duration_ms: float | None
    line_from: int | None
    line_to: int | None
