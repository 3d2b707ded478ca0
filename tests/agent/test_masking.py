"""Secrets in what a runner stores: masked wherever the text is cut, and nothing else is."""

from __future__ import annotations

import base64
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.agent.attempt.masking import Masking, Stream, forms, masking_of
from kolony_tui.agent.brief import Brief
from kolony_tui.agent.events import Asked, Ended, Output, Traced

SECRETS = [b"abcab", b"cabbage", b"aaaa", b"secret"]
PIECES = st.sampled_from(["a", "ab", "abc", "abca", "b", "ca", "cab", "cabb", "bage", "aa", "s", "secr", "et", "t x",
                          " ", "abcab", "cabbage", "aaaa", "secret", "abcabbage"])  # fmt: skip


def _whole(text: bytes) -> bytes:
    """What masking the text at once gives; stars beside each other are one place."""
    covered = [False] * len(text)
    for secret in SECRETS:
        for at in range(len(text)):
            if text.startswith(secret, at):
                covered[at : at + len(secret)] = [True] * len(secret)
    out = bytearray()
    for place, byte in enumerate(text):
        if not covered[place]:
            out.append(byte)
        elif not out.endswith(b"***"):
            out += b"***"
    return bytes(out)


def _joined(text: bytes) -> bytes:
    return re.sub(rb"(\*\*\*)+", b"***", text)


@given(st.lists(st.tuples(PIECES, st.booleans()), max_size=30))
def test_wherever_a_text_is_cut_the_same_comes_out(pieces: list[tuple[str, bool]]) -> None:
    stream, out = Stream(SECRETS), b""
    text = "".join(piece for piece, _ in pieces).encode()
    for piece, _ in pieces:
        out += stream.feed(piece.encode())
    out += stream.finish()
    at_once = Stream(SECRETS)
    assert _joined(out) == _joined(at_once.feed(text) + at_once.finish()) == _whole(text)
    # Given out in time, too: three characters are the most that is known of a secret then.
    stream, out = Stream(SECRETS), b""
    for piece, late in pieces:
        out += stream.feed(piece.encode())
        if late:
            out += stream.flush()
    out += stream.finish()
    assert not any(secret in out for secret in SECRETS if secret != b"aaaa")
    assert len(out.replace(b"*", b"")) <= len(text)


def test_what_is_no_secrets_beginning_is_not_held_back() -> None:
    stream = Stream([b"password1"])
    assert stream.feed(b"your name: ") == b"your name: "
    assert (stream.feed(b"pa"), stream.holds) == (b"", True)
    assert stream.flush() == b"pa"
    assert (stream.feed(b"ss"), stream.holds) == (b"", False), "four of them wait until it is known"
    assert stream.flush() == b""
    assert stream.feed(b"word1 ok") == b"*** ok"
    assert stream.masked == 1


def test_secrets_are_found_as_they_are_written_elsewhere() -> None:
    secret = 'a"b/c+d line one\nsecond line'
    masking = Masking([secret])
    for written in (secret, json.dumps(secret), base64.b64encode(secret.encode()).decode(), "only second line here"):
        assert "second line" not in masking.text(f"x {written} y")
        assert "***" in masking.text(f"x {written} y")
    assert forms("abc") == set()
    assert masking.text("nothing of it") == "nothing of it"


def test_every_event_is_masked_and_counted() -> None:
    masking = masking_of(
        Brief(variables=({"name": "KEY", "value": "hunter22", "secret": True},
                         {"name": "URL", "value": "http://x", "secret": False})), ["t0ken-of-the-runner"],
    )  # fmt: skip
    assert masking.output("stdout", b"http://x hun") == b"http://x "
    assert masking.output("stderr", b"hunter22") == b"***"
    assert masking.output("stdout", b"ter22") == b"***"
    [asked] = masking.event(Asked("r-hunter22", None, "Bash", "execute", "use hunter22", "curl -H hunter22",
                                  raw={"deep": [{"hunter22": "t0ken-of-the-runner"}]}))  # fmt: skip
    assert isinstance(asked, Asked)
    assert (asked.request, asked.title, asked.command) == ("r-hunter22", "use ***", "curl -H ***")
    assert asked.raw == {"deep": [{"***": "***"}]}
    # Text that a node gets piece by piece, and what is left of it at its end and at the attempt's.
    appended = ""
    for piece in ("a hun", "ter", "22 b hunt"):
        [traced] = masking.event(Traced("m:1", "response", append=piece))
        assert isinstance(traced, Traced)
        appended += traced.append
    [traced] = masking.event(Traced("m:1", "response", status="completed"))
    assert isinstance(traced, Traced)
    assert appended + traced.append == "a *** b hunt"
    masking.event(Traced("m:2", "thought", append="hunte"))
    rest, ended = masking.event(Ended(error="it said hunter22", answer="hunter22"))
    assert rest == Traced("m:2", "thought", append="hunte")
    assert isinstance(ended, Ended)
    assert (ended.error, ended.answer) == ("it said ***", "***")
    assert ended.usage["masked"] == 9
    off = masking_of(Brief(variables=({"name": "K", "value": "hunter22", "secret": True},),
                           settings={"mask_secrets": False}), ["t0ken-of-the-runner"])  # fmt: skip
    assert off.text("hunter22 t0ken-of-the-runner") == "hunter22 ***"
    assert masking.event(Output("stdout", b"x")) == [Output("stdout", b"x")]


def test_masking_costs_little() -> None:
    masking = Masking([f"secret-number-{number}-{number * 7919}" for number in range(10)])
    line = b"an ordinary line of what programs print, with a number 12345 in it\n" * 480
    import time

    began = time.process_time()
    for _ in range(32):
        masking.output("stdout", line)
    assert time.process_time() - began < 0.5, "of a second for one MiB"
