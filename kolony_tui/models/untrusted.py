"""Text that somebody else wrote: an agent, a program, another person, the database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Untrusted:
    """Text as it came from the database, not yet fit for a terminal.

    It has no readable ``str()``: printing one by mistake shows the escaped form, never an escape sequence. What a
    person sees goes through ``kolony_tui.text.safe``; what a script gets (JSON, bytes) takes ``raw``.
    """

    raw: str

    def __repr__(self) -> str:
        return ascii(self.raw)

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self.raw)
