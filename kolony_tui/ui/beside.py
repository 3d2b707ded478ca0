"""`beside`: work in a worker of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, cast

from textual.dom import DOMNode
from textual.worker import WorkType


def beside(
    node: DOMNode, work: Callable[..., Coroutine[Any, Any, None]], *given: Any, group: str, exclusive: bool = False
) -> None:
    """Does ``work(*given)`` in a worker of ``node``; ``exclusive``: whatever the group still does is given up.

    The coroutine is made when the worker begins: one that is made before, for a worker that is cancelled before it
    begins, is never awaited, and Python complains about it in the terminal.
    """
    begun = cast("WorkType[None]", partial(work, *given))
    node.run_worker(begun, name=group, group=group, description=group, exclusive=exclusive, exit_on_error=False)
