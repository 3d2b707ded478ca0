"""From whatever is found in a home to a server that answers, and back to none; for the holder of the home's lock."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kolony_tui.models.errors import CannotConnect
from kolony_tui.models.secret import Secret
from kolony_tui.server.address import Address, choose_socket_folder
from kolony_tui.server.binaries import Binaries, reachable, reason_of
from kolony_tui.server.cluster import check_version, data_version, make_cluster
from kolony_tui.server.home import Home
from kolony_tui.server.os_user import ServerUser, server_user
from kolony_tui.server.postmaster import (
    drop_lock_files_of_strangers,
    end_orphans,
    launch,
    read_pid_file,
    running_address,
    signal_main,
)
from kolony_tui.server.private_files import open_lock, private_folder, said_plainly, try_lock
from kolony_tui.server.secrets import SUPERUSER_SECRET, SecretStore
from kolony_tui.server.settings import guarded_settings, server_settings, write_settings
from kolony_tui.server.way_in import open_way

START_PATIENCE = 60.0
"""Seconds for a start; replaying what a crash left can take long."""
STOP_PATIENCE = 30.0
ORPHAN_PATIENCE = 1.5
"""Seconds for the children of a killed server to end by themselves."""
MEMORY_PATIENCE = 5.0
GLANCE = 0.003
LOG_LIMIT = 50 << 20
"""Bytes of one day's log that outlive a start."""
MEMORY_IN_USE = "pre-existing shared memory block"


class ServerLock:
    """The lock ``server.lock``, which lives on in every process of the server: free means that none is left."""

    def __init__(self, home: Home) -> None:
        self.descriptor = open_lock(home.server_lock)
        self._open = True

    def take(self) -> bool:
        return try_lock(self.descriptor)

    def close(self) -> None:
        if self._open:
            self._open = False
            os.close(self.descriptor)

    def __enter__(self) -> ServerLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_down(home: Home) -> bool:
    """Whether no process of the home's server lives."""
    with ServerLock(home) as lock:
        return lock.take()


def start(home: Home, store: SecretStore, settings: Mapping[str, str]) -> Address:
    """Make the data folder if there is none, start the server, wait until it answers. Raises CannotConnect."""
    begun = time.monotonic()
    while True:
        with ServerLock(home) as lock:
            if not lock.take():
                running = _wait_for_the_old_one(home, lock)
                if running is not None:
                    return running
            logs = _log_sizes(home)
            _prepare_and_launch(home, store, settings, lock)
        said = _wait_until_ready(home, logs)
        if isinstance(said, Address):
            return said
        if MEMORY_IN_USE not in said or time.monotonic() > begun + MEMORY_PATIENCE:
            raise reason_of(said, "the embedded server did not start", home.log)
        time.sleep(0.1)


def stop(home: Home) -> None:
    """End the server in order, rolling open transactions back; hard after STOP_PATIENCE. Raises CannotConnect."""
    for number, patience in (
        (signal.SIGINT, STOP_PATIENCE),
        (signal.SIGQUIT, ORPHAN_PATIENCE),
        (signal.SIGKILL, ORPHAN_PATIENCE),
    ):
        if not signal_main(home.data, number):
            end_orphans(home.data, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if is_down(home):
                return
            time.sleep(GLANCE)
    raise CannotConnect("the embedded server does not end", f"see the log in {home.log}")


def _wait_for_the_old_one(home: Home, lock: ServerLock) -> Address | None:
    """A server lives that did not answer. Wait until it does (its address) or has ended (None, and the lock is ours).

    Children of a killed server, and a server whose socket somebody removed, are ended.
    """
    begun = time.monotonic()
    push, number = begun + ORPHAN_PATIENCE, signal.SIGQUIT
    while time.monotonic() < begun + START_PATIENCE:
        if lock.take():
            return None
        address = running_address(home.data)
        if address is not None:
            return address
        if time.monotonic() > push:
            _end_if_unreachable(home)
            end_orphans(home.data, number)
            push, number = time.monotonic() + ORPHAN_PATIENCE, signal.SIGKILL
        time.sleep(GLANCE)
    raise CannotConnect(
        "the embedded server is there and not ready: it may be repairing itself after a crash",
        f"try again in a moment, or see the log in {home.log}",
    )


def _end_if_unreachable(home: Home) -> None:
    found = read_pid_file(home.data)
    if found is None or found.state != "ready" or Path(found.address.socket).exists():
        return
    if Path(f"/proc/{found.pid}/root{found.address.socket}").exists():
        raise CannotConnect(
            f"the server's socket {found.address.socket} is not visible here: this process has a /tmp of its own",
            "set KOLONY_HOME to a shorter path, under which the socket then lies",
        )
    signal_main(home.data, signal.SIGINT)


def _prepare_and_launch(home: Home, store: SecretStore, settings: Mapping[str, str], lock: ServerLock) -> None:
    user = server_user()
    if user.separate:
        open_way(home.path, user)
    binaries = reachable(home, user)
    if data_version(home.data) is None:
        _make(home, store, user, binaries, durable=settings.get("fsync") != "off", lock=lock)
    else:
        check_version(home.data, binaries.version())
    private_folder(home.log, owner=user.uid)
    socket_folder = choose_socket_folder(home, user)
    write_settings(home.data, user, {**server_settings(home), **settings})
    drop_lock_files_of_strangers(home.data, socket_folder)
    try:
        output = os.open(home.start_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            launch(home, user, binaries, guarded_settings(home, socket_folder), lock.descriptor, output)
        finally:
            os.close(output)
    except OSError as error:
        raise said_plainly(error, home.path) from error


def _make(
    home: Home, store: SecretStore, user: ServerUser, binaries: Binaries, *, durable: bool, lock: ServerLock
) -> None:
    password = Secret(secrets.token_urlsafe(32))
    # A keyring takes a quarter of a second or asks the person: meanwhile initdb works.
    with ThreadPoolExecutor(1, "keep-secret") as beside:
        keeping = beside.submit(store.set, SUPERUSER_SECRET, password)
        make_cluster(
            home,
            user,
            binaries,
            password,
            durable=durable,
            server_lock=lock.descriptor,
            before_naming=keeping.result,
        )


def _wait_until_ready(home: Home, logs: Mapping[Path, int]) -> Address | str:
    """The address, or what the server said before it ended."""
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline:
        address = running_address(home.data)
        if address is not None:
            return address
        if is_down(home):
            return _said_since(home, logs)
        time.sleep(GLANCE)
    raise CannotConnect(
        f"the embedded server is not ready after {START_PATIENCE:.0f} s: it may be repairing itself after a crash",
        f"try again in a moment, or see the log in {home.log}",
    )


def _log_sizes(home: Home) -> dict[Path, int]:
    """Each log's size now; one that grew beyond the limit is emptied first (the server appends, so it may go on)."""
    sizes = {}
    for log in home.log.glob("postgres-*.log"):
        try:
            size = log.lstat().st_size
            if size > LOG_LIMIT and not log.is_symlink():
                os.truncate(log, 0)
                size = 0
        except OSError:
            continue
        sizes[log] = size
    return sizes


def _said_since(home: Home, sizes: Mapping[Path, int]) -> str:
    said = home.start_log.read_text(errors="replace")
    for log in home.log.glob("postgres-*.log"):
        with log.open(errors="replace") as file:
            file.seek(sizes.get(log, 0))
            said += file.read()
    return said
