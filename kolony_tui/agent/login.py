"""What a runner logs in as: the login that its token is, or the one that agents share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kolony_tui.core.connection import Destination
from kolony_tui.core.logins import Logins
from kolony_tui.core.tokens import Token
from kolony_tui.db.place import find_place
from kolony_tui.db.target import SHARED_AGENT_LOGIN, Target
from kolony_tui.server.home import Home


def agents_target(destination: Destination, token: Token, home: Home, tell: Callable[[str], None]) -> Target:
    """The server of ``destination``, under the token's own login.

    Where the connection names the shared login, it stays under that one, with its password from where any password
    comes from, and the token is shown to the server in each session.
    """
    target = destination.target
    if destination.embedded or find_place(target).login != SHARED_AGENT_LOGIN:
        return target.as_login(token.login, token.secret)
    complete, told = Logins(home).complete(target)
    if told:
        tell(told)
    return replace(complete, agent_token=token.secret)
