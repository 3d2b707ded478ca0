"""``kolony audit`` as people and scripts use it."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kolony_tui.models.audit import AuditEntry, AuditSeal
from tests.cli.conftest import CommandLine

KEYS = ["entry_id", "at", "event", "login", "client_address", "application", "workspace", "agent", "command_id",
        "run_id", "subject", "details"]  # fmt: skip


@pytest.fixture(scope="module")
def full(kolony: CommandLine) -> CommandLine:
    """A home in which something has happened."""
    kolony("agent", "create", "audited")
    kolony("token", "issue", "audited")
    assert kolony("send", "audited", "--", "\x1b]0;t\x07 look").code == 0
    return kolony


def test_the_log_as_json_newest_last(full: CommandLine) -> None:
    log = full("audit", "--json").json
    assert all(list(entry) == KEYS for entry in log)
    assert [field.name for field in fields(AuditEntry)] == KEYS
    assert [entry["entry_id"] for entry in log] == sorted(entry["entry_id"] for entry in log)
    sent = next(entry for entry in reversed(log) if entry["event"] == "COMMAND_SENT")
    assert sent["details"]["text"] == "\x1b]0;t\x07 look"
    assert (sent["workspace"], sent["subject"], sent["client_address"]) == ("main", "#1", None)
    issued = next(entry for entry in log if entry["event"] == "TOKEN_ISSUED" and entry["agent"] == "audited")
    assert issued["application"] == "kolony cli"


def test_what_is_asked_for(full: CommandLine) -> None:
    def events(*words: str) -> list[str]:
        return [entry["event"] for entry in full("audit", "--json", *words).json]

    assert set(events("--agent", "audited")) == {"AGENT_CREATED", "TOKEN_ISSUED"}
    assert set(events("--event", "agent_created", "--event", "TOKEN_ISSUED")) == {"AGENT_CREATED", "TOKEN_ISSUED"}
    assert len(events("--limit", "2")) == 2
    assert events("--limit", "2") == events()[-2:]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert events("--since", tomorrow) == events("--until", "1d") == events("--login", "nobody") == []
    assert events("--since", "1h", "--until", tomorrow) == events()


def test_the_log_for_people_is_harmless(full: CommandLine) -> None:
    ran = full("audit")
    assert ran.code == 0
    assert "COMMAND_SENT" in ran.out.splitlines()[-1]
    assert not set(ran.out) & {"\x1b", "\x07"}


def test_sealing_verifying_and_exporting(full: CommandLine, tmp_path: Path) -> None:
    assert full("audit", "seal", "--json").json["sealed"] > 0
    assert full("audit", "seal", "--json").json == {"sealed": 0}
    exported = full("audit", "seals", "--json")
    assert [set(seal) for seal in exported.json] == [{field.name for field in fields(AuditSeal)}]
    found = full("audit", "verify", "--json").json
    assert found == {"ok": True, "seals": 1, "sealed": exported.json[0]["entry_count"], "removed": 0, "unsealed": 1,
                     "first_difference": None}  # fmt: skip
    copy = tmp_path / "seals.json"
    copy.write_text(exported.out)
    assert full("audit", "verify", "--seals", str(copy)).code == 0
    altered = exported.json
    altered[0]["digest"] = "00" * 32
    copy.write_text(json.dumps(altered))
    ran = full("audit", "verify", "--seals", str(copy))
    ran.refused(1, "seal 1", "not the one that was exported")
    ran = full("audit", "verify", "--json", "--seals", str(copy))
    assert ran.code == 1
    assert json.loads(ran.out)["first_difference"]["seal"] == 1
    assert str(exported.json[0]["digest"]) in full("audit", "seals").out


def test_retention(full: CommandLine) -> None:
    assert full("audit", "retention", "--json").json == {"days": 30}
    assert full("audit", "retention", "45", "--json").json == {"days": 45}
    full("audit", "retention", "29").refused(4, "30 to 3650 days")
    assert full("audit", "retention", "30", "--json").json == {"days": 30}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--event", "TOKEN_ISUED"], "did you mean TOKEN_ISSUED"),
        (["--since", "yesterday"], "is no moment"),
        (["--since", "999999999999d"], "is no moment"),
        (["--limit", "0"], "1 to 1000000"),
        (["retention", "x"], "invalid int"),
        (["verify", "--seals", "/nowhere/at/all"], "cannot be read"),
        (["nonsense"], "invalid choice"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_one_line(full: CommandLine, words: list[str], said: str) -> None:
    full("audit", *words).refused(2, said)


def test_who_is_no_admin_sees_their_own(full: CommandLine) -> None:
    dsn = full.login("auditor", "operator")
    assert full("audit", "--json", "--dsn", dsn).json == []
    full("agent", "create", "mine", "--dsn", dsn)
    assert [entry["event"] for entry in full("audit", "--json", "--dsn", dsn).json] == ["AGENT_CREATED"]
    ran = full("audit", "--dsn", dsn)
    assert (ran.code, "an admin sees everything" in ran.err) == (0, True)
    assert full("audit", "seals", "--json", "--dsn", dsn).json == []
    for verb in ("verify", "seal"):
        full("audit", verb, "--dsn", dsn).refused(4, "needs the role admin")
