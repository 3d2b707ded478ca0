"""``kolony login``: where passwords are looked for and kept, who is trusted, what is written into ``config.toml``."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from kolony_tui.core.config import load_config
from kolony_tui.core.connection import Choice, find_destination, named_destination, renew_password
from kolony_tui.core.logins import Logins
from kolony_tui.core.profiles import dsn_without_password, save_profile
from kolony_tui.db import passwords
from kolony_tui.db.place import find_place
from kolony_tui.db.target import Target, parse_target
from kolony_tui.models.errors import CannotConnect, UsageError
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import Home, kolony_home
from tests.cli.conftest import CommandLine
from tests.security.certificates import HERE, Authority, Certificate
from tests.security.fake_server import tls_front
from tests.server.test_secrets import Kept
from tests.server.test_secrets import use as use  # the fixture
from tests.terminal import running

FILE_KEYRING = """
import json, os
from keyring.backend import KeyringBackend

class Keyring(KeyringBackend):
    name = "Filed"
    priority = 5

    def _kept(self):
        try:
            return json.load(open(os.environ["FILED"]))
        except FileNotFoundError:
            return {}

    def get_password(self, service, name):
        return self._kept().get(f"{service} {name}")

    def set_password(self, service, name, password):
        json.dump({**self._kept(), f"{service} {name}": password}, open(os.environ["FILED"], "w"))

    def delete_password(self, service, name):
        kept = self._kept()
        del kept[f"{service} {name}"]
        json.dump(kept, open(os.environ["FILED"], "w"))
"""


@pytest.fixture(scope="module")
def person(kolony: CommandLine) -> tuple[str, str, str]:
    """Login, password and socket folder of somebody on the embedded server."""
    made = kolony("user", "add", "lotte", "--role", "operator", "--json").json
    return made["login"], made["password"], kolony("db", "status", "--json").json["socket"]


@pytest.fixture(scope="module")
def other_home(kolony: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line of a machine that has no server of its own."""
    return CommandLine(tmp_path_factory.mktemp("elsewhere") / "home", kolony.environment)


@pytest.fixture
def with_keyring(other_home: CommandLine, tmp_path: Path) -> CommandLine:
    """The same with a keyring that outlives a process."""
    (tmp_path / "filed_keyring.py").write_text(FILE_KEYRING)
    environment = {
        "PYTHON_KEYRING_BACKEND": "filed_keyring.Keyring",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        "FILED": str(tmp_path / "kept.json"),
    }
    return CommandLine(tmp_path / "home", {**other_home.environment, **environment})


def dsn_of(person: tuple[str, str, str]) -> str:
    return f"postgresql://{person[0]}@/kolony?host={person[2]}"


def test_login_is_tried_and_kept_in_the_keyring_alone(with_keyring: CommandLine, person: tuple[str, str, str]) -> None:
    kolony, dsn = with_keyring, dsn_of(person)
    kolony("agent", "list", "--dsn", dsn).refused(3, "needs a password", "kolony login")
    kolony("login", "--dsn", dsn, stdin="guessed\n").refused(3, "password authentication failed", "expired")
    kolony("login", "--dsn", dsn).refused(2, "no password came")
    kolony("login", "--dsn", "postgresql://lotte@127.0.0.1:1/kolony", stdin="x\n").refused(3, "no server answers")
    answer = kolony("login", "--dsn", dsn, "--json", stdin=f"{person[1]}\n").json
    assert answer == {
        "login": "lotte", "server": f"{person[2]}/.s.PGSQL.5432", "stored": True, "where": "keyring (Filed)",
        "profile": None,
    }  # fmt: skip
    assert kolony("agent", "list", "--dsn", dsn, "--json").code == 0
    assert kolony("agent", "list", "--dsn", dsn).code == 0
    assert not any(person[1].encode() in file.read_bytes() for file in kolony.home.rglob("*") if file.is_file())
    first = kolony("logout", "--dsn", dsn, "--json").json
    assert (first["login"], first["forgotten"]) == ("lotte", True)
    assert kolony("logout", "--dsn", dsn, "--json").json["forgotten"] is False
    assert "was not stored" in kolony("logout", "--dsn", dsn).err
    kolony("agent", "list", "--dsn", dsn, "--json").refused(3, "needs a password")


def test_without_a_keyring_nothing_is_stored_and_login_says_so(
    kolony: CommandLine, other_home: CommandLine, person: tuple[str, str, str]
) -> None:
    done = other_home("login", "--dsn", dsn_of(person), stdin=f"{person[1]}\n")
    assert done.code == 0
    assert "nothing is stored: there is no usable keyring" in done.err
    assert "PGPASSFILE" in done.err
    answer = other_home("login", "--dsn", dsn_of(person), "--json", stdin=f"{person[1]}\n").json
    assert (answer["stored"], answer["where"]) == (False, None)
    noted = kolony("audit", "--event", "USER_LOGIN", "--login", "lotte", "--json").json
    assert len(noted) >= 2, "each login is in the audit log"


def test_login_of_the_embedded_server_keeps_the_new_password(short_home: CommandLine) -> None:
    admin = short_home("user", "list", "--json").json[0]["login"]
    new = short_home("user", "passwd", "--generate", "--json").json["password"]
    [kept] = [file for file in (short_home.home / "secrets").iterdir() if file.name.startswith("person")]
    assert kept.read_text() == new, "who changes their own password is not locked out"
    assert short_home("user", "list").code == 0
    kept.write_text("stale")
    short_home("user", "list").refused(3, "authentication failed")
    assert short_home("login", "--json", stdin=f"{new}\n").json["login"] == admin
    assert short_home("user", "list").code == 0
    assert "stays" in short_home("logout").err


def test_a_person_whom_the_database_refuses_is_told_after_a_right_password(
    kolony: CommandLine, other_home: CommandLine, person: tuple[str, str, str]
) -> None:
    made = kolony("user", "add", "gone", "--role", "viewer", "--json").json
    assert kolony("user", "disable", "gone").code == 0
    dsn = f"postgresql://gone@/kolony?host={person[2]}"
    refused = other_home("login", "--dsn", dsn, stdin=f"{made['password']}\n")
    refused.refused(3, "disabled")


def test_profile_is_written_beside_what_stands_there(with_keyring: CommandLine, person: tuple[str, str, str]) -> None:
    kolony = with_keyring
    kolony.home.mkdir()
    config = kolony.home / "config.toml"
    config.write_text('# mine\n[ui]\nglyphs = "ascii"   # no symbols\n')
    dsn = dsn_of(person).replace("lotte@", f"lotte:{person[1]}@")
    answer = kolony("login", "--dsn", dsn, "--save-profile", "work", "--workspace", "main", "--json").json
    assert (answer["profile"], answer["stored"]) == ("work", True)
    text = config.read_text()
    assert text.startswith('# mine\n[ui]\nglyphs = "ascii"   # no symbols\n')
    assert person[1] not in text
    assert tomllib.loads(text)["profiles"]["work"] == {"dsn": dsn_of(person), "workspace": "main"}
    assert kolony("agent", "list", "--profile", "work", "--json").code == 0
    kolony("login", "--dsn", f"{dsn}&connect_timeout=3", "--save-profile", "work").refused(2, "already")
    kolony("login", "--dsn", dsn, "--save-profile", "a b").refused(2, "cannot be the name")
    assert config.read_text() == text
    assert kolony("logout", "--profile", "work", "--json").json["forgotten"] is True


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Signed by nobody."""
    return Authority(tmp_path_factory.mktemp("authority")).certificate(by_itself=True)


@pytest.fixture
def far_server(person: tuple[str, str, str], certificate: Certificate) -> Iterator[str]:
    """The embedded server as if it were elsewhere: its DSN."""
    with tls_front(Target(dsn=dsn_of(person)), certificate) as port:
        yield f"postgresql://lotte@{HERE}:{port}/kolony"


def test_an_unknown_server_is_pinned_after_a_look_at_its_fingerprint(
    other_home: CommandLine, person: tuple[str, str, str], far_server: str, certificate: Certificate, tmp_path: Path
) -> None:
    kolony = CommandLine(tmp_path / "home", other_home.environment)
    kolony("login", "--dsn", far_server, stdin=f"{person[1]}\n").refused(3, "not trusted", "--trust")
    kolony("login", "--dsn", far_server, "--trust", stdin=f"{person[1]}\n").refused(2, certificate.pin, "--pin")
    for wrong in ("--pin=sha256:12", f"--pin=md5:{'0' * 64}"):
        kolony("login", "--dsn", far_server, wrong, stdin="x\n").refused(2, "64 hexadecimal digits")
    words = [sys.executable, "-m", "kolony_tui", "login", "--dsn", far_server, "--trust", "--save-profile", "far"]
    with running(words, kolony._environment({}), columns=200) as terminal:
        terminal.until(lambda: certificate.pin in terminal.shown and "[y/N]" in terminal.shown, "the fingerprint")
        terminal.press("y\n")
        terminal.until(lambda: "password of lotte" in terminal.shown, "the password is asked for")
        terminal.press("guessed\n")
        terminal.until(lambda: "authentication failed" in terminal.shown, "a wrong one is told")
        terminal.until(lambda: terminal.shown.count("password of lotte") == 2, "and asked for again")
        terminal.press(f"{person[1]}\n")
        terminal.until(terminal.ended, "the end")
        assert terminal.code == 0
        assert person[1] not in terminal.seen.decode(), "it is not echoed"
    profile = tomllib.loads((kolony.home / "config.toml").read_text())["profiles"]["far"]
    assert profile == {"dsn": far_server, "pin": certificate.pin}
    assert kolony("agent", "list", "--profile", "far", "--json", PGPASSWORD=person[1]).code == 0
    other = kolony("agent", "list", "--profile", "far", f"--pin=sha256:{'0' * 64}", PGPASSWORD=person[1])
    other.refused(3, "another certificate than the pinned one", certificate.pin)


def test_insecure_is_said_on_stderr_by_every_verb(
    other_home: CommandLine, person: tuple[str, str, str], far_server: str
) -> None:
    other_home("agent", "list", "--json", "--dsn", far_server, PGPASSWORD=person[1]).refused(3, "not trusted")
    for verb in ("agent list --json", "user list --json", "run list", "--json command list", "workspace list"):
        done = other_home(*verb.split(), "--insecure-tls", "--dsn", far_server, PGPASSWORD=person[1])
        assert done.code == 0, done
        assert done.err.startswith(f"nobody has verified that this is {HERE} (--insecure-tls)"), done
        assert done.err.count("\n") == 1, done


def test_a_verb_on_a_terminal_asks_for_a_missing_password(
    other_home: CommandLine, person: tuple[str, str, str]
) -> None:
    words = [sys.executable, "-m", "kolony_tui", "agent", "list", "--dsn", dsn_of(person)]
    with running(words, other_home._environment({}), columns=200) as terminal:
        terminal.until(lambda: "password of lotte" in terminal.shown, "it asks")
        terminal.press(f"{person[1]}\n")
        terminal.until(terminal.ended, "the end")
        assert terminal.code == 0
        assert person[1] not in terminal.seen.decode()


PLACES = {
    "postgresql://ada:p%40ss%2Fw0rd@db.example.org:6432/kolony": ("db.example.org:6432", "kolony", "ada", "p@ss/w0rd"),
    "postgres://ada@[::1]/k?sslmode=require": ("[::1]:5432", "k", "ada", None),
    "postgresql://a,b:6000/k?user=ada&password=secr3t": ("a:5432, b:6000", "k", "ada", "secr3t"),
    "postgresql:///k?host=/var/run/x&port=6000&user=ada": ("/var/run/x/.s.PGSQL.6000", "k", "ada", None),
    "host=db user=ada password='a b'": ("db:5432", "ada", "ada", "a b"),
    "postgresql://%2Fvar%2Frun%2Fx/k?user=ada&channel_binding=require": ("/var/run/x/.s.PGSQL.5432", "k", "ada", None),
    "postgresql://ada@db/k?application_name=x&options=-c%20geqo%3Doff": ("db:5432", "k", "ada", None),
}


@pytest.mark.parametrize("dsn", PLACES)
def test_a_dsn_leads_where_it_says(dsn: str) -> None:
    place = find_place(parse_target(dsn, "the test"))
    said = None if place.said is None else place.said.reveal()
    assert (place.server, place.database, place.login, said) == PLACES[dsn]
    assert said is None or said not in repr(parse_target(dsn, "the test")).replace("'the test'", "")
    bare = find_place(Target(dsn=dsn_without_password(parse_target(dsn, "the test"))))
    assert (bare.server, bare.database, bare.login, bare.said) == (*PLACES[dsn][:3], None)


@pytest.mark.parametrize(
    ("dsn", "words"),
    {
        "mysql://x": "cannot be read", "postgresql://h:0/k": "bad port", "postgresql://h:x/k": "bad port",
        "host=h colour=red": "'colour'", "postgresql://h/k?colour=red": "'colour'", "host='x": "cannot be read",
        "host=h connect_timeout=soon": "connect_timeout", "postgresql://h/k?x": "no name=value",
    }.items(),
)  # fmt: skip
def test_a_dsn_that_says_nonsense_is_one_clear_line(dsn: str, words: str) -> None:
    with pytest.raises(CannotConnect, match=words):
        parse_target(dsn, "the test")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of this test, and no password anywhere around."""
    monkeypatch.setenv("KOLONY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(passwords, "_kept", [])
    return kolony_home()


def found(dsn: str = "postgresql://ada@db.example.org/kolony") -> tuple[str | None, str, list[str]]:
    """Password and source of what a person gets for a DSN, and what they are told."""
    told: list[str] = []
    target = find_destination(Choice(dsn=dsn, tell=told.append)).target
    return (None if target.password is None else target.password.reveal()), target.source, told


def test_passwords_are_looked_for_in_order(
    own: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Any
) -> None:
    assert found() == (None, "", [])
    monkeypatch.setenv("PGPASSWORD", "fröm PGPASSWORD")
    assert found() == ("fröm PGPASSWORD", "PGPASSWORD", [])
    assert "PGPASSWORD" not in os.environ, "children do not inherit it"
    assert found() == ("fröm PGPASSWORD", "PGPASSWORD", []), "and it is not forgotten"
    (tmp_path / "services").write_text("[s]\nhost=db.example.org\nuser=ada\ndbname=kolony\npassword=from % service\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    assert found("service=s") == ("from % service", "service file", [])
    file = tmp_path / ".pgpass"
    file.write_text("# mine\nelse:*:*:*:no\ndb.example.org:*:kolony:bob:no\n*:5432:kolony:ada:from\\:the \\\\ file:x\n")
    file.chmod(0o640)
    assert found()[:2] == ("fröm PGPASSWORD", "PGPASSWORD")
    assert "others may read it (chmod 600)" in found()[2][0]
    file.chmod(0o600)
    assert found() == ("from:the \\ file:x", f"password file {file}", [])
    assert found("service=s")[1] == f"password file {file}"
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    assert found()[1] == "PGPASSWORD"
    monkeypatch.delenv("PGPASSFILE")
    use(Kept())
    place = find_place(Target(dsn="postgresql://ada@db.example.org/kolony"))
    Logins(own).keep(place, Secret("fröm the keyring"))
    assert found() == ("fröm the keyring", "keyring", [])
    assert found("postgresql://bob@db.example.org/kolony")[0] == "no", "another login's is not taken"
    assert found("postgresql://ada@db.example.org:6000/kolony")[1] == "PGPASSWORD", "nor another server's"
    assert found("postgresql://ada:said@db.example.org/kolony") == ("said", "the DSN", [])
    use(Kept())
    assert found()[:2] == ("from:the \\ file:x", f"password file {file}")
    assert "the keyring does not give" in found()[2][0]


def test_a_changed_password_is_kept_where_the_old_one_was(own: Home, use: Any) -> None:
    keyring = Kept()
    use(keyring)
    destination = find_destination(Choice(dsn="postgresql://ada@db.example.org/kolony"))
    renew_password(destination, Secret("new"))
    assert keyring.kept == {}, "what was not kept is not kept now"
    Logins(own).keep(find_place(destination.target), Secret("old"))
    renew_password(destination, Secret("new"))
    assert keyring.kept == {("kolony:db.example.org:5432/kolony", "ada"): "new"}


def test_a_runner_reads_no_persons_password(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "a person's")
    choice = Choice(dsn="postgresql://ada@db.example.org/kolony")
    assert find_destination(choice, for_person=False).target.password is None
    assert "PGPASSWORD" not in os.environ
    monkeypatch.setenv("PGPASSWORD", "a person's")
    assert named_destination(Choice()) is None, "the embedded server is meant"
    assert "PGPASSWORD" not in os.environ, "and its local runner does not inherit it either"


def test_a_profile_says_pin_and_insecure(own: Home) -> None:
    dsn, pin = "postgresql://ada@db.example.org/kolony", f"sha256:{'a' * 64}"
    save_profile(own, "pinned", Target(dsn=dsn, pin=pin))
    save_profile(own, "loose", Target(dsn=dsn, insecure=True))
    save_profile(own, "loose", Target(dsn=dsn, insecure=True))
    assert load_config(own).profiles["pinned"].pin == pin
    told: list[str] = []
    assert find_destination(Choice(profile="pinned", tell=told.append)).target.pin == pin
    assert told == []
    loose = find_destination(Choice(profile="loose", tell=told.append))
    assert (loose.target.insecure, loose.profile) == (True, "loose")
    assert "nobody has verified" in told[0]
    other = f"sha256:{'b' * 64}"
    assert find_destination(Choice(profile="pinned", pin=other)).target.pin == other


def test_a_broken_config_is_told_and_not_written_over(own: Home) -> None:
    own.make()
    own.config.write_text("profiles = 3\n")
    with pytest.raises(UsageError, match="profiles"):
        save_profile(own, "new", Target(dsn="postgresql://ada@db/kolony"))
    assert own.config.read_text() == "profiles = 3\n"


def test_a_linked_config_stays_a_link(own: Home, tmp_path: Path) -> None:
    own.make()
    (tmp_path / "dotfiles.toml").write_text("# kept in a repository\n")
    own.config.symlink_to(tmp_path / "dotfiles.toml")
    save_profile(own, "new", Target(dsn="postgresql://ada@db/kolony"))
    assert own.config.is_symlink()
    assert (tmp_path / "dotfiles.toml").read_text().startswith("# kept in a repository\n")
    assert "[profiles.new]" in (tmp_path / "dotfiles.toml").read_text()


def test_what_the_environment_names_becomes_words(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    around = {"PGHOST": "db", "PGPORT": "6000", "PGUSER": "ada", "PGDATABASE": "k", "PGSSLMODE": "require"}
    for name, value in around.items():
        monkeypatch.setenv(name, value)
    words = find_place(Target(dsn=dsn_without_password(replace(Target(), password=Secret("x")))))
    assert (words.server, words.database, words.login, words.words["sslmode"]) == ("db:6000", "k", "ada", "require")
    assert urlsplit(words.service).path == "db:6000/k"
