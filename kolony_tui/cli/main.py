"""From the words on the command line to a verb, and from an error to one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module

from kolony_tui import __version__
from kolony_tui.garbage import look_seldom
from kolony_tui.models.errors import ExitCode, KolonyError, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any, NoReturn

# argparse has gettext look for a translation of each of its words, in several folders each time; there is none.
setattr(argparse, "_", lambda words: words)  # noqa: B010  (the checker does not know this name)

# Verb, the module whose ``register_<verb>`` declares it, and its line in the help. A verb is declared when it is used:
# building every parser would cost more than most verbs take.
VERBS: tuple[tuple[str, str, str], ...] = (
    ("db", "db", "the embedded server: start, stop, status, url, backup, restore"),
    ("login", "login", "log in, and keep the password in the keyring"),
    ("logout", "login", "forget the password that login has kept"),
    ("migrate", "migrate", "apply, plan or check the schema of a database"),
    ("user", "people", "people of a workspace: add, list, role, disable, enable, remove, sessions, kick, passwd"),
    ("workspace", "workspaces", "tenants: create, list, use, rename, limits, admit-viewers"),
    ("rights", "workspaces", "what you may do, and which rule says so"),
    ("agent", "fleet", "agents: create, list, show, tag, pause, resume, retire, run"),
    ("token", "token", "agents' tokens: issue, list, rotate, revoke"),
    ("send", "work", "send a command to agents"),
    ("preset", "preset", "saved commands with variables: create, list, show, edit, fill, share, delete, versions"),
    ("conversation", "conversation", "threads with agents: start, send, list, show, read, rename, archive"),
    ("command", "command", "commands: list, show, edit, submit, cancel, retry"),
    ("run", "run", "runs, the queue and its past: list, show, artifacts, cancel, interrupt, hold, release, why ..."),
    ("artifact", "artifact", "what runs left: show, save"),
    ("report", "report", "reports of investigations: list, show, export, status"),
    ("undo", "queue", "take back your last step that can be"),
    ("inbox", "inbox", "what waits for you: list, snooze, wake, done"),
    ("approve", "inbox", "allow what agents ask for"),
    ("deny", "inbox", "deny what agents ask for"),
    ("answer", "inbox", "answer what agents ask"),
    ("rule", "rule", "rules that answer agents: list, add, revoke"),
    ("stop", "stop", "emergency stop: no new work at once, what runs is ended; --status"),
    ("lift", "stop", "lift the emergency stop, for some agents or for all"),
    ("tail", "tail", "the output of a run, byte for byte"),
    ("constraint", "constraint", "named limits of runs: create, list, show, edit, default, delete"),
    ("usage", "usage", "tokens, cost and success: by agent, person, model, day, run or preset"),
    ("budget", "budget", "budgets of tokens and money: list, set, show, remove, zone, team"),
    ("price", "price", "what tokens of models cost: list, set, remove"),
    ("view", "view", "views of lists: list, save, delete"),
    ("notification", "notification", "what you were told: list, read, rules, rule, settings"),
    ("webhook", "webhook", "addresses that get events by HTTP: add, edit, list, remove, test, deliveries"),
    ("events", "events", "what happened to agents, commands and runs, in order; --follow"),
    ("bundle", "bundle", "a time of the past in one file, to be looked at elsewhere: export, show, open"),
    ("audit", "audit", "who did what: the log, verify, seals, seal, retention"),
    ("doctor", "doctor", "check server, rights, schema, sessions and this machine; say what to do"),
    ("retention", "retention", "what is kept how long, legal holds, the archive: show, set, hold, restore, search ..."),
    ("maintain", "maintain", "do the upkeep that is due"),
)

_EPILOG = """\
The connection is, in this order: --dsn, KOLONY_DSN, --profile or KOLONY_PROFILE, libpq's own environment, the embedded
server. KOLONY_HOME moves everything that Kolony keeps on this machine. Exit codes: 0 done, 1 the work itself failed,
2 wrong usage, 3 cannot connect or log in, 4 the database refused it, 130 interrupted."""


class Layout(argparse.HelpFormatter):
    """argparse's help. It makes one of these for each argument, and would load shutil to see how wide the screen is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


class RawLayout(Layout, argparse.RawDescriptionHelpFormatter):
    """The same, which keeps the lines of the epilog."""


@cache
def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS", 0)) or os.get_terminal_size(1).columns or 80
    except (OSError, ValueError):
        return 80


class Parser(argparse.ArgumentParser):
    """argparse, with its complaints as our one-line errors."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": Layout, **settings})

    def error(self, message: str) -> NoReturn:
        """Raises UsageError."""
        raise UsageError(message, f"see {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code."""
    look_seldom()
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in (words[: words.index("--")] if "--" in words else words)
    try:
        return _run(words)
    except KolonyError as error:
        print(_traceback(error) if debug else f"kolony: {_printable(error.line)}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        if debug:
            raise
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has heard enough; python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.DONE)
    except Exception as error:  # the last resort: one line instead of a traceback
        line = f"kolony: a fault of Kolony itself: {type(error).__name__}: {_printable(str(error))}; see --debug"
        print(_traceback(error) if debug else line, file=sys.stderr)
        return int(ExitCode.WORK_FAILED)


def _run(words: list[str]) -> int:
    before, rest = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, None)
    parsed = parser_for(before).parse_args(before, argparse.Namespace(rest=rest, program=rest or []))
    verb = getattr(parsed, "func", None)
    if rest is not None and not getattr(parsed, "takes_rest", False):
        raise UsageError("-- means nothing here", "see kolony --help")
    if verb is not None:
        return int(verb(parsed))
    from kolony_tui.ui.start import run_app

    return run_app(parsed)


def parser_for(words: Sequence[str]) -> Parser:
    """The parser for a command line: with all verbs by name, and the one that is used in full."""
    parser = Parser(
        prog="kolony",
        description="A command center for fleets of AI agents, in a terminal, on Postgres. No verb: it opens the app.",
        epilog=_EPILOG,
        formatter_class=RawLayout,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"kolony {__version__}")
    add_connection_options(parser, first=True)
    # With ``prog`` given, argparse need not lay out a usage line to find it.
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb", parser_class=Parser, prog=parser.prog)
    settled = any(name in words[:1] for name, _, _ in VERBS)  # then nothing lists the others
    for name, module, line in VERBS:
        if name in words:
            getattr(import_module(f"kolony_tui.cli.{module}"), f"register_{name}")(verbs)
        elif not settled:
            verbs.add_parser(name, help=line, add_help=False)
    return parser


def add_connection_options(parser: argparse.ArgumentParser, *, first: bool = False) -> None:
    """The options that every verb takes, before it and after it."""
    default = None if first else argparse.SUPPRESS
    options = parser.add_argument_group("connection and output")
    options.add_argument("--dsn", default=default, help="postgresql:// URL or libpq words of the server")
    options.add_argument("--profile", default=default, help="a connection named in config.toml")
    options.add_argument("--pin", metavar="sha256:...", default=default, help="the one certificate that is trusted")
    options.add_argument(
        "--insecure-tls", action="store_true", default=False if first else default,
        help="connect to a server that proves nothing; all that is sent can be read and changed",
    )  # fmt: skip
    options.add_argument("--workspace", metavar="SLUG", default=default, help="the workspace to work in")
    options.add_argument("--json", action="store_true", default=False if first else default, help="print JSON")
    options.add_argument("--debug", action="store_true", default=default, help="show a traceback with an error")


def _traceback(error: BaseException) -> str:
    from kolony_tui.core.fault import traceback_of

    return traceback_of(error)


def _printable(text: str) -> str:
    from kolony_tui.text import safe

    return safe(text, limit=2000).plain
