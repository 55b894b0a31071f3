"""Write the folder of a run: ``report.json``, ``junit.xml``, and the traces beside them."""

import json
import re
from contextlib import suppress
from pathlib import Path

from harness.report import json_report, junit
from harness.report.model import SCHEMA, RunReport

#: How a trace of ours is named in a report; nothing else of a folder is ever removed.
_TRACE = re.compile(r"traces/[A-Za-z0-9._-]+\.jsonl")


def write(folder: Path, report: RunReport) -> None:
    """Write the reports of a run, and remove the traces of the run that was there before.

    Raises:
        OSError: They cannot be written.
    """
    kept = {result.trace for result in report.results}
    for name in _former_traces(folder):
        if name not in kept:
            with suppress(OSError):
                (folder / name).unlink()
    folder.mkdir(parents=True, exist_ok=True)
    json_report.write(folder, report)
    junit.write(folder, report)


def _former_traces(folder: Path) -> set[str]:
    """Return the traces that the report in a folder names; none if it is no report of ours."""
    try:
        document = json.loads((folder / json_report.FILE).read_text("utf-8"))
        if document["schema"] != SCHEMA:
            return set()
        names = {str(result["trace"]) for result in document["results"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if _TRACE.fullmatch(name)}
