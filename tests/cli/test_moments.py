"""When something is not to begin before: the few ways in which people write a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.core.spans import moment_to_begin
from kolony_tui.models.errors import UsageError


@pytest.fixture
def in_berlin() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_a_time_without_an_offset_is_this_machines() -> None:
    assert moment_to_begin("2026-07-01T10:00") == datetime(2026, 7, 1, 8, tzinfo=UTC), "in summer"
    assert moment_to_begin("2026-12-31 10:00:30") == datetime(2026, 12, 31, 9, 0, 30, tzinfo=UTC), "in winter"
    assert moment_to_begin("2026-12-31") == datetime(2026, 12, 30, 23, tzinfo=UTC)
    assert moment_to_begin("2026-07-01T10:00Z") == datetime(2026, 7, 1, 10, tzinfo=UTC)


@given(st.times())
def test_a_time_of_day_is_the_next_one(at: object) -> None:
    written = str(at)[:5]
    found = moment_to_begin(written)
    assert timedelta() <= found - datetime.now(UTC) + timedelta(seconds=1) <= timedelta(days=1, hours=1)
    assert f"{found.astimezone():%H:%M}" == written


def test_a_length_of_time_is_from_now() -> None:
    wait = moment_to_begin("+2h") - datetime.now(UTC)
    assert timedelta(hours=2) - timedelta(seconds=5) < wait <= timedelta(hours=2)
    assert moment_to_begin("2001-01-01T00:00Z").year == 2001, "what has passed delays nothing"


@pytest.mark.parametrize(
    "text", ["", "+", "soon", "14:3", "25:00", "2026-13-01", "+2y", "99999-01-01", "+9999999999w", "20261231"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        moment_to_begin(text)
    assert "14:30" in refused.value.line
