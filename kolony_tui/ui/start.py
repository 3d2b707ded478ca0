"""`run_app`: what the bare `kolony` does."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kolony_tui.core.connection import Choice, Destination, find_destination
from kolony_tui.garbage import spare_what_is_there
from kolony_tui.models.errors import ExitCode, KolonyError
from kolony_tui.server.home import Home, kolony_home

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.opening import Opening


def run_app(options: argparse.Namespace) -> int:
    """Opens the app and returns its exit code.

    Raises KolonyError where it cannot begin: settings that cannot be read, no server, no login.
    """
    home = kolony_home()
    settings = _settings(home)
    state = home.read_state() if home.state.exists() else {}
    told: list[str] = []
    remembered: Any = state.get("ui")
    choice = Choice(options.dsn, options.profile, options.workspace, told.append, options.pin, options.insecure_tls)
    with ThreadPoolExecutor(1, "find the server") as pool:
        # The server starts while we import what draws the screen.
        found = pool.submit(find_destination, choice)
        opening = _opening(options, settings, remembered, told, found)
        if found.done() and (error := found.exception()) is not None:
            raise error
        return _run(opening)


def run_replay(moment: datetime, *, debug: bool) -> int:
    """Opens the app on the embedded server of this home at a moment of the past, with no way to the present."""
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.driver import KolonyDriver
    from kolony_tui.ui.last_gate import close_gate
    from kolony_tui.ui.opening import Opening

    close_gate()
    opening = Opening(
        find=lambda say: find_destination(Choice()), replay=moment, debug=debug, begun=spare_what_is_there
    )
    app = KolonyApp(opening, KolonyDriver)
    app.run()
    if app.failure is not None:
        raise app.failure
    return int(app.return_code or ExitCode.DONE)


def _settings(home: Home) -> dict[str, Any]:
    """What ``config.toml`` says about the app; without one pydantic is not loaded, a sixth of a start."""
    if not home.config.exists():
        return {}
    from kolony_tui.core.config import load_config

    config = load_config(home)
    return {"keymap": config.keys, "theme": config.ui.theme, "ascii_only": config.ui.glyphs == "ascii",
            "confirm_above": config.ui.confirm_above}  # fmt: skip


def _opening(
    options: argparse.Namespace, settings: dict[str, Any], remembered: Any, told: list[str], found: Future[Destination]
) -> Opening:
    # Deferred, and with it all of Textual: the server is being started meanwhile.
    import kolony_tui.ui.app  # noqa: F401
    from kolony_tui.ui.opening import Opening

    def find(say: Callable[[str], None]) -> Destination:
        say("starting the server")
        return found.result()

    return Opening(
        find=find,
        remembered=remembered if isinstance(remembered, dict) else {},
        local_runner=True,
        debug=bool(options.debug),
        told=told,
        begun=spare_what_is_there,
        **settings,
    )


def _run(opening: Opening) -> int:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.driver import KolonyDriver
    from kolony_tui.ui.last_gate import close_gate

    close_gate()
    app = KolonyApp(opening, KolonyDriver)
    code = app.run()
    if app.failure is not None:
        raise app.failure
    _remember(app)
    if app.return_code:
        return app.return_code
    return int(code if code is not None else ExitCode.DONE)


def _remember(app: KolonyApp) -> None:
    # What the app looked like is not worth an error when one leaves.
    with contextlib.suppress(KolonyError):
        kolony_home().update_state(ui=app.memory())
