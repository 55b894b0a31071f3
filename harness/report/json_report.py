"""Write a report as one JSON object; ``report.schema.json`` beside this file describes it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

from harness.report.model import SCHEMA, CaseResult, Image, RunReport

FILE = "report.json"
#: What a document holds as a list with an entry a line, at its end.
_LISTS = ("images", "cases", "results", "traced", "requirements")
#: What the cases say for all their results: it stands once, in ``cases``.
_OF_CASE = ("attack", "expect", "source")
#: What every result has, whatever it is worth.
_ALWAYS = frozenset({"id", "case", "profile", "verdict", "duration_us", "datagrams"})
#: What stands elsewhere in the document.
_ELSEWHERE = frozenset({*_OF_CASE, "requirements", "images", "seed"})
_OF_RESULT = tuple(one.name for one in fields(CaseResult) if one.name not in _ELSEWHERE)
#: Digits of a digest that tell one image of a report from the others.
_DIGITS = 16
_as_text = json.JSONEncoder(separators=(",", ":")).encode


def schema() -> dict[str, Any]:
    """Return the JSON schema of a report."""
    text = resources.files("harness.report").joinpath("report.schema.json").read_text("utf-8")
    made: dict[str, Any] = json.loads(text)
    return made


def as_document(report: RunReport) -> dict[str, Any]:
    """Return a report as JSON holds it."""
    shown = ("results", "traced", "requirements")
    values = {one.name: getattr(report, one.name) for one in fields(report)}
    return {
        "schema": SCHEMA,
        **{name: _plain(value) for name, value in values.items() if name not in shown},
        "complete": report.complete,
        "totals": {
            "results": len(report.results),
            "verdicts": report.verdicts(),
            "levels": report.levels(),
            "families": report.families(),
            "requirements": len(report.requirements),
            "covered": report.covered,
            "states": report.states(),
        },
        "images": [image._asdict() for image in report.images()],
        "cases": list(_cases(report)),
        "results": [_result(one) for one in report.results],
        "traced": [_plain(one) for one in report.traced],
        "requirements": [_plain(one) for one in report.requirements],
    }


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return a value of a report as JSON holds it."""
    if isinstance(value, Image):
        return value._asdict()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return dict(value) if isinstance(value, Mapping) else value


def _cases(report: RunReport) -> Iterator[dict[str, Any]]:
    """Yield what each case says of itself, once for all its results."""
    of_case = {result.case: result for result in report.results}
    for one in of_case.values():
        yield {
            "case": one.case,
            "requirements": [cited.id for cited in one.requirements],
            **{name: getattr(one, name) for name in _OF_CASE},
        }


def _result(result: CaseResult) -> dict[str, Any]:
    """Return a result without what says nothing; its images are told by their first digits."""
    made = {name: getattr(result, name) for name in _OF_RESULT}
    made = {name: value for name, value in made.items() if value or name in _ALWAYS}
    if result.images:
        made["images"] = [image.sha256[:_DIGITS] for image in result.images]
    return made


def as_text(report: RunReport, seal: str | None = None) -> str:
    """Return a report as JSON text, the same for the same report: an entry of a list is a line.

    Args:
        report: The run.
        seal: Of the folder that the report was written to; the file in it cannot hold its own.
    """
    document = as_document(report)
    if seal is not None:
        document = {"schema": document.pop("schema"), "seal": seal, **document}
    parts = []
    for name, value in document.items():
        if name in _LISTS:
            lines = ",\n".join(_as_text(one) for one in value)
            parts.append(f'"{name}":[\n{lines}\n]')
        else:
            parts.append(f'"{name}":{_as_text(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def write(folder: Path, report: RunReport) -> Path:
    """Write a report into a folder, and return the file.

    Raises:
        OSError: It cannot be written.
    """
    file = folder / FILE
    file.write_text(as_text(report), "utf-8")
    return file
