"""What a verb loads decides how fast it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import CommandLine

SLOW_FOR_ALL = {"textual", "keyring", "rich"}


def _loaded(words: list[str], environment: dict[str, str]) -> set[str]:
    script = (
        "import sys\n"
        "from kolony_tui.cli.main import main\n"
        "try: code = main(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        "print(code, *{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, encoding="utf-8", env=environment, check=True
    )
    code, *modules = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    return set(modules)


def test_help_loads_next_to_nothing(kolony: CommandLine) -> None:
    loaded = _loaded(["--help"], kolony._environment({}))
    assert not loaded & {*SLOW_FOR_ALL, "asyncpg", "pydantic", "asyncio", "psutil", "platformdirs"}


@pytest.mark.parametrize("words", [["agent", "list"], ["run", "list"]])
def test_tables_load_no_screen_and_no_keyring(kolony: CommandLine, words: list[str]) -> None:
    loaded = _loaded(words, kolony._environment({}))
    assert "asyncpg" in loaded
    assert not loaded & {*SLOW_FOR_ALL, "pydantic", "scramp"}


@pytest.mark.parametrize("verb", ["run", "command", "token", "user"])
def test_lists_for_scripts_load_next_to_nothing(kolony: CommandLine, verb: str) -> None:
    loaded = _loaded([verb, "list", "--json"], kolony._environment({}))
    assert "ctypes" in loaded
    slow = {"asyncpg", "asyncio", "inspect", "dataclasses", "typing", "pathlib", "subprocess", "socket", "ssl", "uuid"}
    assert not loaded & {*SLOW_FOR_ALL, *slow, "shutil", "tempfile", "hashlib", "platformdirs", "tomllib"}
