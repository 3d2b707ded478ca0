"""What an adapter says about the work of one attempt, in order, whatever protocol the program speaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from kolony_tui.agent.attempt.limits import Exceeded

TraceType = Literal["llm_prompt", "tool_call", "response", "thought", "plan", "event"]
TraceStatus = Literal["running", "completed", "failed", "denied", "cancelled"]


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes that the work printed.

    ``stream``: of a program, stdout or stderr. Of an agent that speaks a protocol: stdout is its answer, log its
    thoughts, its tools' lines and output and what Kolony remarks, stderr what the program itself prints there.
    """

    stream: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Traced:
    """A node of the trace, or news of one: what is None (``append``, ``attributes``: empty) stands as it was.

    ``key`` names the node within its attempt, ``parent`` another one's key. ``input`` and ``output`` are JSON values,
    exact; ``append`` is text that comes behind an output that is text. A node with a status other than running has
    ended. ``tokens``: all of the model's for this node. ``confidence``: 0 to 1, where the agent gives one.
    ``attributes``: names of OpenTelemetry's GenAI conventions, where they have one (gen_ai.request.model, ...).
    """

    key: str
    type: TraceType
    parent: str | None = None
    name: str | None = None
    status: TraceStatus | None = None
    input: Any = None
    output: Any = None
    append: str = ""
    error: str | None = None
    tokens: int | None = None
    confidence: float | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer that the agent offers; ``kind``: allow_once, allow_always, reject_once or reject_always."""

    option_id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The agent waits for a permission. ``request`` names it within the attempt, ``tool`` is the trace key of its tool
    call. ``command``: exactly what would be done, nothing left out (a command line, or a JSON text of the input).
    ``title`` is the model's own wording. ``tool_kind``: execute, edit, delete, fetch, ... ``raw``: as it came."""

    request: str
    tool: str | None
    tool_name: str
    tool_kind: str
    title: str
    command: str
    choices: tuple[Choice, ...] = ()
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The agent waits for this permission no more."""

    request: str


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens and money that the agent says it has taken, in one normal form. None: it does not say.

    ``input_fresh`` is without what was read from a cache (``input_cached``) and written to one (``cache_write``);
    ``reasoning`` is a part of ``output``. ``cumulative``: the figures are sums since the beginning of the agent's
    session ``session_id``, also over processes; otherwise they are this report's alone. ``scope``: call, turn or
    session. ``calls``: calls of the model. ``money_cumulative``: the same for ``cost_usd``, which may differ.
    """

    source: str
    scope: Literal["call", "turn", "session"]
    session_id: str | None = None
    model: str | None = None
    input_fresh: int | None = None
    input_cached: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None
    calls: int | None = None
    cost_usd: Decimal | None = None
    cumulative: bool = False
    money_cumulative: bool = False
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The agent's own session is open. ``how``: new; resumed, loaded: it goes on with what it knew; lost: it should
    have gone on, but began anew (``why`` says for what reason)."""

    session_id: str
    how: Literal["new", "resumed", "loaded", "lost"]
    adapter: str
    program: str = ""
    version: str = ""
    mode: str = ""
    cwd: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """The agent has changed a file, by its tool call ``tool``; ``old`` is None where it was not there before."""

    path: Path
    old: str | None
    new: str
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How the work ended by itself or was ended. ``error`` is empty where it succeeded.

    A program that died of a signal has ``signal`` and, as a shell says it, ``exit_code`` 128 + signal. ``usage`` may
    hold user_seconds, system_seconds, wall_seconds and max_rss_bytes. ``not_confirmed`` says what of the work may still
    run although everything was done to end it; empty where nothing of it runs any more. ``exceeded``: the limit for
    which it was ended, where somebody else than the runner holds it. ``reason``: one of ``verdict.REASONS`` for an end
    that the agent's protocol gives a reason for; ``warning``: what people should know of an end that looks well.
    ``answer``: the last message of an agent that speaks a protocol.
    """

    exit_code: int | None = None
    signal: int | None = None
    error: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    not_confirmed: str = ""
    exceeded: Exceeded | None = None
    reason: str = ""
    warning: str = ""
    answer: str = ""


Event = Output | Traced | Asked | Withdrawn | Used | Opened | Changed | Ended
