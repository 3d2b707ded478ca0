"""When Python looks for garbage: seldom, and never among what stays as long as the program.

Nearly everything goes by its reference count; the collector is for cycles. Left alone it looks through all that was
imported, hundreds of thousands of objects, about once a second in a busy app, and for 50 to 100 ms no key is heard
(``python -m tests.bench dashboard``).
"""

from __future__ import annotations

import gc

_SELDOM = 10_000, 5, 5
"""New objects, less those that are gone, after which it looks among these: a few milliseconds each time. After so many
such looks it looks among those that have outlived one, and after so many of these among all. An app in which 120
screens were opened and closed has 86 MB then; with Python's own thresholds 82.
"""


def look_seldom() -> None:
    """For a program that begins, before it imports what it needs."""
    gc.set_threshold(*_SELDOM)


def spare_what_is_there() -> None:
    """For a program that is complete: what it has by now is not looked at again."""
    gc.freeze()
