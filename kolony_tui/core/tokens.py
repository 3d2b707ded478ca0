"""Agent tokens: ``kol_<16 hex: id>_<43 base62: 256 random bits><6 base62: CRC-32>``; the login is ``ka_<id>``."""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass

from kolony_tui.models.errors import LoginRefused
from kolony_tui.models.secret import Secret

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HINT_LENGTH = 8
_FORM = re.compile(r"kol_([0-9a-f]{16})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class Token:
    """A token in clear, and what the server keeps of it. ``hint`` is what people recognise it by."""

    secret: Secret
    login: str
    hint: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the token: 256 random bits need no salt."""
        return hashlib.sha256(self.secret.reveal().encode("ascii")).digest()


def new_token() -> Token:
    """A fresh token from the system's random source."""
    identity = secrets.token_hex(8)
    body = f"kol_{identity}_{_base62(secrets.randbits(256), 43)}"
    return _token(identity, body + _check(body))


def parse_token(text: str) -> Token:
    """Reads a token that a person pasted. Raises LoginRefused where it cannot be one, or has a typing error."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise LoginRefused("that is no agent token", "it is kol_... with 70 characters, as kolony token issue prints")
    whole = match[0]
    if _check(whole[:-6]) != match[3]:
        raise LoginRefused("that agent token has a typing error", "copy it again, whole")
    return _token(match[1], whole)


def hint_in(reference: str) -> str:
    """What may be repeated of something that a person typed to name a token: never more than a hint of one.

    >>> hint_in("kol_12ab34cd_secret"), hint_in("kol_12ab"), hint_in("builder")
    ('kol_12ab', 'kol_12ab', 'builder')
    """
    return reference[:_HINT_LENGTH] if reference.startswith("kol_") else reference


def _token(identity: str, whole: str) -> Token:
    return Token(secret=Secret(whole), login=f"ka_{identity}", hint=f"kol_{identity[:4]}")


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), 6)


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits.rjust(width, "0")
