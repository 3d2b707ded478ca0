"""The system's keyring, as far as it can be trusted to keep a secret. Nothing else imports ``keyring``."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TypeVar

import keyring
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import PasswordDeleteError

from kolony_tui.models.errors import WorkFailed

PATIENCE = 20.0
"""Seconds: long enough for a person to unlock the keyring when it asks."""
NOT_KEYRINGS = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt.file", "keyrings.alt.multi")
"""Modules whose backends keep nothing, or keep it readable."""
Answer = TypeVar("Answer")


class SystemKeyring:
    """One real backend. A keyring may ask the person and never answer: each call has ``PATIENCE`` seconds.

    Each method raises WorkFailed where the keyring fails.
    """

    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend
        self.title = str(backend.name)

    def get(self, service: str, name: str) -> str | None:
        return _in_time(lambda: self._backend.get_password(service, name))

    def set(self, service: str, name: str, clear: str) -> None:
        _in_time(lambda: self._backend.set_password(service, name, clear))

    def delete(self, service: str, name: str) -> None:
        def forget() -> None:
            try:
                self._backend.delete_password(service, name)
            except PasswordDeleteError:
                if self._backend.get_password(service, name) is not None:
                    raise

        _in_time(forget)


@functools.cache
def usable_keyring() -> SystemKeyring | None:
    """The keyring of this session if it really keeps secrets."""
    try:
        backend = _in_time(lambda: _real(keyring.get_keyring()))
    except WorkFailed:
        return None
    return None if backend is None else SystemKeyring(backend)


def _real(backend: KeyringBackend) -> KeyringBackend | None:
    if isinstance(backend, ChainerBackend):
        members = (_real(member) for member in backend.backends)
        return next((member for member in members if member is not None), None)
    if type(backend).__module__.startswith(NOT_KEYRINGS):
        return None
    return backend if float(backend.priority) >= 1 else None


def _in_time(call: Callable[[], Answer]) -> Answer:
    answers: list[Answer] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            answers.append(call())
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if failures:
        raise WorkFailed(f"the keyring refused ({failures[0]})", "unlock it") from failures[0]
    if not answers:
        raise WorkFailed(f"the keyring did not answer within {PATIENCE:.0f} s", "unlock it")
    return answers[0]
