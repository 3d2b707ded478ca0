"""What each principal may do with each relation and function of the schema, found by trying it with real logins."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from typing import Any

import asyncpg

from tests.database import verifier
from tests.security.left_by_upkeep import OBJECT

VERBS = ("select", "insert", "update", "delete", "truncate", "lock", "references")
SOME_HASH = b"\x07" * 32
SOME_SECRET = "a secret of twenty-four letters"
SENDING: tuple[Any, ...] = (50, False, 3, "lost", None, "natural", [], None, None, [], "completed", *(None,) * 10)
"""What a plain command is sent with, after its text."""
_PARTITION = re.compile(r"_\d{4}_\d{2}$")

Line = tuple[str, str, tuple[str, ...]]
"""What, which verbs or which workspace, and a cell for each principal."""


@dataclass(frozen=True)
class Place:
    """The ids of what stands in one workspace, by the names that the functions' arguments have."""

    slug: str
    ids: Mapping[str, Any]

    @cached_property
    def arguments(self) -> dict[str, tuple[Any, ...]]:
        """For each function that anybody may execute: arguments that point to things of this workspace."""
        return arguments(self.ids)


async def relations(superuser: asyncpg.Connection) -> dict[str, tuple[str, list[str]]]:
    """Kind and columns of every relation of the schema."""
    rows = await superuser.fetch(
        """SELECT c.relname, c.relkind::text AS kind, array_agg(a.attname::text ORDER BY a.attnum) AS columns
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           WHERE c.relnamespace = 'kolony'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
           GROUP BY c.oid ORDER BY c.relname"""
    )
    return {row["relname"]: (row["kind"], row["columns"]) for row in rows}


async def functions(superuser: asyncpg.Connection) -> dict[str, list[str]]:
    """The types of the arguments of every function of the schema, by its name."""
    rows = await superuser.fetch(
        """SELECT p.proname, array(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) t) AS types
           FROM pg_proc p WHERE p.pronamespace = 'kolony'::regnamespace AND p.prorettype <> 'trigger'::regtype
           ORDER BY p.proname"""
    )
    names = Counter(row["proname"] for row in rows)
    assert names.total() == len(names), f"overloaded; the matrix knows one by name: {names.most_common(3)}"
    return {row["proname"]: row["types"] for row in rows}


async def allowed(connection: asyncpg.Connection, statement: str) -> bool:
    """Whether the statement passes the checks of privileges; whatever it does is undone."""
    try:
        # One message is one transaction, and the division ends it.
        await connection.execute(f"{statement}; SELECT 1 / 0")
    except (
        asyncpg.InsufficientPrivilegeError,
        asyncpg.WrongObjectTypeError,
        asyncpg.ObjectNotInPrerequisiteStateError,
        asyncpg.FeatureNotSupportedError,
    ):
        return False  # no right; a sequence; a view that cannot be written; a column of one that cannot
    except asyncpg.PostgresError:
        return True
    raise AssertionError("the division by zero went through")


async def relation_lines(
    principals: Iterable[asyncpg.Connection], name: str, kind: str, columns: list[str], owners: Mapping[Any, str]
) -> list[Line]:
    """One line for each group of verbs that ends alike for everybody."""
    cells = [await _cells(connection, name, kind, columns, owners) for connection in principals]
    by_result: dict[tuple[str, ...], list[str]] = {}
    for verb in VERBS:
        by_result.setdefault(tuple(cell[verb] for cell in cells), []).append(verb)
    shown = _PARTITION.sub("_YYYY_MM", name)
    return [(shown, " ".join(verbs), result) for result, verbs in by_result.items()]


async def _cells(
    connection: asyncpg.Connection, name: str, kind: str, columns: list[str], owners: Mapping[Any, str]
) -> dict[str, str]:
    table = f"kolony.{name}"
    cells = {"select": await _select(connection, table, columns, owners)}
    for verb, statement in (("insert", "INSERT INTO {0} ({1}) VALUES (DEFAULT)"),
                            ("update", "UPDATE {0} SET {1} = DEFAULT WHERE false")):  # fmt: skip
        # Where the server says that no column is open, one is tried; else each of them.
        some = await connection.fetchval("SELECT has_any_column_privilege($1, $2)", table, verb)
        cells[verb] = await _columns(connection, columns if some else columns[:1], partial(statement.format, table))
    if cells["update"] not in ("-", "all") and kind != "v":
        key = "profile_id" if "profile_id" in columns else "workspace_id"
        scope = await _updated(connection, table, key, cells["update"].split(","), owners)
        cells["update"] += f" of {scope}"
    cells["delete"] = "yes" if await allowed(connection, f"DELETE FROM {table} WHERE false") else "-"
    cells["truncate"] = "yes" if await allowed(connection, f"TRUNCATE {table}") else "-"
    modes = ("ACCESS EXCLUSIVE", "ROW EXCLUSIVE", "ACCESS SHARE")
    cells["lock"] = "-"
    if kind != "S":
        locked = [mode for mode in modes if await allowed(connection, f"LOCK TABLE {table} IN {mode} MODE")]
        cells["lock"] = locked[0].lower() if locked else "-"
    refers = "SELECT has_any_column_privilege($1, 'REFERENCES') OR has_table_privilege($1, 'TRIGGER')"
    cells["references"] = "yes" if await connection.fetchval(refers, table) else "-"
    return cells


async def _select(connection: asyncpg.Connection, table: str, columns: list[str], owners: Mapping[Any, str]) -> str:
    key = next((c for c in ("workspace_id", "profile_id") if c in columns), None)
    try:
        rows = await connection.fetch(f"SELECT DISTINCT {key or 'true'} FROM {table}")
    except asyncpg.InsufficientPrivilegeError:
        return "-" if not await _some_column(connection, table, columns) else "some columns"
    if key is None:
        return "rows" if rows else "none"
    return _named(rows, owners)


def _named(rows: Iterable[asyncpg.Record], owners: Mapping[Any, str]) -> str:
    seen = {owners.get(row[0], "of nobody") for row in rows}
    return "+".join(sorted(seen)) or "none"


async def _some_column(connection: asyncpg.Connection, table: str, columns: list[str]) -> bool:
    return any([await allowed(connection, f"SELECT {column} FROM {table}") for column in columns])


async def _columns(connection: asyncpg.Connection, columns: list[str], statement: Callable[[str], str]) -> str:
    open_ones = [column for column in columns if await allowed(connection, statement(column))]
    return "all" if open_ones == columns else ",".join(open_ones) or "-"


async def _updated(
    connection: asyncpg.Connection, table: str, key: str, columns: list[str], owners: Mapping[Any, str]
) -> str:
    settings = ", ".join(f"{column} = {column}" for column in columns)
    transaction = connection.transaction()
    await transaction.start()
    try:
        rows = await connection.fetch(f"UPDATE {table} SET {settings} RETURNING {key}")
    finally:
        await transaction.rollback()
    mine = await connection.fetchval("SELECT kolony.my_profile_id()")
    return "self" if [row[0] for row in rows] == [mine] else _named(rows, owners)


async def function_cell(connection: asyncpg.Connection, name: str, types: list[str], place: Place) -> str:
    """How a call ends: ``-`` without EXECUTE, ``ok``, the SQLSTATE, or ``refused`` for each thing that it was about."""
    given = place.arguments.get(name)
    if given is None:
        await _closed(connection, name, types)
        return "-"
    marks = ", ".join(f"${n}::{kind}" for n, kind in enumerate(types, 1))
    transaction = connection.transaction()
    await transaction.start()
    try:
        rows = await connection.fetch(f"SELECT to_jsonb(f) FROM kolony.{name}({marks}) f", *given)
    except asyncpg.InsufficientPrivilegeError as error:
        return "-" if "permission denied for function" in str(error) else "42501"
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    finally:
        await transaction.rollback()
    # What does many things at once answers for each, and passes by those that it may not touch.
    return "refused" if rows and all(isinstance(row[0], dict) and row[0].get("refused") for row in rows) else "ok"


async def _closed(connection: asyncpg.Connection, name: str, types: list[str]) -> None:
    """Finds out that nobody gets as far as into this function."""
    try:
        await connection.execute(f"SELECT kolony.{name}({', '.join(f'NULL::{kind}' for kind in types)}); SELECT 1 / 0")
    except asyncpg.PostgresError as error:
        if "permission denied for function" in str(error):
            return
    raise AssertionError(f"kolony.{name} is open to somebody, and the probes have no arguments for it")


def arguments(of: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """For each function that anybody may execute: arguments that point to the things with these ids."""
    home, login = of["workspace"], of["login"]
    return {
        "accept_plan": (of["plan"], None),
        "acknowledge_stop": (of["session"],),
        "add_person": (home, "newcomer", verifier(), "viewer", ""),
        "add_rule": (home, of["agent"], "execute", "git log", "allow", None, None),
        "add_webhook": (home, "another", "https://example.org/in", SOME_SECRET, [], "low"),
        "admit_person": (home, of["loose"], "viewer", ""),
        "announce": ([f"run:{of['run']}"],),
        "answer_always": (of["approval"], True, "git log", None, False, None),
        "answer_approval": (of["approval"], True, None, None),
        "answer_approvals": ([of["approval"]], False, None, None),
        "append_artifact_part": (of["attempt"], of["unfinished"], 0, b"something"),
        "append_output": (of["attempt"], [0], ["stdout"], [of["now"]], [0], [0], [b"x"]),
        "append_trace": (of["attempt"], []),
        "archive_conversation": (of["conversation"], True),
        "ask": (of["attempt"], "fourth", "question", "why?", "", None, "low", *(None,) * 4),
        "assign_run": (of["run"], of["second_agent"]),
        "audited_workspace_ids": (),
        "beat": (of["session"], {}, [of["attempt"]]),
        "begin_attempt": (of["attempt"],),
        "begin_job": (home, "archive", "host-1", 1),
        "cancel_command": (of["command"], ""),
        "cancel_run": (of["run"], ""),
        "cancel_runs": ([of["run"]], ""),
        "change_constraint": (of["constraint"], "tighter", "", 500, None, None, None),
        "change_notification_rule": (of["rule"], "owner", "high", [], False),
        "change_preset": (of["preset"], {"priority": 60}, None),
        "change_webhook": (of["webhook"], None, None, "high", None),
        "change_workspace": (home, "Other", None),
        "claim_attempts": (of["session"], 1, False),
        "claim_runs": (of["session"], 1),
        "close_session": (of["session"], "", False),
        "complete_attempts": ([{"attempt_id": str(of["attempt"]), "exit_code": 0, "chunks": 1}],),
        "connected_people": (home,),
        "count_archive": (home,),
        "create_agent": (home, "newcomer", "process", "", "", "", {}),
        "create_workspace": ("third", "Third"),
        "delete_constraint": (of["constraint"],),
        "delete_note": (of["agent"], "layout"),
        "delete_notification_rule": (of["rule"],),
        "delete_preset": (of["preset"],),
        "delete_view": (of["view"],),
        "disable_person": (home, login),
        "discard_plan": (of["plan"], None),
        "edit_agent": (of["agent"], {"description": "other"}),
        "edit_command": (of["draft"], "other words", 1),
        "enable_person": (home, login),
        "end_job": (home, "archive", {}),
        "end_delivery": (of["delivery"], 1, 200, None),
        "ensure_profile": (),
        "expire_token": (of["token"], of["now"]),
        "extend_archive": (home, of["taken"], 1, of["ticket"]),
        "fill_preset": (of["preset"], {}, None, False),
        "finish_archive": (home, of["taken"], 1, of["ticket"], OBJECT, 10, of["digest"], ["said"], False),
        "finish_attempt": (of["attempt"], "completed", 0, None, None, {}, 1, 10, 1, *(None,) * 3),
        "finish_removal": (home, of["removing"], 1, of["ticket"]),
        "finish_restore": (home, of["restoring"], 1),
        "force_out": (home, login),
        "forget_folder": (home, "host-1", "/srv/work/1"),
        "give_archive_back": (home, of["taken"], 1, of["ticket"]),
        "hear_answer": (of["answered"],),
        "hold_command": (of["command"], ""),
        "hold_run": (of["run"], ""),
        "hold_runs": ([of["run"]], ""),
        "holds_role": (home, "viewer"),
        "inbox": (home, True, 100),
        "interrupt_run": (of["at_work"], ""),
        "interrupt_runs": ([of["at_work"]], ""),
        "is_stopped": (home, of["second_agent"]),
        "issue_token": (of["agent"], "ka_00112233445566ff", verifier(), SOME_HASH, "kol_0011", "", None),
        "keep_artifact": (of["attempt"], "other.txt", "file", "text/plain", 1, SOME_HASH.hex(), None),
        "keep_notes": (of["attempt"], []),
        "lift_hold": (of["hold"],),
        "lift_stop": (home, None),
        "list_tokens": (home,),
        "make_constraint": (home, "another", "", 1000, None, None, None, False),
        "make_notification_rule": (home, "limit_hit", False, "owner", None, None, None, [], True),
        "make_preset": (home, "another", "text", {}, False),
        "mark_inbox": (home, [of["approval"]], of["later"], False),
        "moment": (),
        "move_run": (of["run"], 1),
        "my_colleague_ids": (),
        "my_preset_ids": (),
        "my_profile_id": (),
        "my_rights": (home,),
        "my_workspace_ids": (),
        "note_job": (home, "archive", 1),
        "note_swept": (home, of["taken"], 1, []),
        "note_folder": (of["attempt"], {"path": "/srv/work/2", "isolation": "run"}),
        "note_login": (home, "1.0"),
        "note_logout": (home,),
        "note_reply": (of["talking"], "done", False),
        "note_session": (of["talking"], "s", "new", "acp", *("",) * 5),
        "note_step": (of["attempt"], "sigint", ""),
        "open_asks": (home, of["agent"], None),
        "open_session": ("h", 1, "0", "process", 1),
        "place_hold": (home, "run", of["run"], "a case"),
        "propose_plan": (of["planning"], [{"content": "one"}]),
        "put_report": (of["attempt"], {"title": "t"}, "complete", "report.json"),
        "read_all_notifications": (home, of["now"]),
        "read_attachment": (of["talking"], of["attachment"]),
        "read_conversation": (of["conversation"], None),
        "read_notifications": ([of["run"]],),
        "read_subject": (of["reviewing"], of["failed"], 100),
        "release_command": (of["held_command"],),
        "release_run": (of["held"],),
        "release_runs": ([of["held"]],),
        "remove_budget": (of["budget"],),
        "remove_people_group": (home, "payers"),
        "remove_person": (home, login),
        "remove_price": (home, "stub-*"),
        "remove_webhook": (of["webhook"],),
        "rename_conversation": (of["conversation"], "other"),
        "report_usage": (of["attempt"], []),
        "reset_password": (home, login, verifier()),
        "restore_output": (home, of["archived"], 1, [1], ["stdout"], [of["now"]], [0], [0], [b"x"]),
        "restore_preset_version": (of["preset"], 1),
        "retry_command": (of["failed_command"],),
        "retry_run": (of["failed"],),
        "retry_runs": ([of["failed"]],),
        "revoke_rule": (of["approval_rule"],),
        "revoke_token": (of["token"],),
        "rotate_token": (of["token"], "ka_00112233445566ff", verifier(), SOME_HASH, "kol_0011", of["hour"], None, None),
        "run_upkeep": (False, None),
        "save_view": (home, "fleet", "another", {}, False),
        "schema_version": (),
        "seal_audit_now": (home,),
        "search_output": (home, of["at_work"], 1, date.today(), 0, 0, "x", False, True, None, 10),
        "search_reports": (home, "lock", 10),
        "send_command": (home, [of["agent"]], "x", *SENDING),
        "send_message": (of["conversation"], "and now?", [], []),
        "set_agent_desired": (of["agent"], "paused", ""),
        "set_archive": (home, None),
        "set_audit_retention": (home, 40),
        "set_budget": (home, "workspace", None, "month", 1000, None, 80, True),
        "set_default_constraint": (home, of["constraint"]),
        "set_dependencies": (of["draft"], [of["command"]], "ended"),
        "set_limits": (home, "team", 50, 50, 50),
        "set_masking": (home, False),
        "set_note": (of["agent"], "layout", "other", None),
        "set_notification_settings": (None, None, "UTC", "never", "off", "low"),
        "set_people_group": (home, "payers", []),
        "set_price": (home, "stub-*", 1, 2, None, None, None),
        "set_redaction": (home, False),
        "set_report_status": (of["report"], "complete"),
        "set_retention": (home, "output", 120),
        "set_role": (home, login, "viewer"),
        "set_run_priority": (of["run"], 1),
        "set_runs_priority": ([of["run"]], 1),
        "set_time_zone": (home, "UTC"),
        "set_variable": (of["agent"], "REGION", "us", False, ""),
        "settle": (home,),
        "share_preset": (of["preset"], False),
        "shift_runs_priority": ([of["run"]], 1),
        "start_attempt": (of["attempt"],),
        "start_conversation": (home, of["agent"], "hello", None, [], []),
        "stop_agents": (home, None, ""),
        "submit_command": (of["draft"],),
        "tag_agents": ([of["agent"]], ["tag"], []),
        "take_archive": (home, "host-1", None, 0),
        "take_deliveries": (home, 1, None),
        "take_notice": (home,),
        "take_removal": (home,),
        "test_webhook": (of["webhook"],),
        "told": (of["run"],),
        "undelete_constraint": (of["deleted_constraint"], False),
        "undo": (None,),
        "unset_variable": (of["agent"], "REGION"),
        "verify_audit": (home,),
        "watchdog": (),
        "watchdog_patience": (),
        "withdraw_question": (of["approval"], ""),
        "why_waiting": (of["run"],),
    }
