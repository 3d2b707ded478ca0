"""The way of the server's own user to its data: search rights on the folders above, for that one user only.

A folder's access list (POSIX ACL) is read and written in the kernel's own form, ``system.posix_acl_access``: a
little-endian u32 version 2, then entries of u16 tag, u16 permissions, u32 id (linux/posix_acl_xattr.h).
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from kolony_tui.models.errors import CannotConnect
from kolony_tui.server.os_user import ServerUser

ATTRIBUTE = "system.posix_acl_access"
VERSION = struct.pack("<I", 2)
ENTRY = struct.Struct("<HHI")
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NO_ID = 0xFFFFFFFF
SEARCH = 0o1
ABSENT = (errno.ENODATA, errno.EOPNOTSUPP)


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One line of an access list; in the kernel's order when sorted."""

    tag: int
    id: int
    permissions: int


def open_way(folder: Path, user: ServerUser) -> None:
    """Let ``user`` search ``folder`` and each folder above it; nobody else's rights change, and no mode is widened.

    Raises CannotConnect where a folder is closed to the user and its file system keeps no access lists.
    """
    for step in (*reversed(folder.parents), folder):
        entries = read_entries(step)
        if not may_search(entries, step.stat(), user):
            _let_in(step, entries, user)


def read_entries(folder: Path) -> list[Entry]:
    """The access list of ``folder``; the three entries of its mode where it has no list."""
    try:
        raw = os.getxattr(folder, ATTRIBUTE)
    except OSError as error:
        if error.errno not in ABSENT:
            raise CannotConnect(f"cannot read the access list of {folder}: {error.strerror}") from error
        mode = folder.stat().st_mode
        return [
            Entry(USER_OBJ, NO_ID, mode >> 6 & 0o7),
            Entry(GROUP_OBJ, NO_ID, mode >> 3 & 0o7),
            Entry(OTHER, NO_ID, mode & 0o7),
        ]
    return [Entry(tag, who, permissions) for tag, permissions, who in ENTRY.iter_unpack(raw[len(VERSION) :])]


def may_search(entries: list[Entry], folder: os.stat_result, user: ServerUser) -> bool:
    """Whether ``user``, a member of its own group only, may search a folder with these entries (as acl(5) decides)."""
    mask = next((entry.permissions for entry in entries if entry.tag == MASK), 0o7)
    if folder.st_uid == user.uid:
        return any(entry.permissions & SEARCH for entry in entries if entry.tag == USER_OBJ)
    named = [entry for entry in entries if entry.tag == USER and entry.id == user.uid]
    if named:
        return bool(named[0].permissions & mask & SEARCH)
    groups = [entry for entry in entries if entry.tag == GROUP and entry.id == user.gid]
    if folder.st_gid == user.gid:
        groups += [entry for entry in entries if entry.tag == GROUP_OBJ]
    if groups:
        return any(entry.permissions & mask & SEARCH for entry in groups)
    return any(entry.permissions & SEARCH for entry in entries if entry.tag == OTHER)


def with_search(entries: list[Entry], uid: int) -> list[Entry]:
    """The same list plus search for ``uid``.

    The mask caps all named entries, so raising it would wake rights that it held back; those are cut to the old mask.
    """
    old_mask = next((entry.permissions for entry in entries if entry.tag == MASK), 0o7)
    kept = []
    for entry in entries:
        if entry.tag == MASK or (entry.tag == USER and entry.id == uid):
            continue
        capped = entry.tag in (USER, GROUP, GROUP_OBJ)
        kept.append(Entry(entry.tag, entry.id, entry.permissions & old_mask if capped else entry.permissions))
    own = next((entry.permissions & old_mask for entry in entries if entry.tag == USER and entry.id == uid), 0)
    kept.append(Entry(USER, uid, own | SEARCH))
    mask = 0
    for entry in kept:
        if entry.tag in (USER, GROUP, GROUP_OBJ):
            mask |= entry.permissions
    return sorted([*kept, Entry(MASK, NO_ID, mask)])


def _let_in(folder: Path, entries: list[Entry], user: ServerUser) -> None:
    packed = [ENTRY.pack(entry.tag, entry.permissions, entry.id) for entry in with_search(entries, user.uid)]
    try:
        os.setxattr(folder, ATTRIBUTE, VERSION + b"".join(packed))
    except OSError as error:
        mode = stat.filemode(folder.stat().st_mode)
        raise CannotConnect(
            f"the server's user {user.name} may not enter {folder} ({mode}), and that cannot be changed for it alone: "
            f"{error.strerror}",
            "set KOLONY_HOME to a folder whose parents others may enter",
        ) from error
