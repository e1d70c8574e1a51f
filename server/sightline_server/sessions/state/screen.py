"""What screens and titles say of the state, by rules that are data: `rules/*.toml`, a file for each family, one for the rest.

Pure: a screen in, a statement out. Knows no words of any program; `rules/README.md` says how a rule is written.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from sightline.v1.event_pb2 import SessionState, WaitingFor

from sightline_server.sessions.state.observation import Look, Observation, Trust

GENERIC = "terminal"
"""The file for programs that are no agents."""
ROWS = 16  # of the bottom of the screen that a rule sees, where it does not say how many
MAX_ROWS = 100
FIELDS = frozenset(
    {"name", "state", "reason", "waiting_for", "confidence", "versions", "rows", "title", "cursor", "all", "any", "none", "hold"}
)
OPERATORS = re.compile(r"\s*(>=|<=|==|<|>)\s*(\d+(?:\.\d+)*)\s*")


class BadRule(ValueError):
    """A rule is written wrongly. Raised when the rules are read, which a test does for all of ours: never because of a screen."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `rules/README.md` says what each field means. It holds when all that it names holds.

    Attributes:
        full_name: the file's name and its own, such as `claude/permission`.
        cursor: searched in the cursor's row, up to the cursor, where the cursor is shown and nothing stands behind it.
    """

    full_name: str
    state: SessionState.ValueType
    reason: str
    waiting_for: WaitingFor.ValueType
    confidence: float
    versions: Sequence[tuple[str, tuple[int, ...]]]
    rows: int
    title: re.Pattern[str] | None
    cursor: re.Pattern[str] | None
    all: Sequence[re.Pattern[str]]
    any: Sequence[re.Pattern[str]]
    none: Sequence[re.Pattern[str]]
    hold: float

    def fits(self, version: str) -> bool:
        """Whether it is for this version of the program; where that is not known, it is."""
        numbers = numbers_of(version)
        return not numbers or all(compare(operator, numbers, limit) for operator, limit in self.versions)

    def evidence(self, look: Look) -> Sequence[str] | None:
        """The rows that make it hold; None: it does not hold."""
        seen = []
        if self.title is not None:
            if not self.title.search(look.title):
                return None
            seen.append(f"title: {look.title}")
        if self.cursor is not None:
            row = at_cursor(look)
            if row is None or not self.cursor.search(row):
                return None
            seen.append(row)
        if not (self.all or self.any or self.none):
            return seen
        text = "\n".join(look.bottom(self.rows))
        if any(pattern.search(text) for pattern in self.none):
            return None
        found = [pattern.search(text) for pattern in self.all]
        first = next((match for match in (pattern.search(text) for pattern in self.any) if match), None)
        if None in found or (self.any and first is None):
            return None
        return seen + [row_of(text, match) for match in [*found, first] if match is not None]

    def said(self, trust: Trust, evidence: Sequence[str]) -> Observation:
        """Its statement."""
        return Observation(
            trust, self.state, self.full_name, self.reason, self.waiting_for, self.confidence, tuple(evidence), hold=self.hold
        )


class Screens:
    """What is known of screens. Is a `ScreenJudge`.

    Args:
        rules: by family, in the order in which they are tried: the first that holds speaks.
    """

    def __init__(self, rules: Mapping[str, Sequence[Rule]]) -> None:
        self._screens = {family: [rule for rule in its if sees_rows(rule)] for family, its in rules.items()}
        self._titles = {family: [rule for rule in its if not sees_rows(rule)] for family, its in rules.items()}

    def knows(self, agent: str) -> bool:
        """See `ScreenJudge`."""
        return bool(self._screens.get(agent or GENERIC))

    def screen(self, look: Look) -> Observation | None:
        """See `ScreenJudge`."""
        for rule in self._screens.get(look.agent or GENERIC, ()):
            evidence = rule.evidence(look) if rule.fits(look.version) else None
            if evidence is not None:
                return rule.said(Trust.SCREEN, evidence)
        return None

    def title(self, title: str, agent: str, version: str) -> Observation | None:
        """See `ScreenJudge`."""
        look = Look(rows=(), title=title, agent=agent, version=version)
        for rule in self._titles.get(agent or GENERIC, ()):
            evidence = rule.evidence(look) if rule.fits(version) else None
            if evidence is not None:
                return rule.said(Trust.TITLE, evidence)
        return None


@functools.cache
def screens() -> Screens:
    """The rules that come with Sightline, read once."""
    files = {file.name: file for file in resources.files(__package__).joinpath("rules").iterdir()}
    families = [name.removesuffix(".toml") for name in sorted(files) if name.endswith(".toml")]
    return Screens({family: read(family, files[f"{family}.toml"].read_text("utf-8")) for family in families})


def read(family: str, text: str) -> Sequence[Rule]:
    """The rules of one file. Raises `BadRule`."""
    try:
        content = tomllib.loads(text)
        rules = [rule_of(family, fields) for fields in content.pop("rule", [])]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, re.error) as error:
        raise BadRule(f"{family}.toml: {error}") from error
    names = [rule.full_name for rule in rules]
    if content or not rules or len(set(names)) < len(names):
        raise BadRule(f"{family}.toml: a name stands twice, or there is no [[rule]], or more than that: {', '.join(content)}")
    return rules


def rule_of(family: str, fields: Mapping[str, object]) -> Rule:
    """One rule from its table."""
    name = f"{family}/{fields['name']}"
    if unknown := fields.keys() - FIELDS:
        raise BadRule(f"{name} has {', '.join(unknown)}")
    rule = Rule(
        full_name=name,
        state=SessionState.Value(f"SESSION_STATE_{fields['state']}"),
        reason=str(fields["reason"]),
        waiting_for=WaitingFor.Value(f"WAITING_FOR_{fields.get('waiting_for', 'UNSPECIFIED')}"),
        confidence=float(str(fields.get("confidence", 0.9))),
        versions=ranges(str(fields.get("versions", ""))),
        rows=int(str(fields.get("rows", ROWS))),
        title=patterns(fields, "title")[0] if "title" in fields else None,
        cursor=patterns(fields, "cursor")[0] if "cursor" in fields else None,
        all=patterns(fields, "all"),
        any=patterns(fields, "any"),
        none=patterns(fields, "none"),
        hold=float(str(fields.get("hold", 0))),
    )
    waits = rule.state == SessionState.SESSION_STATE_WAITING
    if waits != bool(rule.waiting_for) or not 0 < rule.confidence <= 1 or not 0 < rule.rows <= MAX_ROWS:
        raise BadRule(f"{name}: WAITING has a waiting_for, nothing else has; confidence is up to 1, rows up to {MAX_ROWS}")
    if not (rule.title or rule.cursor or rule.all or rule.any):
        raise BadRule(f"{name} would hold on every screen")
    return rule


def patterns(fields: Mapping[str, object], name: str) -> list[re.Pattern[str]]:
    """One expression or several; `^` and `$` are a row's beginning and end."""
    found = fields.get(name, [])
    return [re.compile(expression, re.MULTILINE) for expression in ([found] if isinstance(found, str) else list(found))]  # type: ignore[call-overload]


def sees_rows(rule: Rule) -> bool:
    """It is not about the title alone."""
    return bool(rule.cursor or rule.all or rule.any)


def at_cursor(look: Look) -> str | None:
    """The cursor's row up to the cursor; None: something stands behind it, or it is not shown."""
    if not look.cursor_visible or look.cursor_row >= len(look.rows):
        return None
    row = look.rows[look.cursor_row]
    # The rows come without trailing blanks, which the cursor may stand behind; wide characters make it stand further right.
    return None if len(row) > look.cursor_column else row.ljust(look.cursor_column)


def row_of(text: str, match: re.Match[str]) -> str:
    """The row in which something was found, or begins."""
    begin = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", max(match.start(), begin))
    return text[begin : end if end >= 0 else len(text)].strip()


def ranges(text: str) -> list[tuple[str, tuple[int, ...]]]:
    """`>=2.0, <2.2` as operators and numbers."""
    found = []
    for part in text.split(",") if text else ():
        match = OPERATORS.fullmatch(part)
        if match is None:
            raise BadRule(f"versions = {text!r}: such as '>=2.0, <2.2'")
        found.append((match[1], numbers_of(match[2])))
    return found


def numbers_of(version: str) -> tuple[int, ...]:
    """The first numbers with points between them; empty: there are none."""
    found = re.search(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def compare(operator: str, version: Sequence[int], limit: Sequence[int]) -> bool:
    """As versions are compared; what stands behind the limit's last number does not count for `==`, `<=` and `>`."""
    head = tuple(version[: len(limit)])
    shorter = head + (0,) * (len(limit) - len(head))
    order = (shorter > tuple(limit)) - (shorter < tuple(limit))
    return {">=": order >= 0, "<=": order <= 0, "==": order == 0, "<": order < 0, ">": order > 0}[operator]
