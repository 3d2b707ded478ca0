"""Writes connections into ``config.toml``; what else stands in the file stays, comments too."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kolony_tui.core.config import load_config
from kolony_tui.db.place import find_place
from kolony_tui.db.target import Target, url_without
from kolony_tui.models.errors import UsageError
from kolony_tui.server.home import Home
from kolony_tui.server.private_files import locked, write_private

_SECRETS = ("password", "sslpassword")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def save_profile(home: Home, name: str, target: Target, *, workspace: str | None = None) -> None:
    """Adds ``[profiles.NAME]``: the target's address without a password, and its pin.

    Raises UsageError for a name that cannot be one or that another connection has; WorkFailed where the file cannot
    be written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a profile", "use letters, digits, - and _")
    dsn = dsn_without_password(target)
    known = load_config(home).profiles.get(name)
    if known is not None and known.dsn != dsn:
        raise UsageError(f"there is a profile {name!r} already, for {known.dsn}", "choose another name")
    new = {"dsn": dsn, "workspace": workspace, "pin": target.pin, "insecure_tls": target.insecure or None}
    _change(home, name, {key: value for key, value in new.items() if value is not None})


def pin_profile(home: Home, name: str, pin: str) -> None:
    """Trusts this one certificate in that profile from now on. Raises UsageError, WorkFailed."""
    _change(home, name, {"pin": pin})


def dsn_without_password(target: Target) -> str:
    """How a target is written down: as it was named, or where the environment named it, in libpq's words."""
    if "://" not in target.dsn.partition("=")[0]:
        words = target.words() if target.dsn else _environment_words(target)
        return " ".join(f"{word}={shlex.quote(value)}" for word, value in words.items() if word not in _SECRETS)
    return url_without(target.dsn, *_SECRETS)


def _environment_words(target: Target) -> dict[str, str]:
    place = find_place(target)
    hosts, ports = zip(*place.addresses, strict=True)
    return {
        **place.words,
        "host": ",".join(hosts),
        "port": ",".join(str(port) for port in ports),
        "dbname": place.database,
        "user": place.login,
    }


def _change(home: Home, name: str, entries: Mapping[str, str | bool]) -> None:
    # Deferred: only these steps write the file.
    import tomlkit

    load_config(home)  # a file with a mistake is told, not written over
    home.make()
    file = Path(home.config).resolve()  # where it is a link, what it leads to is what the person keeps
    with locked(home.path / "config.lock", patience=10, refusal=f"{home.config} is being written by another process"):
        document: Any = tomlkit.parse(file.read_text(encoding="utf-8") if file.exists() else "")
        if "profiles" not in document:
            document["profiles"] = tomlkit.table(is_super_table=True)
        if name not in document["profiles"]:
            document["profiles"][name] = tomlkit.table()
        for key, value in entries.items():
            document["profiles"][name][key] = value
        write_private(file, tomlkit.dumps(document).encode())
