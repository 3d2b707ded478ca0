"""Reading what a program left behind, without trusting it to be a file of a sane size."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from kolony_tui.models.errors import WorkFailed


class Unreadable(WorkFailed):
    """A file that the program left cannot be taken; the message names it."""


def read_bounded(file: Path, most: int) -> bytes | None:
    """A regular file's content; None where there is no file. Raises Unreadable for all that is too large or no file."""
    try:
        # Without waiting: a pipe of that name would never answer.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(f"{file.name} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable(f"{file.name} is no regular file")
    with open(descriptor, "rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise Unreadable(f"{file.name} has more than {most // 1024} KiB")
    return content
