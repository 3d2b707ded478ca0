"""Text that must not be printed by mistake: a password, a token."""

from __future__ import annotations

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import NoReturn


class Secret:
    """A secret that shows as ``***`` in logs, reprs, formatted text and tracebacks; ``reveal`` gives the clear text."""

    __slots__ = ("_clear",)

    def __init__(self, clear: str) -> None:
        self._clear = clear

    def reveal(self) -> str:
        """The clear text, for the one place that needs it."""
        return self._clear

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac

        return hmac.compare_digest(self._clear.encode(), other._clear.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._clear))

    def __bool__(self) -> bool:
        return bool(self._clear)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
