"""Write a report as one JSON object; ``report.schema.json`` beside this file describes it."""

import json
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from harness.report.model import SCHEMA, RunReport

FILE = "report.json"


def schema() -> dict[str, Any]:
    """Return the JSON schema of a report."""
    text = resources.files("harness.report").joinpath("report.schema.json").read_text("utf-8")
    made: dict[str, Any] = json.loads(text)
    return made


def as_document(report: RunReport) -> dict[str, Any]:
    """Return a report as JSON holds it."""
    values = asdict(report)
    results, requirements = values.pop("results"), values.pop("requirements")
    return {
        "schema": SCHEMA,
        **values,
        "totals": {
            "results": len(report.results),
            "verdicts": report.verdicts(),
            "levels": report.levels(),
            "requirements": len(report.requirements),
            "covered": report.covered,
            "states": report.states(),
        },
        "results": results,
        "requirements": requirements,
    }


def as_text(report: RunReport) -> str:
    """Return a report as JSON text, the same for the same report."""
    return json.dumps(as_document(report), indent=2, ensure_ascii=False) + "\n"


def write(folder: Path, report: RunReport) -> Path:
    """Write a report into a folder, and return the file.

    Raises:
        OSError: It cannot be written.
    """
    file = folder / FILE
    file.write_text(as_text(report), "utf-8")
    return file
