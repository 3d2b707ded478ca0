"""A stand-in for Claude Code: speaks its stream of JSON lines, and does what the first word of the prompt says."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from typing import Any

MODEL = "claude-opus-5-5"


class Fake:
    """One process. ``session_id`` is the one that it was told, or one of its own."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.session_id = self.told("--resume") or self.told("--session-id") or str(uuid.uuid4())
        self.calls = 0

    def told(self, flag: str) -> str:
        """What stands behind a flag."""
        return self.words[self.words.index(flag) + 1] if flag in self.words else ""

    def say(self, **message: Any) -> None:
        """A line of its own."""
        print(json.dumps({**message, "session_id": self.session_id}), flush=True)

    def hear(self) -> dict[str, Any] | None:
        """A line from the other side; None at the end."""
        line = sys.stdin.readline()
        return json.loads(line) if line else None

    def open(self) -> str:
        """The hello, and the prompt; empty where the other side has gone."""
        hello = self.hear()
        if hello is None:
            return ""
        assert hello["request"]["subtype"] == "initialize", hello
        answer = {"subtype": "success", "request_id": hello["request_id"], "response": {"commands": []}}
        self.say(type="control_response", response=answer)
        told = self.hear()
        if told is None:
            return ""
        prompt: str = told["message"]["content"][0]["text"]
        mode = self.told("--permission-mode") or "default"
        self.say(type="system", subtype="init", cwd=os.getcwd(), model=MODEL, permissionMode=mode,
                 claude_code_version="2.1.329", tools=["Bash"])  # fmt: skip
        return prompt

    def assistant(self, *blocks: dict[str, Any]) -> None:
        """A message, block by block, as the real one does it: the usage stands in each, its output is no count."""
        self.calls += 1
        usage = {"input_tokens": 1000, "cache_read_input_tokens": 300, "output_tokens": 1}
        for block in blocks:
            message = {
                "id": f"msg_{self.calls}",
                "role": "assistant",
                "model": MODEL,
                "content": [block],
                "usage": usage,
            }
            self.say(type="assistant", message=message, parent_tool_use_id=None)

    def text(self, words: str) -> dict[str, Any]:
        """A block of text."""
        return {"type": "text", "text": words}

    def result(self, words: str, **facts: Any) -> None:
        """The end of the turn."""
        usage = {"input_tokens": 1000 * self.calls, "cache_read_input_tokens": 300 * self.calls,
                 "output_tokens": 42 * self.calls}  # fmt: skip
        said = {"subtype": "success", "is_error": False, "stop_reason": "end_turn", "result": words, "usage": usage,
                "total_cost_usd": 0.005 * self.calls, "permission_denials": [], **facts}  # fmt: skip
        self.say(type="result", **said)

    def tool(self, command: str, tool_use_id: str = "toolu_1") -> bool:
        """Asks to run a command; whether it may. What withdraws the question ends the turn."""
        given = {"command": command, "description": "what the model says of it"}
        self.assistant({"type": "tool_use", "id": tool_use_id, "name": "Bash", "input": given})
        request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": given, "tool_use_id": tool_use_id}
        self.say(type="control_request", request_id="ask-1", request=request)
        while True:
            answer = self.hear()
            if answer is None:
                sys.exit(0)
            if answer["type"] == "control_request":
                self.say(type="control_cancel_request", request_id="ask-1")
                self.interrupted(answer)
            if answer["type"] == "control_response":
                response = answer["response"]["response"]
                allowed: bool = response["behavior"] == "allow"
                words = os.popen(response["updatedInput"]["command"]).read() if allowed else response["message"]
                block = {"type": "tool_result", "tool_use_id": tool_use_id, "content": words, "is_error": not allowed}
                self.say(type="user", message={"role": "user", "content": [block]}, parent_tool_use_id=None)
                return allowed

    def interrupted(self, request: dict[str, Any]) -> None:
        """Stops the turn, as it was asked to, and goes."""
        answer = {"subtype": "success", "request_id": request["request_id"], "response": {"still_queued": []}}
        self.say(type="control_response", response=answer)
        self.result("", subtype="error_during_execution", is_error=True, terminal_reason="aborted_tools",
                    errors=["[ede_diagnostic] result_type=user"])  # fmt: skip
        sys.stdin.read()
        sys.exit(1)


def main() -> None:
    """What it is told to do."""
    fake = Fake(sys.argv[1:])
    if fake.told("--resume").startswith("unknown"):
        words = f"No conversation found with session ID: {fake.session_id}"
        print(words, file=sys.stderr, flush=True)
        fake.result("", subtype="error_during_execution", is_error=True, errors=[words])
        sys.exit(1)
    prompt = fake.open()
    what = prompt.rpartition("# Your task\n\n")[2]
    match what.split(" ")[0]:
        case "ask":
            fake.assistant(fake.text("I will look."))
            allowed = fake.tool(what.removeprefix("ask "))
            fake.assistant(fake.text("It is done." if allowed else "It was not allowed."))
            fake.result("It is done." if allowed else "It was not allowed.")
        case "wait":
            fake.assistant(fake.text("I wait."))
            while (heard := fake.hear()) is not None:
                if heard["type"] == "control_request":
                    fake.interrupted(heard)
        case "deaf":
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            fake.assistant(fake.text("I hear nothing."))
            while True:
                time.sleep(3600)
        case "die":
            fake.assistant(fake.text("Half an answ"))
            print("panic: out of luck", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leave":
            fake.assistant(fake.text("That is all."))
            return
        case "unauthorized":
            for attempt in range(1, 11):
                fake.say(type="system", subtype="api_retry", attempt=attempt, max_retries=10, retry_delay_ms=1,
                         error_status=401, error="authentication_failed")  # fmt: skip
            sys.stdin.read()
        case "env":
            fake.assistant(fake.text("\n".join(sorted(os.environ))))
            fake.result("done")
        case "again":
            knows = (
                "I know" if fake.told("--resume") else "I was told" if "Said in this conversation" in prompt else "New"
            )
            fake.assistant(fake.text(knows))
            fake.result(knows)
        case "stay":
            fake.assistant(fake.text("Done, but I stay."))
            fake.result("Done, but I stay.")
            while True:
                time.sleep(3600)
        case _:
            fake.assistant(fake.text(f"You said: {what}"))
            fake.result(f"You said: {what}")
    sys.stdin.read()


main()
