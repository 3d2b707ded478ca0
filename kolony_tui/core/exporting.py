"""Writing a document to a file of the person's, never silently over another one."""

from __future__ import annotations

import os
from pathlib import Path

from kolony_tui.models.errors import WorkFailed


def put_text(target: Path, text: str, *, overwrite: bool = False) -> None:
    """Writes a text as UTF-8. Raises WorkFailed: a file is there already, or none can be made."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if overwrite else os.O_EXCL)
    try:
        with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "replace"))
    except FileExistsError as error:
        raise WorkFailed(f"{target} is there already", "name another file") from error
    except OSError as error:
        raise WorkFailed(f"cannot write {target}: {error.strerror}") from error
