"""Compare two reports: what broke, what was mended, what is new, what is gone."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from emulator.errors import HanoverError
from harness.report import json_report
from harness.report.model import SCHEMA
from harness.verdict import Outcome

_RED = frozenset({Outcome.FAILED, Outcome.ERROR})


class ReportError(HanoverError, ValueError):
    """A file is no report; the message names file, field, found and wanted."""


class Turn(StrEnum):
    """Say what became of a result from one report to the next."""

    BROKE = "broke"  # it passed and does not any more, or it had no verdict and failed
    MENDED = "mended"  # it did not pass, and does
    CHANGED = "changed"  # neither passed, the verdict is another
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Be one result that is not as it was; a side is empty where there is no such result."""

    turn: Turn
    id: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Be all that differs.

    Args:
        changes: Every result that is not as it was.
        same: How many are.
        terms: What the reports were not alike in before they began.
        cut_short: Whether the later run did not come to its end, and lacks results of the other.
    """

    changes: tuple[Change, ...]
    same: int
    terms: tuple[str, ...]
    cut_short: bool = False

    def of(self, turn: Turn) -> tuple[Change, ...]:
        """Return the changes of one kind."""
        return tuple(one for one in self.changes if one.turn is turn)


def load(path: Path) -> Mapping[str, Any]:
    """Return the report in a folder, or in a file.

    Raises:
        ReportError: There is none, or one of another version.
    """
    file = path / json_report.FILE if path.is_dir() else path
    try:
        document = json.loads(file.read_text("utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ReportError(f"{file}: found {reason}, wanted the report of a run") from None
    except (ValueError, RecursionError):
        raise ReportError(f"{file}: found no JSON, wanted the report of a run") from None
    found = document.get("schema") if isinstance(document, dict) else None
    if found != SCHEMA:
        raise ReportError(f"{file}: schema: found {found or 'none'}, wanted {SCHEMA}")
    _check(file, document)
    return document  # type: ignore[no-any-return]  # an object, as was looked at above


def _check(file: Path, document: Mapping[str, Any]) -> None:
    """Refuse a report whose results cannot be told apart; what is not compared is not looked at."""
    results = document.get("results")
    if not isinstance(results, list):
        raise ReportError(f"{file}: results: found no list, wanted one")
    seen: set[str] = set()
    for at, one in enumerate(results):
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            raise ReportError(f"{file}: results[{at}]: found no id, wanted one")
        if one["id"] in seen:
            raise ReportError(f"{file}: results[{at}]: found {one['id']} again, wanted it once")
        seen.add(one["id"])
        if one.get("verdict") not in list(Outcome):
            found = json.dumps(one.get("verdict"))
            wanted = ", ".join(Outcome)
            raise ReportError(
                f"{file}: {one['id']}: verdict: found {found}, wanted one of {wanted}"
            )


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Return what differs between two reports."""
    old = {one["id"]: one for one in before["results"]}
    new = {one["id"]: one for one in after["results"]}
    changes = [
        change
        for id in sorted(old.keys() | new.keys())
        if (change := _change(id, old.get(id), new.get(id))) is not None
    ]
    return Difference(
        changes=tuple(changes),
        same=len(old.keys() | new.keys()) - len(changes),
        terms=tuple(_terms(before, after)),
        cut_short=after.get("finished") is False and not old.keys() <= new.keys(),
    )


def _change(
    id: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Change | None:
    turn = _turn(before, after)
    if turn is None:
        return None
    return Change(
        turn=turn,
        id=id,
        before="" if before is None else before["verdict"],
        after="" if after is None else after["verdict"],
        reason=str((after or before or {}).get("reason", "")),
    )


def _turn(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Turn | None:
    if before is None:
        return Turn.NEW
    if after is None:
        return Turn.GONE
    was, now = Outcome(before["verdict"]), Outcome(after["verdict"])
    if was is now:
        return None
    if now is Outcome.PASSED:
        return Turn.MENDED
    if was is Outcome.PASSED or (now in _RED and was not in _RED):
        return Turn.BROKE
    return Turn.CHANGED


def _terms(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield what makes two runs hard to compare, as ``name: found A, then B``."""
    named = (
        ("version", "provenance", "version"),
        ("catalogue", "provenance", "requirements_sha256"),
        ("vectors", "provenance", "vectors_sha256"),
        ("seed", "seed", None),
        ("link", "link", None),
        ("subject", "subject", "kind"),
        ("defect", "subject", "defect"),
    )
    for name, outer, inner in named:
        was, now = (_term(one, outer, inner) for one in (before, after))
        if was != now:
            yield f"{name}: {was}, then {now}"
    old, new = _digests(before), _digests(after)
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield f"profile {name}: sha256 {old[name]}, then {new[name]}"


def _digests(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each profile by its name; what is no profile is not looked at."""
    given = document.get("profiles")
    profiles = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return {str(one.get("name")): str(one.get("sha256")) for one in profiles}


def _term(document: Mapping[str, Any], outer: str, inner: str | None) -> str:
    value = document.get(outer)
    if inner is not None:
        value = value.get(inner) if isinstance(value, dict) else None
    return "none" if value is None else str(value)
