"""Steering the queue from the command line, as scripts and people do: one run and many, refusals, why, undo."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator

import pytest

from kolony_tui.cli.main import main
from tests.cli.conftest import CommandLine, Ran

Verb = Callable[..., Ran]


@pytest.fixture(scope="module")
def home(kolony: CommandLine) -> Iterator[CommandLine]:
    """Three agents that nobody runs, so that everything waits."""
    with pytest.MonkeyPatch.context() as patched:
        wanted = kolony._environment({})
        for name in os.environ.keys() - wanted.keys():
            patched.delenv(name)
        for name in {name for name, value in wanted.items() if os.environ.get(name) != value}:
            patched.setenv(name, wanted[name])
        for name in ("steer-a", "steer-b", "steer-c"):
            assert main(["agent", "create", name]) == 0
        yield kolony


@pytest.fixture
def agents(home: CommandLine, capsys: pytest.CaptureFixture[str]) -> Verb:
    """The command line in this process: a verb is tried here for what it does, not for how it starts."""

    def run(*words: str) -> Ran:
        capsys.readouterr()
        code = main(list(words))
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return run


def send(kolony: Verb, *words: str, to: str = "steer-a", text: str = "true") -> int:
    """The number of a new command."""
    return int(kolony("send", to, *words, "--json", "--", text).json["number"])


def show(kolony: Verb, run: object) -> dict[str, object]:
    shown: dict[str, object] = kolony("run", "show", str(run), "--json").json
    return shown


def test_many_at_once_go_on_past_what_refuses(agents: Verb) -> None:
    kolony = agents
    first, second, third = (send(kolony, to="steer-b") for _ in range(3))
    assert kolony("run", "cancel", str(second)).code == 0
    done = kolony("run", "cancel", str(first), str(second), str(third), "99999", "--json")
    assert done.code == 4
    found = {each["reference"]: (each["became"], bool(each["refused"])) for each in json.loads(done.out)}
    assert found == {f"#{first}": ("cancelled", False), f"#{second}": (None, True), f"#{third}": ("cancelled", False)}
    assert [f"#{second}" in line or "99999" in line for line in done.err.splitlines()] == [True, True]
    kolony("run", "cancel", str(first)).refused(4, "ended already")
    retried = kolony("run", "retry", "--where", "agent=steer-b", "--json").json
    assert {each["became"] for each in retried} == {"waiting"}
    assert len(retried) == 3


def test_a_filter_means_what_can_be_stepped_on(agents: Verb) -> None:
    kolony = agents
    number = send(kolony, to="steer-c", text="echo filtered")
    looked = kolony("run", "hold", "--where", "agent=steer-c and command~filtered", "--dry-run", "--json").json
    assert [each["reference"] for each in looked] == [f"#{number}"]
    assert show(kolony, number)["held_at"] is None, "a dry run does nothing"
    assert kolony("run", "hold", "--where", "agent=steer-c", "--reason", "first look").code == 0
    held = kolony("run", "list", "--held", "--agent", "steer-c", "--json").json
    assert [(each["reference"], each["held_why"], each["waits_for"]) for each in held] == [
        (f"#{number}", "first look", "hold")
    ]
    assert set(held[0]) == set(kolony("run", "list", "--limit", "1", "--json").json[0]), "the keys of every run list"
    kolony("run", "hold", "--where", "agent=steer-c and age>1h").refused(4, "no run passes")
    kolony("run", "hold", "--where", "agnt=x").refused(2, "agnt", "agent")
    kolony("run", "hold").refused(2, "--where")
    kolony("run", "hold", str(number), "--where", "x").refused(2, "--where")
    assert kolony("run", "release", str(number)).code == 0
    kolony("run", "release", str(number)).refused(4, "nobody holds")


def test_priority_place_and_agent(agents: Verb) -> None:
    kolony = agents
    before = [send(kolony, to="steer-a") for _ in range(3)]
    last = before[-1]
    place = show(kolony, last)["position"]
    assert kolony("run", "raise", str(last), "--json").json["became"] == "60"
    assert kolony("run", "lower", str(last), "--by", "60", "--json").json["became"] == "0"
    assert kolony("run", "priority", str(last), str(before[0]), "50").code == 0
    assert show(kolony, last)["position"] == place
    assert kolony("run", "move", str(last), "1", "--json").json["position"] == 1
    assert (show(kolony, last)["position"], show(kolony, before[0])["position"]) == (1, 2)
    kolony("run", "move", str(last), "0").refused(2, "1 (next)")
    assert kolony("run", "assign", str(last), "steer-b").code == 0
    assert show(kolony, last)["agent"] == "steer-b"
    kolony("run", "assign", str(last), "nobody-here").refused(4, "nobody-here")
    kolony("run", "interrupt", str(last)).refused(4, "has not begun")


def test_why_names_hold_dependency_time_and_the_agent(agents: Verb) -> None:
    kolony = agents
    first = send(kolony, to="steer-c", text="echo first")
    later = send(kolony, "--after", str(first), "--not-before", "+2h", to="steer-c", text="echo later")
    assert kolony("run", "hold", str(later), "--reason", "not today").code == 0
    tree = kolony("run", "why", str(later), "--json").json
    assert all(set(each) == {"depth", "kind", "words", "remedy", "subject_id"} for each in tree)
    kinds = [(each["depth"], each["kind"]) for each in tree]
    for reason in ((0, "held"), (0, "after"), (1, "dependency"), (0, "not_before"), (0, "offline")):
        assert reason in kinds, tree
    told = kolony("run", "why", str(later)).out
    assert "not today" in told
    assert f"\n  #{first} has to be completed, it is queued: echo first  -> wait, or release this run\n" in told
    shown = kolony("run", "show", str(later)).out
    assert f"#{first}, queued (has to be completed)" in shown
    assert "not today" in shown
    assert kolony("command", "hold", str(first), "--json").json["held"] == 1
    assert kolony("command", "release", str(first), "--json").json["released"] == 1


def test_sending_in_order_once_and_within_limits(agents: Verb) -> None:
    kolony = agents
    once = ("--idempotency-key", "a key", "--memory-limit-mb", "200", "--time-limit", "1.5", "--cpu-limit", "50")
    number = send(kolony, *once)
    again = kolony("send", "steer-a", *once, "--json", "--", "true").json
    assert (again["number"], again["repeated"]) == (number, True)
    kolony("send", "steer-a", *once, "--", "false").refused(4, "a key", f"#{number}")
    shown = show(kolony, number)
    limits = (shown["time_limit_ms"], shown["memory_limit_mb"], shown["cpu_limit_percent"], shown["token_budget"])
    assert limits == (1500, 200, 50, None)
    review = show(kolony, send(kolony, "--kind", "review", "--about", str(number)))
    assert review["kind"] == "review"
    both = kolony("send", "steer-a", "steer-b", "--at-a-time", "1", "--stop-after", "1", "--json", "--", "true").json
    second = show(kolony, both["runs"][1]["run_id"])
    assert second["waits_for"] == "window"
    for words, said in (
        (("--not-before", "soon"), "14:30"),
        (("--after", "99999"), "99999"),
        (("--after-any-end",), "--after"),
        (("--kind", "review"), "--about"),
        (("--about", str(number)), "--kind"),
        (("--memory-limit-mb", "0"), "--memory-limit-mb"),
        (("--constraint", "no-such"), "no-such"),
    ):
        refused = kolony("send", "steer-a", *words, "--", "true")
        refused.refused(refused.code, said)
        assert refused.code in (2, 4)


def test_undo_takes_back_ones_own_cancel_and_nothing_else(agents: Verb, home: CommandLine) -> None:
    kolony = agents
    other, viewer = home.login("undoer", "operator"), home.login("onlooker", "viewer")
    number = send(kolony, to="steer-b")
    assert kolony("run", "cancel", str(number)).code == 0
    kolony("undo", "--dsn", other).refused(4, "nothing to undo")
    assert kolony("undo", "--json").json == {"undone": f"cancel of #{number}"}
    assert show(kolony, number)["status"] == "waiting"
    kolony("run", "hold", str(number), "--dsn", viewer).refused(4, "viewer", "operator")
    assert kolony("run", "why", str(number), "--dsn", viewer).code == 0
