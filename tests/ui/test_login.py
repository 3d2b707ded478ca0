"""The login screen: asked at the start and in between, tried at once, kept only in a keyring; and a server unknown."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from kolony_tui.core.connection import Choice, Destination, find_destination
from kolony_tui.core.profiles import save_profile
from kolony_tui.db.target import Target
from kolony_tui.db.tls import as_openssl_writes
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import kolony_home
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.opening import Opening
from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.widgets.frame import Banner
from tests.database import PASSWORD, verifier
from tests.security.certificates import HERE, Authority
from tests.security.fake_server import tls_front
from tests.server.test_secrets import Kept
from tests.server.test_secrets import use as use  # the fixture
from tests.ui.stage import Stage, toasts, until, words

Opened = tuple[KolonyApp, Pilot[int]]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOLONY_HOME", str(tmp_path / "home"))


@pytest.fixture
async def login(stage: Stage) -> str:
    """An operator of this test alone."""
    return await stage.workspace.database.add_person("operator")


def without_password(stage: Stage, login: str) -> Target:
    return replace(stage.workspace.database.target(), login=login)


@asynccontextmanager
async def opened(target: Target, size: tuple[int, int] = (100, 30), **destination: Any) -> AsyncIterator[Opened]:
    """The app on its way in."""
    there = Destination(target, "main", embedded=False, key="test", **destination)
    app = KolonyApp(Opening(find=lambda say: there))
    async with app.run_test(size=size, notifications=True) as pilot:
        yield app, pilot


async def asked(app: KolonyApp) -> None:
    await until(lambda: isinstance(app.screen, Form) and app.focused is not None, "the login screen")
    await until(lambda: "Log in" in words(app), "it is drawn")


async def type_in(pilot: Pilot[int], text: str) -> None:
    await pilot.press(*("space" if letter == " " else letter for letter in text))


async def set_password(stage: Stage, login: str, password: str) -> None:
    superuser = await stage.workspace.database.cluster.superuser()
    await superuser.execute(f"ALTER ROLE {login} PASSWORD '{verifier(Secret(password))}'")
    await superuser.close()


@pytest.mark.parametrize("size", [(100, 30), (80, 24), (20, 12)], ids=str)
async def test_a_password_is_asked_for_and_a_wrong_one_asked_for_again(
    stage: Stage, login: str, size: tuple[int, int]
) -> None:
    await set_password(stage, login, "the r1ght one")
    async with opened(without_password(stage, login), size) as (app, pilot):
        await asked(app)
        await type_in(pilot, "a wrong one")
        assert "a wrong one" not in words(app), "it is not echoed"
        assert "a wrong one" not in app.export_screenshot()
        await pilot.press("ctrl+s")
        form = app.screen
        await until(lambda: form.query_one("#wrong").display, "it is said to be wrong")
        if size[0] > 20:
            await until(lambda: "password authentication failed" in words(app), "in words")
            await until(lambda: "or it has expired" in words(app), "and what else it may be")
            await until(lambda: login in words(app), "it is shown")
        await pilot.press(*["backspace"] * len("a wrong one"))
        await type_in(pilot, "the r1ght one")
        await pilot.press("ctrl+s")
        await until(lambda: app.live.link.state == "live", "in")
        assert app.session is not None
        assert app.session.me.login == login
    kept = kolony_home().path
    assert not any("the r1ght one" in file.read_text(errors="replace") for file in kept.rglob("*") if file.is_file())


async def test_without_a_keyring_it_says_what_happens_instead(stage: Stage, login: str) -> None:
    async with opened(without_password(stage, login)) as (app, pilot):
        await asked(app)
        await until(lambda: "no usable keyring" in words(app), "no usable keyring")
        assert "keep it" not in words(app)
        await pilot.press("escape")
        await until(lambda: app.failure is not None, "left")
    assert app.failure is not None
    assert "needs a password" in app.failure.line
    assert app.return_code == 3


async def test_a_keyring_keeps_it_and_the_next_app_asks_no_more(stage: Stage, login: str, use: Any) -> None:
    keyring = Kept()
    use(keyring)
    await set_password(stage, login, "fine")
    async with opened(without_password(stage, login)) as (app, pilot):
        await asked(app)
        await until(lambda: "[in the keyring]" in words(app), "[in the keyring]")
        await type_in(pilot, "fine")
        await pilot.press("enter", "enter")
        await until(lambda: app.live.link.state == "live", "in")
    assert [*keyring.kept.values()] == ["fine"]
    found = await asyncio.to_thread(find_destination, Choice(dsn=f"{without_password(stage, login).dsn}&user={login}"))
    assert (found.target.password, found.target.source) == (Secret("fine"), "keyring")
    async with opened(found.target) as (app, _):
        await until(lambda: app.live.link.state == "live", "in at once")


async def test_a_refused_login_is_not_asked_for_again(stage: Stage, login: str) -> None:
    superuser = await stage.workspace.database.cluster.superuser()
    await superuser.execute(f"ALTER ROLE {login} NOLOGIN")
    await superuser.close()
    with_password = stage.workspace.database.target(login)
    async with opened(with_password) as (app, _):
        await until(lambda: app.failure is not None, "refused")
    assert app.failure is not None
    assert "this login is disabled" in app.failure.line


async def test_a_password_changed_in_between_is_asked_for(stage: Stage, login: str) -> None:
    await stage.send("before")
    async with opened(stage.workspace.database.target(login)) as (app, pilot):
        await until(lambda: "before" in words(app), "shown")
        await set_password(stage, login, "another")
        superuser = await stage.workspace.database.superuser()
        await superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", login)
        await asked(app)
        await until(lambda: "authentication failed" in words(app), "authentication failed")
        await pilot.press("escape")
        await until(lambda: ":login asks again" in toasts(app), "how to be asked again")
        await until(lambda: "connection lost" in words(app), "connection lost")
        await until(lambda: "before" in words(app), "what was there stays")
        app.do("go.login")
        await asked(app)
        await type_in(pilot, "another")
        await pilot.press("ctrl+s")
        await until(lambda: app.live.link.state == "live", "healed")
        await stage.send("after")
        await until(lambda: "after" in words(app), "and live")
        app.do("go.login")
        await until(lambda: "has not refused" in toasts(app), "not offered without need")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("trust", [True, False])
async def test_an_unknown_server_is_trusted_by_its_fingerprint_or_left(
    stage: Stage, authority: Authority, trust: bool
) -> None:
    certificate = authority.certificate(by_itself=True)
    database = stage.workspace.database
    with tls_front(database.target(), certificate) as port:
        dsn = f"postgresql://{database.cluster.login('bob')}@{HERE}:{port}/{database.name}"
        save_profile(kolony_home(), "remote", Target(dsn=dsn))
        found = await asyncio.to_thread(find_destination, Choice(profile="remote"))
        target = replace(found.target, password=PASSWORD)
        async with opened(target, profile="remote") as (app, pilot):
            await until(lambda: "Trust this server?" in words(app), "it asks")
            end = as_openssl_writes(certificate.pin)[48:]
            await until(lambda: end in words(app) and "self-signed" in words(app), "what it is, and why")
            await pilot.press("y" if trust else "n")
            if trust:
                await until(lambda: app.live.link.state == "live", "in")
                assert app.unverified == ""
            else:
                await until(lambda: app.failure is not None, "left")
        profile = tomllib.loads(kolony_home().config.read_text())["profiles"]["remote"]
        assert profile.get("pin") == (certificate.pin if trust else None)
        if trust:
            again = await asyncio.to_thread(find_destination, Choice(profile="remote"))
            async with opened(replace(again.target, password=PASSWORD)) as (app, _):
                await until(lambda: app.live.link.state == "live", "in at once")


async def test_an_unverified_server_stands_under_a_red_banner_on_every_screen(
    stage: Stage, authority: Authority
) -> None:
    database = stage.workspace.database
    with tls_front(database.target(), authority.certificate(by_itself=True)) as port:
        dsn = f"postgresql://{HERE}:{port}/{database.name}"
        target = Target(dsn=dsn, insecure=True).as_login(database.cluster.login("bob"), PASSWORD)
        async with opened(target) as (app, _):
            await until(lambda: app.live.link.state == "live", "in")
            for entry in app.MODES:
                app.go_to(entry)
                await until(lambda: f"nobody has verified that this is {HERE}" in words(app), f"the banner on {entry}")
                banner = app.screen.query_one(Banner)
                assert banner.styles.background.hex.lower() == app.theme_variables["error"].lower()
