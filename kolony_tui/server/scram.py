"""Password verifiers, made on this side so that no clear password ever reaches a server (RFC 5803, RFC 7677)."""

from __future__ import annotations

from base64 import b64encode

from kolony_tui.models.secret import Secret

ITERATIONS = 4096
"""PostgreSQL's own default (scram_iterations)."""


def verifier(password: Secret) -> str:
    """The SCRAM-SHA-256 verifier of a password, in the form that ``CREATE ROLE ... PASSWORD`` takes."""
    from scramp import ScramMechanism

    salt, stored_key, server_key, iterations = ScramMechanism("SCRAM-SHA-256").make_auth_info(
        password.reveal(), iteration_count=ITERATIONS
    )
    salted, stored, server = (b64encode(part).decode("ascii") for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${iterations}:{salted}${stored}:{server}"
