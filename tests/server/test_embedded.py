"""The embedded server: safe on a shared machine, shared by all processes, alive again after whatever happened."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest

from kolony_tui.models.errors import WrongState
from kolony_tui.server.address import PORT, socket_path
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.os_user import SYSTEM_USER, server_user
from kolony_tui.server.postmaster import read_pid_file
from tests.server.conftest import MakeServer, OrdinaryUser


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def main_pid(server: EmbeddedServer) -> int:
    found = read_pid_file(server.home.data)
    assert found is not None
    return found.pid


async def asked(server: EmbeddedServer, question: str) -> object:
    connection = await asyncpg.connect(server.superuser_dsn("postgres"))
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_everybody_needs_a_password_and_a_private_socket_is_the_only_way_in(embedded: EmbeddedServer) -> None:
    address = embedded.ensure()
    assert await asked(embedded, "SELECT json_agg(h) FROM (SELECT type, auth_method FROM pg_hba_file_rules) h") == (
        '[{"type":"local","auth_method":"scram-sha-256"}]'
    )
    assert await asked(embedded, "SHOW listen_addresses") == ""
    assert await asked(embedded, "SHOW password_encryption") == "scram-sha-256"
    assert await asked(embedded, "SHOW data_checksums") == "on"
    assert not any("trust" in path.read_text() for path in embedded.home.data.glob("pg_hba*"))
    for private in (Path(address.host), Path(address.socket), embedded.home.data, embedded.home.log):
        found = private.stat()
        assert found.st_mode & 0o077 == 0
        assert found.st_uid == psutil.Process(main_pid(embedded)).uids().effective
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(embedded.superuser_dsn("postgres"), password="guessed")


def test_another_user_of_the_machine_does_not_get_in(embedded: EmbeddedServer, ordinary: OrdinaryUser) -> None:
    address = embedded.ensure()
    if os.geteuid() != 0:
        assert Path(address.host).stat().st_mode & 0o077 == 0
        assert embedded.home.secrets.stat().st_mode & 0o077 == 0
        return
    tried = ordinary.run(
        f"""
import socket
for attempt in (lambda: socket.socket(socket.AF_UNIX).connect({address.socket!r}),
                lambda: os.listdir({str(embedded.home.data)!r}),
                lambda: os.listdir({str(embedded.home.secrets)!r})):
    try:
        attempt()
    except PermissionError:
        print("refused")
""",
        embedded.home.path,
    )
    assert tried == "refused\n" * 3


def test_a_superuser_cannot_open_the_door_by_accident(make_server: MakeServer) -> None:
    server = make_server(listen_addresses="*", unix_socket_permissions="0777")
    address = server.ensure()
    assert asyncio.run(asked(server, "SHOW listen_addresses")) == ""
    assert stat.S_IMODE(Path(address.socket).stat().st_mode) & 0o077 == 0


def test_a_running_server_is_found_without_delay(embedded: EmbeddedServer) -> None:
    address = embedded.ensure()
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        assert embedded.ensure() == address
        times.append(time.perf_counter() - begun)
    assert sorted(times)[10] < 0.005


async def test_starting_does_not_block_the_event_loop(make_server: MakeServer) -> None:
    starting = asyncio.create_task(make_server().ensure_async())
    turns = 0
    while not starting.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert (await starting).answers()
    assert turns > 5


def test_a_long_path_gets_a_private_socket_elsewhere_that_everybody_finds(make_server: MakeServer) -> None:
    server = make_server("long-" * 25)
    folder = Path(server.ensure().host)
    assert not folder.is_relative_to(server.home.path)
    assert folder.stat().st_mode & 0o077 == 0
    assert EmbeddedServer(server.home).address == server.address
    assert asyncio.run(asked(server, "SELECT 1")) == 1
    server.stop()
    assert Path(server.ensure().host) == folder
    server.stop()
    folder.chmod(0o777)
    other = Path(server.ensure().host)
    assert other != folder
    server.stop()
    folder.rmdir()
    other.rmdir()


def test_a_path_that_a_list_of_hosts_cannot_hold(make_server: MakeServer) -> None:
    server = make_server("a,b 'c'\\")
    address = server.ensure()
    assert asyncio.run(asked(server, "SELECT 1")) == 1
    server.stop()
    Path(address.host).rmdir()


def test_the_server_outlives_whoever_started_it(make_server: MakeServer) -> None:
    server = make_server()
    code = "import sys; from pathlib import Path; from kolony_tui.server.embedded import EmbeddedServer as S; "
    code += "from kolony_tui.server.home import Home as H; S(H(Path(sys.argv[1]))).ensure(); print('up', flush=True); "
    code += "sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(server.home.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "KOLONY_AGENT_TOKEN": "kept from the server"},
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"up\n"
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL):
            os.killpg(starter.pid, number)
    pid = main_pid(server)
    assert server.address is not None
    assert os.getsid(pid) != starter.pid
    assert "KOLONY_AGENT_TOKEN" not in psutil.Process(pid).environ()


def test_processes_that_start_at_once_share_one_server(make_server: MakeServer) -> None:
    server = make_server()
    code = "import sys; from pathlib import Path; from kolony_tui.server.embedded import EmbeddedServer as S; "
    code += "from kolony_tui.server.home import Home as H; print(S(H(Path(sys.argv[1]))).ensure())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(server.home.path)], stdout=subprocess.PIPE, env=environment, text=True
        )
        for _ in range(3)
    ]
    said = {starter.communicate()[0] for starter in starters}
    assert said == {f"{server.address}\n"}
    assert [starter.returncode for starter in starters] == [0, 0, 0]
    log = "".join(file.read_text() for file in server.home.log.iterdir())
    assert log.count("database system is ready to accept connections") == 1


def test_a_killed_server_is_started_again_with_what_it_held(make_server: MakeServer) -> None:
    server = make_server()
    server.ensure()
    asyncio.run(asked(server, "CREATE TABLE kept AS SELECT 42 AS answer"))
    before = main_pid(server)
    os.kill(before, signal.SIGKILL)
    until(lambda: server.address is None)
    server.ensure()
    assert main_pid(server) != before
    assert asyncio.run(asked(server, "SELECT answer FROM kept")) == 42


def test_only_a_server_that_died_is_revived(make_server: MakeServer) -> None:
    server = make_server()
    server.ensure()
    died = main_pid(server)
    os.kill(died, signal.SIGKILL)
    until(lambda: server.address is None)
    server.revive()
    assert server.address is not None
    assert main_pid(server) != died
    server.stop()
    server.revive()
    assert server.address is None


def _words(process: psutil.Process) -> str:
    """Its command line; nothing where it has just ended, as workers of a start do."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.mark.parametrize("stopped_by_us", [True, False])
def test_a_server_that_is_just_being_stopped_is_not_revived(make_server: MakeServer, stopped_by_us: bool) -> None:
    server = make_server()
    server.ensure()
    main = psutil.Process(main_pid(server))
    [checkpointer] = [child for child in main.children() if "checkpointer" in _words(child)]
    checkpointer.suspend()  # the end waits for it
    stop = threading.Thread(target=server.stop) if stopped_by_us else threading.Thread(target=main.terminate)
    revive = threading.Thread(target=server.revive)
    try:
        stop.start()
        until(lambda: server.address is None)
        revive.start()
        revive.join(0.2)
    finally:
        checkpointer.resume()
    stop.join()
    revive.join()
    until(lambda: read_pid_file(server.home.data) is None)
    assert server.address is None


async def test_children_that_a_killed_server_left_at_work_do_not_block_the_next_start(make_server: MakeServer) -> None:
    server = make_server()
    server.ensure()
    busy = await asyncpg.connect(server.superuser_dsn("postgres"))
    # Generated rows are counted without a look at whether the main process still lives.
    work = asyncio.create_task(busy.execute("SELECT count(*) FROM generate_series(1, 10000000000)"))
    child = psutil.Process(busy.get_server_pid())
    await asyncio.to_thread(until, lambda: child.cpu_times().user > 0.05)
    os.kill(main_pid(server), signal.SIGKILL)
    await asyncio.to_thread(until, lambda: server.address is None)
    await server.ensure_async()
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await work
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert await asked(server, "SELECT 1") == 1


def test_a_pid_file_with_the_number_of_a_stranger_is_no_server(make_server: MakeServer) -> None:
    server = make_server()
    server.ensure()
    pid_file = server.home.data / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    server.stop()
    owner = server_user()
    with subprocess.Popen(["sleep", "60"], **owner.as_child) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        os.chown(pid_file, owner.uid, owner.gid)
        assert server.address is None
        assert server.ensure().answers()
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_whose_socket_was_removed_is_reachable_again(make_server: MakeServer) -> None:
    server = make_server()
    Path(server.ensure().socket).unlink()
    assert server.address is None
    assert server.ensure().answers()


def test_a_start_that_is_killed_halfway_leaves_nothing_in_the_way(make_server: MakeServer) -> None:
    server = make_server()
    code = "import sys; from pathlib import Path; from kolony_tui.server.embedded import EmbeddedServer as S; "
    code += "from kolony_tui.server.home import Home as H; S(H(Path(sys.argv[1]))).ensure()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(server.home.path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as starter:
        until(lambda: (server.home.path / "postgres.new" / "PG_VERSION").exists())
        starter.kill()
    assert not server.home.data.exists()
    assert server.ensure().answers()
    assert asyncio.run(asked(server, "SELECT 1")) == 1
    assert not (server.home.path / "postgres.new").exists()


async def test_stop_says_who_uses_the_server_and_leaves_it_to_them(make_server: MakeServer) -> None:
    server = make_server()
    server.ensure()
    await asked(server, "CREATE ROLE ada LOGIN PASSWORD 'a'")
    address = server.address
    assert address is not None
    user = await asyncpg.connect(
        host=address.host,
        port=address.port,
        user="ada",
        password="a",
        database="postgres",
        server_settings={"application_name": "kolony run \x1b[31mworker"},
    )
    with pytest.raises(WrongState, match=r"in use by 'kolony run .*worker' \(login 'ada'\)") as refusal:
        await asyncio.to_thread(server.stop)
    assert "\x1b" not in refusal.value.line
    assert "--force" in refusal.value.hint
    used_by = (await asyncio.to_thread(server.status)).users
    assert [(session.login.raw, session.pids) for session in used_by] == [("ada", (user.get_server_pid(),))]
    assert await asyncio.to_thread(server.stop, True)
    assert not await asyncio.to_thread(server.stop)
    assert server.address is None
    user.terminate()


def test_settings_of_a_new_version_reach_an_old_data_folder(make_server: MakeServer) -> None:
    server = make_server()
    server.ensure()
    server.stop()
    (server.home.data / "pg_hba.conf").write_text("local all all trust\n")
    with (server.home.data / "postgresql.conf").open("a") as conf:
        conf.write("jit = on\n")
    server.ensure()
    assert asyncio.run(asked(server, "SHOW jit")) == "off"
    assert asyncio.run(asked(server, "SELECT string_agg(auth_method, ',') FROM pg_hba_file_rules")) == "scram-sha-256"


def test_root_runs_it_as_a_user_of_its_own_and_others_as_themselves(embedded: EmbeddedServer) -> None:
    embedded.ensure()
    owner = SYSTEM_USER if os.geteuid() == 0 else psutil.Process().username()
    assert psutil.Process(main_pid(embedded)).username() == owner


def test_an_ordinary_user_has_a_server_of_its_own(short_folder: Path, ordinary: OrdinaryUser) -> None:
    place = short_folder / "theirs"
    place.mkdir()
    os.chown(place, ordinary.uid, ordinary.gid)
    short_folder.chmod(0o755)
    said = ordinary.run(
        """
server = EmbeddedServer(kolony_home(), settings=QUICK)
server.ensure()
status = server.status()
print(json.dumps([psutil.Process(status.pid).uids().real, status.address.host, server.stop(), server.stop()]))
""",
        place / "home",
    )
    assert json.loads(said) == [ordinary.uid, str(place / "home" / "run"), True, False]
    socket = Path(socket_path(str(place / "home" / "run"), PORT))
    assert not socket.exists()
