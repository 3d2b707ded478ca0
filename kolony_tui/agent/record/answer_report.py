"""From what an agent answered to the report that it is: JSON that it wrote as one, else the parts of its Markdown."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from kolony_tui.agent.record.report_file import sound

_PARTS = ("title", "summary", "sections", "findings", "recommendations")
_SEVERITIES = ("critical", "high", "medium", "low", "info")
_FENCED = re.compile(r"^```json[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^ {0,3}(?:[-*+]|\d{1,3}[.)])\s+(.*)$")
_SEVERITY = re.compile(
    r"^[\s\[(*_`]*(critical|high|medium|low|info)\b[\s\])*_`]*[:.\u2013\u2014-]*[\s*_`]*", re.IGNORECASE
)
_LAST_SEVERITY = re.compile(r"[\s\[(*_]+(critical|high|medium|low|info)[\s\])*_]*$", re.IGNORECASE)
_FILE = re.compile(r"\b([\w./-]+\.[A-Za-z][A-Za-z0-9]{0,7}):(\d{1,7})\b")
_SECTIONS, _ITEMS, _TITLE = 200, 500, 300


@dataclass(slots=True)
class _Part:
    level: int
    title: str
    lines: list[str] = field(default_factory=list)

    @property
    def body(self) -> str:
        return "\n".join(self.lines).strip("\n")


def report_in(answer: str) -> dict[str, Any] | None:
    """The report in an answer, as ``report.json`` would say it; None where the answer says nothing.

    >>> found = report_in("# Races\\nTwo.\\n## Findings\\n- **High**: writers at a.py:88\\n## Recommendations\\n- lock")
    >>> found["title"], found["summary"], found["recommendations"]
    ('Races', 'Two.', [{'title': 'lock'}])
    >>> found["findings"]
    [{'severity': 'high', 'title': 'writers at a.py:88', 'detail': '', 'file': 'a.py', 'line': 88}]
    """
    if not answer.strip():
        return None
    return _written_as_json(answer) or _of_markdown(answer)


def _written_as_json(answer: str) -> dict[str, Any] | None:
    for text in [*(match[1] for match in _FENCED.finditer(answer)), answer]:
        try:
            found = json.loads(text)
            if isinstance(found, dict) and any(found.get(part) for part in _PARTS):
                whole: dict[str, Any] = sound(found)
                return whole
        except (ValueError, RecursionError):
            continue
    return None


def _of_markdown(answer: str) -> dict[str, Any]:
    parts = _parts(answer)
    report: dict[str, Any] = {"summary": "", "sections": [], "findings": [], "recommendations": []}
    first = parts.pop(0)
    highest = min((part.level for part in parts), default=0)
    if parts and not first.body and [part.level for part in parts].count(highest) == 1 and parts[0].level == highest:
        # What the answer begins with is its title, unless it is one of several of its kind.
        first = parts.pop(0)
        report["title"] = first.title[:_TITLE]
    report["summary"] = first.body
    for part, inner in _grouped(parts):
        name = part.title.lower()
        if re.search(r"\bfindings?\b|\bissues\b", name) and (found := _findings(part, inner)):
            report["findings"] += found
        elif re.search(r"\brecommend", name) and (asked := _recommendations(part, inner)):
            report["recommendations"] += asked
        elif re.fullmatch(r"(executive )?summary|tl;?dr", name) and not report["summary"]:
            report["summary"] = _whole(part, inner)
        else:
            report["sections"].append({"title": part.title[:_TITLE] or "-", "body": _whole(part, inner)})
    report["sections"] = report["sections"][:_SECTIONS]
    report["findings"] = report["findings"][:_ITEMS]
    report["recommendations"] = report["recommendations"][:_ITEMS]
    return report


def _parts(answer: str) -> list[_Part]:
    """The text before any heading, then each heading with what is below it; none in fenced code."""
    parts, fence = [_Part(0, "")], ""
    for line in answer.splitlines():
        marks = re.match(r"^ {0,3}(`{3,}|~{3,})", line)
        if marks and not fence:
            fence = marks[1]
        elif marks and marks[1].startswith(fence):
            fence = ""
        elif not fence and (heading := _HEADING.match(line)):
            parts.append(_Part(len(heading[1]), _plain(heading[2])))
            continue
        parts[-1].lines.append(line)
    return parts


def _grouped(parts: list[_Part]) -> list[tuple[_Part, list[_Part]]]:
    """Each part of the highest level there is, with those below it."""
    groups: list[tuple[_Part, list[_Part]]] = []
    for part in parts:
        if groups and part.level > groups[-1][0].level:
            groups[-1][1].append(part)
        else:
            groups.append((part, []))
    return groups


def _whole(part: _Part, inner: list[_Part]) -> str:
    pieces = [part.body, *(f"{'#' * each.level} {each.title}\n{each.body}".rstrip() for each in inner)]
    return "\n\n".join(piece for piece in pieces if piece)


def _findings(part: _Part, inner: list[_Part]) -> list[dict[str, Any]]:
    if inner:
        return [_finding(each.title, each.body) for each in inner]
    return [_finding(title, detail) for title, detail in _items(part.lines)]


def _finding(title: str, detail: str) -> dict[str, Any]:
    severity = "info"
    if match := _SEVERITY.match(title):
        severity, title = match[1].lower(), title[match.end() :]
    elif match := _LAST_SEVERITY.search(title):
        severity, title = match[1].lower(), title[: match.start()]
    elif match := re.search(r"severity\W{1,6}(critical|high|medium|low|info)\b", detail, re.IGNORECASE):
        severity = match[1].lower()
    found: dict[str, Any] = {"severity": severity, "title": _plain(title)[:_TITLE] or "-", "detail": detail[:90_000]}
    if place := _FILE.search(f"{title}\n{detail}"):
        found["file"] = place[1]
        if int(place[2]) > 0:
            found["line"] = int(place[2])
    return found


def _recommendations(part: _Part, inner: list[_Part]) -> list[dict[str, Any]]:
    if inner:
        return [{"title": each.title or "-", "detail": each.body[:90_000]} for each in inner]
    return [
        {"title": _plain(title)[:9000] or "-", **({"detail": detail[:90_000]} if detail else {})}
        for title, detail in _items(part.lines)
    ]


def _items(lines: list[str]) -> list[tuple[str, str]]:
    """The items of a list: the first line of each, and what stands below it."""
    items: list[tuple[str, list[str]]] = []
    for line in lines:
        if match := _ITEM.match(line):
            items.append((match[1], []))
        elif items:
            items[-1][1].append(line.strip())
    return [(title, "\n".join(below).strip()) for title, below in items]


def _plain(text: str) -> str:
    """A line without the marks of emphasis around it."""
    return re.sub(r"(\*\*|__|`)", "", text).strip()
