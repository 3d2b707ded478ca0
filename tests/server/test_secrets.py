"""Secrets rest in a real keyring or in private files, and never show themselves."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, null

from kolony_tui.models.errors import CannotConnect, WorkFailed
from kolony_tui.models.secret import Secret
from kolony_tui.server import keyrings, secrets
from kolony_tui.server.home import Home
from kolony_tui.server.keyrings import usable_keyring
from kolony_tui.server.secrets import SecretStore


class Kept(KeyringBackend):
    """A keyring that keeps what it gets, in memory."""

    name = "Test keyring"
    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Forgetful(Kept):
    """It says yes and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Silent(Kept):
    """It asks somebody who is not there."""

    def set_password(self, service: str, username: str, password: str) -> None:
        threading.Event().wait(30)


def nothing() -> KeyringBackend:
    """The library's own keyring that keeps nothing."""
    return null.Keyring()  # type: ignore[no-untyped-call]


def chain() -> KeyringBackend:
    """The library's own keyring of keyrings."""
    return chainer.ChainerBackend()  # type: ignore[no-untyped-call]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Puts a keyring in the place of the system's, also for root."""
    monkeypatch.setattr(secrets, "_is_root", lambda: False)
    real = keyring.get_keyring()

    def put(backend: KeyringBackend) -> None:
        keyring.set_keyring(backend)
        usable_keyring.cache_clear()

    yield put
    put(real)


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(Home(tmp_path / "home"))


def files(store: SecretStore) -> list[str]:
    return sorted(path.name for path in store._home.secrets.iterdir())


def test_without_a_keyring_a_secret_is_a_private_file_and_the_person_is_told(store: SecretStore) -> None:
    assert store.get("person:ada") is None
    store.set("person:ada", Secret("pässword"))
    assert SecretStore(store._home).get("person:ada") == Secret("pässword")
    file = store._home.secrets / files(store)[0]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert store.where == f"no usable keyring on this machine: secrets are in 0600 files in {file.parent}"
    store.delete("person:ada")
    store.delete("person:ada")
    assert files(store) == []


def test_a_name_cannot_leave_the_folder(store: SecretStore) -> None:
    for name in ("../up", "..", "a/b"):
        store.set(name, Secret(name))
        assert store.get(name) == Secret(name)
    assert len(files(store)) == 3
    assert not (store._home.path / "up").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(store: SecretStore, mode: int) -> None:
    store.set("superuser", Secret("x"))
    (store._home.secrets / "superuser").chmod(mode)
    with pytest.raises(CannotConnect, match="is not private") as refusal:
        store.get("superuser")
    assert "chmod 600" in refusal.value.hint


def test_a_link_in_the_place_of_a_secret_is_refused(store: SecretStore, tmp_path: Path) -> None:
    store.set("superuser", Secret("x"))
    (tmp_path / "other").write_text("planted")
    (tmp_path / "other").chmod(0o600)
    (store._home.secrets / "superuser").unlink()
    (store._home.secrets / "superuser").symlink_to(tmp_path / "other")
    with pytest.raises(CannotConnect, match="cannot read"):
        store.get("superuser")


def test_a_real_keyring_holds_the_secret_and_no_file_does(store: SecretStore, use: Any) -> None:
    backend = Kept()
    use(backend)
    store.set("superuser", Secret("deep"))
    assert list(backend.kept.values()) == ["deep"]
    assert files(store) == ["superuser.keyring"]
    assert (store._home.secrets / "superuser.keyring").read_bytes() == b""
    assert SecretStore(store._home).get("superuser") == Secret("deep")
    assert store.where == "secrets are in the keyring (Test keyring)"
    store.delete("superuser")
    assert backend.kept == {}
    assert store.get("superuser") is None


def test_a_secret_in_a_keyring_that_is_gone_is_not_silently_none(store: SecretStore, use: Any) -> None:
    use(Kept())
    store.set("superuser", Secret("deep"))
    use(Kept())
    with pytest.raises(CannotConnect, match="which does not give it now") as refusal:
        store.get("superuser")
    assert "unlock" in refusal.value.hint
    use(nothing())
    with pytest.raises(CannotConnect, match="which does not give it now"):
        store.get("superuser")


def test_a_keyring_that_keeps_nothing_is_not_believed(store: SecretStore, use: Any) -> None:
    for backend in (nothing(), Forgetful()):
        use(backend)
        store.set("superuser", Secret("deep"))
        assert files(store) == ["superuser"]
        assert store.get("superuser") == Secret("deep")


def test_a_keyring_that_never_answers_does_not_hang_us(
    store: SecretStore, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyrings, "PATIENCE", 0.2)
    use(Silent())
    begun = time.monotonic()
    store.set("superuser", Secret("deep"))
    assert time.monotonic() < begun + 10
    assert files(store) == ["superuser"]


def test_a_chain_is_as_good_as_the_first_real_keyring_in_it(use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Kept()
    use(chain())
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [nothing(), real])
    found = usable_keyring()
    assert found is not None
    found.set("s", "n", "x")
    assert real.kept == {("s", "n"): "x"}
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [nothing()])
    usable_keyring.cache_clear()
    assert usable_keyring() is None


def test_a_keyring_that_refuses_to_forget_is_reported(
    store: SecretStore, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Kept())
    store.set("superuser", Secret("deep"))
    monkeypatch.setattr(Kept, "delete_password", lambda *_: 1 / 0)
    with pytest.raises(WorkFailed, match="the keyring refused"):
        store.delete("superuser")


def test_root_uses_no_keyring_and_reading_a_file_imports_none(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    SecretStore(home).set("superuser", Secret("x"))
    code = (
        "import sys; from pathlib import Path; from kolony_tui.server.home import Home\n"
        "from kolony_tui.server.secrets import SecretStore\n"
        "store = SecretStore(Home(Path(sys.argv[1])))\n"
        "assert store.get('superuser').reveal() == 'x' and 'secrets are in' in store.where\n"
        "assert 'keyring' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(home.path)], env=environment, check=True)


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {secret:>20} {[secret]} { ({'a': secret}) } {Exception(secret)}"
    assert "hunter2" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2") != Secret("hunter3")
    assert not Secret("")
