"""What Kolony knows of a kind of agent program: how it is started, what it is given, how long it may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

ADAPTERS = ("process", "acp", "claude")
"""The adapters there are, by the words of ``kolony agent run --adapter``."""

QUIRKS = {
    "input_includes_cache": "the input tokens it reports hold those read from the cache",
    "output_excludes_reasoning": "the output tokens it reports are without those of its reasoning",
    "usage_of_last_call": "the usage of its answer is that of the last call of the model, not of the turn",
    "silent_failure": "it ends a turn that failed as if it had ended well, without usage",
    "late_updates": "it says what it used after it has answered",
}
"""What adapters have to know of an agent program that departs from its protocol, each in words."""


@dataclass(frozen=True, slots=True)
class Untrusted:
    """How a program is started in a folder whose own configuration is not to be believed.

    ``argv`` is appended, ``environment`` is set. ``turns_off`` says in words what of the folder is not read then.
    A type with neither has no such switch: it is not started in an untrusted folder.
    """

    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    turns_off: str = ""

    @property
    def possible(self) -> bool:
        """Whether there is such a switch."""
        return bool(self.argv or self.environment)


@dataclass(frozen=True, slots=True)
class AgentType:
    """A kind of agent program. Argument lists go to the program as they are, no shell reads them.

    ``argv``: program and arguments. Appended where they apply: ``new_session`` and ``resume`` with ``{session}``,
    ``budget`` with ``{usd}``, ``model`` with ``{model}``. For the adapter ``process`` an argument ``{}`` or ``{text}``
    is the command's text, as in ``kolony agent run``.
    ``passes``: names or patterns (``AWS_*``) of further environment variables that it gets; ``environment``: what is
    set for it. ``mode``: the mode its session is put into, empty: its own default. ``quirks``: keys of ``QUIRKS``.
    ``version``: argv that prints its version; ``least_version``: what is older is not started.
    Times in seconds: ``initialize_seconds`` until its session is open, ``exit_seconds`` to exit after its standard
    input was closed, ``late_seconds`` in which it may say more after its answer, ``permission_seconds`` that a
    permission is waited for. ``install``: what to do where the program is missing, ``login``: where it has no account.
    ``source``: the file that it was read from, empty: it comes with Kolony.
    """

    name: str
    adapter: str
    argv: tuple[str, ...] = ()
    title: str = ""
    resume: tuple[str, ...] = ()
    new_session: tuple[str, ...] = ()
    budget: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    mode: str = ""
    initialize_seconds: float = 120.0
    exit_seconds: float = 5.0
    late_seconds: float = 1.0
    permission_seconds: float = 1800.0
    quirks: frozenset[str] = frozenset()
    version: tuple[str, ...] = ()
    least_version: str = ""
    untrusted: Untrusted = Untrusted()
    install: str = ""
    login: str = ""
    source: str = ""

    @property
    def program(self) -> str:
        """The program's name; empty where none is fixed."""
        return self.argv[0] if self.argv else ""


def filled(words: tuple[str, ...], **values: str) -> list[str]:
    """Arguments with their ``{names}`` replaced.

    >>> filled(("--resume", "{session}"), session="ab")
    ['--resume', 'ab']
    """
    made = list(words)
    for name, value in values.items():
        made = [word.replace("{" + name + "}", value) for word in made]
    return made


def older(version: str, least: str) -> bool:
    """Whether a version is older than this one; one that is no row of numbers is not.

    >>> older("2.0.9", "2.1"), older("2.1.0", "2.1"), older("soon", "2.1"), older("1", "")
    (True, False, False, False)
    """
    try:
        found, wanted = ([int(part) for part in each.split(".")] for each in (version, least))
    except ValueError:
        return False
    return found < wanted
