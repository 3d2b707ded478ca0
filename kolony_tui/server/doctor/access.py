"""How people get in: the way to the server, what it asks of whom, and what a session begins with."""

from __future__ import annotations

import ipaddress

from kolony_tui.db.startup import NEWER_SETTINGS, SETTINGS
from kolony_tui.db.tls import NOTHING, protection
from kolony_tui.server.doctor.check import Check, Patient, ok, warning, wrong

SCRAM = "scram-sha-256"
UNPROVEN = ("trust", "password", "md5", "ident")
"""Methods of pg_hba.conf that let somebody in without proof, or with a password that others can read or replay."""
OVERRIDDEN = frozenset(name.lower() for name in {**SETTINGS, **NEWER_SETTINGS})


async def check_way(patient: Patient) -> list[Check]:
    """What proves on the way that the server is the right one."""
    way = protection(patient.target, patient.place)
    if way != NOTHING:
        return [ok("TLS", f"{patient.place.server}: {way}")]
    remedy = "give the server a certificate, or pin the one that it has: kolony login --trust"
    finding = f"{patient.place.server} proves nothing: who is on the way reads and changes everything"
    return [wrong("TLS", finding, remedy)]


async def check_passwords(patient: Patient) -> list[Check]:
    """Whether passwords are kept and proved by SCRAM."""
    row = await patient.row("server")
    checks = []
    if row["password_encryption"] != SCRAM:
        checks.append(wrong(
            "passwords",
            f"new passwords are kept as {row['password_encryption']}",
            "ALTER SYSTEM SET password_encryption = 'scram-sha-256', and reload",
        ))  # fmt: skip
    if not row["superuser"]:
        return checks or [ok("passwords", "new ones are kept by SCRAM-SHA-256; old ones are for a superuser to see")]
    checks += [
        wrong("passwords", f"the password of {each['rolname']} is no SCRAM verifier", "kolony user passwd")
        for each in await patient.rows("old_passwords")
    ]
    return checks or [ok("passwords", "kept by SCRAM-SHA-256, all of them")]


async def check_entrance(patient: Patient) -> list[Check]:
    """The rules of pg_hba.conf, where this login may read them."""
    if not await patient.connection.fetchval(
        """SELECT has_table_privilege('pg_hba_file_rules', 'SELECT')
              AND has_function_privilege('pg_hba_file_rules()', 'EXECUTE')"""
    ):
        return [ok("pg_hba.conf", "its rules are for a superuser to see")]
    checks = []
    for row in await patient.rows("access_rules"):
        line = f"line {row['line']}"
        rule = " ".join(str(part) for part in (row["type"], row["databases"], row["users"], row["address"]) if part)
        if row["error"]:
            checks.append(wrong("pg_hba.conf", f"{line} cannot be read: {row['error']}", "mend it, and reload"))
        elif row["method"] in UNPROVEN:
            finding = f"{line} lets in by {row['method']}: {rule}"
            checks.append(wrong("pg_hba.conf", finding, "write scram-sha-256 there, and reload"))
        elif row["type"] in ("host", "hostnossl") and not _is_loopback(row["address"]):
            finding = f"{line} lets in from elsewhere without TLS: {rule}"
            checks.append(warning("pg_hba.conf", finding, "write hostssl there, and reload"))
    return checks or [ok("pg_hba.conf", "each rule asks for SCRAM or for the system's word")]


async def check_login_settings(patient: Patient) -> list[Check]:
    """Settings that somebody put on this person's login: they hold in psql, and some of them here."""
    checks = []
    overridden = []
    for row in await patient.rows("login_settings", patient.place.login):
        if row["name"].lower() in OVERRIDDEN:
            overridden.append(row["setting"])
            continue
        finding = f"sessions of {row['of_whom']} begin with {row['setting']}"
        remedy = f"ALTER ROLE {patient.place.login} RESET ALL (or ALTER DATABASE ...), unless it is wanted"
        checks.append(warning("login settings", finding, remedy))
    if overridden:
        words = f"{', '.join(overridden)}: overridden here, in force in psql"
        checks.append(ok("login settings", words))
    return checks or [ok("login settings", f"nothing was put on the login {patient.place.login}")]


async def check_logged_tokens(patient: Patient) -> list[Check]:
    """Whether tokens come into the server's log, where agents share a login and show them as parameters."""
    roles = await patient.row("roles")
    if roles["makes_logins"] and not roles["shared_agent_login"]:
        return [ok("tokens in logs", "each token is a login of its own: the server never sees one")]
    row = await patient.row("server")
    remedy = "as a superuser set log_parameter_max_length and log_parameter_max_length_on_error to 0, and reload"
    if not row["logs_parameters"]:
        return [ok("tokens in logs", "parameters are not logged")]
    if row["logs_statements"]:
        return [wrong("tokens in logs", "statements are logged with their parameters, tokens among them", remedy)]
    return [warning("tokens in logs", "once statements are logged, tokens would be too", remedy)]


def _is_loopback(address: str) -> bool:
    if address in ("localhost", "samehost"):
        return True
    try:
        return ipaddress.ip_address(address.partition("/")[0]).is_loopback
    except ValueError:
        return False
