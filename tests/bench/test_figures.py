"""How figures are compared and told."""

from __future__ import annotations

import pytest

from tests.bench import figures
from tests.bench.figures import Figure, at_most_over, markdown, number, percentile, table_head, told


def test_a_figure_is_the_ratio_of_medians_with_the_spread_of_its_rounds() -> None:
    found = Figure("claim", "ms", [2.0, 4.0, 30.0], "psql", [1.0, 2.0, 3.0], "at most 2 times", limit=2.0)
    assert (found.middle, found.peer_middle, found.ratio, found.reached) == (4.0, 2.0, 2.0, True)
    assert found.spread == (2.0, 10.0), "of the rounds' ratios"
    assert markdown(found) == "| claim | 4.00 ms | psql, 2.00 ms | 2.00 (2.00 to 10.0) | at most 2 times |"
    assert told(found).endswith("[at most 2 times: reached]")
    assert table_head().splitlines()[1] == "|---|---|---|---|---|"


def test_more_is_better_where_it_says_so() -> None:
    rate = Figure("output", "MB/s", [40.0] * 3, "COPY", [100.0] * 3, "at least 0.5", "higher", 0.5)
    assert rate.reached is False
    assert markdown(rate).endswith("| 0.400 (0.400 to 0.400) | at least 0.5: **not reached** |")


def test_a_figure_without_a_peer_is_held_against_its_own_median() -> None:
    alone = Figure("memory", "MB", [10, 20, 60], reach="at most 30 MB", limit=30.0)
    assert (alone.reached, alone.ratio) == (True, None)
    assert markdown(alone) == "| memory | 20.0 MB (10.0 to 60.0) |  |  | at most 30 MB |"
    assert Figure("any", "ms", [1.0]).reached is None


def test_limits_of_other_kinds() -> None:
    above = Figure("painted", "ms", [60.0], "LISTEN", [30.0], limit=at_most_over(33))
    assert above.reached is True
    assert Figure("painted", "ms", [64.0], "LISTEN", [30.0], limit=at_most_over(33)).reached is False
    assert percentile([float(each) for each in range(1, 102)], 95) == pytest.approx(96)
    assert [number(each) for each in (62612.3, 37.61, 2.038, 0.3164)] == ["62,612", "37.6", "2.04", "0.316"]


def test_quick_rounds_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    assert figures.rounds(21) == 21
    monkeypatch.setattr(figures, "QUICK", True)
    assert figures.rounds(21) == 3
