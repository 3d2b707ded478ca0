"""Logging in from the app: where a stored password is missing or wrong, or a server unknown, the person is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from kolony_tui.core.audit import note_login
from kolony_tui.core.connection import Destination, keep_password
from kolony_tui.core.logins import ASKED, IN_DSN, Logins
from kolony_tui.core.session import PersonSession, log_in
from kolony_tui.db.place import find_place
from kolony_tui.db.tls import as_openssl_writes, shown_fingerprint
from kolony_tui.models.errors import (
    CertificateRefused,
    KolonyError,
    LoginRefused,
    PasswordMissing,
    PasswordRefused,
    UsageError,
)
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import kolony_home
from kolony_tui.text import safe
from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.form import Field, Form

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

APPLICATION = "kolony app"
_KEEP, _FORGET = "in the keyring", "not at all"


class Door:
    """The way in. What the person is asked for: a password, their trust in a certificate."""

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self._refusal: LoginRefused | None = None
        self._asked = False

    @property
    def why_not_again(self) -> str | None:
        """Why nobody is asked to log in again; None while the server refuses the login."""
        refused = self._refusal is not None and self._app.live.link.lost
        return None if refused else "the server has not refused the login"

    async def enter(self, destination: Destination) -> tuple[Destination, PersonSession]:
        """Logs in, and asks where the person can help.

        Raises KolonyError where they cannot, or would rather leave: then what had gone wrong first.
        """
        while True:
            try:
                return destination, await log_in(destination.target, APPLICATION, destination.workspace)
            except CertificateRefused as error:
                destination = await _trusted(self._app, destination, error)
            except (PasswordMissing, PasswordRefused) as error:
                if destination.target.source == IN_DSN:
                    raise  # whoever wrote the password down mends it there
                return await _ask_password(self._app, destination, error)

    def refused(self, error: LoginRefused) -> None:
        """The server no longer takes the password with which one works: asks for the new one, by itself only once."""
        if self._refusal is None:
            self._refusal = error
            self.ask_again()

    def ask_again(self) -> None:
        """Shows the login screen, unless it is there."""
        if not self._asked:
            self._asked = True
            self._app.run_worker(self._ask_again(), name="log in", group="log in", exit_on_error=False)

    async def _ask_again(self) -> None:
        app, refusal = self._app, self._refusal
        assert app.destination is not None
        assert app.session is not None
        assert refusal is not None
        old = [session.db for session in (app.session, app.output_session, app.aside_session) if session is not None]
        try:
            there = replace(app.destination, workspace=app.session.workspace.slug)
            app.destination, session = await _ask_password(app, there, refusal)
        except LoginRefused:
            app.say(":login asks again", severity="warning")
            return
        finally:
            self._asked = False
        self._refusal = None
        app.enter(session)
        app.live.listen()
        app.live.reach()
        await note_login(session)
        for db in old:
            await db.close()


async def _ask_password(
    app: KolonyApp, destination: Destination, error: LoginRefused
) -> tuple[Destination, PersonSession]:
    """The login screen: a password, tried at once, as often as one likes. Raises ``error`` where one leaves."""
    place = find_place(destination.target)
    why_none = "" if destination.embedded else await asyncio.to_thread(lambda: Logins(kolony_home()).why_none)
    fields = [Field("password", "password", kind="secret")]
    if not why_none and not destination.embedded:
        fields.append(Field("keep", "keep it", _KEEP, "choice", (_KEEP, _FORGET)))
    entered: list[tuple[Destination, PersonSession]] = []

    async def try_it(values: Mapping[str, str]) -> None:
        if not values["password"]:
            raise UsageError("no password was typed")
        target = destination.target.as_login(place.login, Secret(values["password"]), ASKED)
        there = replace(destination, target=target)
        session = await log_in(target, APPLICATION, destination.workspace)
        entered.append((there, session))
        if destination.embedded or values.get("keep") == _KEEP:
            await _keep(app, there)

    first = "" if isinstance(error, PasswordMissing) else error.line
    said = [first, f"{why_none}: the password is asked for at each start, or read from PGPASSFILE" if why_none else ""]
    form = Form(
        "Log in",
        fields,
        try_it,
        about=[f"login     {safe(place.login).plain}", f"server    {safe(place.server).plain}",
               f"database  {safe(place.database).plain}"],
        said="; ".join(each for each in said if each),
        yes="Log in",
    )  # fmt: skip
    if not await app.push_screen_wait(form):
        raise error
    return entered[-1]


async def _keep(app: KolonyApp, destination: Destination) -> None:
    try:
        await asyncio.to_thread(keep_password, destination)
    except KolonyError as error:
        app.say(f"logged in; the password is not kept: {error.line}", severity="warning")


async def _trusted(app: KolonyApp, destination: Destination, error: CertificateRefused) -> Destination:
    """The destination with the certificate pinned that the server shows, if the person says that it is right."""
    place = find_place(destination.target)
    pin = await asyncio.to_thread(shown_fingerprint, place)
    pairs = as_openssl_writes(pin)
    kept = "It is pinned in the profile." if destination.profile else "It is trusted this once: there is no profile."
    answer = await app.push_screen_wait(
        Question(
            "Trust this server?",
            f"{error.message}. Compare the fingerprint with the one its admin told you. {kept}",
            [", ".join(place.hosts_elsewhere), "SHA-256 fingerprint:", pairs[:48], pairs[48:]],
            yes="Trust it",
            no="Leave",
        )
    )
    if answer is None:
        raise error
    if destination.profile is not None:
        # Deferred: only who pins writes the file.
        from kolony_tui.core.profiles import pin_profile

        await asyncio.to_thread(pin_profile, kolony_home(), destination.profile, pin)
    return replace(destination, target=replace(destination.target, pin=pin))
