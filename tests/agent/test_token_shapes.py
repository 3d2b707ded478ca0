"""Tokens that programs print: found whatever piece they come in, counted by kind; what only looks like one passes."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import uuid
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kolony_tui.agent.attempt.masking import Masking, Stream
from kolony_tui.core.tokens import new_token
from kolony_tui.models.redaction import redacted
from tests.agent.colony import Colony

_SOURCE = random.Random(6)


def _some(size: int, letters: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") -> str:
    return "".join(_SOURCE.choice(letters) for _ in range(size - 1)) + "7"


def _jwt() -> str:
    parts = (json.dumps(each).encode() for each in ({"alg": "HS256", "typ": "JWT"}, {"sub": "1234567890"}))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), _some(43)])


_BODY = "\n".join(_some(64) for _ in range(12))
# Put together here, so that no scanner of repositories takes them for real ones.
TOKENS = {
    "kolony": [new_token().secret.reveal()],
    "aws": ["AKIA" + _some(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")],
    "github": [f"gh{kind}_" + _some(36) for kind in "pousr"] + ["github_pat_" + _some(22) + "_" + _some(59)],
    "gitlab": ["glpat-" + _some(20)],
    "slack": ["xoxb-" + _some(12, "0123456789") + "-" + _some(24)],
    "openai": ["sk-" + _some(48), "sk-proj-" + _some(20) + "_" + _some(40) + "-" + _some(20)],
    "anthropic": ["sk-ant-" + "api03-" + _some(93) + "AA"],
    "google": ["AIza" + _some(35)],
    "stripe": ["sk_live_" + _some(24), "rk_live_" + _some(99)],
    "npm": ["npm_" + _some(36)],
    "pypi": ["pypi-AgE" + _some(150)],
    "jwt": [_jwt()],
    "private_key": [f"-----BEGIN {kind}PRIVATE KEY-----\n{_BODY}\n-----END {kind}PRIVATE KEY-----"
                    for kind in ("", "RSA ", "OPENSSH ")]
                   + ["-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0F\n\n"
                      f"{_BODY}\n-----END RSA PRIVATE KEY-----"],
}  # fmt: skip
INSIDE = {
    "authorization": ("curl -H 'Authorization: Bearer ", _some(30), "' https://x"),
    "url_password": ("git clone https://bob:", "hunter2%21x", "@git.example.org/a.git"),
    "aws": ("AWS_SECRET_ACCESS_KEY=", _some(40), "\n"),
}
PIECES = [(f"before {token} after", token) for tokens in TOKENS.values() for token in tokens] + [
    ("".join(parts), parts[1]) for parts in INSIDE.values()
]


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_becomes_stars_and_is_counted(name: str) -> None:
    for token in TOKENS[name]:
        for text in ("{}", "key={}\n", '{{"token": "{}"}}', "a {}, b"):
            masking = Masking(shapes=True)
            assert masking.text(text.format(token)) == text.format("***"), token
            assert masking.counts == {name: 1}


@pytest.mark.parametrize("name", INSIDE)
def test_only_the_secret_part_becomes_stars(name: str) -> None:
    before, token, after = INSIDE[name]
    masking = Masking(shapes=True)
    assert masking.text(before + token + after) == before + "***" + after
    assert masking.counts == {name: 1}


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PIECES), st.lists(st.integers(1, 900), max_size=8))
def test_wherever_a_token_is_cut_the_same_comes_out(piece: tuple[str, str], cuts: list[int]) -> None:
    text, token = piece
    data = (text + "\n" + text + "\nthe end").encode()
    at_once = Stream([], shapes=True)
    whole = at_once.feed(data) + at_once.finish()
    ends = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    stream, out = Stream([], shapes=True), b""
    for start, end in pairwise(ends):
        out += stream.feed(data[start:end])
    assert out + stream.finish() == whole
    assert stream.counts == at_once.counts
    assert token.encode() not in whole


def test_byte_for_byte_the_same_comes_out() -> None:
    for text, token in PIECES:
        data = (text + "\n" + text + "\nthe end").encode()
        at_once, bytewise, out = Stream([], shapes=True), Stream([], shapes=True), b""
        for place in range(len(data)):
            out += bytewise.feed(data[place : place + 1])
        assert out + bytewise.finish() == at_once.feed(data) + at_once.finish()
        assert token.encode() not in out


def test_what_is_held_back_is_given_out_in_time_and_a_token_that_pauses_stays_hidden() -> None:
    stream = Stream([], shapes=True)
    assert stream.feed(b"see http://localhost:8080") == b"see http"
    assert (stream.holds, stream.flush(), stream.flush()) == (True, b"://localhost:8080", b"")
    token = "ghp_" + _some(40)
    assert stream.feed(f" {token[:36]}".encode()) == b" "
    assert stream.flush() == token[:36].encode(), "it is no token yet"
    stream = Stream([], shapes=True)
    assert stream.feed(f" {token[:41]}".encode()) == b" "
    assert (stream.flush(), stream.flush()) == (b"***", b"")
    assert stream.feed(token[41:].encode() + b"\n") == b"\n", "the rest belongs to it"
    assert stream.counts == {"github": 1}


def test_what_only_looks_like_a_token_passes() -> None:
    ordinary = [
        hashlib.sha1(b"commit", usedforsecurity=False).hexdigest(), hashlib.sha256(b"digest").hexdigest(),
        str(uuid.UUID(int=6 << 90)), "sha512-" + base64.b64encode(hashlib.sha512(b"npm").digest()).decode(),
        "data:image/png;base64," + base64.b64encode(_SOURCE.randbytes(3000)).decode(),
        "http://localhost:8080/a@b", "https://example.org:443/x?mail=bob@example.org", "git@github.com:owner/name.git",
        "postgres://bob:$PASSWORD@host/db", "postgres://bob:***@host/db", "mail bob@example.org", "12:30://", "a@b://c",
        "class='sk-toggleable__label-arrow sk-estimator-doc-link'", "task-0123456789abcdef0123", "npm_config_cache=/x",
        "pypi-simple 1.0", "Authorization: Bearer $TOKEN", "authorization is needed", "xoxo-kisses-and-hugs",
        "AKIAFOO", "eyJ is how JSON begins", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "ghp_short", "risk-0123456789abcdefghijkl", "-----BEGIN PGP SIGNED MESSAGE-----",
        "secret_access_key = read_from_vault()", "kol_12ab", "sk_live_ and rk_live_ are prefixes",
    ]  # fmt: skip
    masking = Masking(shapes=True)
    for text in ordinary:
        assert masking.text(text + "\n") == text + "\n"
        assert masking.text(text) == text
    assert masking.counts == {}
    picture = base64.b64encode(_SOURCE.randbytes(300_000))
    stream = Stream([], shapes=True)
    assert b"".join([*(stream.feed(picture[at : at + 5000]) for at in range(0, len(picture), 5000)),
                     stream.finish()]) == picture  # fmt: skip


def test_a_hostile_output_costs_little() -> None:
    import time

    hostile = [b"-----BEGIN RSA PRIVATE KEY-----" * 4000, b"://a:" * 25_000, b"eyJ" * 40_000, b"sk-" * 40_000,
               b"authorization: bearer " * 6000, b"ghp_" * 30_000, b"a" * 120_000,
               b"secret_access_key=" * 6000]  # fmt: skip
    for data in hostile:
        stream, began = Stream([], shapes=True), time.process_time()
        for at in range(0, len(data), 4096):
            stream.feed(data[at : at + 4096])
        stream.finish()
        assert time.process_time() - began < 2.0, data[:20]


async def test_a_runner_stores_stars_unless_the_workspace_says_no(colony: Colony) -> None:
    token = "ghp_" + _some(40)
    program = f"printf 'push with {token[:14]}'; sleep 0.15; printf '{token[14:]} and {token}\\n'; echo {token} >&2"
    colony.runner()
    run_id = await colony.send(program)
    await colony.done(run_id)
    assert await colony.output(run_id) == b"push with *** and ***\n"
    assert await colony.output(run_id, "stderr") == b"***\n"
    assert redacted(attempt["usage"] for attempt in await colony.attempts(run_id)) == {"github": 3}
    await colony.superuser.execute("UPDATE kolony.workspaces SET redacts_tokens = false")
    run_id = await colony.send(program)
    await colony.done(run_id)
    assert await colony.output(run_id) == f"push with {token} and {token}\n".encode()
    assert redacted(attempt["usage"] for attempt in await colony.attempts(run_id)) == {}
