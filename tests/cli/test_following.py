"""`kolony tail` of several runs and `kolony run search`, as processes, on what real programs print."""

from __future__ import annotations

import json
import sys

from tests.cli.conftest import CommandLine

PROGRAM = r"""
import sys
name = sys.stdin.read().split()[-1]
print("\x1b[31mbegin\x1b[0m", name, "\x1b]0;title\x07", flush=True)
print("needle in", name, file=sys.stderr, flush=True)
for number in range(300):
    print("row", number, name)
print("no end", end="")
"""


def test_several_runs_are_one_stream_and_any_is_searched(kolony: CommandLine) -> None:
    assert kolony("agent", "create", "teller").code == 0
    token = kolony("token", "issue", "teller", "--json").json["token"]
    numbers = [str(kolony("send", "teller", "--json", "--", f"say {name}").json["number"]) for name in ("aa", "bb")]
    runner = kolony.started("agent", "run", "teller", "--", sys.executable, "-c", PROGRAM, KOLONY_AGENT_TOKEN=token)
    try:
        followed = kolony("tail", *numbers, "--follow", "--json")
        assert followed.code == 0, followed.err
    finally:
        runner.terminate()
        runner.communicate(timeout=30)
    lines = [json.loads(line) for line in followed.out.splitlines()]
    for number, name in zip(numbers, ("aa", "bb"), strict=True):
        mine = [line for line in lines if line["reference"] == f"#{number}"]
        assert [line["text"] for line in mine if line["stream"] == "stdout"] == [
            f"begin {name} ", *(f"row {at} {name}" for at in range(300)), "no end",
        ]  # fmt: skip
        assert [line["text"] for line in mine if line["stream"] == "stderr"] == [f"needle in {name}"]
        assert {line["agent"] for line in mine} == {"teller"}
    plain = kolony("tail", *numbers)
    assert len(plain.out.splitlines()) == len(lines)
    assert "\x1b" not in plain.out
    assert "teller" in plain.out.splitlines()[0]
    found = kolony("tail", "--where", "status=completed", "--stream", "stderr")
    assert sorted(line.split()[-1] for line in found.out.splitlines()) == ["aa", "bb"]
    assert kolony("tail", "--all-running").out == ""
    kolony("tail").refused(2, "--all-running")
    kolony("tail", numbers[0], "--all-running").refused(2, "name runs")
    kolony("tail", *numbers, "--attempt", "1").refused(2, "--attempt")
    kolony("tail", "--where", "nothing ~ ~").refused(2)

    hit = kolony("run", "search", numbers[0], "NEEDLE", "--json")
    assert (hit.code, hit.out) == (0, "")
    [only] = kolony("run", "search", numbers[0], "needle").out.splitlines()
    assert only.endswith(": needle in aa")
    rows = kolony("run", "search", numbers[1], "^row 29[0-9] ", "--regex", "--json", "--limit", "4").out.splitlines()
    texts = [json.loads(line) for line in rows]
    assert [row["text"] for row in texts] == [f"row {at} bb" for at in range(290, 294)]
    assert texts[1]["line"] == texts[0]["line"] + 1
    kolony("run", "search", numbers[0], "(", "--regex").refused(2, "regular expression")
    kolony("run", "search", "99999", "x").refused(4, "99999")
