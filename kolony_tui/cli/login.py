"""``kolony login`` and ``kolony logout``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from kolony_tui.cli.verbs import APPLICATION, choice, done, tell, verb
from kolony_tui.models.errors import (
    CertificateRefused,
    PasswordRefused,
    Refused,
    UsageError,
    WorkFailed,
)
from kolony_tui.models.secret import Secret

if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.connection import Destination
    from kolony_tui.db.place import Place

TRIES = 3
_EPILOG = """\
The password is asked for (or read as one line from standard input), tried, and put into the system's keyring. Without a
keyring nothing is stored: the app asks each time, and PGPASSFILE (mode 0600) serves both it and scripts."""


def register_login(verbs: Any) -> None:
    """Declares ``kolony login``."""
    parser = verb(verbs, "login", _login, "log in, and keep the password in the keyring", epilog=_EPILOG)
    parser.add_argument("--save-profile", metavar="NAME", help="write the connection into config.toml under this name")
    parser.add_argument("--trust", action="store_true",
                        help="show the fingerprint of an unknown certificate, and pin it if you say so")  # fmt: skip


def register_logout(verbs: Any) -> None:
    """Declares ``kolony logout``."""
    verb(verbs, "logout", _logout, "forget the password that login has kept")


def ask_password(place: Place) -> Secret:
    """Asks on the terminal, or reads a line from standard input. Raises UsageError where none comes."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            raise UsageError("no password came on standard input", "type one, or pipe one line in")
        return Secret(line)
    import getpass

    from kolony_tui.text import safe

    asked = getpass.getpass(safe(f"password of {place.login} at {place.server}: ", limit=300).plain)
    if not asked:
        raise UsageError("no password was typed", "try again")
    return Secret(asked)


def _login(args: argparse.Namespace) -> int:
    from kolony_tui.core.connection import find_destination
    from kolony_tui.core.profiles import save_profile
    from kolony_tui.db.place import find_place
    from kolony_tui.server.home import kolony_home

    destination = find_destination(choice(args), for_person=False)
    if args.save_profile and destination.embedded:
        raise UsageError("the embedded server needs no profile", "name a server with --dsn")
    destination, wants_password = _reached(args, destination)
    place = find_place(destination.target)
    if wants_password:
        destination = _proven(destination, place)
    else:
        _try(destination)
    if args.save_profile:
        save_profile(kolony_home(), args.save_profile, destination.target, workspace=args.workspace)
    where = _kept(destination)
    profile = args.save_profile or destination.profile
    facts = {"login": place.login, "server": place.server, "stored": where is not None, "where": where}
    return done(args, _said(place, where, args.save_profile), **facts, profile=profile)


def _said(place: Place, where: str | None, profile: str | None) -> str:
    said = f"logged in as {place.login} at {place.server}" + (f"; the password is in the {where}" if where else "")
    return f"{said}; use it with --profile {profile}" if profile else said


def _kept(destination: Destination) -> str | None:
    from kolony_tui.core.connection import keep_password

    try:
        return keep_password(destination)
    except WorkFailed as error:
        tell(f"nothing is stored: {error.line}")
        return None


def _reached(args: argparse.Namespace, destination: Destination) -> tuple[Destination, bool]:
    """The destination, with a certificate that is trusted, and whether it wants a password that is not known yet."""
    from kolony_tui.core.connection import wants_password
    from kolony_tui.core.profiles import pin_profile
    from kolony_tui.db.place import find_place
    from kolony_tui.db.tls import shown_fingerprint
    from kolony_tui.server.home import kolony_home

    try:
        return destination, wants_password(destination.target)
    except CertificateRefused as error:
        if not args.trust:
            raise
        pin = shown_fingerprint(find_place(destination.target))
        _ask_trust(error, find_place(destination.target), pin)
    if destination.profile is not None:
        pin_profile(kolony_home(), destination.profile, pin)
    elif not args.save_profile:
        tell(f"trusted this once; to keep it, add --save-profile NAME now, or --pin {pin} later")
    target = replace(destination.target, pin=pin)
    return replace(destination, target=target), wants_password(target)


def _ask_trust(error: CertificateRefused, place: Place, pin: str) -> None:
    from kolony_tui.db.tls import as_openssl_writes

    if not sys.stdin.isatty():
        raise UsageError(
            f"{error.message}, and there is nobody to ask; its fingerprint is {pin}", "if that is right, use --pin"
        )
    tell(f"{error.message}; its SHA-256 fingerprint is")
    tell(f"  {as_openssl_writes(pin)}")
    tell(f"  {pin}")
    sys.stderr.write(f"Is that {', '.join(place.hosts_elsewhere)}, as its admin told you? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise error


def _proven(destination: Destination, place: Place) -> Destination:
    """The destination with a password that works. Raises PasswordRefused after three that do not."""
    from kolony_tui.core.logins import ASKED

    tries = TRIES if sys.stdin.isatty() else 1
    while True:
        target = destination.target.as_login(place.login, ask_password(place), ASKED)
        try:
            _try(replace(destination, target=target))
        except PasswordRefused as error:
            tries -= 1
            if not tries:
                raise
            tell(error.line)
        else:
            return replace(destination, target=target)


def _try(destination: Destination) -> None:
    """Logs in for real. What the database refuses after that is told: the password itself is right."""
    import asyncio

    from kolony_tui.core.audit import note_login
    from kolony_tui.core.session import log_in

    async def enter() -> None:
        session = await log_in(destination.target, APPLICATION, destination.workspace)
        await note_login(session)
        await session.db.close()

    try:
        asyncio.run(enter())
    except Refused as error:
        tell(f"the password is right, but: {error.line}")


def _logout(args: argparse.Namespace) -> int:
    from kolony_tui.core.connection import named_destination
    from kolony_tui.core.logins import Logins
    from kolony_tui.db.place import find_place
    from kolony_tui.server.home import kolony_home

    destination = named_destination(choice(args), for_person=False)
    if destination is None:
        return done(args, "the embedded server is this machine's own; its password stays", forgotten=False)
    place = find_place(destination.target)
    forgotten = Logins(kolony_home()).forget(place)
    words = f"the password of {place.login} at {place.server} " + ("is forgotten" if forgotten else "was not stored")
    return done(args, words, login=place.login, server=place.server, forgotten=forgotten)
