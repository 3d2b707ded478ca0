"""Where to connect, as somebody named it, and what that allows on the way."""

from __future__ import annotations

import ipaddress
import os
import shlex
import ssl
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kolony_tui.models.errors import CannotConnect
from kolony_tui.models.secret import Secret

_KEYWORDS = {"host": "host", "port": "port", "dbname": "database", "user": "user", "password": "password",
             "service": "service", "passfile": "passfile", "sslmode": "ssl", "connect_timeout": "timeout"}  # fmt: skip
_URL_SCHEMES = ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class Target:
    """A server, a database and perhaps a login.

    ``dsn`` is a URL (empty: libpq's environment decides), ``options`` go to the driver beside it, ``login`` and
    ``password`` replace what the DSN says, ``origin`` says in words who named this target.
    """

    dsn: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    login: str | None = None
    password: Secret | None = None
    origin: str = "the environment"

    def as_login(self, login: str, password: Secret) -> Target:
        """The same server and database, under another login."""
        return replace(self, login=login, password=password)

    @property
    def named_login(self) -> str | None:
        """The login that is named in so many words, if any."""
        if self.login or "user" in self.options:
            return self.login or str(self.options["user"])
        return urlsplit(self.dsn).username if self.dsn else None


def parse_target(text: str, origin: str) -> Target:
    """A DSN: a ``postgresql://`` URL or libpq's ``key=value`` words. Raises CannotConnect where it is neither."""
    text = text.strip()
    scheme = text.split("://", 1)[0] if "://" in text else ""
    if scheme in _URL_SCHEMES:
        try:
            urlsplit(text).port  # noqa: B018  (reading it is what checks it)
        except ValueError as error:
            raise CannotConnect(f"the DSN of {origin} has a bad port ({error})", _FORM) from error
        return Target(dsn=text, origin=origin)
    if "=" in text and not scheme:
        return Target(options=_keyword_options(text, origin), origin=origin)
    raise CannotConnect(f"the DSN of {origin} cannot be read", _FORM)


_FORM = "write postgresql://user@host:port/database or host=... dbname=... user=..."


def _keyword_options(text: str, origin: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise CannotConnect(f"the DSN of {origin} cannot be read ({error})", _FORM) from error
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in _KEYWORDS:
            raise CannotConnect(f"the DSN of {origin} has an unknown word {key!r}", _FORM)
        try:
            options[_KEYWORDS[key]] = int(value) if key in ("port", "connect_timeout") else value
        except ValueError as error:
            raise CannotConnect(f"the DSN of {origin} has no number as {key}", _FORM) from error
    return options


def host_of(target: Target) -> str:
    """The host or socket folder that is named, or an empty string where the driver would look for itself."""
    if target.options.get("host"):
        return str(target.options["host"])
    if target.dsn:
        parts = urlsplit(target.dsn)
        return parts.hostname or parse_qs(parts.query).get("host", [""])[0]
    return os.environ.get("PGHOST", "") or os.environ.get("PGHOSTADDR", "")


def stays_on_machine(host: str) -> bool:
    """Whether a connection to ``host`` leaves this machine: not over a Unix socket and not over loopback."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tls_for(target: Target) -> ssl.SSLContext | str | None:
    """What TLS a connection uses: verified, with the name checked, whenever it leaves the machine."""
    if all(stays_on_machine(host) for host in host_of(target).split(",")) and not os.environ.get("PGSERVICE"):
        return target.options.get("ssl")
    # Whoever can set this variable would get the keys of our connections.
    os.environ.pop("SSLKEYLOGFILE", None)
    certificate = os.environ.get("PGSSLROOTCERT")
    return ssl.create_default_context(cafile=certificate if certificate and certificate != "system" else None)
