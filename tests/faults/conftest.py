"""The servers and colonies that faults are tried on. ``--long``: more rounds at random moments."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kolony_tui.server.bootstrap import Prepared, prepare
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from tests.database import Workspace
from tests.faults.disk import SmallDisk, small_disk
from tests.faults.load import Load, load_on, own_ground, shared_ground


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the faults."""
    parser.addoption("--long", action="store_true", help="faults: more rounds")
    parser.addoption("--seed", type=int, default=None, help="faults: the seed of their random moments")


@dataclass(frozen=True)
class Extent:
    """How much is tried."""

    long: bool
    seed: int

    def rounds(self, short: int, long: int) -> range:
        """The rounds of one test."""
        return range(long if self.long else short)


@pytest.fixture
def extent(request: pytest.FixtureRequest) -> Extent:
    """The extent; a failure shows the seed among what was printed."""
    # Whoever runs all tests has these options not declared in time, and gets the short form.
    seed = request.config.getoption("--seed", default=None)
    long = request.config.getoption("--long", default=False)
    made = Extent(long, random.randrange(2**32) if seed is None else seed)
    print(f"seed of the faults: --seed {made.seed}")
    return made


@pytest.fixture
def rng(extent: Extent) -> random.Random:
    """Chance, by the seed."""
    return random.Random(extent.seed)


@pytest.fixture(scope="session")
def disk() -> Iterator[SmallDisk]:
    """The disk of ``durable``."""
    with small_disk(512) as made:
        yield made


@pytest.fixture(scope="session")
def durable(_own_surroundings: None, disk: SmallDisk) -> Iterator[tuple[EmbeddedServer, Prepared]]:
    """A server that may be killed, with the settings of the product (fsync too) but for the size of its log."""
    server = EmbeddedServer(Home(disk.path / "home"), settings={"max_wal_size": "96MB"})
    try:
        yield server, prepare(server)
    finally:
        server.stop(force=True)


@pytest.fixture
async def durable_load(
    durable: tuple[EmbeddedServer, Prepared], tmp_path: Path, rng: random.Random
) -> AsyncIterator[Load]:
    """A colony on the server that may be killed."""
    durable[0].ensure()
    async with load_on(own_ground(*durable, tmp_path), rng) as load:
        yield load


@pytest.fixture
async def load(workspace: Workspace, tmp_path: Path, rng: random.Random) -> AsyncIterator[Load]:
    """A colony on a database of its own, on the session's server."""
    async with load_on(shared_ground(workspace.database, tmp_path), rng) as made:
        yield made
