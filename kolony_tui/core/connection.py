"""Which server is meant: --dsn, KOLONY_DSN, a profile, libpq's environment, or the embedded one; in that order."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from kolony_tui.db.startup import LIBPQ_NAMES
from kolony_tui.db.target import Target, parse_target
from kolony_tui.models.errors import CannotConnect, UsageError
from kolony_tui.server.home import Home, kolony_home
from kolony_tui.server.traces import last_workspace


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person said about the connection; None: nothing.

    ``tell`` gets what a person should hear once (where the secrets rest, after the first start).
    """

    dsn: str | None = None
    profile: str | None = None
    workspace: str | None = None
    tell: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to go: the server under a login, and the workspace (None: as last time, or the first)."""

    target: Target
    workspace: str | None
    embedded: bool
    key: str
    """Names this server and login in ``state.json``."""


def find_destination(choice: Choice, *, for_person: bool = True) -> Destination:
    """Resolves a choice; starts the embedded server where that is meant. Blocks; not for an event loop.

    ``for_person`` false: only the server's address is wanted, no person's secret is read.

    Raises:
        UsageError: an unknown profile, a broken config file.
        CannotConnect: a DSN that cannot be read, or an embedded server that does not start.
    """
    home = kolony_home()
    workspace = choice.workspace or os.environ.get("KOLONY_WORKSPACE") or None
    named, origin = _named_dsn(choice)
    if named is not None:
        return _remote(home, parse_target(named, origin), workspace)
    profile = choice.profile or os.environ.get("KOLONY_PROFILE") or _default_profile(home)
    if profile is not None:
        from kolony_tui.core.config import load_config

        profiles = load_config(home).profiles
        if profile not in profiles:
            known = ", ".join(profiles) or "none"
            raise UsageError(f"there is no profile {profile!r} in {home.config}", f"known: {known}")
        settings = profiles[profile]
        return _remote(home, parse_target(settings.dsn, f"profile {profile}"), workspace or settings.workspace)
    if any(os.environ.get(name) for name in LIBPQ_NAMES):
        return _remote(home, Target(origin="libpq's environment (PGHOST and so on)"), workspace)
    return _embedded(home, workspace, for_person, choice.tell)


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


def _remote(home: Home, target: Target, workspace: str | None) -> Destination:
    words = target.dsn or " ".join(f"{name}={value}" for name, value in sorted(target.options.items()))
    key = _without_password(words) or "libpq"
    return Destination(target, workspace or _last_workspace(home, key), embedded=False, key=key)


def _embedded(home: Home, workspace: str | None, for_person: bool, tell: Callable[[str], None]) -> Destination:
    from kolony_tui.server.bootstrap import prepare
    from kolony_tui.server.embedded import EmbeddedServer

    server = EmbeddedServer(home)
    prepared = prepare(server)
    if prepared.told:
        tell(prepared.told)
    target = Target(dsn=prepared.address.dsn(prepared.first_admin), origin="the embedded server")
    if for_person:
        password = server.secrets.get(f"person:{prepared.first_admin}")
        if password is None:
            raise CannotConnect(
                f"the password of {prepared.first_admin} is not where it was put ({home.secrets})",
                "put it back, or name another login with --dsn",
            )
        target = target.as_login(prepared.first_admin, password)
    return Destination(target, workspace or _last_workspace(home, "embedded"), embedded=True, key="embedded")


def _last_workspace(home: Home, key: str) -> str | None:
    return last_workspace(home.read_state(), key)


def remember_workspace(destination: Destination, slug: str) -> None:
    """Enters this workspace by default from now on, on this machine and server."""
    home = kolony_home()
    known = home.read_state().get("workspaces", {})
    home.update_state(workspaces={**known, destination.key: slug})


def _without_password(words: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(words)
    if parts.scheme and parts.password is not None:
        place = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{parts.username or ''}@{place}").geturl()
    return " ".join(word for word in words.split() if not word.startswith("password="))
