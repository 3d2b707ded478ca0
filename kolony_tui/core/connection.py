"""Which server is meant: --dsn, KOLONY_DSN, a profile, libpq's environment, or the embedded one; in that order."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kolony_tui.core.logins import ASKED, IN_KEYRING, Logins
from kolony_tui.db.passwords import take_environment_password
from kolony_tui.db.place import Place, find_place
from kolony_tui.db.startup import LIBPQ_NAMES
from kolony_tui.db.target import Target, parse_target
from kolony_tui.db.tls import NOTHING, parse_pin, protection
from kolony_tui.models.errors import PasswordMissing, UsageError
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import Home, kolony_home
from kolony_tui.server.traces import last_workspace

if TYPE_CHECKING:
    from kolony_tui.core.session import PersonSession
    from kolony_tui.server.embedded import EmbeddedServer


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person said about the connection; None: nothing.

    ``tell`` gets what a person should hear once (where the secrets rest, after the first start). ``pin`` and
    ``insecure_tls`` say what the profile of that name may say too. ``ask`` is called where a password is wanted that
    is nowhere to be found.
    """

    dsn: str | None = None
    profile: str | None = None
    workspace: str | None = None
    tell: Callable[[str], None] = lambda _: None
    pin: str | None = None
    insecure_tls: bool = False
    ask: Callable[[Place], Secret] | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to go: the server under a login, and the workspace (None: as last time, or the first).

    ``key`` names server and login in ``state.json``, ``profile`` is the one that was used.
    """

    target: Target
    workspace: str | None
    embedded: bool
    key: str
    profile: str | None = None


def find_destination(choice: Choice, *, for_person: bool = True) -> Destination:
    """Resolves a choice; starts the embedded server where that is meant. Blocks; not for an event loop.

    ``for_person`` false: only the server's address is wanted, no person's secret is read.

    Raises:
        UsageError: an unknown profile, a broken config file.
        CannotConnect: a DSN that cannot be read, or an embedded server that does not start.
    """
    named = named_destination(choice, for_person=for_person)
    return named if named is not None else _embedded(choice, kolony_home(), _workspace(choice), for_person)


def named_destination(choice: Choice, *, for_person: bool = True) -> Destination | None:
    """The same where a server is named; None where the embedded one is meant, which is not touched."""
    take_environment_password()  # also where it is not used: our children must not have it
    home = kolony_home()
    workspace = _workspace(choice)
    named, origin = _named_dsn(choice)
    if named is not None:
        return _remote(choice, home, parse_target(named, origin), workspace, for_person)
    profile = choice.profile or os.environ.get("KOLONY_PROFILE") or _default_profile(home)
    if profile is not None:
        from kolony_tui.core.config import load_config

        profiles = load_config(home).profiles
        if profile not in profiles:
            known = ", ".join(profiles) or "none"
            raise UsageError(f"there is no profile {profile!r} in {home.config}", f"known: {known}")
        settings = profiles[profile]
        target = replace(
            parse_target(settings.dsn, f"profile {profile}"),
            pin=parse_pin(settings.pin, f"profile {profile}") if settings.pin else None,
            insecure=settings.insecure_tls,
        )
        found = _remote(choice, home, target, workspace or settings.workspace, for_person)
        return replace(found, profile=profile)
    if any(os.environ.get(name) for name in LIBPQ_NAMES):
        return _remote(choice, home, Target(origin="libpq's environment (PGHOST and so on)"), workspace, for_person)
    return None


def _workspace(choice: Choice) -> str | None:
    return choice.workspace or os.environ.get("KOLONY_WORKSPACE") or None


def _named_dsn(choice: Choice) -> tuple[str | None, str]:
    if choice.dsn is not None:
        return choice.dsn, "--dsn"
    if choice.profile is None and os.environ.get("KOLONY_DSN"):
        return os.environ["KOLONY_DSN"], "KOLONY_DSN"
    return None, ""


def _default_profile(home: Home) -> str | None:
    if not home.config.exists():
        return None
    from kolony_tui.core.config import load_config

    return load_config(home).profile


def _remote(choice: Choice, home: Home, target: Target, workspace: str | None, for_person: bool) -> Destination:
    if choice.pin is not None:
        target = replace(target, pin=parse_pin(choice.pin, "--pin"))
    if choice.insecure_tls:
        target = replace(target, insecure=True)
    if warning := unverified(target):
        choice.tell(f"{warning}; whoever is on the way can read and change everything")
    if for_person:
        target, told = Logins(home).complete(target)
        if told:
            choice.tell(told)
    place = find_place(target)
    if for_person and choice.ask is not None and place.said is None and wants_password(target):
        target = target.as_login(place.login, choice.ask(place), ASKED)
    key = f"{place.login}@{place.service}"
    return Destination(target, workspace or _last_workspace(home, key), embedded=False, key=key)


def wants_password(target: Target) -> bool:
    """Whether the server asks for a password, none being known; by a connection. Blocks. Raises CannotConnect."""
    # Deferred: only who types a password waits for this.
    import asyncio

    from kolony_tui.db.connect import connect

    async def look() -> None:
        (await connect(target, "kolony cli", pooled=True)).terminate()

    try:
        asyncio.run(look())
    except PasswordMissing:
        return True
    return False


def unverified(target: Target) -> str:
    """What is said of a connection without proof, as long as there is one; empty where there is proof."""
    place = find_place(target)
    if protection(target, place) != NOTHING:
        return ""
    return f"nobody has verified that this is {', '.join(place.hosts_elsewhere)} (--insecure-tls)"


def _embedded(choice: Choice, home: Home, workspace: str | None, for_person: bool) -> Destination:
    from kolony_tui.server.bootstrap import prepare
    from kolony_tui.server.embedded import EmbeddedServer

    server = EmbeddedServer(home)
    prepared = prepare(server)
    if prepared.told:
        choice.tell(prepared.told)
    target = Target(dsn=prepared.address.dsn(prepared.first_admin), origin="the embedded server")
    if for_person:
        password = server.secrets.get(f"person:{prepared.first_admin}")
        if password is None:
            choice.tell(f"the password of {prepared.first_admin} is not where it was put ({home.secrets})")
        else:
            target = target.as_login(prepared.first_admin, password, _where(server))
    return Destination(target, workspace or _last_workspace(home, "embedded"), embedded=True, key="embedded")


def _where(server: EmbeddedServer) -> str:
    return IN_KEYRING if "in the keyring" in server.secrets.where else "private file"


def _last_workspace(home: Home, key: str) -> str | None:
    return last_workspace(home.read_state(), key)


def remember_workspace(destination: Destination, slug: str) -> None:
    """Enters this workspace by default from now on, on this machine and server."""
    home = kolony_home()
    known = home.read_state().get("workspaces", {})
    home.update_state(workspaces={**known, destination.key: slug})


def keep_password(destination: Destination) -> str | None:
    """Keeps the password of a login that has just worked; answers where, None where it has none.

    Raises WorkFailed where no keyring keeps it; the embedded server's rests in a private file then.
    """
    home = kolony_home()
    place = find_place(destination.target)
    if place.said is None:
        return None
    if not destination.embedded:
        return Logins(home).keep(place, place.said)
    from kolony_tui.server.embedded import EmbeddedServer

    server = EmbeddedServer(home)
    server.secrets.set(f"person:{place.login}", place.said)
    return _where(server)


def renew_password(destination: Destination, password: Secret) -> None:
    """One has changed one's own password: what is kept of it is changed too. Raises WorkFailed."""
    new = replace(destination, target=replace(destination.target, password=password))
    if destination.embedded or Logins(kolony_home()).keeps(find_place(new.target)):
        keep_password(new)


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """What a person may want to know of the connection.

    ``tls`` is "local socket", "this machine", "verified", "pinned sha256:..." or "not verified" (then ``insecure`` is
    true); ``secret`` says where the password came from ("keyring", "the DSN", "password file ...", "asked"), ``origin``
    which rule chose this server.
    """

    server: str
    database: str
    login: str
    tls: str
    insecure: bool
    secret: str
    origin: str
    profile: str | None
    server_version: str
    schema_version: int


async def connection_facts(destination: Destination, session: PersonSession) -> ConnectionFacts:
    """The facts of a session's connection; two round trips. Raises CannotConnect."""
    target = session.db.target
    place = find_place(target)
    async with session.db.connection() as connection:
        schema: int = await connection.fetchval("SELECT kolony.schema_version()")
        version: str = await connection.fetchval("SELECT current_setting('server_version')")
    tls = protection(target, place)
    return ConnectionFacts(
        server=place.server,
        database=place.database,
        login=session.me.login,
        tls=tls,
        insecure=tls == NOTHING,
        secret=target.source or "none was needed",
        origin=target.origin,
        profile=destination.profile,
        server_version=version.partition(" ")[0],
        schema_version=schema,
    )
