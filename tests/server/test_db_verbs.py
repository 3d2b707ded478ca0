"""``kolony db``: the answer on standard output, the rest on standard error."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kolony_tui.cli import db
from kolony_tui.cli.main import parser_for
from kolony_tui.models.errors import WrongState
from kolony_tui.server.binaries import installed, plain_environment
from tests.server.conftest import MakeServer

Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kolony(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """Runs a ``db`` verb on a home of its own: exit code, standard output, standard error."""
    server = make_server()
    monkeypatch.setenv("KOLONY_HOME", str(server.home.path))
    monkeypatch.setattr(db, "_server", lambda: server)

    def run(*arguments: str) -> tuple[int, str, str]:
        args = parser_for(["db"]).parse_args(["db", *arguments])
        code = args.func(args)
        out, err = capsys.readouterr()
        return int(code), out, err

    return run


def psql(url: str, question: str) -> str:
    done = subprocess.run(
        [installed().program("psql"), "-XAt", url, "-c", question],
        capture_output=True,
        text=True,
        check=True,
        env=plain_environment(),
    )
    return done.stdout.strip()


def test_start_status_stop(kolony: Verb, make_server: MakeServer) -> None:
    home = make_server().home
    stopped = {"running": False, "version": "18.6", "data": str(home.data)}
    stopped |= {"socket": None, "port": None, "pid": None, "users": []}
    assert json.loads(kolony("status", "--json")[1]) == stopped
    code, out, err = kolony("start")
    assert code == 0
    assert out.startswith("running: PostgreSQL 18.6, pid ")
    assert out.count("\n") == 1
    assert "secrets are in 0600 files" in err
    code, out, err = kolony("start", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts == json.loads(kolony("status", "--json")[1])
    assert (facts["running"], facts["socket"], facts["port"]) == (True, str(home.run), 5432)
    assert kolony("stop") == (0, "", "the server is stopped\n")
    assert kolony("stop") == (0, "", "the server does not run\n")
    assert kolony("status")[1] == f"stopped: PostgreSQL 18.6\ndata    {home.data}\n"


def test_url_is_the_first_admins_and_survives_backup_and_restore(kolony: Verb, tmp_path: Path) -> None:
    code, out, err = kolony("url")
    assert code == 0
    assert "secrets are in" in err
    url = out.removesuffix("\n")
    who = "SELECT session_user || ' ' || count(*) FROM kolony.workspaces GROUP BY session_user"
    login = url.partition("//")[2].partition(":")[0]
    assert psql(url, who) == f"{login} 1"
    assert json.loads(kolony("url", "--json")[1]) == {"url": url, "login": login}

    file = tmp_path / "b"
    code, out, err = kolony("backup", str(file), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"file": str(file), "bytes": file.stat().st_size}
    with pytest.raises(WrongState, match="exists already"):
        kolony("backup", str(file))
    assert kolony("backup", "--force", str(file))[1].startswith(f"{file}: ")
    with pytest.raises(WrongState, match="holds a database already"):
        kolony("restore", str(file))
    assert kolony("restore", str(file), "--force") == (0, "", f"the embedded database is now the one of {file}\n")
    assert psql(kolony("url")[1].strip(), who) == f"{login} 1"


def test_a_backup_of_one_machine_opens_on_another(
    kolony: Verb, make_server: MakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = kolony("url")[1].strip()
    kolony("backup", str(tmp_path / "b"))
    other = make_server("other")
    monkeypatch.setattr(db, "_server", lambda: other)
    assert kolony("restore", str(tmp_path / "b"))[0] == 0
    there = kolony("url")[1].strip()
    assert there != url
    # The roles have other oids over there: the admin is one still.
    assert psql(there, "SELECT role FROM kolony.memberships") == "admin"


def test_help_for_every_step(kolony: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    for step in ("start", "stop", "status", "url", "backup", "restore"):
        with pytest.raises(SystemExit) as ended:
            kolony(step, "--help")
        assert ended.value.code == 0
        assert f"kolony db {step}" in capsys.readouterr().out
