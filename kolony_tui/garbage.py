"""When Python looks for garbage: seldom, and never among what stays as long as the program.

Nearly everything goes by its reference count; the collector is for cycles. Left alone it looks through all that was
imported, hundreds of thousands of objects, about once a second in a busy app, and for 50 to 100 ms no key is heard
(``python -m tests.bench dashboard``).
"""

from __future__ import annotations

import gc

_YOUNG = 10_000
"""New objects, less those that are gone, after which it looks: a few milliseconds for each time."""


def look_seldom() -> None:
    """For a program that begins, before it imports what it needs."""
    gc.set_threshold(_YOUNG)


def spare_what_is_there() -> None:
    """For a program that is complete: what it has by now is not looked at again."""
    gc.freeze()
