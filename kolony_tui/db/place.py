"""Where a target leads, by the rules of PostgreSQL's own client library: DSN, service file, environment, defaults."""

from __future__ import annotations

import ipaddress
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from kolony_tui.db.target import Target, host_and_port
from kolony_tui.models.errors import CannotConnect
from kolony_tui.models.secret import Secret

_VARIABLES = {
    "PGHOST": "host", "PGHOSTADDR": "hostaddr", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user",
    "PGPASSFILE": "passfile", "PGCONNECT_TIMEOUT": "connect_timeout", "PGOPTIONS": "options",
    "PGTARGETSESSIONATTRS": "target_session_attrs", "PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCERT": "sslcert", "PGSSLKEY": "sslkey", "PGSSLCRL": "sslcrl", "PGSSLNEGOTIATION": "sslnegotiation",
}  # fmt: skip
# Not /tmp, where anybody can put a socket.
_SOCKET_FOLDERS = ("/run/postgresql", "/var/run/postgresql")
_SYSTEM_SERVICES = "/etc/postgresql-common/pg_service.conf"


@dataclass(frozen=True, slots=True)
class Place:
    """The end of the way: addresses (host or socket folder, port) to be tried in turn, database and login.

    ``words`` is everything that was said by libpq's names; ``said`` is a password that stands in the DSN, ``served``
    one of the service file.
    """

    addresses: tuple[tuple[str, int], ...]
    database: str
    login: str
    words: dict[str, str]
    said: Secret | None
    served: Secret | None

    @property
    def server(self) -> str:
        """The server as a person reads it: ``db.example.org:5432`` or a socket's path."""
        return ", ".join(_written(host, port) for host, port in self.addresses)

    @property
    def service(self) -> str:
        """Server and database as a keyring knows them: ``kolony:db.example.org:5432/kolony``."""
        return f"kolony:{','.join(f'{host}:{port}' for host, port in self.addresses)}/{self.database}"

    @property
    def hosts_elsewhere(self) -> list[str]:
        """The hosts that are not this machine: what goes there can be read and changed on the way."""
        return [host for host, _ in self.addresses if not stays_on_machine(host)]

    @property
    def by_socket(self) -> bool:
        """Whether it is only reached over Unix sockets."""
        return all(host.startswith("/") for host, _ in self.addresses)


def find_place(target: Target, *, direct: bool = False) -> Place:
    """Resolves a target; reads no password file and no PGPASSWORD. Raises CannotConnect where it leads nowhere.

    ``direct``: to the server itself, where the DSN names a pooler and the server behind it.
    """
    words = target.words()
    said = words.pop("password", "")
    served = _served(words)
    kept = served.pop("password", "")
    around = {word: os.environ[name] for name, word in _VARIABLES.items() if os.environ.get(name)}
    if served.get("host") or words.get("host"):
        around.pop("hostaddr", None)
    whole = {**around, **served, **words}
    login = target.login or whole.get("user") or _os_login()
    if direct and "kolony_direct" in whole:
        named = [host_and_port(each, target.origin) for each in whole["kolony_direct"].split(",")]
        whole = {word: value for word, value in whole.items() if word != "hostaddr"}
        whole |= {"host": ",".join(host for host, _ in named), "port": ",".join(port for _, port in named)}
    return Place(
        addresses=_addresses(whole, target.origin),
        database=whole.get("dbname") or login,
        login=login,
        words=whole,
        said=target.password or (Secret(said) if said else None),
        served=Secret(kept) if kept else None,
    )


def stays_on_machine(host: str) -> bool:
    """Whether a connection to ``host`` leaves this machine: not over a Unix socket and not over loopback."""
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _written(host: str, port: int) -> str:
    if host.startswith("/"):
        return f"{host}/.s.PGSQL.{port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _addresses(words: dict[str, str], origin: str) -> tuple[tuple[str, int], ...]:
    named = words.get("host") or words.get("hostaddr") or ""
    if words.get("host") and words.get("hostaddr") not in (None, words.get("host")):
        raise CannotConnect(f"{origin} names both host and hostaddr, which Kolony does not support", "name the host")
    try:
        ports = [int(port) if port else 5432 for port in words.get("port", "").split(",")]
    except ValueError as error:
        raise CannotConnect(f"{origin} has a port that is no number ({words['port']})", "see PGPORT") from error
    hosts = named.split(",") if named else [_usual_host(ports[0])]
    hosts = [host or _usual_host(ports[0]) for host in hosts]
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts):
        raise CannotConnect(f"{origin} names {len(hosts)} hosts and {len(ports)} ports", "name one port for each")
    return tuple(zip(hosts, ports, strict=True))


def _usual_host(port: int) -> str:
    return next((folder for folder in _SOCKET_FOLDERS if Path(folder, f".s.PGSQL.{port}").exists()), "localhost")


def _os_login() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise CannotConnect("no login is named, and this OS user has no name", "add user=... or ada@host") from error


def _served(words: dict[str, str]) -> dict[str, str]:
    """What the service file says of the service that is named, if one is."""
    name = words.get("service") or os.environ.get("PGSERVICE", "")
    if not name:
        return {}
    # Deferred: hardly anybody has a service file.
    import configparser

    own = words.get("servicefile") or os.environ.get("PGSERVICEFILE") or os.path.expanduser("~/.pg_service.conf")
    for file in (own, _SYSTEM_SERVICES):
        found = configparser.ConfigParser(interpolation=None, comment_prefixes=("#",), delimiters=("=",))
        try:
            found.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise CannotConnect(f"the service file {file} cannot be read ({str(error).splitlines()[0]})") from error
        if found.has_section(name):
            return dict(found[name])
    raise CannotConnect(f"there is no service {name!r} in {own}", "see PGSERVICE and PGSERVICEFILE")
