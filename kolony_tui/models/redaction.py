"""What runners masked in what they stored, as people see it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

_NAME = re.compile(r"[a-z][a-z_]{0,30}")


def redacted(usages: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How often something was masked in what attempts stored, by what it was: ``own`` secrets, or tokens.

    >>> redacted([{"redacted": {"github": 2}}, {}, {"redacted": {"github": 1, "own": 3, "no name": 1, "odd": "x"}}])
    {'github': 3, 'own': 3}
    """
    sums: Counter[str] = Counter()
    for usage in usages:
        counts = usage.get("redacted")
        for name, count in counts.items() if isinstance(counts, dict) else ():
            if isinstance(count, int) and count > 0 and _NAME.fullmatch(name):
                sums[name] += count
    return dict(sorted(sums.items()))


def redacted_words(counts: dict[str, int]) -> str:
    """The same for people; empty where nothing was masked.

    >>> redacted_words({"own": 3, "private_key": 1}), redacted_words({})
    ('4 (own 3, private key 1)', '')
    """
    kinds = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
    return f"{sum(counts.values())} ({kinds})" if counts else ""
