"""`run_app`: what the bare `kolony` does."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from kolony_tui.core.config import Config, load_config
from kolony_tui.core.connection import Choice, Destination, find_destination
from kolony_tui.models.errors import ExitCode, KolonyError
from kolony_tui.server.home import kolony_home

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.opening import Opening


def run_app(options: argparse.Namespace) -> int:
    """Opens the app and returns its exit code.

    Raises KolonyError where it cannot begin: settings that cannot be read, no server, no login.
    """
    home = kolony_home()
    settings = load_config(home)
    state = home.read_state() if home.state.exists() else {}
    told: list[str] = []
    remembered: Any = state.get("ui")
    choice = Choice(options.dsn, options.profile, options.workspace, told.append)
    with ThreadPoolExecutor(1, "find the server") as pool:
        # The server starts while we import what draws the screen.
        found = pool.submit(find_destination, choice)
        opening = _opening(options, settings, remembered, told, found)
        if found.done() and (error := found.exception()) is not None:
            raise error
        return _run(opening)


def _opening(
    options: argparse.Namespace, settings: Config, remembered: Any, told: list[str], found: Future[Destination]
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
        keymap=settings.keys,
        theme=settings.ui.theme,
        ascii_only=settings.ui.glyphs == "ascii",
        local_runner=True,
        debug=bool(options.debug),
        told=told,
    )


def _run(opening: Opening) -> int:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.driver import KolonyDriver

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
