"""From an assignment to a started program: its arguments, its environment, its folder, its standard input."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kolony_tui.agent.adapter import Assignment, CannotStart
from kolony_tui.agent.attempt.work_folder import Isolation

ARGUMENT_BYTES = 100_000
"""A longer text is no argument: Linux takes at most 131,071 bytes in one. The shell reads it from a file then."""

INHERITED = ("PATH", "HOME", "LANG", "LANGUAGE", "LC_*", "TERM", "COLORTERM", "NO_COLOR", "TMPDIR", "TEMP", "TMP",
             "USER", "LOGNAME", "SHELL", "TZ", "XDG_*", "SSL_CERT_FILE", "SSL_CERT_DIR")  # fmt: skip
"""What a program gets of the runner's environment without being asked for."""

NEVER = ("PG*", "KOLONY_*")
"""What a program never gets from the runner, by whatever name it is asked for: ways into the database."""

_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Launch:
    """How programs are started for one agent.

    ``program``: program and arguments; empty: the command's text is a script for ``sh``. ``folders``: where the working
    folders are made. ``scratch``: a private folder for files without a name. ``passed``: names (or patterns such as
    ``AWS_*``) of further environment variables to hand on; ``sets``: those that are set. ``remarks``: lines that the
    log of a run begins with. ``isolation``: the working folders are worktrees of a repository, or it itself.
    """

    agent: str
    folders: Path
    scratch: Path
    program: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    isolation: Isolation | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def folder(self, work: Assignment) -> Path:
        """The working folder of a run: the same for each of its attempts, and no other run's; the runs of one
        conversation share theirs, which agents know their own sessions by."""
        if self.isolation is not None and self.isolation.per == "none":
            return self.isolation.repository
        alone = self.isolation is not None and self.isolation.per == "run"
        own = None if alone else work.brief.conversation_id
        name = f"{work.number}-{work.run_id.hex[-8:]}" if own is None else f"conversation-{own.hex[-12:]}"
        return self.folders / file_name(self.agent) / name

    def tidy(self, folder: Path) -> None:
        """Removes a working folder in which nothing was left; one that holds anything stays, and one that was given."""
        if self.isolation is None or folder != self.isolation.repository:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def variables(self, work: Assignment, folder: Path) -> dict[str, str]:
        """The program's whole environment."""
        kept = self.handed_on()
        own = {
            "KOLONY_RUN_ID": str(work.run_id),
            "KOLONY_RUN": work.reference,
            "KOLONY_ATTEMPT": str(work.attempt),
            "KOLONY_AGENT": self.agent,
            "KOLONY_WORK_DIR": str(folder),
        }
        if work.run_dir is not None:
            own |= {
                "KOLONY_RUN_DIR": str(work.run_dir),
                "KOLONY_KIND": work.kind,
                "KOLONY_COMMAND": f"#{work.command_number}",
            }
        if work.instructions and len(work.instructions.encode()) <= ARGUMENT_BYTES:
            own["KOLONY_INSTRUCTIONS"] = work.instructions
        given = {each["name"]: each["value"] for each in work.brief.variables}
        return {**kept, **given, **own}

    def handed_on(self) -> dict[str, str]:
        """What a program gets of the runner's own environment, and what is set for its type."""
        wanted = (*INHERITED, *self.passed)
        kept = {
            name: value
            for name, value in self.environment.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)
            and not any(fnmatch.fnmatchcase(name, pattern) for pattern in NEVER)
        }
        return {**kept, **self.sets}

    def arguments(self, text: str) -> list[str] | None:
        """The argument list with the text put in; None where no argument takes it and it goes to standard input.

        An argument that is exactly ``{}`` becomes the text, and ``{text}`` inside an argument is replaced by it.
        """
        if not any(part == "{}" or "{text}" in part for part in self.program):
            return None
        return [text if part == "{}" else part.replace("{text}", text) for part in self.program]


def file_name(name: str) -> str:
    """A name of a folder for any agent's name: one that had to be changed is told apart by a digest."""
    plain = _FILE_NAME.sub("_", name).lstrip(".")[:80]
    return plain if plain and plain == name else f"{plain or '_'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@contextmanager
def told(launch: Launch, work: Assignment) -> Iterator[tuple[list[str], int, tuple[int, ...]]]:
    """How a program learns its command's text: argument list, standard input, descriptors that it keeps."""
    text = work.content
    if launch.program and (words := launch.arguments(text)) is not None:
        yield words, subprocess.DEVNULL, ()
    elif launch.program:
        with _nameless(launch.scratch, text) as file:
            yield list(launch.program), file, ()
    elif len(text.encode()) <= ARGUMENT_BYTES:
        yield ["/bin/sh", "-c", text], subprocess.DEVNULL, ()
    else:
        with _nameless(launch.scratch, text) as file:
            yield ["/bin/sh", f"/dev/fd/{file}"], subprocess.DEVNULL, (file,)


@contextmanager
def _nameless(scratch: Path, text: str) -> Iterator[int]:
    """A file without a name, readable from its start; it is gone with the last process that has it open."""
    try:
        with tempfile.TemporaryFile(dir=scratch) as file:
            file.write(text.encode())
            file.flush()
            file.seek(0)
            yield file.fileno()
    except OSError as error:
        raise CannotStart(f"the command's text cannot be put into {scratch}: {error.strerror or error}") from error


def make(folder: Path) -> None:
    """Makes a working folder. Raises CannotStart."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"the working folder {folder} cannot be made: {error.strerror}", "see --workdir") from error


def reason(error: OSError, program: str) -> str:
    """Why a program could not be started, in words."""
    if error.errno == errno.ENOENT:
        return f"there is no program {program!r}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"the program {program!r} may not be run: {error.strerror}"
    if error.errno == errno.E2BIG:
        return "the command's text is too long for an argument; let the program read it from its standard input"
    if error.errno == errno.ENOEXEC:
        return f"{program!r} is no program: it has no #! line"
    return f"the program {program!r} cannot be started: {error.strerror or error}"
