"""Root's server user gets to its data, and nobody gets anywhere else by it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from kolony_tui.models.errors import CannotConnect
from kolony_tui.server import binaries
from kolony_tui.server.binaries import Binaries, installed, reachable
from kolony_tui.server.home import Home
from kolony_tui.server.os_user import ServerUser, server_user
from kolony_tui.server.way_in import (
    GROUP_OBJ,
    MASK,
    NO_ID,
    OTHER,
    USER,
    USER_OBJ,
    Entry,
    may_search,
    open_way,
    with_search,
)
from tests.server.conftest import MakeServer, OrdinaryUser

SOMEBODY = ServerUser("somebody", 4711, 4711, separate=True)


def entries(user: int, group: int, other: int, *more: Entry) -> list[Entry]:
    return sorted([Entry(USER_OBJ, NO_ID, user), Entry(GROUP_OBJ, NO_ID, group), Entry(OTHER, NO_ID, other), *more])


def test_search_is_added_for_one_user_and_nothing_is_taken_from_others() -> None:
    assert with_search(entries(7, 5, 0), 4711) == entries(7, 5, 0, Entry(USER, 4711, 1), Entry(MASK, NO_ID, 5))
    assert with_search(entries(7, 0, 0), 4711) == entries(7, 0, 0, Entry(USER, 4711, 1), Entry(MASK, NO_ID, 1))


def test_rights_that_the_mask_held_back_are_not_woken() -> None:
    before = entries(7, 7, 0, Entry(USER, 12, 7), Entry(MASK, NO_ID, 4))
    after = entries(7, 4, 0, Entry(USER, 12, 4), Entry(USER, 4711, 1), Entry(MASK, NO_ID, 5))
    assert with_search(before, 4711) == after


@pytest.mark.parametrize(
    ("found", "may"),
    [
        (entries(7, 0, 0), False),
        (entries(7, 0, 1), True),
        (entries(7, 0, 0, Entry(USER, 4711, 1), Entry(MASK, NO_ID, 1)), True),
        (entries(7, 0, 0, Entry(USER, 4711, 1), Entry(MASK, NO_ID, 4)), False),
        (entries(7, 0, 1, Entry(USER, 4711, 0), Entry(MASK, NO_ID, 7)), False),
        (entries(7, 0, 0, Entry(USER, 12, 1), Entry(MASK, NO_ID, 1)), False),
    ],
)
def test_who_may_search(found: list[Entry], may: bool) -> None:
    assert may_search(found, Path("/").stat(), SOMEBODY) is may


def test_the_server_reaches_a_home_below_a_closed_folder(
    make_server: MakeServer, short_folder: Path, ordinary: OrdinaryUser
) -> None:
    closed = short_folder / "closed"
    closed.mkdir(mode=0o700)
    server = make_server("closed/home")
    assert server.ensure().answers()
    assert closed.stat().st_mode & 0o007 == 0
    if os.geteuid() == 0:
        short_folder.chmod(0o755)
        tried = f"print(os.access({str(closed)!r}, os.X_OK), os.access({str(closed)!r}, os.R_OK))"
        assert ordinary.run(tried, short_folder) == "False False\n"


def test_a_file_system_without_access_lists_is_named(short_folder: Path) -> None:
    closed = Path("/root")
    if os.geteuid() == 0:
        closed = short_folder / "closed"
        closed.mkdir()
        short_folder.chmod(0o755)
        subprocess.run(["mount", "-t", "ramfs", "-o", "mode=700", "ramfs", str(closed)], check=True)
    try:
        with pytest.raises(CannotConnect, match=f"may not enter {closed} \\(drwx------") as refusal:
            open_way(closed, SOMEBODY)
        assert "KOLONY_HOME" in refusal.value.hint
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", str(closed)], check=True)


def test_programs_that_the_server_user_cannot_read_are_copied_once(
    short_folder: Path, ordinary: OrdinaryUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(short_folder / "home")
    home.make()
    if os.geteuid() != 0:
        assert reachable(home, server_user()) == installed()
        return
    original = installed().folder.parent.parent
    package = short_folder / "closed" / original.name
    for part in ("bin", "lib", "share"):
        shutil.copytree(original / "pginstall" / part, package / "pginstall" / part, symlinks=True)
    shutil.copytree(f"{original}.libs", f"{package}.libs")
    package.parent.chmod(0o700)
    monkeypatch.setattr(binaries, "installed", lambda: Binaries(package / "pginstall" / "bin"))
    user = server_user()
    (home.path / "pginstall-1.0").mkdir()
    open_way(home.path, user)
    copy = reachable(home, user)
    assert copy.folder.is_relative_to(home.path)
    assert copy.version(user) == installed().version()
    made = copy.folder.stat().st_ino
    assert reachable(home, user).folder.stat().st_ino == made
    assert [path.name for path in home.path.glob("pginstall-*")] == [copy.folder.parents[2].name]
