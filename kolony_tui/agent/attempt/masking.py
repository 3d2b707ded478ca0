"""Puts stars in the place of secrets in everything that a runner stores, also across pieces of a stream.

Masked are the agent's own secrets (the values as they are, their lines where they have several, and how they look
inside JSON, a URL or base64), and what looks like a token (``token_shapes``).
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from kolony_tui.agent.attempt.token_shapes import BEFORE_BYTES, begun, found
from kolony_tui.agent.brief import Brief
from kolony_tui.agent.events import Asked, Changed, Ended, Event, Opened, Traced, Used

STARS = b"***"
SHORTEST = 4
"""Characters of a secret at least; what is shorter stands in texts by chance."""

HELD_SECONDS = 0.5
"""So long the first characters of what may become a secret are held back; from the fourth on, until it is known."""

OWN = "own"
"""Under this name an agent's own secrets are counted, beside the names of shapes."""

_SHORTEST_LINE = 8


def forms(secret: str) -> set[bytes]:
    """The ways in which a secret may be written."""
    value = secret.strip()
    if len(value) < SHORTEST:
        return set()
    found = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe="")}
    found.update(line.strip() for line in value.splitlines() if len(line.strip()) >= _SHORTEST_LINE)
    encoded = base64.b64encode(value.encode())
    return {each.encode() for each in found} | {encoded.rstrip(b"="), encoded.translate(_URL_SAFE).rstrip(b"=")}


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@lru_cache(maxsize=4)
def _longest_first(secrets: tuple[str, ...]) -> Sequence[bytes]:
    """All forms of these. Kept, because an agent's secrets seldom change from one attempt to the next."""
    return sorted({form for secret in secrets for form in forms(secret)}, key=lambda form: (-len(form), form))


class Stream:
    """Bytes of one stream in, the same without secrets out. What may be a secret's beginning is held back."""

    def __init__(self, wanted: Sequence[bytes], *, shapes: bool = False) -> None:
        self._wanted = wanted
        self._shapes = shapes
        self._before = b""
        """What stands before the tail."""
        self._tail = b""
        self._given = 0
        """So much of the tail is out already, or starred."""
        self._starred = False
        """Whether the last that went out were stars."""
        self._unknown = 0
        """Of how many last bytes of the tail it has to be known what they are, however long that takes."""
        self.counts: Counter[str] = Counter()

    @property
    def masked(self) -> int:
        """How often something was masked."""
        return self.counts.total()

    @property
    def holds(self) -> bool:
        """Whether something is held back that is to be given out in time."""
        return self._given < len(self._tail) - self._unknown

    def feed(self, data: bytes) -> bytes:
        """Takes the next bytes; gives what is ready."""
        text = self._tail + data
        secret = self._begun(text)
        self._unknown = secret if secret >= SHORTEST else 0
        held = max(secret, begun(self._before + text) if self._shapes else 0)
        return self._give(text, max(0, len(text) - held))

    def flush(self) -> bytes:
        """What was held back for long enough. What comes behind it may still show that it began a secret."""
        if not self.holds:
            return b""
        out, self._given = self._masked(self._tail, len(self._tail) - self._unknown)
        return out

    def finish(self) -> bytes:
        """All that is left: nothing comes any more."""
        return self._give(self._tail, len(self._tail))

    def _give(self, text: bytes, until: int) -> bytes:
        out, at = self._masked(text, until)
        self._before = (self._before + text[max(0, until - BEFORE_BYTES) : until])[-BEFORE_BYTES:]
        self._tail, self._given = text[until:], at - until
        return out

    def _masked(self, text: bytes, until: int) -> tuple[bytes, int]:
        """A text up to there without what is out already, and how much of it is out then."""
        out, given = bytearray(), self._given
        at = given
        for start, end, name in self._found(text):
            if start >= until or end <= at:
                continue
            out += text[at : max(start, at)]
            if not (self._starred and start < given):
                out += STARS
                self.counts[name] += 1
            self._starred = True
            at = end
        if at < until:
            out += text[at:until]
            at = until
            self._starred = False
        return bytes(out), at

    def _found(self, text: bytes) -> list[tuple[int, int, str]]:
        """Where secrets stand; those that overlap are one place."""
        places: list[tuple[int, int, str]] = []
        for each in self._wanted:
            at = text.find(each)
            while at >= 0:
                places.append((at, at + len(each), OWN))
                at = text.find(each, at + 1)
        if self._shapes:
            before = len(self._before)
            places += ((max(0, start - before), end - before, name) for start, end, name in found(self._before + text))
        joined: list[tuple[int, int, str]] = []
        for start, end, name in sorted(places):
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]), joined[-1][2])
            else:
                joined.append((start, end, name))
        return joined

    def _begun(self, text: bytes) -> int:
        """Of how many last bytes a secret may be beginning."""
        longest = 0
        for each in self._wanted:
            at = text.find(each[:1], max(0, len(text) - len(each) + 1))
            while at >= 0 and len(text) - at > longest:
                if text.endswith(each[: len(text) - at]):
                    longest = len(text) - at
                    break
                at = text.find(each[:1], at + 1)
        return longest


class Masking:
    """What one attempt stores, without ``secrets`` and, where ``shapes`` are looked for, without tokens."""

    def __init__(self, secrets: Iterable[str] = (), *, shapes: bool = False) -> None:
        self._wanted = _longest_first(tuple(secrets))
        self._shapes = shapes
        self._output: dict[str, Stream] = {}
        self._traced: dict[str, tuple[Traced, Stream]] = {}
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """How often something was masked, by what it was: a name of ``token_shapes.SHAPES``, or ``OWN``."""
        if not (self._output or self._traced or self._counts):
            return {}
        streams = [*self._output.values(), *(stream for _, stream in self._traced.values())]
        return dict(sorted(sum((stream.counts for stream in streams), self._counts).items()))

    @property
    def any(self) -> bool:
        """Whether there is anything to mask."""
        return self._shapes or bool(self._wanted)

    def _stream(self) -> Stream:
        return Stream(self._wanted, shapes=self._shapes)

    # Output

    def output(self, stream: str, data: bytes) -> bytes:
        """The next bytes of a stream."""
        if not self.any:
            return data
        if stream not in self._output:
            self._output[stream] = self._stream()
        return self._output[stream].feed(data)

    @property
    def holds(self) -> bool:
        """Whether output is held back that ``flush`` gives."""
        return any(stream.holds for stream in self._output.values())

    def flush(self) -> list[tuple[str, bytes]]:
        """What of the output was held back for ``HELD_SECONDS``, by stream."""
        return [(name, out) for name, stream in self._output.items() if (out := stream.flush())]

    def finish(self) -> list[tuple[str, bytes]]:
        """What is left of the output at the end, by stream."""
        return [(name, out) for name, stream in self._output.items() if (out := stream.finish())]

    # Everything else

    def text(self, text: str) -> str:
        """A whole text."""
        if not self.any or not text:
            return text
        stream = self._stream()
        # Halves of characters pass as they are.
        data = text.encode("utf-8", "surrogatepass")
        out = stream.feed(data) + stream.finish()
        self._counts += stream.counts
        return out.decode("utf-8", "surrogatepass") if stream.masked else text

    def value(self, value: Any) -> Any:
        """A JSON value, in all its depth."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value

    def event(self, event: Event) -> list[Event]:
        """An event as it may be written, perhaps behind one with what was held back."""
        if not self.any:
            return [event]
        if isinstance(event, Traced):
            return [self._trace(event)]
        if isinstance(event, Asked):
            return [replace(event, tool_name=self.text(event.tool_name), title=self.text(event.title),
                            command=self.text(event.command), raw=self.value(event.raw))]  # fmt: skip
        if isinstance(event, Used):
            return [replace(event, raw=self.value(event.raw))]
        if isinstance(event, Opened):
            return [replace(event, why=self.text(event.why))]
        if isinstance(event, Changed):
            old = None if event.old is None else self.text(event.old)
            return [replace(event, old=old, new=self.text(event.new))]
        if isinstance(event, Ended):
            return [*self._rests(), self.ended(event)]
        return [event]

    def ended(self, ended: Ended) -> Ended:
        """An end, with how often something was masked until then in its ``usage``."""
        if not self.any:
            return ended
        known = ended
        if ended.error or ended.warning or ended.answer:
            known = replace(ended, error=self.text(ended.error), warning=self.text(ended.warning),
                            answer=self.text(ended.answer))  # fmt: skip
        if not (counts := self.counts):
            return known
        return replace(known, usage={**ended.usage, "masked": sum(counts.values()), "redacted": counts})

    def _trace(self, event: Traced) -> Traced:
        append = event.append
        if event.output is not None:
            self._counts += self._traced.pop(event.key)[1].counts if event.key in self._traced else Counter()
        if append:
            _, stream = self._traced.setdefault(event.key, (event, self._stream()))
            append = stream.feed(append.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
        if event.status not in (None, "running") and event.key in self._traced:
            _, stream = self._traced.pop(event.key)
            append += stream.finish().decode("utf-8", "surrogatepass")
            self._counts += stream.counts
        return replace(
            event,
            name=None if event.name is None else self.text(event.name),
            input=self.value(event.input),
            output=self.value(event.output),
            append=append,
            error=None if event.error is None else self.text(event.error),
            attributes=self.value(event.attributes),
        )

    def _rests(self) -> list[Event]:
        """What is held back of nodes that never ended."""
        rests: list[Event] = []
        for first, stream in self._traced.values():
            rest = stream.finish().decode("utf-8", "surrogatepass")
            self._counts += stream.counts
            if rest:
                rests.append(Traced(first.key, first.type, append=rest))
        self._traced.clear()
        return rests


UNMASKED = Masking()
"""Masks nothing and so remembers nothing: one for all who wait for their own."""


def masking_of(brief: Brief, own: Iterable[str]) -> Masking:
    """The masking of an attempt; ``own``: the runner's own secrets, which are masked whatever the settings say."""
    secrets = [each["value"] for each in brief.variables if each.get("secret")]
    masked = [*own, *(secrets if brief.settings.get("mask_secrets", True) else [])]
    return Masking(masked, shapes=brief.settings.get("redact_tokens", True))
