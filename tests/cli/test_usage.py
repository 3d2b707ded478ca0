"""``kolony usage``, ``budget`` and ``price`` as a process: by an admin, by a viewer, and with what cannot be."""

from __future__ import annotations

from tests.cli.conftest import CommandLine


def test_budgets_are_set_shown_and_removed(kolony: CommandLine) -> None:
    kolony("agent", "create", "spender")
    set_to = ("--usd", "12.50", "--tokens", "1.5M", "--period", "day", "--warn", "50")
    made = kolony("budget", "set", "agent:spender", *set_to, "--json").json
    assert (made["scope"], made["subject"], made["token_limit"], made["usd_limit"]) == (
        "agent", "spender", 1_500_000, 12.5)  # fmt: skip
    again = kolony("budget", "set", "agent:spender", "--usd", "20", "--period", "day", "--warn-only", "--json").json
    assert again["budget_id"] == made["budget_id"], "one of each scope, subject and period"
    [shown] = kolony("budget", "show", "agent:spender", "--json").json
    assert (shown["usd_left"], shown["tokens_left"], shown["hard"], shown["share"]) == (20.0, None, False, 0.0)
    assert "many say so only at the end of each turn" in kolony("budget", "set", "workspace", "--usd", "9").err
    assert "$9.00" in kolony("budget", "list").out
    assert len(kolony("budget", "remove", "agent:spender", "--json").json["removed"]) == 1
    kolony("budget", "remove", "workspace")
    assert kolony("budget", "list", "--json").json == []
    assert kolony("budget", "zone", "Asia/Tokyo", "--json").json == {"time_zone": "Asia/Tokyo"}
    kolony("workspace", "create", "unused")
    assert kolony("usage", "--since", "7d", "--workspace", "unused", "--json").json == []
    assert kolony("price", "set", "house-*", "--input", "1", "--output", "2.5", "--json").json["output_usd"] == 2.5
    first = kolony("price", "list", "--json").json[0]
    assert (first["pattern"], first["input_usd"], first["shipped"]) == ("house-*", 1, False)
    kolony("price", "remove", "house-*")


def test_what_is_wrong_is_one_line(kolony: CommandLine) -> None:
    dsn = kolony.login("penny", "viewer")
    kolony("budget", "set", "agent:nobody", "--usd", "1").refused(4, 'there is no agent "nobody" here')
    kolony("budget", "set", "workspace").refused(2, "a budget is --tokens or --usd")
    kolony("budget", "set", "planet:earth", "--usd", "1").refused(2, "is nothing that has a budget")
    kolony("budget", "set", "workspace", "--usd", "lots").refused(2, "an amount of US dollars is like")
    kolony("budget", "set", "workspace", "--usd", "1", "--dsn", dsn).refused(4, "this needs the role admin")
    kolony("price", "set", "x", "--input", "1").refused(4, "one for input and one for output")
    kolony("usage", "--since", "soon").refused(2, "'soon' is no day")
    assert kolony("usage", "--by", "model", "--dsn", dsn, "--json").json == []
