"""Git as the runner calls it: without hooks, with bounded answers, and one line for a fault."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from kolony_tui.agent.adapter import CannotStart

SECONDS = 300.0
ANSWER_BYTES = 8 * 1024 * 1024

# What a repository's configuration says is as little to be believed as its content.
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.pager=cat", "-c", "gc.auto=0")
_KEPT = ("PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "XDG_CONFIG_HOME")


def git(folder: Path, *words: str, index: Path | None = None) -> bytes:
    """What git answers, at most ``ANSWER_BYTES`` of it. ``index``: instead of the folder's own.

    Raises CannotStart with git's own last line.
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    try:
        with subprocess.Popen(
            ["git", *_QUIET, "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        ) as process:
            return _answer(process, words[0])
    except FileNotFoundError as error:
        raise CannotStart("there is no program 'git'", "install git, or leave --repo out") from error
    except OSError as error:
        raise CannotStart(f"git cannot be started: {error.strerror or error}") from error


def _answer(process: subprocess.Popen[bytes], verb: str) -> bytes:
    import threading

    assert process.stdout is not None
    assert process.stderr is not None
    late = threading.Timer(SECONDS, process.kill)
    complaint: list[bytes] = []
    listening = threading.Thread(target=lambda said: complaint.append(said.read(65_536)), args=(process.stderr,))
    late.start()
    listening.start()
    try:
        answer = process.stdout.read(ANSWER_BYTES)
        cut = len(answer) == ANSWER_BYTES
        if cut:
            process.kill()
        listening.join()
        code = process.wait()
    finally:
        late.cancel()
    if code and not cut:
        lines = b"".join(complaint).decode(errors="replace").strip().splitlines()
        causes = [said for said in lines if said.startswith(("fatal: ", "error: "))] or lines[-1:] or [f"exit {code}"]
        raise CannotStart(f"git {verb}: {causes[0].partition('fatal: ')[2] or causes[0]}")
    return answer


def line(folder: Path, *words: str) -> str:
    """The one line that git answers."""
    return git(folder, *words).decode(errors="replace").strip()
