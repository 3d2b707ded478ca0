"""What common tokens, keys and passwords look like, so that they are found in what programs print.

The shapes are those of their issuers' documentation and of detect-secrets 1.5 (Yelp), GitHub's and GitLab's tables of
token prefixes, RFC 7519 (JWT), RFC 7468 (PEM) and RFC 3986 (user information in a URL). A library was no fit: what
there is reads whole files line by line as text, asks the network, or takes milliseconds for a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN_BYTES = 4096
"""The longest token that is known across pieces of a stream."""

KEY_BYTES = 16384
"""The same for a private key."""

BEFORE_BYTES = 64
"""So much of what is out already says what the bytes behind it are."""

_ALONE = rb"(?<![A-Za-z0-9])"
_ENDS = rb"(?![A-Za-z0-9_-])"


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of token. ``signs``: one of these is in every text that has such a token, and is found quickly.

    ``form``: the token, which stands alone, or what stands around the group that is it.
    """

    name: str
    signs: tuple[re.Pattern[bytes], ...]
    form: re.Pattern[bytes]


def _shape(name: str, signs: tuple[bytes, ...], form: bytes) -> Shape:
    return Shape(name, tuple(re.compile(sign) for sign in signs), re.compile(form))


# A pattern whose first characters are given is found at several GB/s; one sign does for all shapes that share it.
_UNDERLINED = (rb"_[A-Za-z0-9]{16}",)
_CAPITAL = (rb"A(?:[KS]IA|Iza)[0-9A-Za-z_-]{10}",)

SHAPES = (
    _shape("kolony", _UNDERLINED, rb"kol_[0-9a-f]{16}_[0-9A-Za-z]{49}" + _ENDS),
    _shape("aws", _CAPITAL, rb"A[KS]IA[0-9A-Z]{16}" + _ENDS),
    _shape("aws", (rb"SECRET_ACCESS_KEY", rb"ecret_access_key", rb"SecretAccessKey"),
           rb"(?i:secret_?access_?key)[\"']?\s{0,4}[=:]\s{0,4}[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"),
    _shape("github", (rb"gh[pousr]_",), rb"gh[pousr]_[A-Za-z0-9_]{36,255}"),
    _shape("github", (rb"github_pat_",), rb"github_pat_[A-Za-z0-9_]{22,255}"),
    _shape("gitlab", (rb"gl(?:pat|ptt|rt|dt|cbt)-",),
           rb"gl(?:pat|ptt|rt|dt|cbt)-[A-Za-z0-9_.-]{20,255}"),
    _shape("slack", (rb"xox[a-z]-",), rb"xox[abceoprs]-(?=[A-Za-z-]{0,40}[0-9])[A-Za-z0-9-]{10,255}"),
    _shape("anthropic", (rb"sk-[A-Za-z0-9]",), rb"sk-ant-[A-Za-z0-9_-]{24,255}"),
    _shape("openai", (rb"sk-[A-Za-z0-9]",),
           rb"sk-(?!ant-)(?=[A-Za-z_-]{0,80}[0-9])(?=[A-Za-z0-9_-]{0,200}?[A-Za-z0-9]{16})[A-Za-z0-9_-]{20,255}"),
    _shape("google", _CAPITAL, rb"AIza[0-9A-Za-z_-]{35}" + _ENDS),
    _shape("stripe", _UNDERLINED, rb"[rs]k_live_[0-9A-Za-z]{16,255}"),
    _shape("npm", _UNDERLINED, rb"npm_[A-Za-z0-9]{36}" + _ENDS),
    _shape("pypi", (rb"pypi-AgE",), rb"pypi-AgE[A-Za-z0-9_-]{50,}"),
    _shape("jwt", (rb"eyJ[A-Za-z0-9_-]{10}",), rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"),
    _shape("private_key", (rb"PRIVATE KEY",),
           rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
           rb"(?:(?:(?!-----)[\s\S]){1,16384}-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
           rb"|(?:(?:\s|\\[rn])*[A-Za-z0-9+/=]{16,})*)"),
    _shape("authorization", (rb"uthorization", rb"UTHORIZATION"),
           rb"(?i:authorization)[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?i:bearer|basic|token)[ \t]{1,4}"
           rb"([A-Za-z0-9._~+/=-]{8,})"),
    _shape("url_password", (rb"@",),
           rb"://[^\s:/@\"'<>?#]{0,255}:(?!\*+@)(?!\$[{(A-Za-z_])([^\s/@\"'<>]{1,255})@"),
)  # fmt: skip

_STARTS = (
    b"kol_", b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-", b"glptt-",
    b"glrt-", b"gldt-", b"glcbt-", b"xox", b"sk-", b"AIza", b"sk_live_", b"rk_live_", b"npm_", b"pypi-AgE", b"eyJ",
    b"-----BEGIN ",
)  # fmt: skip
_BEGINNINGS = frozenset(start[:size] for start in _STARTS for size in range(1, len(start)))
_LONGEST = max(map(len, _BEGINNINGS))
_WORD = re.compile(rb"[A-Za-z0-9]")
_OPEN = re.compile(_ALONE + rb"(?:" + b"|".join(map(re.escape, _STARTS)) + rb")[A-Za-z0-9_.=-]*\Z")
_OPEN_URL = re.compile(rb":/(?:/[^\s/@\"'<>]{0,512})?\Z")
_OPEN_HEADER = re.compile(
    rb"(?i:authorization)[\"']?\s{0,4}"
    rb"(?:[:=]\s{0,4}[\"']?(?:[A-Za-z]{0,6}|(?i:bearer|basic|token)[ \t]{1,4}[^\s\"']*))?\Z"
)
_OPEN_SECRET = re.compile(rb"(?i:secret_?access_?key)[\"']?\s{0,4}(?:[=:]\s{0,4}[\"']?[A-Za-z0-9/+]{0,41})?\Z")
_KEY_HEAD = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_HEAD_BEGUN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,60}-{0,4}\Z")
_KEY_END = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_SPACES = (b" ", b"\n", b"\t", b"\r", b'"', b"'", b"<", b">")


def found(text: bytes) -> list[tuple[int, int, str]]:
    """Where tokens stand in a text: from, to, and the name of the shape."""
    places: list[tuple[int, int, str]] = []
    seen: dict[re.Pattern[bytes], bool] = {}
    for shape in SHAPES:
        for sign in shape.signs:
            if sign not in seen:
                seen[sign] = sign.search(text) is not None
            if seen[sign]:
                for match in shape.form.finditer(text):
                    start, end = match.span(match.lastindex or 0)
                    # Not within the pattern: a search for one that looks behind itself takes thirty times as long.
                    if match.lastindex or not _WORD.match(text, start - 1, start):
                        places.append((start, end, shape.name))
                break
    return places


def begun(text: bytes) -> int:
    """Of how many last bytes a token may be beginning, or going on."""
    size = len(text)
    start = size
    near = max(0, size - BEFORE_BYTES - TOKEN_BYTES)
    last = text[near:].lower()
    for word, form in ((b"authorization", _OPEN_HEADER), (b"access", _OPEN_SECRET)):
        at = last.rfind(word)
        if at >= 0:
            at = near + max(0, at - (0 if form is _OPEN_HEADER else 7))
            if (match := form.search(text, at)) is not None:
                start = min(start, match.start())
    at = text.rfind(b"-----BEGIN ", max(0, size - KEY_BYTES))
    if at >= 0 and _key_begun(text, at):
        start = min(start, at)
    return size - min(start, _run_begun(text, size))


def _key_begun(text: bytes, at: int) -> bool:
    head = _KEY_HEAD.match(text, at)
    return _KEY_HEAD_BEGUN.match(text, at) is not None if head is None else not _KEY_END.search(text, head.end())


def _run_begun(text: bytes, size: int) -> int:
    """Where in the last run of bytes without a space a token begins; ``size`` where none does."""
    near = max(0, size - TOKEN_BYTES)
    first = 1 + max(text.rfind(space, near) for space in _SPACES)
    if first == size or (first == 0 and near):
        return size
    first = max(first, near)
    for form in (_OPEN, _OPEN_URL):
        if (match := form.search(text, first)) is not None:
            return match.start()
    for length in range(min(_LONGEST, size - first), 0, -1):
        at = size - length
        if text[at:] in _BEGINNINGS and not (at > 0 and _WORD.match(text, at - 1)):
            return at
    return size
