"""Claude Code's own stream of JSON lines in both directions, for one prompt: bytes in, events out, bytes to write.

What it prints is believed as little as it can be: unknown messages are kept raw, lines that are no JSON are log, and
success is only what a ``result`` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from kolony_tui.agent.attempt.limits import Exceeded
from kolony_tui.agent.claude.end import AUTH_RETRIES, Outcome, outcome_of
from kolony_tui.agent.claude.tools import command_of, kind_of
from kolony_tui.agent.claude.trace import Telling
from kolony_tui.agent.claude.usage import Account
from kolony_tui.agent.events import Asked, Choice, Ended, Event, Opened, Output, TraceStatus, Withdrawn
from kolony_tui.agent.json_lines import JsonLines, NotJson, TooLong
from kolony_tui.agent.types.agent_type import older

DENIED = "The operator denied this."
_CHOICES = (Choice("allow", "Allow once", "allow_once"), Choice("deny", "Reject", "reject_once"))
_SILENT = frozenset({"status", "thinking_tokens", "keep_alive"})


class ClaudeTalk:
    """One process, one prompt. ``begin``, then what it prints into ``feed``, at the end of that ``end``.

    ``taken()`` answers what is to be written to it since the last time. ``how`` and ``why`` are those of its session,
    as in ``Opened``; a program older than ``least_version`` is not worked with.
    """

    def __init__(
        self,
        prompt: str,
        *,
        how: Literal["new", "resumed", "loaded", "lost"] = "new",
        why: str = "",
        cwd: str = "",
        least_version: str = "",
    ) -> None:
        self._prompt = prompt
        self._how: Literal["new", "resumed", "loaded", "lost"] = how
        self._why = why
        self._cwd = cwd
        self._least_version = least_version
        self._lines = JsonLines()
        self._account = Account()
        self._telling = Telling()
        self._outgoing: list[bytes] = []
        self._open: dict[str, dict[str, Any]] = {}
        self._call: dict[str, str] = {}
        self._session_id = ""
        self._ids = 0
        self._strange = ""
        self._told = False
        self._interrupted = False
        self.ready = False
        """Whether it speaks: it has answered, and has got the prompt."""
        self.outcome: Outcome | None = None
        """How the turn ended; None while it goes on."""

    def taken(self) -> bytes:
        """What is to be written to it."""
        said, self._outgoing = b"".join(self._outgoing), []
        return said

    def begin(self) -> list[Event]:
        """Says hello."""
        self._ask({"subtype": "initialize", "hooks": None})
        return list(self._telling.begin(self._prompt))

    def feed(self, data: bytes) -> list[Event]:
        """What a piece of its standard output tells."""
        return [event for line in self._lines.feed(data) for event in self._line(line)]

    def end(self) -> list[Event]:
        """Its standard output has ended."""
        found = [event for line in self._lines.end() for event in self._line(line)]
        if self.outcome is None:
            found += self._account.cut_off(self._session_id)
            found += self._closed("cancelled" if self._interrupted else "failed", "it ended before it had answered")
        return found

    def interrupt(self) -> None:
        """Asks it to stop; a result follows. Its open permissions are withdrawn by itself."""
        if self.outcome is None and not self._interrupted:
            self._interrupted = self._telling.stopping = True
            self._ask({"subtype": "interrupt"})

    def answer(self, request: str, allow: bool, note: str = "") -> None:
        """A person's or a rule's answer to a permission; one that is not open is left alone."""
        asked = self._open.pop(request, None)
        if asked is None:
            return
        if allow:
            said: dict[str, Any] = {"behavior": "allow", "updatedInput": asked.get("input") or {}}
        else:
            said = {"behavior": "deny", "message": note or DENIED}
            self._telling.denied.add(str(asked.get("tool_use_id") or ""))
        self._say({"subtype": "success", "request_id": request, "response": said})

    def ended(self, how: Ended, stderr_tail: bytes = b"") -> Ended:
        """How the attempt ended, from how the process did and from what it said before."""
        answer = self._telling.answer
        if self.outcome is not None:
            said = self.outcome
            over = Exceeded("budget", said.error) if said.reason == "over_budget" else how.exceeded
            return replace(
                how, error=said.error, reason=said.reason, warning=said.warning, answer=answer, exceeded=over
            )
        line = _last_line(stderr_tail)
        about = f": {line}" if line else ""
        if not self.ready and self._strange and not line:
            about = f", and spoke no stream of JSON: {self._strange}"
        if how.error or not self.ready:
            words = f"it ended before it answered ({how.error or 'exit 0'}){about}"
            return replace(how, error=words, reason="crashed" if how.error else "no_answer", answer=answer)
        return replace(how, error=f"it ended without a result{about}", reason="no_answer", answer=answer)

    def _ask(self, request: dict[str, Any]) -> None:
        self._ids += 1
        self._write({"type": "control_request", "request_id": f"kolony_{self._ids}", "request": request})

    def _say(self, response: dict[str, Any]) -> None:
        self._write({"type": "control_response", "response": response})

    def _write(self, message: dict[str, Any]) -> None:
        self._outgoing.append(json.dumps(message).encode() + b"\n")

    def _line(self, line: dict[str, Any] | NotJson | TooLong) -> Iterator[Event]:
        if isinstance(line, NotJson):
            self._strange = self._strange or _last_line(line.data)
            yield Output("log", line.data + b"\n")
        elif isinstance(line, TooLong):
            yield from self._telling.remark(f"a line of {line.size} bytes was skipped", {"type": "too_long"})
        else:
            if not self.ready:
                yield from self._greet()
            yield from self._message(line)

    def _greet(self) -> Iterator[Event]:
        """It speaks: now it gets the prompt. Its answer to the hello comes first, but nothing hangs on that."""
        self.ready = True
        if self._interrupted and not self._told:
            self.outcome = Outcome("it was interrupted", interrupted=True)
            yield from self._closed("cancelled", self.outcome.error)
            return
        self.tell()

    def tell(self) -> None:
        """The prompt, once: after its answer to the hello, or when that has been waited for long enough."""
        if self._told or self._interrupted:
            return
        self._told = True
        content = [{"type": "text", "text": self._prompt}]
        message = {"role": "user", "content": content}
        self._write({"type": "user", "message": message, "parent_tool_use_id": None, "session_id": ""})

    def _message(self, said: dict[str, Any]) -> Iterator[Event]:
        kind = said.get("type")
        if self.outcome is not None and kind != "system":
            return
        if kind == "stream_event":
            yield from self._streamed(said)
        elif kind == "assistant":
            self._account.came(_object(said.get("message")))
            yield from self._telling.said(said)
        elif kind == "user":
            yield from self._telling.heard(said)
        elif kind == "result":
            yield from self._result(said)
        elif kind == "system":
            yield from self._system(said)
        elif kind == "control_request":
            yield from self._asked(said)
        elif kind == "control_cancel_request":
            if self._open.pop(request := str(said.get("request_id") or ""), None) is not None:
                yield Withdrawn(request)
        elif kind == "control_response":
            yield from self._replied(said)
        elif kind != "keep_alive":
            yield from self._telling.unknown(said)

    def _replied(self, said: dict[str, Any]) -> Iterator[Event]:
        response = _object(said.get("response"))
        if response.get("subtype") == "error":
            yield from self._telling.remark(f"it could not do what it was asked: {response.get('error')}", said)

    def _streamed(self, said: dict[str, Any]) -> Iterator[Event]:
        event, above = _object(said.get("event")), str(said.get("parent_tool_use_id") or "")
        if event.get("type") == "message_start":
            message = _object(event.get("message"))
            self._call[above] = str(message.get("id") or "")
            self._account.began(message)
        yield from self._telling.streamed(said)
        if event.get("type") == "message_delta" and event.get("usage") and (message_id := self._call.get(above)):
            used = self._account.call_ended(message_id, event["usage"], self._session_id)
            if used is not None:
                tokens = (used.input_fresh, used.input_cached, used.cache_write, used.output)
                yield from self._telling.call_ended(message_id, sum(each or 0 for each in tokens))
                yield used

    def _system(self, said: dict[str, Any]) -> Iterator[Event]:
        subtype = str(said.get("subtype"))
        if subtype == "init" and not self._session_id:
            self._session_id = str(said.get("session_id") or "")
            yield Opened(
                session_id=self._session_id,
                how=self._how,
                adapter="claude",
                program="claude",
                version=str(said.get("claude_code_version") or ""),
                mode=str(said.get("permissionMode") or ""),
                cwd=str(said.get("cwd") or self._cwd),
                why=self._why,
            )
            yield from self._telling.opened(str(said.get("model") or ""), self._session_id)
            yield from self._too_old(str(said.get("claude_code_version") or ""))
        elif subtype == "api_retry":
            yield from self._retried(said)
        elif subtype == "permission_denied":
            self._telling.denied.add(str(said.get("tool_use_id") or ""))
        elif subtype not in _SILENT and subtype != "init" and self.outcome is None:
            yield from self._telling.unknown(said)

    def _too_old(self, version: str) -> Iterator[Event]:
        if older(version, self._least_version):
            words = f"version {version} of the program is too old: {self._least_version} or newer is needed"
            self.outcome = Outcome(words, "handshake")
            yield from self._closed("failed", words)

    def _retried(self, said: dict[str, Any]) -> Iterator[Event]:
        attempt, status, why = said.get("attempt"), said.get("error_status"), said.get("error")
        delay = said.get("retry_delay_ms")
        seconds = f" in {delay / 1000:.1f} s" if isinstance(delay, int | float) else ""
        words = f"the model's service said {status or 'nothing'} ({why}); trying again{seconds}"
        yield from self._telling.remark(f"{words}, {attempt} of {said.get('max_retries')}", said)
        refused = status in (401, 403) or why == "authentication_failed"
        if refused and isinstance(attempt, int) and attempt >= AUTH_RETRIES and self.outcome is None:
            self.outcome = Outcome(f"it is not logged in: {status} {why}", "auth")
            yield from self._account.cut_off(self._session_id)
            yield from self._closed("failed", self.outcome.error)

    def _asked(self, said: dict[str, Any]) -> Iterator[Event]:
        request_id, request = str(said.get("request_id") or ""), _object(said.get("request"))
        if request.get("subtype") != "can_use_tool":
            words = f"{request.get('subtype')} is not offered"
            self._say({"subtype": "error", "request_id": request_id, "error": words})
            return
        tool, given, tool_use_id = str(request.get("tool_name") or ""), request.get("input"), request.get("tool_use_id")
        if self._interrupted:
            self._open[request_id] = request
            self.answer(request_id, False, "The work is being stopped.")
            return
        self._open[request_id] = request
        yield Asked(
            request=request_id,
            tool=f"tool:{tool_use_id}" if tool_use_id else None,
            tool_name=tool,
            tool_kind=kind_of(tool),
            title=str(request.get("title") or request.get("description") or tool),
            command=command_of(tool, given),
            choices=_CHOICES,
            raw=request,
        )

    def _result(self, said: dict[str, Any]) -> Iterator[Event]:
        if isinstance(said.get("result"), str) and not said.get("is_error"):
            self._telling.answer = said["result"]
        used = self._account.turn_ended(said, self._session_id or str(said.get("session_id") or ""))
        tokens = self._account.all
        denials = said.get("permission_denials")
        denied = max(len(self._telling.denied), len(denials) if isinstance(denials, list) else 0)
        self.outcome = outcome_of(
            said,
            interrupted=self._interrupted,
            denied=denied,
            tokens=tokens.total,
            used_tools=self._telling.used_tools,
        )
        yield from used
        if self.outcome.session_missing:
            # Another process begins the same turn anew.
            return
        status: TraceStatus = "failed" if self.outcome.error else "completed"
        if self.outcome.interrupted:
            status = "cancelled"
        facts: dict[str, Any] = {
            "gen_ai.usage.input_tokens": tokens.input_fresh + tokens.input_cached + tokens.cache_write,
            "gen_ai.usage.output_tokens": tokens.output,
        }
        if stop := said.get("stop_reason"):
            facts["gen_ai.response.finish_reasons"] = [str(stop)]
        if self.outcome.reason:
            facts["error.type"] = self.outcome.reason
        yield from self._closed(status, self.outcome.error, tokens.total, **facts)

    def _closed(self, status: TraceStatus, error: str, tokens: int | None = None, **facts: Any) -> Iterator[Event]:
        for request in self._open:
            yield Withdrawn(request)
        self._open.clear()
        yield from self._telling.end(status, "" if status == "completed" else error, tokens, **facts)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _last_line(data: bytes) -> str:
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""
