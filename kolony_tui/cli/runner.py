"""``kolony agent run``: the runner, from the words on the command line to its exit code."""

from __future__ import annotations

import argparse
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from kolony_tui.cli.folders import add_isolation_options, isolation_of
from kolony_tui.cli.verbs import choice, tell, verb
from kolony_tui.garbage import spare_what_is_there
from kolony_tui.models.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.agent.attempt.launch import Launch
    from kolony_tui.agent.supervision.ladder import Graces
    from kolony_tui.agent.types.choosing import Choice
    from kolony_tui.core.tokens import Token

TOKEN_VARIABLE = "KOLONY_AGENT_TOKEN"  # noqa: S105  (a name, not a token)

_EPILOG = """\
The token is read from KOLONY_AGENT_TOKEN or --token-file. Without a program the text of a command is run by sh -c; with
-- PROGRAM ARGS that program is run for each command and reads the text from its standard input, or gets it as the
argument {} or wherever an argument says {text}. Each run has a working folder of its own, KOLONY_WORK_DIR. The token is
the login, unless the connection names kolony_agent, the login that agents share where Kolony may make none.

With --adapter acp or claude the program is an agent that is spoken to: its answer is the output "stdout", its thoughts
and tools are "log", what it wants to be allowed is asked in the inbox, and its trace and usage are kept. A --type (see
agent type list) knows the program, its flags, its mode and its variables; without one it is the agent's own type, or
the one that is called like the agent, and with -- PROGRAM the adapter's. Keys of the agent's config (agent edit --set):
mode, model, trust. A folder's own settings can run programs as soon as an agent is started in it. --untrusted, or trust
"untrusted", starts the agent so that it does not read them; what that turns off is the first line of each run's log.
Not every type has such a switch; one without is not started then.

A program's environment is PATH, HOME, LANG, LC_*, TERM, TMPDIR, USER, SHELL, TZ, XDG_* and the like, what its type and
--env name, the agent's variables, and Kolony's own. Nothing else of this one gets in, and PG*, KOLONY_* never do. The
runner's memory and environment are closed to programs of the same user (Linux). They can still read that user's files,
a token file or KOLONY_HOME too, look into the shell that the token was set in, and kill the runner: an agent that is
not to be trusted belongs under a user of its own, or into a container.

KOLONY_RUN_DIR names another folder, private to the attempt and gone at its end, through which program and runner hand
each other files. Who writes one, writes NAME.tmp and renames it. The program finds there:
  command.txt, instructions.txt  what it is told; for a kind (KOLONY_KIND) the instructions say what that asks
  limits.json                    {"time_limit_s", "token_budget", "memory_limit_mb", "cpu_limit_percent"}
  conversation.json, attachments/  for a message of a conversation: {"messages": [{"origin", "who", "text", "cut"}],
                                 "attachments"}, what was said before it, and the files that came with it
  subjects/N.json, subjects/N.txt  for a review or a synthesis, of each run: its facts, and the end of its output
  memory/NAME.md                 the agent's notes of earlier runs; what is written, changed or removed there is kept
                                 for the next one: at most 100 of 64 KiB, kolony agent memory shows them
  answers/NAME.json              {"state", "answer", "note", "by"}, once ask/NAME.json was answered; the state is
                                 allowed, denied or answered by a person; expired: by nobody in time; cancelled; or
                                 refused: {"state", "error"}, the question was malformed
and may leave there:
  ask/NAME.json                  {"title", "detail", "kind": "permission" or "question", "options": [{"id", "label"}],
                                 "risk": "low", "medium" or "high", "expires_s"}; only the title is needed. The run's
                                 time limit stands still until the answer is there.
  plan.json                      for a plan: [{"content", "agent", "priority", "after": [1, 2]}]; only the content is
                                 needed; items are counted from 1. Each becomes a draft, which a person accepts.
  report.json                    what was found: {"title", "summary", "sections": [{"title", "body"}], "findings":
                                 [{"severity": "critical", "high", "medium", "low" or "info", "title", "detail",
                                 "evidence", "file", "line"}], "recommendations": [{"title", "detail"}], "attachments":
                                 [names]}. It is read while the run goes on, too. An investigation without one: its
                                 answer becomes the report, by its Markdown headings or as a block of JSON.
  artifacts/                     files to keep: at most 16 MiB each, 64 MiB and 1,000 in all. No link is followed.
  usage.json                     what it has taken of a token budget so far: {"total_tokens"}, or {"input_tokens",
                                 "output_tokens"}

Limits: a run that goes beyond one is ended, and has failed with its name. Its time is measured here, its tokens are
what it reports. Memory and CPU are those of all its processes: in a cgroup (version 2) that was delegated to the runner
(under systemd-run --user --scope -p Delegate=yes, or named by --cgroup) the kernel holds them, and slows down what is
over its CPU limit. Elsewhere they are measured five times a second; what is over its CPU limit on average of 5 s is
ended, and a process gets no more than 4 times the memory limit and 1 GiB (RLIMIT_DATA). The line "ready" says which.

To end a run: SIGINT, SIGTERM, SIGKILL to its processes, each after a grace; an interrupt is SIGINT alone. An agent that
speaks a protocol (acp, claude) is asked by that to stop its turn, its input is closed, then SIGTERM, SIGKILL; an
interrupt is that first request alone. Under an emergency stop it is SIGKILL at once. What still lives 10 s after
SIGKILL is reported as not confirmed. An agent's config (agent create --config) may say otherwise, in seconds:
interrupt_grace_seconds, terminate_grace_seconds (each --grace), protocol_grace_seconds (5), input_grace_seconds (2),
ending_grace_seconds (3: an agent's after SIGTERM, unless --grace is less), leftovers_grace_seconds (2),
confirm_grace_seconds (10), emergency_grace_seconds (0: in all, under an emergency stop), cpu_window_seconds (5).

Nothing of a run outlives it. Each program runs under a small process of its own (agent-shim) which adopts what leaves
its session, and ends all of it when the program has ended (leftovers first get their grace), when it is told to, and
when the runner dies, however that dies. Should that process be killed too, any runner of the same KOLONY_HOME ends what
is left, at its start and each minute, by KOLONY_RUN_ID and KOLONY_RUNNER in its environment. So a service is not
started by a run, but beside it (systemd-run, a container). That is so on Linux; elsewhere a program's process group
and its children are ended, and what has left both is found by those variables, as well as that system lets us look."""


def add_run_parser(agent_verbs: Any) -> None:
    """Declares ``run`` among the verbs of ``kolony agent``."""
    parser = verb(
        agent_verbs,
        "run",
        run,
        "do an agent's work: claim its runs and run a program for each",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(takes_rest=True)
    parser.add_argument("name", metavar="NAME", help="the agent that the token belongs to")
    parser.add_argument("--adapter", choices=["process", "acp", "claude"], default="",
                        help="how the program is spoken to: not at all, over the Agent Client Protocol, or as"
                             " Claude Code (default: process, or what --type says)")  # fmt: skip
    parser.add_argument("--type", default="", metavar="TYPE",
                        help="the type of agent to run, see agent type list (default: the agent's own)")  # fmt: skip
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--untrusted", dest="trust", action="store_const", const="untrusted", default="",
                       help="turn off what the folder itself would configure, see agent type show")  # fmt: skip
    trust.add_argument("--trust", dest="trust", action="store_const", const="trusted",
                       help="let the folder configure it (the default, unless the agent's config says no)")  # fmt: skip
    parser.add_argument("--concurrency", type=_count, default=1, metavar="N", help="runs at the same time (default: 1)")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="read the token from this file")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="make the working folders below this folder")
    parser.add_argument("--env", action="append", default=[], metavar="NAME",
                        help="hand this environment variable on to programs; may be repeated")  # fmt: skip
    parser.add_argument("--on-stop", choices=["finish", "release"], default="finish",
                        help="when stopped: finish running work, or hand it back (default: finish)")  # fmt: skip
    parser.add_argument("--grace", type=_seconds, default=5.0, metavar="SECONDS",
                        help="time to end after SIGINT, and after SIGTERM, before SIGKILL (default: 5)")  # fmt: skip
    parser.add_argument("--spool", type=_mebibytes, default=64, metavar="MIB",
                        help="disk for a run's output while the database is away (default: 64)")  # fmt: skip
    parser.add_argument("--cgroup", default="auto", metavar="auto|off|DIR",
                        help="where the kernel may hold limits: a delegated cgroup v2 (default: auto)")  # fmt: skip
    add_isolation_options(parser)
    parser.add_argument("--attached", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Runs until stopped. Raises KolonyError; a refused token is exit code 3, another agent's token 4."""
    import asyncio

    from kolony_tui.agent.login import agents_target
    from kolony_tui.agent.supervision.ladder import Graces
    from kolony_tui.core.connection import find_destination
    from kolony_tui.server.home import kolony_home

    token = _token(args)
    launch = _launch(args)
    chosen = _chosen(args, launch)
    chosen.early(kolony_home().path)
    target = agents_target(find_destination(choice(args), for_person=False), token, kolony_home(), tell)
    asyncio.run(_serve(args, target, launch, chosen, Graces(args.grace, args.grace)))
    return int(ExitCode.DONE)


async def _serve(args: argparse.Namespace, target: Any, launch: Launch, chosen: Choice, graces: Graces) -> None:
    from kolony_tui.agent.report import Report
    from kolony_tui.agent.runner import Runner, Settings
    from kolony_tui.agent.stopping import close_memory, stop_on_end_of_input, stop_on_signals
    from kolony_tui.agent.supervision.cage import enforcement, find_cages
    from kolony_tui.agent.supervision.guard import Guard
    from kolony_tui.agent.supervision.meter import Meter
    from kolony_tui.agent.types.choosing import Workshop
    from kolony_tui.agent.types.outfit import Outfit
    from kolony_tui.server.home import kolony_home

    close_memory()
    cages, home = find_cages(args.cgroup), kolony_home().path
    guard = Guard()
    workshop = Workshop(launch, guard, graces, Meter(), cages)
    outfits: list[Outfit] = []

    def learn(agent_type: str) -> tuple[str, dict[str, str]]:
        kind = chosen.late(home, args.name, agent_type)
        outfits.append(Outfit(kind, chosen.program, chosen.trust))
        return chosen.remark(home, agent_type), {"type": kind.name, "trust": chosen.trust}

    kind = chosen.early(home)
    settings = Settings(
        agent=args.name,
        adapter=args.adapter or (kind.adapter if kind is not None else "process"),
        concurrency=args.concurrency,
        scratch=launch.scratch,
        release=args.on_stop == "release",
        spool_bytes=args.spool * 1024 * 1024,
        enforcement=enforcement(cages),
        isolation=launch.isolation,
        learn=learn,
    )
    runner = Runner(target, settings, lambda work: workshop.make(outfits[0], work), guard, Report(as_json=args.json))
    stop_on_signals(runner.stop)
    if args.attached:
        stop_on_end_of_input(runner.stop)
    spare_what_is_there()
    await runner.run()


def _chosen(args: argparse.Namespace, launch: Launch) -> Choice:
    from kolony_tui.agent.types.choosing import Choice

    return Choice(args.adapter, args.type, launch.program, args.trust)


def _token(args: argparse.Namespace) -> Token:
    from kolony_tui.core.tokens import parse_token

    named = os.environ.pop(TOKEN_VARIABLE, "")
    if args.attached:
        return parse_token(_first_line())
    if args.token_file is not None:
        return parse_token(_read(args.token_file))
    if not named:
        raise UsageError("the agent's token is missing", f"set {TOKEN_VARIABLE}, or give --token-file")
    return parse_token(named)


def _first_line() -> str:
    """The first line of standard input, and not a byte more: its end is waited for later."""
    line = b""
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode("ascii", "replace")


def _read(file: Path) -> str:
    try:
        with file.open(encoding="ascii", errors="replace") as opened:
            if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                tell(f"{file} can be read by others; make it private: chmod 600")
            return opened.read(10_000)
    except OSError as error:
        raise UsageError(f"the token file {file} cannot be read: {error.strerror}", "see --token-file") from error


def _launch(args: argparse.Namespace) -> Launch:
    from kolony_tui.agent.attempt.launch import Launch
    from kolony_tui.server.home import kolony_home
    from kolony_tui.server.private_files import private_folder

    home = kolony_home()
    home.make()
    scratch = home.path / "spool"
    private_folder(scratch)
    program = [*args.program]
    if program and "/" in program[0]:
        # The working folder is another one; what the person named is meant from here.
        program[0] = os.path.abspath(program[0])
    return Launch(
        agent=args.name,
        folders=(args.workdir or home.path / "work").absolute(),
        scratch=scratch,
        program=tuple(program),
        passed=tuple(args.env),
        isolation=isolation_of(args),
    )


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000")
    return number


def _mebibytes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of MiB from 1 to 1000000")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 3600")
    return seconds
