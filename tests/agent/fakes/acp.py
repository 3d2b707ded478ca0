"""An agent over the Agent Client Protocol that does what its first argument says, well or badly."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

Message = dict[str, Any]

SESSION = "fake-session"
OPTIONS = [
    {"optionId": "always", "name": "Always", "kind": "allow_always"},
    {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]


def write(message: Any, end: str = "\n") -> None:
    sys.stdout.write((message if isinstance(message, str) else json.dumps(message)) + end)
    sys.stdout.flush()


def update(**facts: Any) -> None:
    write({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": SESSION, "update": facts}})


def say(text: str, kind: str = "agent_message_chunk", **more: Any) -> None:
    update(sessionUpdate=kind, content={"type": "text", "text": text}, **more)


def reply(request: Message, result: Message) -> None:
    write({"jsonrpc": "2.0", "id": request["id"], "result": result})


def read() -> Message | None:
    line = sys.stdin.readline()
    message: Message | None = json.loads(line) if line else None
    return message


def wait_for(method: str) -> Message:
    while (message := read()) is not None:
        if message.get("method") == method:
            return message
    sys.exit(0)


def until_answer(number: int) -> Message:
    """The outcome of our request; a cancel that comes first counts as one."""
    while (message := read()) is not None:
        if message.get("id") == number and "method" not in message:
            outcome: Message = message.get("result", {}).get("outcome", {})
            return outcome
    return {}


def tool(status: str, **more: Any) -> None:
    update(sessionUpdate="tool_call_update", toolCallId="t1", status=status, **more)


def happy(prompt: Message) -> None:
    """A thought, a plan, a tool that asks under an id of ours, an answer, usage."""
    say("I look around.", "agent_thought_chunk")
    update(sessionUpdate="plan", entries=[{"content": "look", "status": "in_progress"}])
    update(sessionUpdate="tool_call", toolCallId="t1", title="Run", kind="execute", status="pending", rawInput={})
    command = f"touch {os.path.join(os.getcwd(), 'made')}"
    write({"jsonrpc": "2.0", "id": prompt["id"], "method": "session/request_permission", "params": {
        "sessionId": SESSION, "options": OPTIONS,
        "toolCall": {"toolCallId": "t1", "kind": "execute", "title": "Makes a file", "rawInput": {"command": command}},
    }})  # fmt: skip
    outcome = until_answer(prompt["id"])
    if outcome.get("outcome") == "cancelled":
        reply(prompt, {"stopReason": "cancelled"})
        return
    if outcome.get("optionId") == "yes":
        subprocess.run(command, shell=True, check=True)
        tool("completed", rawOutput={"output": "made it\n", "metadata": {"exit": 0}})
        say("Done: ")
        say("there is a file.")
    else:
        tool("failed")
        say(f"Then not ({outcome.get('optionId')}).")
    update(sessionUpdate="usage_update", used=5000, size=100000, cost={"amount": 0.25, "currency": "USD"})
    reply(prompt, {"stopReason": "end_turn", "usage": {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120}})


def echo(prompt: Message) -> None:
    """Says what it was told."""
    say(prompt["params"]["prompt"][0]["text"])
    reply(prompt, {"stopReason": "end_turn"})


def early(prompt: Message) -> None:
    """Its greeting came before there was a session; another session's words are none of ours."""
    write(
        {
            "jsonrpc": "2.0",
            "method": "session/update",
            "params": {
                "sessionId": "another",
                "update": {"sessionUpdate": "agent_message_chunk", "content": {"text": "not ours"}},
            },
        }
    )
    write("this is no JSON")
    write('{"jsonrpc": "2.0", "method": "session/upd')
    update(sessionUpdate="something_new", what={"a": 1})
    update(sessionUpdate="available_commands_update", availableCommands=[{"name": "x" * 600_000}])
    say("\x1b]0;pwned\x07\x1b[2JEscapes\x00 \udc80 stay text.")
    reply(prompt, {"stopReason": "end_turn"})


def late(prompt: Message) -> None:
    """What it took is said after its answer, if it is left the time."""
    say("Quick answer.")
    reply(prompt, {"stopReason": "end_turn"})
    if select.select([sys.stdin], [], [], 0.4)[0]:
        sys.exit(0)
    used = {"promptTokens": 70, "completionTokens": 7, "cachedTokens": 20, "totalTokens": 77}
    say("", _meta={"usage": used})


def hang(prompt: Message) -> None:
    """Never ends its turn, and hears no cancel and no SIGTERM; what it starts is in a session of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "300"], start_new_session=True)
    say(f"child {child.pid}\n")
    while True:
        time.sleep(60)


def polite(prompt: Message) -> None:
    """Ends its turn when it is asked to, but says that it ended well, as one real agent does."""
    say("working\n")
    wait_for("session/cancel")
    reply(prompt, {"stopReason": "end_turn"})


def dies(prompt: Message) -> None:
    say("half an ans")
    sys.stderr.write("some noise\nout of luck\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)


def leaves(prompt: Message) -> None:
    say("I go.")
    sys.exit(0)


def cut_off(prompt: Message) -> None:
    """Its answer is cut in the middle, and it waits."""
    say("Almost.")
    write(f'{{"jsonrpc":"2.0","id":{prompt["id"]},"result":{{"stopReason":"end_tu')
    read()


def stammers(prompt: Message) -> None:
    """Says something that cannot be read, and no more."""
    say("Well.")
    write('{"jsonrpc": "2.0", "resu')
    read()


def overlong(prompt: Message) -> None:
    write('{"jsonrpc":"2.0","method":"session/update","params":{"x":"', end="")
    for _ in range(9):
        write("y" * 1024 * 1024, end="")
    write('"}}')
    say("After the long line.")
    reply(prompt, {"stopReason": "end_turn"})


def flood(prompt: Message) -> None:
    count = int(sys.argv[2])
    chunk = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "0123456789abcdef\n"}}
    line = json.dumps({"jsonrpc": "2.0", "method": "session/update",
                       "params": {"sessionId": SESSION, "update": chunk}}) + "\n"  # fmt: skip
    for _ in range(count // 1000):
        sys.stdout.write(line * 1000)
    reply(prompt, {"stopReason": "end_turn"})


def refuses(prompt: Message) -> None:
    say("No.")
    reply(prompt, {"stopReason": sys.argv[2]})


def fails(prompt: Message) -> None:
    error = {"code": int(sys.argv[2]), "message": "no good", "data": {"details": "for a reason\nof two lines"}}
    write({"jsonrpc": "2.0", "id": prompt["id"], "error": error})


def greet() -> None:
    """The handshake; the first argument may spoil it."""
    scenario = sys.argv[1]
    if scenario == "mute":
        time.sleep(300)
    if scenario == "garbage":
        write("Welcome to this agent!\nIt does not speak your protocol.")
        time.sleep(300)
    hello = wait_for("initialize")
    if scenario == "broken":
        write('{"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": 1,')
        time.sleep(300)
    if scenario == "crash":
        sys.stderr.write("Error: no configuration\n")
        sys.exit(7)
    version = 2 if scenario == "future" else 1
    able = {"loadSession": scenario == "load", "sessionCapabilities": {"resume": {}} if scenario == "resume" else {}}
    reply(hello, {"protocolVersion": version, "agentInfo": {"name": "fake", "version": "1.2.3"},
                  "agentCapabilities": able})  # fmt: skip
    opening = read() or sys.exit(0)
    method = opening["method"]
    if method == "session/load":
        say("old words of an old session")
        say("old words", "user_message_chunk")
    if method == "session/new" and scenario == "early":
        say("Hello before all. ")
    if scenario == "login":
        write({"jsonrpc": "2.0", "id": opening["id"], "error": {"code": -32000, "message": "Authentication required"}})
        read()
    modes = {"currentModeId": "wild", "availableModes": [{"id": "wild"}, {"id": "ask"}]}
    reply(opening, {"sessionId": SESSION, "modes": modes})


def main() -> None:
    greet()
    act = globals().get(sys.argv[1], echo)
    while (message := read()) is not None:
        if message.get("method") == "session/set_mode":
            reply(message, {})
        elif message.get("method") == "session/prompt":
            act(message)


main()
