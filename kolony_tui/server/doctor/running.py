"""The server as it runs: its version, its clock, its queue of notifications, and who stands in others' way."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from kolony_tui.server.doctor.check import Check, Patient, ok, warning, wrong
from kolony_tui.server.doctor.holes import known_holes
from kolony_tui.server.versions import NEWEST_SERVER, OLDEST_SERVER

CLOCK_LIMIT = 5.0
"""Seconds that the clocks of this machine and of the server may differ."""
QUEUE_LIMIT = 0.5
"""The fill of the queue from which on kolony.hint sends nothing."""
PREPARED_LIMIT = 300
"""Seconds that a prepared transaction may take."""


async def check_version(patient: Patient) -> list[Check]:
    """Whether this version is supported, and known to be holed."""
    row = await patient.row("server")
    major, words = row["version"] // 10_000, row["version_words"]
    if major < OLDEST_SERVER:
        return [wrong("server version", f"PostgreSQL {words} is too old", f"use {OLDEST_SERVER} to {NEWEST_SERVER}")]
    holes = known_holes(row["version"])
    if holes:
        fixed = max(hole.fixed_in(major) for hole in holes)
        how = "upgrade kolony, which brings it" if patient.embedded else "upgrade the server"
        named = ", ".join(f"{hole.name} ({hole.words})" for hole in holes)
        finding = f"PostgreSQL {words} has known holes: {named}"
        return [wrong("server version", finding, f"{how}, to {major}.{fixed} or later")]
    if major > NEWEST_SERVER:
        words = f"PostgreSQL {words} is newer than what this Kolony was tested with"
        return [warning("server version", words, "upgrade kolony, or go on with care")]
    return [ok("server version", f"PostgreSQL {words}, without a hole that this program knows of")]


async def check_clock(patient: Patient) -> list[Check]:
    """The server's clock against this machine's, by one round trip."""
    began = time.monotonic()
    local = datetime.now(UTC)
    theirs: datetime = (await patient.row("server"))["now"]
    half = (time.monotonic() - began) / 2
    ahead = (theirs - local - timedelta(seconds=half)).total_seconds()
    finding = f"the server's clock is {abs(ahead):.1f} s {'ahead of' if ahead >= 0 else 'behind'} this machine's"
    if abs(ahead) <= CLOCK_LIMIT + half:
        return [ok("clock", f"{finding} (at most {CLOCK_LIMIT:.0f} s)")]
    return [warning("clock", f"{finding}, more than {CLOCK_LIMIT:.0f} s", "set the clock that is wrong, by NTP")]


async def check_queue(patient: Patient) -> list[Check]:
    """How full the server's queue of notifications is."""
    usage: float = (await patient.row("server"))["queue_usage"]
    if usage < QUEUE_LIMIT / 2:
        return [ok("notification queue", f"{usage:.0%} full")]
    finding = f"{usage:.0%} full: somebody listens and does not read"
    if usage < QUEUE_LIMIT:
        return [warning("notification queue", finding, "run kolony maintain, whose watchdog ends who holds it")]
    remedy = "run kolony maintain; if it stays, the session that holds it is no login of Kolony: end it as a superuser"
    return [wrong("notification queue", f"{finding}; screens are told of nothing and look by themselves", remedy)]


async def check_sessions(patient: Patient) -> list[Check]:
    """Sessions that stand in others' way."""
    checks, hidden = [], 0
    for row in await patient.rows("sessions"):
        if row["hidden"]:
            hidden = row["hidden"]
            continue
        finding = f"{row['login']} (pid {row['pid']}, {row['application'] or 'no name'}): {row['what']}"
        remedy = (
            "run kolony maintain, whose watchdog ends it" if row["ours"]
            else f"SELECT pg_terminate_backend({row['pid']}), as a superuser: the login was made outside Kolony"
        )  # fmt: skip
        checks.append(warning("sessions", f"{finding} for {row['seconds']} s", remedy))
    if hidden:
        words = f"what {hidden} other sessions do is for admins and superusers to see"
        checks.append(ok("sessions", f"{words}; the watchdog looks after those of Kolony's logins"))
    return checks or [ok("sessions", "none hangs in a transaction or does not read what it is sent")]


async def check_prepared(patient: Patient) -> list[Check]:
    """Prepared transactions, which keep old rows and locks without any session."""
    found = [
        wrong("prepared transactions", f"{row['gid']} of {row['owner']} in {row['database']} for {row['seconds']} s",
              "COMMIT PREPARED or ROLLBACK PREPARED it, as its owner in that database")
        for row in await patient.rows("prepared", PREPARED_LIMIT)
    ]  # fmt: skip
    return found or [ok("prepared transactions", f"none older than {PREPARED_LIMIT // 60} minutes")]


async def check_durability(patient: Patient) -> list[Check]:
    """Whether a crash of the machine loses what was committed."""
    if (await patient.row("server"))["durable"]:
        return [ok("durability", "what is committed is on the disk")]
    finding = "fsync or full_page_writes is off: a crash of the machine ruins the database"
    return [warning("durability", finding, "set both to on")]
