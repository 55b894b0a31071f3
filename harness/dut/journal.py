"""Keep the results of a long run as they come, so that a stop loses one case at most."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from harness.dut.model import DutError
from harness.report.model import CaseResult, Cited, Image
from harness.requirements.catalogue import Evidence, Level
from harness.verdict import Outcome

#: Name of the file in the folder of a run, and name and version of its layout.
JOURNAL, LAYOUT = "journal.jsonl", "hanover-journal-2"
#: What a resumed run does not do again: the harness had no trouble of its own.
SETTLED = frozenset({Outcome.PASSED, Outcome.FAILED, Outcome.UNSUPPORTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Say what a journal's results hold for; a run of other terms cannot go on with it."""

    #: Version of Hanover: another one may judge otherwise.
    product: str
    seed: int
    link: str
    #: What ``--power`` names: with another switch, other cases can run.
    power: str | None
    defect: str | None
    #: Digest of each device under test, by name.
    duts: Mapping[str, str]


class Journal:
    """Append results to a file, one JSON object a line; the first line says the terms."""

    def __init__(self, path: Path, terms: Terms, earlier: Iterable[CaseResult] = ()) -> None:
        """Write the terms, and the results of a run that this one goes on with.

        A journal that lies there is replaced at once, whole: a stop in here loses none of it.
        """
        self._path = path
        begun = path.with_name(f"{path.name}.new")
        with begun.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(_line({"layout": LAYOUT, **asdict(terms)}))
            stream.writelines(_line(asdict(result)) for result in earlier)
        begun.replace(path)

    def append(self, result: CaseResult) -> None:
        """Write a result so that it outlives this process.

        Raises:
            OSError: The file cannot be written.
        """
        with self._path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(_line(asdict(result)))


def read_journal(path: Path, terms: Terms) -> dict[str, CaseResult]:
    """Return the settled results of a run that was stopped, by id; the last of each counts.

    A last line that was not written to its end is left out.

    Raises:
        DutError: The file is no journal, or one of other terms; names what was found and wanted.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DutError(f"{path}: found {reason}, wanted the journal of a run with --dut") from None
    except UnicodeDecodeError:
        raise DutError(f"{path}: found no text, wanted a journal") from None
    documents = [_document(path, at, line, len(lines)) for at, line in enumerate(lines, 1)]
    head = documents[0] if documents else None
    if head is None or head.get("layout") != LAYOUT:
        raise DutError(f"{path}: line 1: found no {LAYOUT}, wanted it")
    for name, wanted in asdict(terms).items():
        if head.get(name) != wanted:
            raise DutError(f"{path}: {name}: found {_said(head.get(name))}, wanted {_said(wanted)}")
    try:
        made = [_result(one) for one in documents[1:] if one is not None]
    except (KeyError, TypeError, ValueError) as error:
        raise DutError(f"{path}: found no result ({error}), wanted one a line") from None
    return {one.id: one for one in _last(made) if one.verdict in SETTLED}


def _last(results: Iterable[CaseResult]) -> Iterable[CaseResult]:
    return {one.id: one for one in results}.values()


def _document(path: Path, at: int, line: str, lines: int) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        if at == lines > 1:
            return None  # the process ended while it wrote
        raise DutError(f"{path}: line {at}: found no JSON, wanted an object") from None
    if not isinstance(found, dict):
        raise DutError(f"{path}: line {at}: found no object, wanted one")
    return found


def _result(document: Mapping[str, Any]) -> CaseResult:
    values = {one.name: document[one.name] for one in fields(CaseResult)}
    values["verdict"] = Outcome(values["verdict"])
    values["requirements"] = tuple(
        Cited(
            id=one["id"],
            title=one["title"],
            level=Level(one["level"]),
            evidence=Evidence(one["evidence"]),
        )
        for one in values["requirements"]
    )
    values["images"] = tuple(Image(*one) for one in values["images"])
    for name in ("switches", "absences", "notes"):
        values[name] = tuple(values[name])
    for name, kind in get_type_hints(CaseResult).items():
        if not isinstance(values[name], tuple if get_origin(kind) is tuple else kind):
            raise TypeError(f"{name} is {values[name]!r:.40}")
    return CaseResult(**values)


def _line(document: Mapping[str, Any]) -> str:
    return json.dumps(document) + "\n"


def _said(value: object) -> str:
    return json.dumps(value) if value is not None else "nothing"
