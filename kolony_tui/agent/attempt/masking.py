"""Puts stars in the place of an agent's secrets in everything that its runner stores, also across pieces of a stream.

Masked are the values as they are, their lines where they have several, and how they look inside JSON, a URL or base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from kolony_tui.agent.brief import Brief
from kolony_tui.agent.events import Asked, Changed, Ended, Event, Opened, Traced, Used

STARS = b"***"
SHORTEST = 4
"""Characters of a secret at least; what is shorter stands in texts by chance."""

HELD_SECONDS = 0.5
"""So long the first characters of what may become a secret are held back; from the fourth on, until it is known."""

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


class Stream:
    """Bytes of one stream in, the same without secrets out. What may be a secret's beginning is held back."""

    def __init__(self, wanted: Sequence[bytes]) -> None:
        self._wanted = wanted
        self._tail = b""
        self._given = 0
        """So much of the tail is out already, or starred."""
        self.masked = 0

    @property
    def holds(self) -> bool:
        """Whether something is held back that is to be given out in time."""
        return self._given < len(self._tail) < SHORTEST

    def feed(self, data: bytes) -> bytes:
        """Takes the next bytes; gives what is ready."""
        text = self._tail + data
        return self._give(text, len(text) - self._begun(text))

    def flush(self) -> bytes:
        """What was held back for long enough. What comes behind it may still show that it began a secret."""
        if not self.holds:
            return b""
        out, self._given = self._tail[self._given :], len(self._tail)
        return out

    def finish(self) -> bytes:
        """All that is left: nothing comes any more."""
        return self._give(self._tail, len(self._tail))

    def _give(self, text: bytes, until: int) -> bytes:
        out, at = bytearray(), self._given
        for start, end in self._found(text):
            if start >= until or end <= at:
                continue
            out += text[at : max(start, at)] + STARS
            self.masked += 1
            at = end
        if at < until:
            out += text[at:until]
            at = until
        self._tail, self._given = text[until:], at - until
        return bytes(out)

    def _found(self, text: bytes) -> list[tuple[int, int]]:
        """Where secrets stand; those that overlap are one place."""
        places: list[tuple[int, int]] = []
        for each in self._wanted:
            at = text.find(each)
            while at >= 0:
                places.append((at, at + len(each)))
                at = text.find(each, at + 1)
        joined: list[tuple[int, int]] = []
        for start, end in sorted(places):
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
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
    """What one attempt stores, without ``secrets``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        found = {form for secret in secrets for form in forms(secret)}
        self._wanted = sorted(found, key=lambda form: (-len(form), form))
        self._output: dict[str, Stream] = {}
        self._traced: dict[str, tuple[Traced, Stream]] = {}
        self._count = 0

    @property
    def masked(self) -> int:
        """How often a secret was masked."""
        streams = [*self._output.values(), *(stream for _, stream in self._traced.values())]
        return self._count + sum(stream.masked for stream in streams)

    @property
    def any(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._wanted)

    # Output

    def output(self, stream: str, data: bytes) -> bytes:
        """The next bytes of a stream."""
        if not self._wanted:
            return data
        if stream not in self._output:
            self._output[stream] = Stream(self._wanted)
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
        if not self._wanted or not text:
            return text
        stream = Stream(self._wanted)
        # Halves of characters pass as they are.
        data = text.encode("utf-8", "surrogatepass")
        out = stream.feed(data) + stream.finish()
        self._count += stream.masked
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
        if not self._wanted:
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
        if not self._wanted:
            return ended
        known = replace(ended, error=self.text(ended.error), warning=self.text(ended.warning),
                        answer=self.text(ended.answer))  # fmt: skip
        return replace(known, usage={**ended.usage, "masked": self.masked}) if self.masked else known

    def _trace(self, event: Traced) -> Traced:
        append = event.append
        if event.output is not None:
            self._count += self._traced.pop(event.key)[1].masked if event.key in self._traced else 0
        if append:
            _, stream = self._traced.setdefault(event.key, (event, Stream(self._wanted)))
            append = stream.feed(append.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
        if event.status not in (None, "running") and event.key in self._traced:
            _, stream = self._traced.pop(event.key)
            append += stream.finish().decode("utf-8", "surrogatepass")
            self._count += stream.masked
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
            self._count += stream.masked
            if rest:
                rests.append(Traced(first.key, first.type, append=rest))
        self._traced.clear()
        return rests


def masking_of(brief: Brief, own: Iterable[str]) -> Masking:
    """The masking of an attempt; ``own``: the runner's own secrets, which are masked whatever the settings say."""
    secrets = [each["value"] for each in brief.variables if each.get("secret")]
    return Masking([*own, *(secrets if brief.settings.get("mask_secrets", True) else [])])
