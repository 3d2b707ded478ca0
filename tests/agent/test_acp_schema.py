"""What goes out over the Agent Client Protocol, held against the schema that the protocol's own package has."""

from __future__ import annotations

import json
from typing import Any

from acp import schema
from pydantic import BaseModel

from kolony_tui.agent.acp.opening import Task
from kolony_tui.agent.acp.session import AcpSession
from kolony_tui.agent.events import Opened
from tests.agent.acp_replay import recordings, replayed

PARAMS: dict[str, type[BaseModel]] = {
    "initialize": schema.InitializeRequest,
    "session/new": schema.NewSessionRequest,
    "session/load": schema.LoadSessionRequest,
    "session/resume": schema.ResumeSessionRequest,
    "session/set_mode": schema.SetSessionModeRequest,
    "session/prompt": schema.PromptRequest,
    "session/cancel": schema.CancelNotification,
}


def test_every_message_is_one_of_the_protocol() -> None:
    seen = set()
    for name in recordings():
        for message in replayed(name).sent:
            assert message["jsonrpc"] == "2.0"
            seen.add(_checked(message))
    assert seen == {*PARAMS, "outcome", "error"}


def _checked(message: dict[str, Any]) -> str:
    method = message.get("method")
    if method is not None:
        assert ("id" in message) == (method != "session/cancel")
        model = PARAMS[method].model_validate(message["params"])
        known = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
        # What the schema does not know it drops: nothing may be missing.
        assert known == message["params"], method
        return str(method)
    if "error" in message:
        schema.Error.model_validate(message["error"])
        return "error"
    schema.RequestPermissionResponse.model_validate(message["result"])
    return "outcome"


def test_a_mode_that_is_an_option_is_set_as_one() -> None:
    session = AcpSession(Task(cwd="/w", blocks=lambda lost: [], mode="plan"))
    session.begin()
    values = [{"value": "build"}, {"value": "plan"}]
    option = {"id": "mode", "category": "mode", "currentValue": "build", "options": values}
    for number, result in enumerate(({"protocolVersion": 1}, {"sessionId": "s", "configOptions": [option]}, {})):
        session.receive(json.dumps({"id": number, "result": result}).encode() + b"\n")
    [_, _, setting, prompt] = [json.loads(line) for line in session.unsent().splitlines()]
    known = schema.SetSessionConfigOptionSelectRequest.model_validate(setting["params"])
    assert known.model_dump(mode="json", by_alias=True, exclude_unset=True) == setting["params"]
    assert (setting["method"], prompt["method"]) == ("session/set_config_option", "session/prompt")
    assert [event.mode for event in session.taken() if isinstance(event, Opened)] == ["plan"]
