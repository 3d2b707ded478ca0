"""Tries the program of a type: is it there, which version is it, does it answer to a hello; never with a prompt."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import psutil

from kolony_tui import __version__
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.json_lines import JsonLines
from kolony_tui.agent.types.agent_type import AgentType, older
from kolony_tui.agent.types.outfit import Outfit

VERSION_SECONDS = 20.0
_PIECE = 65536
_KEPT = 65536
_VERSION = re.compile(r"\d+(?:\.\d+){1,3}")
_MARK = "KOLONY_TRIAL"

Status = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing that was tried: ``program``, ``version`` or ``hello``; ``remedy`` says what to do about it."""

    what: str
    status: Status
    finding: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A type and what was found. ``there``: its program was found at all. ``version``: empty where none was said."""

    kind: AgentType
    trials: tuple[Trial, ...]
    there: bool
    version: str = ""

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return all(trial.status != "wrong" for trial in self.trials)


async def tried(kind: AgentType, program: tuple[str, ...], launch: Launch, seconds: float) -> Tried:
    """Tries a type with the environment that a run would have; a hello may take ``seconds``."""
    outfit = Outfit(kind, program).launch_for(launch, {"trust": "trusted"})
    words = outfit.program
    if not words:
        finding = "it names no program of its own" if kind.adapter != "process" else "any program will do"
        status: Status = "warning" if kind.adapter != "process" else "ok"
        remedy = f"kolony agent doctor {kind.name} -- PROGRAM ARGS" if kind.adapter != "process" else ""
        return Tried(kind, (Trial("program", status, finding, remedy),), there=False)
    environment = {**outfit.handed_on(), _MARK: uuid4().hex}
    where = shutil.which(words[0], path=environment.get("PATH"))
    if where is None:
        return Tried(kind, (Trial("program", "wrong", f"there is no program {words[0]!r}", kind.install),), there=False)
    trials = [Trial("program", "ok", where)]
    with tempfile.TemporaryDirectory(prefix="kolony-", dir=launch.scratch) as folder:
        spot = _Spot(Path(folder), environment)
        version = ""
        if kind.version and not program:
            version, trial = await _version(kind, spot)
            trials.append(trial)
        if kind.adapter in ("acp", "claude"):
            said, trial = await _hello(kind, words, spot, seconds)
            trials.append(trial)
            version = version or said
    return Tried(kind, tuple(trials), there=True, version=version)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a program is tried: a folder of its own, and its environment, by which all that it starts is found."""

    folder: Path
    environment: Mapping[str, str]

    async def start(self, words: Sequence[str], *, spoken_to: bool) -> Process:
        return await asyncio.create_subprocess_exec(
            *words,
            stdin=PIPE if spoken_to else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
        )

    async def end(self, process: Process) -> None:
        """Nothing of it is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        while found := [each for each in psutil.process_iter() if self._started(each)]:
            for each in found:
                with contextlib.suppress(psutil.Error):
                    each.kill()
            await asyncio.sleep(0.01)
        # Only now: it waits for its pipes too, and whatever it started holds them.
        await process.wait()

    def _started(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(_MARK) == self.environment[_MARK] and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False


async def _version(kind: AgentType, spot: _Spot) -> tuple[str, Trial]:
    words = " ".join(kind.version)
    try:
        process = await spot.start(kind.version, spoken_to=False)
    except OSError as error:
        return "", Trial("version", "wrong", f"{words}: {error.strerror}", kind.install)
    try:
        async with asyncio.timeout(VERSION_SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        return "", Trial("version", "wrong", f"{words} did not end within {VERSION_SECONDS:g} s", kind.install)
    finally:
        await spot.end(process)
    found = _VERSION.search(out.decode("utf-8", "replace")) or _VERSION.search(err.decode("utf-8", "replace"))
    if found is None:
        return "", Trial("version", "warning", f"{words} names no version: {_last_line(out + err)}")
    if older(found[0], kind.least_version):
        finding = f"{found[0]} is too old: {kind.least_version} or newer is needed"
        return found[0], Trial("version", "wrong", finding, kind.install)
    return found[0], Trial("version", "ok", found[0])


async def _hello(kind: AgentType, words: Sequence[str], spot: _Spot, seconds: float) -> tuple[str, Trial]:
    hello, heard = (_ACP, _acp_answer) if kind.adapter == "acp" else (_CLAUDE, _claude_answer)
    try:
        process = await spot.start(words, spoken_to=True)
    except OSError as error:
        return "", Trial("hello", "wrong", f"{words[0]}: {error.strerror}", kind.install)
    kept = bytearray()
    draining = asyncio.create_task(_drain(process, kept))
    try:
        async with asyncio.timeout(seconds):
            said = await _converse(process, hello, heard)
    except TimeoutError:
        remedy = f"run it by hand and see what it waits for; {kind.login}" if kind.login else ""
        return "", Trial("hello", "wrong", f"it did not answer within {seconds:g} s{_about(kept)}", remedy)
    finally:
        await spot.end(process)
        await draining
    if said is None:
        return "", Trial("hello", "wrong", f"it ended without an answer{_about(kept)}", kind.login)
    version, trial = said
    if trial.status == "wrong" and kind.login and not trial.remedy:
        trial = Trial(trial.what, trial.status, trial.finding, kind.login)
    return version, trial


_Heard = Callable[[dict[str, Any]], tuple[str, Trial] | None]


async def _converse(process: Process, hello: dict[str, Any], heard: _Heard) -> tuple[str, Trial] | None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(hello).encode() + b"\n")
    lines = JsonLines()
    while piece := await process.stdout.read(_PIECE):
        for line in lines.feed(piece):
            if isinstance(line, dict) and (found := heard(line)) is not None:
                return found
    return None


async def _drain(process: Process, kept: bytearray) -> None:
    assert process.stderr is not None
    while piece := await process.stderr.read(_PIECE):
        kept += piece
        del kept[:-_KEPT]


_ACP: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": 1,
        "clientCapabilities": {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False},
        "clientInfo": {"name": "kolony", "title": "Kolony", "version": __version__},
    },
}
_CLAUDE: dict[str, Any] = {
    "type": "control_request",
    "request_id": "kolony_1",
    "request": {"subtype": "initialize", "hooks": None},
}


def _acp_answer(message: dict[str, Any]) -> tuple[str, Trial] | None:
    if message.get("id") != 0 or "method" in message:
        return None
    error, result = message.get("error"), message.get("result")
    if isinstance(error, dict) or not isinstance(result, dict):
        words = error.get("message") if isinstance(error, dict) else "no result"
        return "", Trial("hello", "wrong", f"it refused: {words}")
    about = result.get("agentInfo")
    about = about if isinstance(about, dict) else {}
    version = str(about.get("version") or "")
    if result.get("protocolVersion") != 1:
        return version, Trial("hello", "wrong", f"it speaks version {result.get('protocolVersion')} of ACP, Kolony 1")
    can = result.get("agentCapabilities")
    can = can if isinstance(can, dict) else {}
    goes_on = can.get("loadSession") or "resume" in (can.get("sessionCapabilities") or {})
    words = f"{about.get('name') or 'it'} {version}".rstrip() + " speaks ACP version 1"
    if not goes_on:
        return version, Trial("hello", "warning", f"{words}, and begins each message of a conversation anew")
    return version, Trial("hello", "ok", f"{words}, and goes on with sessions")


def _claude_answer(message: dict[str, Any]) -> tuple[str, Trial] | None:
    response = message.get("response")
    if message.get("type") != "control_response" or not isinstance(response, dict):
        return None
    if response.get("subtype") != "success":
        return "", Trial("hello", "wrong", f"it refused: {response.get('error')}")
    said = response.get("response")
    said = said if isinstance(said, dict) else {}
    version, account = str(said.get("claude_code_version") or ""), said.get("account")
    account = account if isinstance(account, dict) else {}
    sources = {str(account.get(name) or "none") for name in ("tokenSource", "apiKeySource")}
    if account and sources <= {"none"}:
        return version, Trial("hello", "wrong", "it answers, but has no account")
    source = next(iter(sorted(sources - {"none"})), "")
    return version, Trial("hello", "ok", "it answers" + (f"; account from {source}" if source else ""))


def _about(kept: bytearray) -> str:
    line = _last_line(bytes(kept))
    return f": {line}" if line else ""


def _last_line(data: bytes) -> str:
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
