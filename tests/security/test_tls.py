"""Attack 65 off this machine: without a verified or a pinned certificate not even the name of a login is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from kolony_tui.db.connect import connect
from kolony_tui.db.place import find_place
from kolony_tui.db.target import Target, parse_target
from kolony_tui.db.tls import protection, shown_fingerprint, tls_for
from kolony_tui.models.errors import CannotConnect, CertificateRefused, PasswordMissing, UsageError
from kolony_tui.models.secret import Secret
from tests.database import PASSWORD, Database
from tests.security.certificates import HERE, Authority, Certificate
from tests.security.fake_server import SCRAM, WELCOME, FakeServer, listening, request, tls_front

ASKS = {"clear": request(3), "md5": request(5, b"salt"), "gss": request(7), "nothing": WELCOME, "half": SCRAM + WELCOME}
FORGED = request(12, b"v=" + b"A" * 43 + b"=") + WELCOME
SHOWN = ["none", "self-signed", "wrong host", "expired", "right"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom the tests trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificates(authority: Authority) -> dict[str, Certificate | None]:
    """What a server may show, by what is wrong with it."""
    return {
        "none": None,
        "self-signed": authority.certificate(by_itself=True),
        "wrong host": authority.certificate("db.example.org"),
        "expired": authority.certificate(expired=True),
        "right": authority.certificate(),
    }


@asynccontextmanager
async def fake(server: FakeServer, host: str, authority: Authority) -> AsyncIterator[Target]:
    """A server that pretends, and how one connects to it."""
    async with listening(server.serve) as port:
        yield parse_target(f"postgresql://{host}:{port}/kolony?sslrootcert={authority.file}", "the test").as_login(
            "ada", Secret("correct horse")
        )


def nothing_leaked(server: FakeServer) -> None:
    assert b"correct horse" not in server.heard
    assert b"SELECT" not in server.heard
    assert b"SET " not in server.heard


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("asks", [*ASKS, "forged"])
async def test_a_server_elsewhere_gets_nothing_before_it_has_proved_itself_twice(
    asks: str, shown: str, authority: Authority, certificates: dict[str, Certificate | None]
) -> None:
    server = FakeServer(ASKS.get(asks, FORGED), certificate=certificates[shown], forges=asks == "forged")
    async with fake(server, HERE, authority) as target:
        with pytest.raises(CannotConnect) as caught:
            await connect(target, "kolony tests")
        await asyncio.wait_for(server.left.wait(), 5)
    assert isinstance(caught.value, CertificateRefused) == (shown in ("self-signed", "wrong host", "expired"))
    assert server.started == (1 if shown == "right" else 0), "not even who we are is told to a stranger"
    nothing_leaked(server)
    assert "\n" not in caught.value.line


@pytest.mark.parametrize("shown", ["none", "self-signed"])
@pytest.mark.parametrize("asks", [*ASKS, "forged"])
async def test_unverified_and_on_this_machine_scram_still_guards_the_password(
    asks: str, shown: str, authority: Authority, certificates: dict[str, Certificate | None]
) -> None:
    for host, insecure in ((HERE, True), ("127.0.0.1", False)):
        server = FakeServer(ASKS.get(asks, FORGED), certificate=certificates[shown], forges=asks == "forged")
        async with fake(server, host, authority) as target:
            with pytest.raises(CannotConnect):
                await connect(replace(target, insecure=insecure), "kolony tests")
            await asyncio.wait_for(server.left.wait(), 5)
        assert server.started >= 1
        nothing_leaked(server)


async def test_a_wrong_pin_fails_before_anything_is_said(
    authority: Authority, certificates: dict[str, Certificate | None]
) -> None:
    """Attack 66; also where an authority that we trust has signed the certificate."""
    server = FakeServer(SCRAM, certificate=certificates["right"])
    async with fake(server, HERE, authority) as target:
        for insecure in (False, True):
            pinned = replace(target, pin=f"sha256:{'0' * 64}", insecure=insecure)
            with pytest.raises(CannotConnect, match="another certificate than the pinned one") as caught:
                await connect(pinned, "kolony tests")
            assert not isinstance(caught.value, CertificateRefused), "it is not offered to be trusted"
            await asyncio.wait_for(server.left.wait(), 5)
    assert (server.started, server.heard) == (0, b"")


@asynccontextmanager
async def front(database: Database, certificate: Certificate | None) -> AsyncIterator[Target]:
    """A real server behind TLS, as ada."""
    with tls_front(database.target(), certificate) as port:
        yield parse_target(f"postgresql://{HERE}:{port}/{database.name}", "the test").as_login(
            database.cluster.login("ada"), PASSWORD
        )


async def who(target: Target) -> str:
    """Logs in for real, and out."""
    connection = await connect(target, "kolony tests")
    try:
        login: str = await connection.fetchval("SELECT session_user")
    finally:
        connection.terminate()
    return login


async def test_a_verified_server_is_logged_in_to(database: Database, authority: Authority) -> None:
    async with front(database, authority.certificate()) as target:
        with pytest.raises(CertificateRefused, match="not trusted"):
            await who(target)  # the system's authorities do not know ours
        known = replace(target, dsn=f"{target.dsn}?sslrootcert={authority.file}")
        assert await who(known) == database.cluster.login("ada")
        assert protection(known, find_place(known)) == "verified"
        weak = replace(known, dsn=f"{known.dsn}&sslmode=require")
        assert protection(weak, find_place(weak)) == "verified", "no sslmode makes it weaker"
        await who(weak)
        with pytest.raises(CertificateRefused):
            await who(replace(target, dsn=f"{target.dsn}?sslmode=require"))


async def test_a_pinned_server_is_logged_in_to_whoever_signed_its_certificate(
    database: Database, authority: Authority
) -> None:
    own = authority.certificate(by_itself=True)
    async with front(database, own) as target:
        with pytest.raises(CertificateRefused, match="self-signed"):
            await who(target)
        pin = await asyncio.to_thread(shown_fingerprint, find_place(target))
        assert pin == own.pin
        pinned = replace(target, pin=pin)
        assert await who(pinned) == database.cluster.login("ada")
        assert protection(pinned, find_place(pinned)) == f"pinned {pin}"
        in_dsn = replace(target, dsn=f"{target.dsn}?kolony_pin={pin.upper()}")
        assert await who(in_dsn) == database.cluster.login("ada")


async def test_weaker_is_only_what_a_person_asked_for(database: Database, authority: Authority) -> None:
    async with front(database, authority.certificate(by_itself=True)) as target:
        insecure = replace(target, insecure=True)
        assert protection(insecure, find_place(insecure)) == "not verified"
        for mode in ("", "?sslmode=require", "?sslmode=disable"):
            assert await who(replace(insecure, dsn=target.dsn + mode)) == database.cluster.login("ada")
        with pytest.raises(CertificateRefused):
            await who(replace(insecure, dsn=f"{target.dsn}?sslmode=verify-full"))
    async with front(database, None) as target:
        for mode in ("", "?sslmode=disable"):
            with pytest.raises(CannotConnect, match="offers no TLS"):
                await who(replace(target, dsn=target.dsn + mode))
        with pytest.raises(CannotConnect, match="offers no TLS"):
            await asyncio.to_thread(shown_fingerprint, find_place(target))
        assert await who(replace(target, insecure=True)) == database.cluster.login("ada")


async def test_on_this_machine_tls_is_as_the_person_likes(database: Database, authority: Authority) -> None:
    for certificate in (authority.certificate(by_itself=True), None):
        async with front(database, certificate) as target:
            local = replace(target, dsn=target.dsn.replace(HERE, "127.0.0.1"))
            assert await who(local) == database.cluster.login("ada")
            assert protection(local, find_place(local)) == "this machine"
            with pytest.raises(CannotConnect):
                await who(replace(local, dsn=f"{local.dsn}?sslmode=verify-full&sslrootcert={authority.file}"))


async def test_a_revoked_certificate_file_and_a_bad_file_are_told(tmp_path: Path, authority: Authority) -> None:
    target = parse_target(f"postgresql://{HERE}/kolony?sslrootcert={tmp_path}/none.pem", "the test")
    with pytest.raises(CannotConnect, match=r"none\.pem cannot be read"):
        tls_for(target, find_place(target))
    (tmp_path / "bad.pem").write_text("no certificate")
    target = parse_target(f"postgresql://{HERE}/kolony?sslcert={tmp_path}/bad.pem", "the test")
    with pytest.raises(CannotConnect, match="client certificate"):
        tls_for(target, find_place(target))
    target = parse_target(f"postgresql://{HERE}/kolony?sslmode=sometimes", "the test")
    with pytest.raises(CannotConnect, match="unknown sslmode"):
        tls_for(target, find_place(target))
    target = parse_target(f"postgresql://{HERE}/kolony?kolony_pin=sha256:12", "the test")
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        tls_for(target, find_place(target))


@pytest.fixture
def key_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where somebody wants the keys of our connections."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    return tmp_path / "keys"


async def test_keys_of_connections_are_not_written_down(
    database: Database, authority: Authority, key_log: Path
) -> None:
    async with front(database, authority.certificate()) as target:
        await who(replace(target, dsn=f"{target.dsn}?sslrootcert={authority.file}"))
        await who(replace(target, dsn=target.dsn.replace(HERE, "127.0.0.1")))
    assert not key_log.exists()


async def test_the_drivers_own_environment_weakens_nothing(
    database: Database, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGSSLMODE": "prefer", "PGPASSWORD": "x", "PGGSSLIB": "gssapi", "PGKRBSRVNAME": "x"}.items():
        monkeypatch.setenv(name, value)
    async with front(database, authority.certificate(by_itself=True)) as target:
        with pytest.raises(CertificateRefused):
            await who(target)
    ada = replace(database.target("ada"), password=None)
    with pytest.raises(PasswordMissing):
        await who(ada)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(ada.dsn, user=ada.login)  # which the driver alone would have tried
