"""Keep lists of failures that are known, each with its reason: TOML, strict both ways.

    about = "zigpy 1.7.0"

    [failures]
    "server_endings::failure_is_not_told_to_activate" = "answers 0x07 to any status"

A case without a profile behind it stands for all profiles, one without a row for all its rows. What
is listed and fails fails no run; what is listed and passes does.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.recorder import About
from harness.report.model import CaseResult
from harness.verdict import Outcome

_KEYS = frozenset({"about", "failures"})


class KnownError(ValueError):
    """A list cannot be used; the message names file, key, found and wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Be one list: the reason of each failure, by the id of its case."""

    file: str
    reasons: Mapping[str, str]

    def reason(self, result: CaseResult) -> str:
        """Return why a case is known to fail, nothing if it is not."""
        return next((self.reasons[name] for name in _names(result) if name in self.reasons), "")

    def strangers(self, every: Iterable[About]) -> Sequence[str]:
        """Return the names on the list that are no case of a suite."""
        names = {name for one in every for name in _names(one)}
        return [name for name in self.reasons if name not in names]


def _names(one: About | CaseResult) -> tuple[str, ...]:
    """Return what a list may call a row: whole, without row, without profile, without both."""
    function = one.case.partition("/")[0]
    return (one.id, f"{function}[{one.profile}]", one.case, function)


def read(file: Path) -> Known:
    """Read a list.

    Raises:
        KnownError: It is no such list; names the key, what was found and what was wanted.
    """
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise KnownError(f"{file}: found {error}, wanted a TOML file") from None
    for key in document.keys() - _KEYS:
        raise KnownError(f"{file}: {key}: found an unknown key, wanted {', '.join(sorted(_KEYS))}")
    if not isinstance(document.get("about", ""), str):
        raise KnownError(f"{file}: about: found {document['about']!r}, wanted a text")
    failures = document.get("failures")
    if not isinstance(failures, dict) or not failures:
        raise KnownError(f"{file}: failures: found none, wanted a table of cases and reasons")
    for name, reason in failures.items():
        if not isinstance(reason, str) or not reason.strip():
            raise KnownError(f"{file}: failures: {name}: found {reason!r}, wanted a reason")
    return Known(file=str(file), reasons=failures)


def applied(
    results: Sequence[CaseResult], known: Known
) -> tuple[tuple[CaseResult, ...], tuple[str, ...]]:
    """Mark the failures that are known.

    Returns:
        The results, and the ids of those that are listed and passed: they are failures now.
    """
    made, stale = [], []
    for one in results:
        reason = known.reason(one)
        if reason and one.verdict is Outcome.FAILED:
            one = replace(one, known=reason)
        elif reason and one.verdict is Outcome.PASSED:
            stale.append(one.id)
            one = _passed_after_all(one, known.file, reason)
        made.append(one)
    return tuple(made), tuple(stale)


def _passed_after_all(result: CaseResult, file: str, reason: str) -> CaseResult:
    expected, seen = f"the failure that {file} lists ({reason})", "a pass: take it off the list"
    return replace(
        result,
        verdict=Outcome.FAILED,
        expected=expected,
        seen=seen,
        reason=f"expected {expected}, seen {seen}",
    )
