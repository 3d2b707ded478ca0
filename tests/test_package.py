"""What an installation brings: the SQL, the styles, the mark for type checkers."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The paths in the wheel that an installation is made of."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-c", BUILD, folder], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    with zipfile.ZipFile(folder / built.stdout.strip()) as wheel:
        return set(wheel.namelist())


def test_every_statement_and_migration_ships(shipped: set[str]) -> None:
    here = {f"kolony_tui/sql/{path.relative_to(ROOT / 'sql')}" for path in (ROOT / "sql").rglob("*.sql")}
    assert any(name.startswith("kolony_tui/sql/migrations/0001_") for name in here)
    assert here <= shipped


def test_every_module_and_style_ships(shipped: set[str]) -> None:
    package = ROOT / "kolony_tui"
    kinds = ("*.py", "*.tcss", "*.toml", "py.typed")
    here = {str(path.relative_to(ROOT)) for kind in kinds for path in package.rglob(kind)}
    assert "kolony_tui/ui/styles/app.tcss" in here
    assert "kolony_tui/py.typed" in here
    assert here <= shipped


def test_nothing_else_ships(shipped: set[str]) -> None:
    kinds = re.compile(
        r"kolony_tui/.*\.(py|sql|tcss)|kolony_tui/agent/types/[^/]*\.toml|kolony_tui/py\.typed|kolony-[^/]*\.dist-info/.*"
    )
    assert {name for name in shipped if not kinds.fullmatch(name)} == set()
