"""Limits by themselves: the clock, the meter, and the watch over real programs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kolony_tui.agent.attempt.limits import Clock, Exceeded, Watch, tokens_in
from kolony_tui.agent.supervision import guardian
from kolony_tui.agent.supervision.meter import Meter, Taken
from kolony_tui.models.constraints import Limits
from tests.agent.colony import until

HOG = """
import sys, time
held = bytearray(int(sys.argv[1]) * 1_000_000)
for at in range(0, len(held), 4096):
    held[at] = 1
print("full", flush=True)
time.sleep(630)
"""


@contextmanager
def program(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own, below something that stands for its shim."""
    below = ["sh", "-c", '"$@" & wait', "sh", *words]
    with subprocess.Popen(below, start_new_session=True, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            guardian.kill_all({process.pid})


def _watch(limits: Limits, taken: Callable[[], Taken], report: Path | None = None, window: float = 5.0) -> Watch:
    return Watch(limits, taken, report, window)


async def test_memory_of_a_real_program_is_seen() -> None:
    with program(sys.executable, "-c", HOG, "150") as hog:
        assert hog.stdout is not None
        assert await asyncio.to_thread(hog.stdout.readline) == b"full\n"
        meter = Meter()
        assert 150e6 < meter.of(hog.pid).memory_bytes < 250e6
        assert _watch(Limits(memory_limit_mb=400), lambda: meter.of(hog.pid)).look() is None
        found = await asyncio.wait_for(_watch(Limits(memory_limit_mb=100), lambda: meter.of(hog.pid)).exceeded(), 5)
        assert found.limit == "memory_limit"
        assert found.words.startswith("memory limit of 100 MB reached (peak 1"), found


async def test_processor_time_of_a_whole_session_is_seen_over_a_window() -> None:
    # Two burners below a shell that does nothing itself.
    with program("sh", "-c", "(while :; do :; done) & while :; do :; done") as burner:
        meter = Meter()
        burning = _watch(Limits(cpu_limit_percent=5), lambda: meter.of(burner.pid), window=1.0)
        patient = _watch(Limits(cpu_limit_percent=900), lambda: meter.of(burner.pid), window=1.0)
        began = time.monotonic()
        others = asyncio.create_task(patient.exceeded())
        found = await asyncio.wait_for(burning.exceeded(), 30)
        assert time.monotonic() - began >= 1.0, "not before its window is full"
        assert (found.limit, found.words[:23]) == ("cpu_limit", "CPU limit of 5% reached")
        assert not others.done()
        others.cancel()


def test_a_short_burst_and_a_dead_child_are_no_reason() -> None:
    taken = [Taken(0, cpu) for cpu in (0.0, 3.0, 0.5, 0.6)]
    watch = _watch(Limits(cpu_limit_percent=1), lambda: taken.pop(0))
    while taken:
        assert watch.look() is None


async def test_a_clock_stands_while_a_person_is_asked() -> None:
    ended = asyncio.Event()
    clock = Clock(300, ended.set)
    clock.start()
    clock.hold()
    clock.hold()
    clock.release()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ended.wait(), 0.5)
    clock.release()
    await asyncio.wait_for(ended.wait(), 5)
    later = asyncio.Event()
    stopped = Clock(1, later.set)
    stopped.start()
    stopped.stop()
    stopped.hold()
    stopped.release()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(later.wait(), 0.1)


async def test_tokens_are_read_from_what_the_program_writes(tmp_path: Path) -> None:
    report = tmp_path / "usage.json"
    watch = _watch(Limits(token_budget=1000), Taken, report)
    assert watch.look() is None
    report.write_text(json.dumps({"input_tokens": 900, "output_tokens": 100}))
    assert watch.look() is None
    assert watch.tokens == 1000
    report.write_text("half a fi")
    assert watch.look() is None
    assert watch.tokens == 1000, "what cannot be read says nothing"
    report.write_text(json.dumps({"total_tokens": 1001}))
    assert watch.look() == Exceeded("token_budget", "token budget of 1000 used up (1001 tokens)")
    assert watch.at_end() is not None


@pytest.mark.parametrize("report", [b"[]", b'{"total_tokens": true}', b'{"total_tokens": -1}', b"[" * 100_000, b"\xff",
                                    b'{"input_tokens": "7"}'])  # fmt: skip
def test_a_report_that_is_none_counts_nothing(report: bytes) -> None:
    assert tokens_in(report) is None


async def test_nothing_is_measured_without_a_limit() -> None:
    watch = _watch(Limits(time_limit_ms=5), lambda: pytest.fail("nobody asked"))
    assert not watch.needed
    assert watch.look() is None


async def test_each_look_is_shared() -> None:
    with program("sh", "-c", "echo; sleep 631") as one, program("sh", "-c", "echo; sleep 631") as other:
        meter = Meter()

        async def both() -> bool:
            return meter.of(one.pid).memory_bytes > 0 and meter.of(other.pid).memory_bytes > 0

        await until(both, deadline=5, what="a look at both")
        began = time.monotonic()
        for _ in range(1000):
            meter.of(one.pid)
        assert time.monotonic() - began < 2
    assert Meter().of(one.pid) == Taken()
