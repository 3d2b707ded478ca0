"""Versions of PostgreSQL with a hole that matters here: everybody who uses Kolony has SQL of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hole:
    """A CVE, what it does, and for each major version the first minor one without it."""

    name: str
    words: str
    fixed: Mapping[int, int]

    def fixed_in(self, major: int) -> int:
        """The first minor version without it; 0 where it never was in that major version."""
        return self.fixed.get(major, 0)


HOLES = (
    Hole("CVE-2024-10976", "row security of another role", {15: 9, 16: 5, 17: 1}),
    Hole("CVE-2025-8713", "rows shine through statistics", {15: 14, 16: 10, 17: 6}),
    Hole("CVE-2026-6473", "any login can corrupt the memory of the server", {15: 18, 16: 14, 17: 10, 18: 4}),
)
"""From PostgreSQL's own announcements."""


def known_holes(version: int) -> list[Hole]:
    """The holes of a server by its ``server_version_num``.

    >>> [hole.name for hole in known_holes(180003)], known_holes(180004), len(known_holes(150008))
    (['CVE-2026-6473'], [], 3)
    """
    major, minor = version // 10_000, version % 10_000
    return [hole for hole in HOLES if minor < hole.fixed_in(major)]
