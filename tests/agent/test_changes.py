"""What an agent changed, as a diff: applied to what was there it makes what came, whatever it is."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.agent.record.changes import KEPT_CHARACTERS, KEPT_FILES, Changes, FileChanges, unified

_TEXT = st.lists(st.sampled_from(["a", "b", "c", "", "-d", "+e", " f", "\x0b", "\u2028", "\\ g"]), max_size=30).flatmap(
    lambda lines: st.sampled_from(["\n".join(lines), "".join(f"{line}\n" for line in lines)])
)


def _applied(before: str, diff: str) -> str:
    """What a unified diff makes of a text."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", before)
    out: list[str] = []
    at, stripped = 0, False
    body = re.findall(r"[^\n]*\n", diff)
    assert all(line.startswith(("--- ", "+++ ")) for line in body[:2])
    for line in body[2:]:
        if place := re.match(r"@@ -(\d+)(?:,(\d+))? \+(\d+)", line):
            start = int(place[1]) - (place[2] != "0")
            out += lines[at:start]
            at = start
        elif line.startswith("\\ No newline"):
            if stripped:
                out[-1] = out[-1][:-1]
        elif line[0] in " -":
            assert lines[at].rstrip("\n") == line[1:].rstrip("\n")
            at += 1
            stripped = line[0] == " "
            out += [line[1:]] if stripped else []
        else:
            stripped = True
            out.append(line[1:])
    return "".join(out + lines[at:])


@given(_TEXT, _TEXT)
def test_applied_to_the_old_it_makes_the_new(old: str, new: str) -> None:
    changes = FileChanges()
    changes.add(old, new)
    diff = unified("x", changes)
    assert (diff == "") == (old == new)
    assert not diff or _applied(old, diff) == new


def test_steps_and_new_files() -> None:
    changes = Changes()
    changes.add("x", None, "a\n")
    changes.add("x", "a\n", "b\n")
    assert unified("x", changes.files["x"]) == "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+b\n"
    changes.add("x", "elsewhere\n", "gone\n")
    assert unified("x", changes.files["x"]).count("@@ -") == 2


def test_much_that_differs_is_quick_and_bounded() -> None:
    old = "".join(f"old {n}\n" for n in range(60_000))
    new = "".join(f"new {n}\n" for n in range(60_000))
    changes = FileChanges()
    changes.add(f"same\n{old}same\n", f"same\n{new}same\n")
    began = time.monotonic()
    diff = unified("x", changes)
    assert time.monotonic() - began < 2
    assert "@@ -2,60000 +2,60000 @@\n-old 0\n" in diff
    many = Changes()
    many.add("large", None, "x" * (KEPT_CHARACTERS + 1))
    many.add("large", None, "x")
    assert many.files["large"].lost
    many.add("small", None, "x")
    for number in range(KEPT_FILES + 10):
        many.add(str(number), None, "x")
    assert (len(many.files), many.more, many.files["small"].lost) == (KEPT_FILES, 12, False)
