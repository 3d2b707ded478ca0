"""What has to protect a connection: nothing on this machine, a verified or pinned certificate on the way to another."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
import struct
from collections.abc import Mapping
from typing import Literal

from kolony_tui.db.place import Place
from kolony_tui.db.target import Target
from kolony_tui.models.errors import CannotConnect, CertificateRefused, UsageError

PIN = re.compile(r"sha256:[0-9a-f]{64}")
VERIFIED, LOOPBACK, SOCKET, NOTHING = "verified", "this machine", "local socket", "not verified"
"""How ``protection`` says it; the fifth is ``pinned sha256:...``."""
Mode = Literal["allow", "prefer"]
_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_WEAK_MODES = ("disable", "allow", "prefer", "require")
_MODES = (*_WEAK_MODES, "verify-ca", "verify-full")
_PATIENCE = 10.0


class WrongPin(ssl.SSLError):
    """The server showed another certificate than the one that is pinned."""

    def __init__(self, shown: str) -> None:
        super().__init__(f"the certificate is {shown}")
        self.shown = shown


def fingerprint(certificate: bytes) -> str:
    """The pin of a certificate (DER): ``sha256:`` and 64 digits."""
    return f"sha256:{hashlib.sha256(certificate).hexdigest()}"


def parse_pin(text: str, origin: str) -> str:
    """A pin as somebody wrote it, with colons or capitals perhaps. Raises UsageError."""
    name, colon, digits = text.strip().lower().partition(":")
    pin = f"{name}{colon}{digits.replace(':', '')}"
    if not PIN.fullmatch(pin):
        raise UsageError(f"the pin of {origin} is not sha256: and 64 hexadecimal digits", "see kolony login --trust")
    return pin


def as_openssl_writes(pin: str) -> str:
    """The digits of a pin in pairs, as ``openssl x509 -fingerprint -sha256`` prints them.

    >>> as_openssl_writes("sha256:0aff")
    '0A:FF'
    """
    digits = pin.partition(":")[2].upper()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def pin_of(target: Target, place: Place) -> str | None:
    """The pin that is named, if any."""
    if target.pin is not None:
        return target.pin
    return parse_pin(place.words["kolony_pin"], target.origin) if "kolony_pin" in place.words else None


def protection(target: Target, place: Place) -> str:
    """What proves that the server is the right one, in words for a person."""
    pin = pin_of(target, place)
    if place.by_socket:
        return SOCKET
    if pin is not None:
        return f"pinned {pin}"
    if place.hosts_elsewhere:
        return NOTHING if target.insecure else VERIFIED
    return VERIFIED if place.words.get("sslmode", "").startswith("verify") else LOOPBACK


def tls_for(target: Target, place: Place) -> ssl.SSLContext | Mode | bool:
    """What the driver gets as ``ssl``: a context that checks, a mode that may be weak, or False for none.

    Raises CannotConnect for a mode that there is not, or a certificate file that cannot be read.
    """
    # Whoever can set this variable would get the keys of our connections.
    os.environ.pop("SSLKEYLOGFILE", None)
    if place.by_socket:
        return False
    mode = place.words.get("sslmode", "")
    if mode and mode not in _MODES:
        raise CannotConnect(f"{target.origin} has an unknown sslmode {mode!r}", f"one of {', '.join(_MODES)}")
    pin = pin_of(target, place)
    if pin is not None:
        return _with_own_certificate(_pinned(pin), place.words)
    if (target.insecure or not place.hosts_elsewhere) and (not mode or mode in _WEAK_MODES):
        return False if mode == "disable" else _unverified(mode)
    return _with_own_certificate(_verified(place.words), place.words)


def _unverified(mode: str) -> ssl.SSLContext | Mode:
    # These two may go on without TLS, which only the driver's own words for them can say.
    return _blind() if mode == "require" else "allow" if mode == "allow" else "prefer"


def _blind() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["postgresql"])
    return context


def _pinned(pin: str) -> ssl.SSLContext:
    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            shown = fingerprint(self.getpeercert(binary_form=True) or b"")
            if shown != pin:
                raise WrongPin(shown)

    context = _blind()
    context.sslobject_class = Pinned
    return context


def _verified(words: Mapping[str, str]) -> ssl.SSLContext:
    named = words.get("sslrootcert", "")
    usual = os.path.expanduser("~/.postgresql/root.crt")
    authorities = named if named and named != "system" else usual if not named and os.path.exists(usual) else None
    try:
        context = ssl.create_default_context(cafile=authorities)
        if "sslcrl" in words:
            context.load_verify_locations(cafile=words["sslcrl"])
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    except (OSError, ssl.SSLError) as error:
        file = words.get("sslcrl") or authorities
        raise CannotConnect(f"the certificates in {file} cannot be read ({error.strerror or error})") from error
    context.set_alpn_protocols(["postgresql"])
    return context


def _with_own_certificate(context: ssl.SSLContext, words: Mapping[str, str]) -> ssl.SSLContext:
    if "sslcert" not in words:
        return context
    password = words.get("sslpassword", "")
    try:
        context.load_cert_chain(words["sslcert"], words.get("sslkey"), password=lambda: password)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or error
        raise CannotConnect(f"the client certificate {words['sslcert']} cannot be used ({reason})") from error
    return context


def shown_fingerprint(place: Place) -> str:
    """The pin of the certificate that the first server elsewhere shows; nothing else is sent to it. Blocks.

    Raises CannotConnect where none answers or it has no TLS.
    """
    host, port = next((each for each in place.addresses if not each[0].startswith("/")), place.addresses[0])
    try:
        with socket.create_connection((host, port), _PATIENCE) as plain:
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                raise CannotConnect(f"the server at {host}:{port} offers no TLS", "switch TLS on there")
            with _blind().wrap_socket(plain, server_hostname=host) as channel:
                return fingerprint(channel.getpeercert(binary_form=True) or b"")
    except OSError as error:
        raise CannotConnect(f"no server answers at {host}:{port} ({error.strerror or error})", "is it up?") from error


def translated_tls(error: BaseException, target: Target, place: Place) -> CannotConnect | None:
    """Our error for one of TLS; None for any other."""
    where = ", ".join(place.hosts_elsewhere) or place.server
    if isinstance(error, WrongPin):
        return CannotConnect(
            f"{where} shows another certificate than the pinned one ({error.shown})",
            "if it was renewed on purpose, take the pin out of the profile and log in with kolony login --trust",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message or error.reason
        return CertificateRefused(
            f"the certificate of {where} is not trusted ({reason})",
            "trust it by its fingerprint with kolony login --trust, or name its authority with sslrootcert",
        )
    if isinstance(error, ssl.SSLError):
        return CannotConnect(f"the TLS of {where} was refused ({error.reason or error})", "check the server's TLS")
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
        return CannotConnect(
            f"the server at {where} offers no TLS, without which Kolony does not leave this machine",
            "switch TLS on there; --insecure-tls does without",
        )
    return None
