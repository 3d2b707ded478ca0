"""Programs under supervision: they are spoken to, they flood, hang, ignore, scatter; and nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.events import Ended
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.agent.supervision.supervised import TAIL_BYTES, Supervised
from tests.agent.colony import assignment, lives

SCATTERS = (
    "setsid sh -c 'env -i sh -c \"echo \\$\\$; exec sleep 651\" & exit' & setsid sh -c 'echo $$; exec sleep 652' &"
)
"""Leaves two that have left its session; one of them is no child of anybody's, and has no mark."""

DEAF = "trap '' INT TERM HUP; while :; do sleep 0.05; done"


class Yard:
    """Starts programs, and ends them with the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.guard = Guard()
        self.guard.start()
        self.started: list[tuple[Supervised, list[str]]] = []

    async def start(self, *words: str, duplex: bool = False, **graces: float) -> tuple[Supervised, list[str]]:
        """A program, and the steps that are told of it."""
        steps: list[str] = []
        launch = Launch("worker", self.folder / "work", self.folder)
        made = Supervised(
            assignment("x"), launch, self.guard, Graces(**graces), on_step=lambda step, _: steps.append(step)
        )
        await made.start(words, duplex=duplex)
        self.started.append((made, steps))
        return self.started[-1]

    async def close(self) -> None:
        for made, _ in self.started:
            await made.close()
        self.guard.close()


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    made = Yard(tmp_path)
    yield made
    await made.close()


async def everything(program: Supervised) -> tuple[dict[str, bytes], Ended]:
    """All that it prints, and how it ended."""
    printed = {"stdout": b"", "stderr": b""}
    while (piece := await program.read()) is not None:
        printed[piece[0]] += piece[1]
    return printed, await program.ended()


async def pids(program: Supervised, count: int) -> list[int]:
    """The ids that it prints, one a line, as soon as there are so many."""
    printed = b""
    while printed.count(b"\n") < count:
        piece = await program.read()
        assert piece is not None, printed
        printed += piece[1]
    return [int(word) for word in printed.split()]


async def test_what_is_written_arrives_whole_while_it_answers(yard: Yard) -> None:
    program, _ = await yard.start("cat", duplex=True)
    sent = os.urandom(700_000)

    async def speak() -> None:
        # Two at once do not mix; far more than a pipe holds.
        await asyncio.gather(program.write(sent), program.write(b"end"))
        program.close_input()

    speaking = asyncio.create_task(speak())
    printed, ended = await asyncio.wait_for(everything(program), 20)
    await speaking
    assert printed["stdout"] == sent + b"end"
    assert (ended.exit_code, ended.error) == (0, "")
    await program.write(b"to nobody")


async def test_who_does_not_read_is_not_waited_for_longer_than_it_lives(yard: Yard) -> None:
    program, steps = await yard.start("sh", "-c", f"exec <&-; {DEAF}", duplex=True, input=0.05, terminate=0.05)
    await asyncio.wait_for(program.write(b"x" * 300_000), 10)
    hung, told = await yard.start("sh", "-c", DEAF, duplex=True, protocol=0.1, input=0.05, terminate=0.05)
    writing = asyncio.create_task(hung.write(b"x" * 300_000))

    async def never() -> bool:
        return bool(await asyncio.Event().wait())

    for each in (program, hung):
        await asyncio.wait_for(each.cancel(politely=never if each is hung else None), 10)
    await asyncio.wait_for(writing, 5)
    assert steps == ["stdin_closed", "sigterm", "sigkill", "ended", "gone"]
    assert told == ["protocol_cancel", *steps]


async def test_a_protocol_that_is_heeded_needs_no_signal(yard: Yard) -> None:
    program, steps = await yard.start("sh", "-c", "read said; echo $said; cat", duplex=True)

    async def politely() -> bool:
        await program.write(b"stop\n")
        return (await program.read()) == ("stdout", b"stop\n")

    began = time.monotonic()
    await asyncio.wait_for(program.cancel(politely=politely), 10)
    assert steps == ["protocol_cancel", "stdin_closed", "ended", "gone"]
    assert time.monotonic() - began < 4, "it did not wait for the protocol's whole time"
    assert (await everything(program))[1].exit_code == 0


async def test_who_is_dismissed_may_end_by_itself_and_is_ended_otherwise(yard: Yard) -> None:
    well, steps = await yard.start("sh", "-c", "cat; exit 3", duplex=True)
    deaf, told = await yard.start("sh", "-c", DEAF, duplex=True, leftovers=0.05)
    well.dismiss(5)
    deaf.dismiss(0.05)
    assert (await asyncio.wait_for(everything(well), 10))[1].exit_code == 3
    assert (await asyncio.wait_for(everything(deaf), 10))[1].signal == signal.SIGKILL
    assert steps == told == []


@pytest.mark.parametrize("asked", [True, False])
async def test_what_it_scatters_ends_with_it(yard: Yard, asked: bool) -> None:
    text = f"{SCATTERS} " + ("echo $$; cat" if asked else "echo $$; sleep 0.1")
    program, steps = await yard.start("sh", "-c", text, duplex=asked, leftovers=0.1, input=0.1)
    found = await pids(program, 3)
    sessions = {os.getsid(pid) for pid in found if lives(pid)}
    assert len(sessions) == 3
    if asked:
        await asyncio.wait_for(program.cancel(), 10)
        assert steps[-1] == "gone"
    _, ended = await asyncio.wait_for(everything(program), 10)
    assert not any(lives(pid) for pid in found)
    assert (ended.exit_code, ended.not_confirmed) == (0, "")


async def test_a_flood_waits_and_can_be_ended_and_the_end_of_stderr_is_kept(yard: Yard) -> None:
    program, _ = await yard.start("sh", "-c", "yes flood >&2", interrupt=5)
    for _ in range(40):
        assert await program.read() is not None
    assert len(program.stderr_tail) == TAIL_BYTES
    assert program.stderr_tail.count(b"flood\n") > 10_000
    # Nobody reads any more: the program stands in its write, and is ended all the same.
    await asyncio.wait_for(program.cancel(), 5)
    _, ended = await asyncio.wait_for(everything(program), 5)
    assert ended.signal == signal.SIGINT


async def test_who_dies_midway_says_how(yard: Yard) -> None:
    program, _ = await yard.start("sh", "-c", "echo half; echo why >&2; sleep 653 & kill -SEGV $$", leftovers=0.05)
    printed, ended = await asyncio.wait_for(everything(program), 10)
    assert printed == {"stdout": b"half\n", "stderr": b"why\n"}
    assert (ended.exit_code, ended.signal, ended.error) == (139, signal.SIGSEGV, "exit 139 (SIGSEGV)")
    assert program.stderr_tail == b"why\n"


async def test_twenty_agents_are_gone_within_a_second(yard: Yard) -> None:
    text = f'{SCATTERS} sh -c "echo \\$\\$; {DEAF}" & echo $$; {DEAF}'
    made = await asyncio.gather(*(yard.start("sh", "-c", text, duplex=True) for _ in range(20)))
    found = [pid for program, _ in made for pid in await pids(program, 4)]
    assert sum(map(lives, found)) == 80
    began = time.monotonic()
    await asyncio.gather(*(program.cancel(emergency=True) for program, _ in made))
    took = time.monotonic() - began
    assert not any(map(lives, found))
    assert [steps for _, steps in made] == [["sigkill", "ended", "gone"]] * 20
    # The figure is one second; a machine that does other things besides is not failed for those.
    assert took < 3


@pytest.mark.parametrize(
    ("words", "why"),
    [(["no-such-program"], "there is no program 'no-such-program'"), (["/"], "the program '/' may not be run"),
     (["sh", "nul\0"], "embedded null byte")],
)  # fmt: skip
async def test_what_cannot_be_started_leaves_nothing(yard: Yard, words: list[str], why: str) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(CannotStart, match=why):
        await yard.start(*words, duplex=True)
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert not list((yard.folder / "work").glob("*/*"))


async def test_a_program_sees_nothing_of_its_supervision(yard: Yard) -> None:
    text = "ls /proc/self/fd; ulimit -c; cat /proc/self/oom_score_adj; trap '' PIPE; env | grep -c ^KOLONY_RUN_ID="
    program, _ = await yard.start("sh", "-c", f"({text})")
    printed, ended = await asyncio.wait_for(everything(program), 10)
    assert ended.exit_code == 0, printed

    # ls has its own directory open as a fourth.
    assert printed["stdout"].split() == [b"0", b"1", b"2", b"3", b"0", b"300", b"1"]


@pytest.mark.parametrize(("limit", "said"), [(50, b"refused"), (None, b"given")])
async def test_the_kernel_refuses_what_grows_faster_than_one_can_look(
    tmp_path: Path, limit: int | None, said: bytes
) -> None:
    # 4 x 50 MB and 1 GiB are allowed; the watch over the limit, which would come first, is not there.
    greedy = "try: bytearray(2_000_000_000); print('given')\nexcept MemoryError: print('refused')"
    work = assignment("x", memory_limit_mb=limit)
    program = Supervised(work, Launch("worker", tmp_path / "work", tmp_path), Guard(), Graces())
    await program.start(["sh", "-c", '"$0" -c "$1"; :', sys.executable, greedy])
    printed, _ = await asyncio.wait_for(everything(program), 20)
    await program.close()
    assert printed["stdout"].strip() == said
