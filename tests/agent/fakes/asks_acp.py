"""An agent over the Agent Client Protocol that asks to be allowed each command of its prompt, variables filled in.

Says when it asked (milliseconds since the epoch) in the title of the request, and what it was answered in its answer.
"""

import json
import os
import sys
import time
from typing import Any


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def update(session: str, **what: Any) -> None:
    say({"method": "session/update", "params": {"sessionId": session, "update": what}})


def permission(number: int, session: str, command: str) -> str:
    say(
        {
            "id": 1000 + number,
            "method": "session/request_permission",
            "params": {
                "sessionId": session,
                "toolCall": {
                    "toolCallId": f"call-{number}",
                    "title": f"at {time.time_ns() // 1_000_000}",
                    "kind": "execute",
                    "status": "pending",
                    "rawInput": {"command": command},
                },
                "options": [
                    {"optionId": "always", "name": "Always", "kind": "allow_always"},
                    {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
                    {"optionId": "no", "name": "No", "kind": "reject_once"},
                ],
            },
        }
    )
    while True:
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        message = json.loads(line)
        if message.get("id") == 1000 + number:
            outcome = message["result"]["outcome"]
            return str(outcome.get("optionId", outcome["outcome"]))


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            say({"id": number, "result": {"protocolVersion": 1, "agentCapabilities": {}, "authMethods": []}})
        elif method == "session/new":
            say({"id": number, "result": {"sessionId": "s-1"}})
        elif method == "session/prompt":
            text = "".join(block.get("text", "") for block in message["params"]["prompt"])
            for place, command in enumerate(text.split("ASK ")[1:]):
                got = permission(place, "s-1", os.path.expandvars(command.rstrip("\n")))
                content = {"type": "text", "text": f"{got}\n"}
                update("s-1", sessionUpdate="agent_message_chunk", content=content)
            say({"id": number, "result": {"stopReason": "end_turn"}})
        elif number is not None and method is not None:
            say({"id": number, "error": {"code": -32601, "message": "no such method"}})


main()
