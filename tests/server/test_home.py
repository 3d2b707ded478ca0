"""Where Kolony's things lie, and what it remembers there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kolony_tui.models.errors import UsageError, WorkFailed
from kolony_tui.server.home import Home, kolony_home
from kolony_tui.server.private_files import write_private
from kolony_tui.server.traces import ROOT_HOME


def test_kolony_home_moves_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KOLONY_HOME", str(tmp_path / "x" / ".." / "there"))
    home = kolony_home()
    assert home.path == tmp_path.resolve() / "there"
    assert all(path.is_relative_to(home.path) for path in (home.data, home.run, home.log, home.secrets, home.config))
    monkeypatch.setenv("KOLONY_HOME", "relative")
    assert kolony_home().path == Path.cwd() / "relative"
    monkeypatch.setenv("KOLONY_HOME", "/tmp/a\nb")
    with pytest.raises(UsageError, match="cannot be printed"):
        kolony_home()


def test_the_default_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KOLONY_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert kolony_home().path == tmp_path / "kolony"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert str(kolony_home().path) == ROOT_HOME


def test_nobody_else_can_write_in_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "above" / "home")
    home.make()
    assert stat.S_IMODE(home.path.stat().st_mode) & 0o066 == 0
    home.path.chmod(0o777)
    home.make()
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o755


def test_state_is_kept_key_by_key(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert home.read_state() == {}
    assert home.update_state(first_admin="ada", schema=3) == {"first_admin": "ada", "schema": 3}
    assert home.update_state(schema=None) == {"first_admin": "ada"}
    assert Home(home.path).read_state() == {"first_admin": "ada"}
    assert stat.S_IMODE(home.state.stat().st_mode) == 0o600
    home.state.write_text("{")
    with pytest.raises(WorkFailed, match="is damaged"):
        home.read_state()


def test_no_change_of_state_is_lost_between_processes(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    code = (
        "import sys; from pathlib import Path; from kolony_tui.server.home import Home\n"
        "for n in range(20): Home(Path(sys.argv[1])).update_state(**{f'{sys.argv[2]}{n}': n})"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(home.path), name], env=environment)
        for name in ("a", "b", "c")
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(home.read_state()) == 60


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_private(file, b"old")
    with pytest.raises(TypeError):
        write_private(file, "not bytes")  # type: ignore[arg-type]
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(WorkFailed, match="cannot use"):
        write_private(tmp_path / "missing" / "file", b"new")
