"""The filter language of lists and targets: ``type=claude and host~build and not @old``, parsed once for SQL and rows.

Words are looked for in what a list shows, without case; ``!`` turns round what follows it; ``field=value`` (also
``!= ~ !~ < <= > >=``) compares, ``~`` asks whether the value is contained, and ``*`` in a value after ``=`` stands
for anything; ``@tag`` is short for ``tag=tag``; ``and``, ``or``, ``not`` and parentheses join, and terms side by side
must all hold. Ages are ``90s``, ``5m``, ``2h``, ``1d``: ``seen>5m`` is longer ago than five minutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from typing import Any, NoReturn

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError

from kolony_tui.core.filter_fields import AGENT_FIELDS as AGENT_FIELDS
from kolony_tui.core.filter_fields import RUN_FIELDS as RUN_FIELDS
from kolony_tui.core.filter_fields import Field, Fields
from kolony_tui.models.errors import UsageError

LONGEST_FILTER = 2000
_MOST_BRACKETS = 60
"""Parentheses and negations, which may stand inside each other."""

_GRAMMAR = r"""
?start: any
?any: all (_OR all)*
?all: one (_AND? one)*
?one: (_NOT | _BANG) one -> negation
    | _OPEN any _CLOSE
    | FIELD (WORD | QUOTED)? -> comparison
    | TAG -> tag
    | WORD -> word
    | QUOTED -> word
FIELD.4: /[A-Za-z_]+\s*(!=|!~|>=|<=|=|~|>|<)\s*/
_AND.3: /and(?![^\s()])/i
_OR.3: /or(?![^\s()])/i
_NOT.3: /not(?![^\s()])/i
_BANG: "!"
_OPEN: "("
_CLOSE: ")"
TAG.2: /@[^\s()"=~<>]+/
WORD: /[^\s()"=~<>!@][^\s()"=~<>]*/
QUOTED: /"[^"]*"/
%ignore /\s+/
"""
_AGE = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}


class FilterError(UsageError):
    """A filter that cannot be read. ``position``: the character (from 0) at which the trouble begins."""

    title = "Wrong filter"

    def __init__(self, why: str, text: str, position: int, hint: str = "") -> None:
        shown = text[position : position + 30]
        where = f'at character {position + 1}, "{shown}"' if shown else "at its end"
        super().__init__(f"the filter is wrong {where}: {why}", hint)
        self.position = position


@dataclass(frozen=True, slots=True)
class Word:
    """A text that is looked for in what the list shows."""

    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field against a value of its kind."""

    name: str
    operator: str
    value: str | float | bool | timedelta


@dataclass(frozen=True, slots=True)
class Negation:
    """What must not hold."""

    part: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """Parts of which all or any must hold."""

    every: bool
    parts: tuple[Node, ...]


Node = Word | Comparison | Negation | Junction


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that was understood; ``tree`` is None where it lets everything pass."""

    text: str
    tree: Node | None

    @property
    def only_words(self) -> bool:
        """Whether it names no field and no tag, so that somebody may have meant names."""
        return _has_only_words(self.tree)


def _has_only_words(node: Node | None) -> bool:
    match node:
        case Comparison():
            return False
        case Negation(part):
            return _has_only_words(part)
        case Junction(_, parts):
            return all(map(_has_only_words, parts))
    return True


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="basic")


def parse(text: str, fields: Fields) -> Filter:
    """Reads a filter; blank means that everything passes. Raises FilterError, which says where."""
    if not text.strip():
        return Filter(text, None)
    if len(text) > LONGEST_FILTER:
        raise FilterError(f"it has more than {LONGEST_FILTER} characters", text, LONGEST_FILTER)
    if len(re.findall(r"[(!]|\bnot\b", text)) > _MOST_BRACKETS:
        raise FilterError(f"it has more than {_MOST_BRACKETS} parentheses and negations", text, 0)
    try:
        tree: Node = _Reader(text, fields).transform(_parser().parse(text))
    except UnexpectedInput as error:
        at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        position = error.pos_in_stream if not at_end and error.pos_in_stream is not None else len(text)
        raise FilterError(_complaint(text, position), text, position) from None
    except VisitError as error:
        if isinstance(error.orig_exc, FilterError):
            raise error.orig_exc from None
        raise
    return Filter(text, tree)


def _complaint(text: str, position: int) -> str:
    if position == len(text):
        return "a closing parenthesis or something to look for is missing"
    if text[position] == '"':
        return "the closing quote is missing"
    if re.match(r"(and|or)\b", text[position:], re.IGNORECASE):
        return "something to look for is missing before it"
    if text[position] == ")":
        return "nothing is open here, or there is nothing inside"
    return "this is not understood; put quotes around a value with such characters"


class _Reader(Transformer[Token, Node]):
    """From lark's tree to ours, with each value read as its field's kind."""

    def __init__(self, text: str, fields: Fields) -> None:
        super().__init__()
        self._text = text
        self._fields = fields

    def any(self, parts: list[Node]) -> Node:
        return Junction(False, tuple(parts))

    def all(self, parts: list[Node]) -> Node:
        return Junction(True, tuple(parts))

    def negation(self, parts: list[Node]) -> Node:
        return Negation(parts[0])

    @v_args(inline=True)
    def word(self, token: Token) -> Node:
        return Word(_unquoted(token))

    @v_args(inline=True)
    def tag(self, token: Token) -> Node:
        if "tag" not in self._fields.known:
            self._refuse(token, "nothing here has tags")
        return Comparison("tag", "=", str(token)[1:])

    @v_args(inline=True)
    def comparison(self, token: Token, value: Token | None = None) -> Node:
        match = re.fullmatch(r"([A-Za-z_]+)\s*(\W+?)\s*", str(token))
        assert match is not None
        name, operator = match[1].lower(), match[2]
        field = self._fields.known.get(name)
        if field is None:
            near = get_close_matches(name, self._fields.known, n=1)
            known = f"did you mean {near[0]}?" if near else "there are " + ", ".join(self._fields.known)
            self._refuse(token, f"there is no field {name!r}", known)
        if value is None:
            raise FilterError(f"a value is missing after {operator}", self._text, token.end_pos or 0)
        return Comparison(name, operator, self._value(field, operator, token, value))

    def _value(self, field: Field, operator: str, token: Token, value: Token) -> str | float | bool | timedelta:
        text = _unquoted(value)
        if operator in ("<", "<=", ">", ">=") and field.kind not in ("number", "age"):
            self._refuse(token, f"{operator} compares numbers and ages; this field has neither")
        if operator in ("~", "!~") and field.kind not in ("text", "words", "choice"):
            self._refuse(token, f"{operator} looks into texts; this field has none")
        match field.kind:
            case "number":
                return self._number(value, text)
            case "age":
                return self._age(value, text)
            case "truth":
                if text.lower() not in _TRUTHS:
                    self._refuse(value, "this is yes or no")
                return _TRUTHS[text.lower()]
            case "choice" if operator in ("=", "!=") and "*" not in text and text.lower() not in field.choices:
                self._refuse(value, "this is one of " + ", ".join(field.choices))
        return text

    def _number(self, token: Token, text: str) -> float:
        if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", text):
            self._refuse(token, "a number is wanted")
        return float(text)

    def _age(self, token: Token, text: str) -> timedelta:
        match = _AGE.fullmatch(text)
        if match is None:
            self._refuse(token, "an age is wanted, as 90s, 5m, 2h or 1d")
        try:
            return timedelta(**{_UNITS[match[2]]: int(match[1])})
        except OverflowError:
            self._refuse(token, "nothing is as old as this")

    def _refuse(self, token: Token, why: str, hint: str = "") -> NoReturn:
        raise FilterError(why, self._text, token.start_pos or 0, hint)


def _unquoted(token: Token) -> str:
    text = str(token)
    return text[1:-1] if text.startswith('"') else text


# For the database


def where(filter: Filter, fields: Fields, first: int) -> tuple[str, list[object]]:
    """A condition in SQL over the columns of ``fields``, and the values of its parameters from ``$first`` on.

    Everything that a person wrote is a parameter; a comparison with NULL does not hold.
    """
    parameters: list[object] = []

    def place(value: object) -> str:
        parameters.append(value)
        return f"${first + len(parameters) - 1}"

    return ("true" if filter.tree is None else _sql(filter.tree, fields, place)), parameters


def _sql(node: Node, fields: Fields, place: Callable[[object], str]) -> str:
    match node:
        case Word(text):
            here = place(text.lower())
            columns = (fields.known[name].column for name in fields.searched)
            found = " OR ".join(f"position({here}::text in lower({column})) > 0" for column in columns)
            return f"({found}) IS TRUE"
        case Negation(part):
            return f"NOT ({_sql(part, fields, place)})"
        case Junction(every, parts):
            return (" AND " if every else " OR ").join(f"({_sql(part, fields, place)})" for part in parts)
        case Comparison(name, operator, value):
            return _comparison_sql(fields.known[name], operator, value, place)


def _comparison_sql(field: Field, operator: str, value: object, place: Callable[[object], str]) -> str:
    positive = operator.removeprefix("!") if operator in ("!=", "!~") else operator
    column = field.column
    match field.kind:
        case "number":
            said = f"{column} {positive} {place(value)}::float8"
        case "age":
            said = f"now() - {column} {positive} {place(value)}::interval"
        case "truth":
            said = f"{column} = {place(value)}::boolean"
        case "words":
            said = f"EXISTS (SELECT FROM unnest({column}) one WHERE {_text_sql('one', positive, str(value), place)})"
        case _:
            said = _text_sql(column, positive, str(value), place)
    return f"({said}) IS TRUE" if positive == operator else f"({said}) IS NOT TRUE"


def _text_sql(column: str, operator: str, value: str, place: Callable[[object], str]) -> str:
    if operator == "~":
        return f"position({place(value.lower())}::text in lower({column})) > 0"
    if "*" in value:
        literal = re.sub(r"([\\%_])", r"\\\1", value.lower()).replace("*", "%")
        return f"lower({column}) LIKE {place(literal)}::text"
    return f"lower({column}) = {place(value.lower())}::text"


# For rows that have been read


def passes(filter: Filter, fields: Fields, row: object, now: datetime | None = None) -> bool:
    """Whether a row passes, by the same rules as ``where``; ``now`` is the server's time (default: this machine's)."""
    return filter.tree is None or _holds(filter.tree, fields, row, now or datetime.now(UTC))


def _holds(node: Node, fields: Fields, row: object, now: datetime) -> bool:
    match node:
        case Word(text):
            found = (fields.known[name].of(row) for name in fields.searched)
            return any(value is not None and text.lower() in str(value).lower() for value in found)
        case Negation(part):
            return not _holds(part, fields, row, now)
        case Junction(every, parts):
            return (all if every else any)(_holds(part, fields, row, now) for part in parts)
        case Comparison(name, operator, value):
            return _compares(fields.known[name], operator, value, fields.known[name].of(row), now)


def _compares(field: Field, operator: str, value: Any, found: Any, now: datetime) -> bool:
    positive = operator.removeprefix("!") if operator in ("!=", "!~") else operator
    if found is None:
        said = False
    elif field.kind == "words":
        said = any(_text_holds(one, positive, value) for one in found)
    elif field.kind in ("text", "choice"):
        said = _text_holds(str(found), positive, value)
    else:
        said = _ordered(now - found if field.kind == "age" else found, positive, value)
    return said if positive == operator else not said


def _text_holds(found: str, operator: str, value: str) -> bool:
    if operator == "~":
        return value.lower() in found.lower()
    if "*" in value:
        pattern = ".*".join(map(re.escape, value.lower().split("*")))
        return re.fullmatch(pattern, found.lower(), re.DOTALL) is not None
    return found.lower() == value.lower()


def _ordered(found: Any, operator: str, value: Any) -> bool:
    tests: dict[str, Callable[[], bool]] = {
        "=": lambda: bool(found == value),
        "<": lambda: bool(found < value),
        "<=": lambda: bool(found <= value),
        ">": lambda: bool(found > value),
        ">=": lambda: bool(found >= value),
    }
    return tests[operator]()
