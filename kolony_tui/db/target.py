"""Where to connect, as somebody named it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, unquote

from kolony_tui.models.errors import CannotConnect
from kolony_tui.models.secret import Secret

FORM = "write postgresql://user@host:port/database or host=... dbname=... user=..."
SHARED_AGENT_LOGIN = "kolony_agent"
"""What agents log in as where the server lets Kolony make no login for each token."""
_URL_SCHEMES = ("postgresql", "postgres")
_ALIASES = {"database": "dbname"}
_USED = frozenset((
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service", "servicefile", "connect_timeout",
    "options", "target_session_attrs", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl",
    "sslnegotiation", "kolony_pin", "kolony_direct",
))  # fmt: skip
# libpq's words that change nothing here: the login is SCRAM whatever they say, and the rest is about its own sockets.
_PASSED_OVER = frozenset((
    "application_name", "fallback_application_name", "client_encoding", "keepalives", "keepalives_idle",
    "keepalives_interval", "keepalives_count", "tcp_user_timeout", "channel_binding", "require_auth", "gssencmode",
    "krbsrvname", "gsslib", "gssdelegation", "sslcompression", "sslsni", "ssl_min_protocol_version",
    "ssl_max_protocol_version", "load_balance_hosts", "min_protocol_version", "max_protocol_version",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A server, a database and perhaps a login.

    ``dsn`` is a URL or libpq's ``key=value`` words; what it leaves out, libpq's environment says. ``login`` and
    ``password`` replace what it says, ``origin`` says in words who named this target, ``source`` where the password
    came from. ``pin`` is the fingerprint of the only certificate that is trusted ("sha256:..."); ``insecure``: the
    person accepts a server that proves nothing. ``agent_token`` is what an agent shows under the shared login.
    """

    dsn: str = ""
    login: str | None = None
    password: Secret | None = None
    origin: str = "the environment"
    source: str = ""
    pin: str | None = None
    insecure: bool = False
    agent_token: Secret | None = None

    def as_login(self, login: str, password: Secret, source: str = "") -> Target:
        """The same server and database, under another login."""
        return replace(self, login=login, password=password, source=source)

    @property
    def named_login(self) -> str | None:
        """The login that is named in so many words, if any."""
        return self.login or self.words().get("user")

    def words(self) -> dict[str, str]:
        """What the DSN says, by libpq's names ("host", "dbname"). Raises CannotConnect where it cannot be read."""
        return dsn_words(self.dsn, self.origin) if self.dsn else {}


def parse_target(text: str, origin: str) -> Target:
    """A DSN: a ``postgresql://`` URL or libpq's ``key=value`` words. Raises CannotConnect where it is neither.

    A password in it is taken out, so that nothing which shows a target shows it.
    """
    words = dsn_words(text, origin)
    password = words.pop("password", None)
    if password is None:
        return Target(dsn=text.strip(), origin=origin)
    bare = url_without(text.strip(), "password") if _is_url(text) else _written(words)
    return Target(dsn=bare, password=Secret(password), origin=origin)


def url_without(url: str, *words: str) -> str:
    """The same URL without a password before its host, and without these words after its question mark."""
    scheme, _, rest = url.partition("#")[0].partition("://")
    address, _, query = rest.partition("?")
    place, slash, database = address.partition("/")
    login, at, hosts = place.rpartition("@")
    kept = "&".join(each for each in query.split("&") if each.partition("=")[0] not in words)
    bare = f"{scheme}://{login.partition(':')[0]}{at}{hosts}{slash}{database}"
    return f"{bare}?{kept}" if kept else bare


def _written(words: dict[str, str]) -> str:
    return " ".join(f"{word}={shlex.quote(value)}" for word, value in words.items())


def _is_url(text: str) -> bool:
    return "://" in text.partition("=")[0]


def dsn_words(text: str, origin: str) -> dict[str, str]:
    """The words of a DSN that mean something here. Raises CannotConnect where it cannot be read or has unknown ones."""
    text = text.strip()
    scheme = text.partition("://")[0] if _is_url(text) else ""
    if scheme in _URL_SCHEMES:
        return _checked(_url_words(text, origin), origin)
    if "=" in text and not scheme:
        return _checked(_keyword_words(text, origin), origin)
    raise CannotConnect(f"the DSN of {origin} cannot be read", FORM)


def _url_words(url: str, origin: str) -> dict[str, str]:
    rest, _, query = url.partition("://")[2].partition("#")[0].partition("?")
    place, _, database = rest.partition("/")
    login, _, hosts = place.rpartition("@")
    user, _, password = login.partition(":")
    words = {"user": unquote(user), "password": unquote(password), "dbname": unquote(database)}
    named = [host_and_port(each, origin) for each in hosts.split(",")] if hosts else []
    words["host"] = ",".join(host for host, _ in named)
    words["port"] = ",".join(port for _, port in named)
    if not words["port"].strip(","):
        del words["port"]
    try:
        words |= dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    except ValueError as error:
        raise CannotConnect(f"the DSN of {origin} has a part after ? that is no name=value", FORM) from error
    return {word: value for word, value in words.items() if value}


def host_and_port(text: str, origin: str) -> tuple[str, str]:
    """Host and port (empty where none is named) of ``db.example.org:5432``. Raises CannotConnect."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise CannotConnect(f"the DSN of {origin} has a bad address in brackets", FORM)
        return host, port[1:]
    host, _, port = text.partition(":")
    return unquote(host), port


def _keyword_words(text: str, origin: str) -> dict[str, str]:
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise CannotConnect(f"the DSN of {origin} cannot be read ({error})", FORM) from error
    words = {}
    for each in parts:
        word, equals, value = each.partition("=")
        if not equals:
            raise CannotConnect(f"the DSN of {origin} has an unknown word {word!r}", FORM)
        words[word] = value
    return words


def _checked(words: dict[str, str], origin: str) -> dict[str, str]:
    known = {_ALIASES.get(word, word): value for word, value in words.items()}
    for word in known:
        if word not in _USED and word not in _PASSED_OVER:
            raise CannotConnect(f"the DSN of {origin} has an unknown word {word!r}", FORM)
    for word in ("port", "connect_timeout"):
        if not all(part.isascii() and part.isdigit() for part in known.get(word, "1").split(",") if part):
            what = "a bad port" if word == "port" else f"no number as {word}"
            raise CannotConnect(f"the DSN of {origin} has {what}", FORM)
    beside = [host_and_port(each, origin)[1] for each in known.get("kolony_direct", "").split(",")]
    if not all(port.isascii() and port.isdigit() for port in beside if port):
        raise CannotConnect(f"the DSN of {origin} has a bad port in kolony_direct", FORM)
    if any(int(port) not in range(1, 65536) for port in (*known.get("port", "").split(","), *beside) if port):
        raise CannotConnect(f"the DSN of {origin} has a bad port (1 to 65535)", FORM)
    return {word: value for word, value in known.items() if word in _USED}
