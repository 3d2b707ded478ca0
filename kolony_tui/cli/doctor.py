"""``kolony doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

from kolony_tui.cli.printing import print_json, print_line
from kolony_tui.cli.verbs import APPLICATION, choice, tell, verb
from kolony_tui.models.errors import ExitCode

if TYPE_CHECKING:
    from kolony_tui.server.doctor.check import Check, Status

MARKS: dict[Status, str] = {"ok": "✔", "warning": "!", "wrong": "✖"}
ASCII_MARKS: dict[Status, str] = {"ok": "+", "warning": "!", "wrong": "x"}


def register_doctor(verbs: Any) -> None:
    """Declares the verb."""
    verb(
        verbs, "doctor", doctor, "check server, rights, schema, sessions and this machine; say what to do",
        epilog="Exit code 1 where anything is wrong (x); what is only marked ! may be left as it is.",
    )  # fmt: skip


def doctor(args: argparse.Namespace) -> int:
    """``kolony doctor``: every check with its finding. Changes nothing but that it starts the embedded server."""
    from kolony_tui.core.connection import find_destination
    from kolony_tui.core.upkeep import examine

    groups = asyncio.run(examine(find_destination(choice(args)), APPLICATION))
    checks = [check for found in groups.values() for check in found]
    bad = [check for check in checks if check.status == "wrong"]
    if args.json:
        print_json({"ok": not bad, "checks": checks})
        return ExitCode.WORK_FAILED if bad else ExitCode.DONE
    for group, found in groups.items():
        if found:
            print_line(group)
            for check in found:
                _print(check)
    tell(f"{len(bad)} of {len(checks)} checks found something wrong" if bad else "nothing is wrong")
    return ExitCode.WORK_FAILED if bad else ExitCode.DONE


def _print(check: Check) -> None:
    marks, arrow = (MARKS, "→") if speaks_unicode() else (ASCII_MARKS, "->")
    # In parts: what stands in a finding may be anybody's words.
    print_line(f"  {marks[check.status]} {check.check}: {check.finding.raw}")
    if check.remedy:
        print_line(f"      {arrow} {check.remedy.raw}")


def speaks_unicode() -> bool:
    """Whether standard output takes more than ASCII."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
