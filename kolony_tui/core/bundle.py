"""A bundle: a time of a workspace's past in one file, to be looked at elsewhere; writing it and checking it.

A zip of ``manifest.json`` and a file of JSON lines for each table, as of the end of the time. What agents were told
(instructions, config, variables) is in none, and people are numbered unless their names are asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from kolony_tui.core.replay import in_the_past, looking_back
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import UsageError, WrongState
from kolony_tui.server.migrations import newest_version

FORMAT = 1
MANIFEST = "manifest.json"
_ABOUT = "($4 IS NULL OR o.agent_id = ANY ($4))"
_AGENT = (
    f"o.workspace_id = $1 AND {_ABOUT} AND ($5 IS NULL OR o.agent_id IN "  # noqa: S608  (statements of ours)
    "(SELECT r.agent_id FROM kolony.runs r WHERE r.workspace_id = $1 AND r.run_id = $5))"
)
_RUNS = (
    f"SELECT o.run_id FROM kolony.runs o WHERE o.workspace_id = $1 AND {_ABOUT} "  # noqa: S608  (statements of ours)
    "AND ($5 IS NULL OR o.run_id = $5) AND o.created_at < $3 AND (o.finished_at IS NULL OR o.finished_at >= $2)"
)
_COMMANDS = f"SELECT r.command_id FROM kolony.runs r WHERE r.run_id IN ({_RUNS})"  # noqa: S608
_ATTEMPTS = f"SELECT t.attempt_id FROM kolony.attempts t WHERE t.run_id IN ({_RUNS})"  # noqa: S608
_OF_RUNS = f"o.workspace_id = $1 AND o.run_id IN ({_RUNS})"
TABLES: Mapping[str, str] = {
    "agents": _AGENT,
    "agent_sessions": f"{_AGENT} AND coalesce(o.ended_at, o.last_seen) >= $2",
    "commands": f"o.workspace_id = $1 AND o.command_id IN ({_COMMANDS})",
    "command_dependencies": f"o.workspace_id = $1 AND o.command_id IN ({_COMMANDS})",
    "runs": _OF_RUNS,
    "attempts": _OF_RUNS,
    "attempt_steps": f"o.workspace_id = $1 AND o.attempt_id IN ({_ATTEMPTS})",
    "approvals": f"{_OF_RUNS} AND o.created_at < $3",
    "stops": "o.workspace_id = $1 AND o.began_at < $3",
    "stopped_agents": f"o.workspace_id = $1 AND {_ABOUT}",
    # Of whatever kind, those by which the past is put together again.
    "events": f"o.workspace_id = $1 AND o.at >= $2 AND o.at <= $3 AND {_ABOUT} AND ($5 IS NULL OR o.run_id = $5) AND "
    "($6 IS NULL OR o.kind = ANY ($6) OR o.was IS NOT NULL OR o.kind IN ('run.retried', 'run.delayed'))",
    "profiles": "true",
    "trace_entries": _OF_RUNS,
    "output_chunks": _OF_RUNS,
}
"""The tables of a bundle and which of their rows: $1 workspace, $2 since, $3 until, $4 agents, $5 run, $6 kinds.

The last three may be null: of all.
"""
_PRINTED = ("trace_entries", "output_chunks")
_EMPTIED: Mapping[str, Mapping[str, object]] = {
    "agents": {"instructions": "", "config": {}},
    "agent_sessions": {"health": {}},
    "approvals": {"request": None},
}
"""Columns that are never written as they are."""
_AT_ONCE = 100
_MOST_MANIFEST, _MOST_LINE, _MOST_BYTES = 1 << 20, 64 << 20, 64 << 30
Progress = Callable[[str, int], None]
"""Told a table and how many of its rows are written so far."""


@dataclass(frozen=True, slots=True)
class Part:
    """One table in a bundle."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself."""

    workspace: str
    since: datetime
    until: datetime
    made_at: datetime
    schema: int
    output: bool
    names: bool
    parts: Mapping[str, Part]


async def export(
    session: PersonSession,
    file: Path,
    since: datetime,
    until: datetime,
    *,
    agents: list[UUID] | None = None,
    run: UUID | None = None,
    kinds: list[str] | None = None,
    output: bool = True,
    names: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda table, rows: None,
) -> Manifest:
    """Writes a bundle, mode 0600, whole or not at all: of some agents, a run or some kinds of events, or of all.

    Raises UsageError, and WrongState where the file is there already.
    """
    if since >= until:
        raise UsageError("a bundle begins before it ends", "give --since a time before --until")
    if file.exists() and not overwrite:  # noqa: ASYNC240  (a look at a local folder)
        raise WrongState(f"{file} exists already", "choose another name, or overwrite it with --force")
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    past = looking_back(session, until, "kolony bundle")
    try:
        with (
            os.fdopen(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as raw,
            zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            parts: dict[str, Part] = {}
            for table in TABLES:
                if output or table not in _PRINTED:
                    where = (session.workspace.workspace_id, since, until, agents, run, kinds)
                    parts[table] = await _write(past, archive, table, where, names, progress)
            made = Manifest(
                session.workspace.slug, since, until, datetime.now(UTC), newest_version(), output, names, parts
            )
            archive.writestr(MANIFEST, json.dumps(_as_document(made), indent=1))
        unfinished.replace(file)
    except OSError as error:
        raise WrongState(f"{file} cannot be written ({error.strerror or error})") from error
    finally:
        unfinished.unlink(missing_ok=True)
        await past.db.close()
    return made


async def _write(
    past: PersonSession,
    archive: zipfile.ZipFile,
    table: str,
    where: tuple[object, ...],
    names: bool,
    progress: Progress,
) -> Part:
    given = "SELECT $1::uuid, $2::timestamptz, $3::timestamptz, $4::uuid[], $5::uuid, $6::text[]"
    condition = re.sub(r"\$([1-35])", r"(SELECT g.p\1 FROM g)", TABLES[table])
    condition = condition.replace("$4", "(SELECT g.p4 FROM g)::uuid[]").replace("$6", "(SELECT g.p6 FROM g)::text[]")
    statement = in_the_past(
        f"WITH g (p1, p2, p3, p4, p5, p6) AS MATERIALIZED ({given}) "  # noqa: S608  (statements of ours)
        f"SELECT row_to_json(o)::text FROM kolony.{table} o WHERE {condition}"
    )
    digest, rows, size = hashlib.sha256(), 0, 0
    async with past.db.connection() as connection, connection.transaction():
        with archive.open(f"{table}.jsonl", "w", force_zip64=True) as out:
            cursor = await connection.cursor(statement, *where)
            while records := await cursor.fetch(_AT_ONCE):
                # Beside the loop: whoever waits for it in the app goes on seeing what comes.
                lines = await asyncio.to_thread(_lines_of, table, [record[0] for record in records], rows, names)
                await asyncio.to_thread(out.write, lines)
                digest.update(lines)
                rows, size = rows + len(records), size + len(lines)
                progress(table, rows)
    return Part(rows, size, digest.hexdigest())


def _lines_of(table: str, records: list[str], before: int, names: bool) -> bytes:
    lines = bytearray()
    for number, record in enumerate(records, before + 1):
        row = {**json.loads(record), **_EMPTIED.get(table, {})}
        lines += json.dumps(_person(row, number, names) if table == "profiles" else row).encode() + b"\n"
    return bytes(lines)


def _person(row: dict[str, Any], number: int, names: bool) -> dict[str, Any]:
    kept = {"login": row["login"], "display_name": row["display_name"]} if names else {
        "login": f"person-{number}", "display_name": ""}  # fmt: skip
    return {"profile_id": row["profile_id"], **kept}


def _as_document(made: Manifest) -> dict[str, object]:
    return {
        "format": FORMAT, "what": "kolony bundle", "workspace": made.workspace, "since": made.since.isoformat(),
        "until": made.until.isoformat(), "made_at": made.made_at.isoformat(), "schema": made.schema,
        "output": made.output, "names": made.names,
        "tables": {name: {"rows": part.rows, "bytes": part.bytes, "sha256": part.sha256}
                   for name, part in made.parts.items()},
    }  # fmt: skip


class Bundle:
    """A bundle that somebody brought: nothing in it is believed before it is checked. Raises UsageError throughout."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._archive = zipfile.ZipFile(file)
        except (OSError, zipfile.BadZipFile) as error:
            raise UsageError(f"{file} is no bundle ({error})", "kolony bundle export makes one") from error
        self.manifest = self._read_manifest()

    def _read_manifest(self) -> Manifest:
        try:
            if self._archive.getinfo(MANIFEST).file_size > _MOST_MANIFEST:
                raise ValueError("its manifest is too long")
            said = json.loads(self._archive.read(MANIFEST))
            if said["what"] != "kolony bundle" or said["format"] != FORMAT:
                raise ValueError(f"its format is {said['format']!r}, and this Kolony reads {FORMAT}")
            parts = {str(name): Part(int(each["rows"]), int(each["bytes"]), str(each["sha256"]))
                     for name, each in said["tables"].items()}  # fmt: skip
            held = {MANIFEST, *(f"{name}.jsonl" for name in parts)}
            if set(parts) - set(TABLES) or sorted(self._archive.namelist()) != sorted(held):
                raise ValueError("it has other parts than it should")
            if any(part.bytes < 0 or part.rows < 0 for part in parts.values()) or (
                sum(part.bytes for part in parts.values()) > _MOST_BYTES
            ):
                raise ValueError("it says that it is impossibly long")
            since, until, made_at = (datetime.fromisoformat(said[name]) for name in ("since", "until", "made_at"))
            if None in (since.tzinfo, until.tzinfo, made_at.tzinfo):
                raise ValueError("its times say no zone")
            return Manifest(str(said["workspace"])[:63], since, until, made_at, int(said["schema"]),
                            bool(said["output"]), bool(said["names"]), parts)  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError, OSError, zipfile.BadZipFile, RuntimeError,
                NotImplementedError, RecursionError) as error:  # fmt: skip
            raise UsageError(f"{self.file} is no bundle ({error})", "kolony bundle export makes one") from error

    def check(self) -> None:
        """Reads all of it once: every part is as long as the manifest says and has its checksum."""
        for table, part in self.manifest.parts.items():
            digest, size = hashlib.sha256(), 0
            for line in self._lines(table):
                digest.update(line)
                size += len(line)
                if size > part.bytes:
                    break
            if size != part.bytes or digest.hexdigest() != part.sha256:
                raise UsageError(f"{self.file} is damaged: {table} is not what the manifest says")

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """The rows of one table."""
        for line in self._lines(table) if table in self.manifest.parts else ():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{self.file} is damaged: {table} holds what is no JSON") from error
            if not isinstance(row, dict):
                raise UsageError(f"{self.file} is damaged: {table} holds what is no row")
            yield row

    def _lines(self, table: str) -> Iterator[bytes]:
        most = self.manifest.parts[table].bytes
        try:
            with self._archive.open(f"{table}.jsonl") as part:
                yield from _limited(part, most)
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError, EOFError) as error:
            raise UsageError(f"{self.file} is damaged: {table} cannot be read ({error})") from error
        except Exception as error:
            if type(error).__name__ == "error":  # zlib's own, which has no better name
                raise UsageError(f"{self.file} is damaged: {table} cannot be read ({error})") from error
            raise


def _limited(part: IO[bytes], most: int) -> Iterator[bytes]:
    """Lines, of which none and all together not are longer than a bundle may say."""
    total = 0
    while line := part.readline(_MOST_LINE):
        total += len(line)
        if total > most or (len(line) == _MOST_LINE and not line.endswith(b"\n")):
            raise ValueError("it is longer than the manifest says")
        yield line
