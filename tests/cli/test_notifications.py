"""``kolony notification`` and ``kolony webhook``: read, rules, quiet hours, webhooks, for people and scripts."""

from __future__ import annotations

from tests.cli.conftest import CommandLine


def test_what_one_was_told_and_by_which_rules(kolony: CommandLine) -> None:
    assert kolony("agent", "create", "told").code == 0
    assert kolony("notification", "list", "--json").json == []
    rule = kolony(
        "notification", "rule", "add", "command_ended", "--agent", "told", "--channels", "none", "--json"
    ).json
    assert kolony("notification", "rule", "edit", rule["rule_id"][-8:], "--priority", "high").code == 0
    [mine] = [each for each in kolony("notification", "rules", "--json").json if each["own"]]
    assert (mine["agent"], mine["priority"], mine["channels"], mine["enabled"]) == ("told", "high", [], True)
    assert "yours" in kolony("notification", "rules").out
    assert "undo" in kolony("notification", "rule", "delete", rule["rule_id"]).err
    kolony("notification", "rule", "delete", rule["rule_id"]).refused(4, "there is no rule")
    kolony("notification", "rule", "add", "birthday").refused(4, "there is no kind", "run_failed")
    kolony("notification", "rule", "add", "stop", "--priority", "urgent").refused(2, "low, medium, high, critical")
    kolony("notification", "read").refused(2, "which notifications?")
    kolony("notification", "read", "abcd").refused(4, "no notification 'abcd'")
    assert kolony("notification", "read", "--all", "--json").json == {"read": 0}
    settings = ("notification", "settings")
    changed = kolony(*settings, "--quiet", "22:00-07:00", "--time-zone", "Europe/Berlin", "--json").json
    assert changed == kolony(*settings, "--json").json
    assert (changed["quiet"], changed["time_zone"], changed["bell"]) == ("22:00-07:00", "Europe/Berlin", "away")
    kolony(*settings, "--quiet", "always").refused(2, "22:00-07:00, or none")
    kolony(*settings, "--time-zone", "Mars").refused(4, 'no time zone "Mars"')


def test_webhooks_keep_their_secrets(kolony: CommandLine) -> None:
    made = kolony("webhook", "add", "ops", "http://127.0.0.1:9/", "--kinds", "stop", "--json").json
    assert len(made["secret"]) >= 32
    given = "a secret that somebody thought of"
    added = kolony("webhook", "add", "chat", "https://example.org/", "--secret-stdin", "--json", stdin=f"{given}\n")
    assert set(added.json) == {"webhook_id", "name"}
    listed = kolony("webhook", "list", "--json")
    assert [each["name"] for each in listed.json] == ["chat", "ops"]
    tested = kolony("webhook", "test", "ops")
    assert (tested.code, "did not take the test: ConnectionRefusedError" in tested.err) == (1, True)
    log = kolony("webhook", "deliveries", "ops")
    assert "ConnectionRefusedError" in log.out
    for secret in (made["secret"], given):
        assert secret not in listed.out + kolony("webhook", "list").out + log.out + kolony("audit", "log", "--json").out
    kolony("webhook", "add", "x", "http://example.org/").refused(4, "begins with https://")
    kolony("webhook", "test", "nowhere").refused(4, "there is no webhook")
    assert kolony("webhook", "edit", "ops", "--kinds", "all", "--at-least", "high").code == 0
    dsn = kolony.login("hookless", "operator")
    assert kolony("webhook", "list", "--json", "--dsn", dsn).json == []
    kolony("webhook", "add", "y", "https://example.org/", "--dsn", dsn).refused(4, "this needs the role admin")
    for name in ("ops", "chat"):
        assert kolony("webhook", "remove", name).code == 0
    assert kolony("webhook", "list", "--json").json == []
