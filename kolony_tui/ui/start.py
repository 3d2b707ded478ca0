"""`run_app`: what the bare `kolony` does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from kolony_tui.core.config import load_config
from kolony_tui.core.connection import Choice, Destination, find_destination
from kolony_tui.models.errors import ExitCode, KolonyError
from kolony_tui.server.home import kolony_home


def run_app(options: argparse.Namespace) -> int:
    """Opens the app and returns its exit code.

    Raises KolonyError where it cannot begin: settings that cannot be read, no server, no login.
    """
    from kolony_tui.ui.opening import Opening

    home = kolony_home()
    settings = load_config(home)
    state = home.read_state() if home.state.exists() else {}
    told: list[str] = []
    remembered: Any = state.get("ui")

    def find(say: Callable[[str], None]) -> Destination:
        say("starting the server")
        return find_destination(Choice(options.dsn, options.profile, options.workspace, told.append))

    opening = Opening(
        find=find,
        remembered=remembered if isinstance(remembered, dict) else {},
        keymap=settings.keys,
        theme=settings.ui.theme,
        ascii_only=settings.ui.glyphs == "ascii",
        local_runner=True,
        debug=bool(options.debug),
        told=told,
    )
    return _run(opening)


def _run(opening: Any) -> int:
    from kolony_tui.ui.app import KolonyApp

    app = KolonyApp(opening)
    code = app.run()
    if app.failure is not None:
        raise app.failure
    _remember(app)
    if app.return_code:
        return app.return_code
    return int(code if code is not None else ExitCode.DONE)


def _remember(app: Any) -> None:
    import contextlib

    # What the app looked like is not worth an error when one leaves.
    with contextlib.suppress(KolonyError):
        kolony_home().update_state(ui=app.memory())
