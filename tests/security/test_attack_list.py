"""The list of attacks is whole, and each of them is tried by a test that exists."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.security import test_statements

HERE = Path(__file__).parent
ATTACKS = 72
TABLES = "security/test_statements.py::"


def _lines() -> list[list[str]]:
    text = (HERE / "attacks.tsv").read_text().splitlines()
    return [line.split("\t") for line in text if not line.startswith(("#", "number\t"))]


@cache
def _tests(file: Path) -> frozenset[str]:
    found = ast.walk(ast.parse(file.read_text()))
    return frozenset(each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_attack_is_listed_once() -> None:
    assert [int(line[0]) for line in _lines()] == list(range(1, ATTACKS + 1))
    assert all(len(line) == 4 and all(line) for line in _lines())


def test_every_attack_has_tests_that_exist() -> None:
    missing = []
    for number, _, _, tests in _lines():
        for test in tests.split(" "):
            file, _, name = test.partition("::")
            path = HERE.parent / file
            if not name.startswith("test_") or not path.is_file() or name not in _tests(path):
                missing.append((number, test))
    assert missing == []


def test_the_tables_of_statements_try_what_the_list_says() -> None:
    tables = test_statements.STATEMENTS | test_statements.ONLY_PEOPLE | test_statements.ONLY_AGENTS
    tried = {name.partition(" ")[0] for name in tables}
    listed = {line[0] for line in _lines() if TABLES in line[3]}
    assert tried == listed
