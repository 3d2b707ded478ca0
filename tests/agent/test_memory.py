"""What a program made of the notes that were laid out for it, and what of that cannot be kept."""

from __future__ import annotations

import os
from pathlib import Path

from kolony_tui.agent.attempt.masking import Masking
from kolony_tui.agent.attempt.memory import files, left

GIVEN = ({"name": "a", "content": "one\n", "version": 3}, {"name": "b", "content": "two\n", "version": 1})


def test_changes_and_what_is_gone_are_taken_back(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    folder.mkdir()
    for name, content in files(GIVEN).items():
        (tmp_path / name).write_bytes(content)
    assert left(folder, GIVEN, Masking()).notes == []
    (folder / "a.md").write_text("one and s3cr3t-word\n")
    (folder / "b.md").unlink()
    (folder / "c.md").write_bytes(b"\xff\0new")
    (folder / "d.txt").write_text("no note")
    found = left(folder, GIVEN, Masking(["s3cr3t-word"]))
    assert found.notes == [
        {"name": "a", "content": "one and ***\n", "base": 3},
        {"name": "c", "content": "\ufffd\ufffdnew", "base": 0},
        {"name": "b", "content": None, "base": 1},
    ]
    assert found.remarks == []


def test_what_cannot_be_kept_is_said_and_deletes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    assert left(folder, GIVEN, Masking()).notes == [], "where the folder is gone nothing was meant by it"
    folder.mkdir()
    (folder / "a.md").write_bytes(b"x" * 65_537)
    (folder / "b.md").symlink_to("/etc/passwd")
    (folder / "with blank.md").write_text("x")
    os.mkfifo(folder / "pipe.md")
    found = left(folder, GIVEN, Masking())
    assert found.notes == []
    assert len(found.remarks) == 4
    assert "64 KiB" in found.remarks[0]
