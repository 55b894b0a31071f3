"""Write the folder of a run: report, pages, JUnit, the traces beside them, and the manifest."""

import json
import re
from contextlib import suppress
from pathlib import Path

from harness.report import json_report, junit, manifest
from harness.report.model import RunReport

#: How files of a former run are named; nothing else of a folder is ever removed.
_OURS = re.compile(
    r"traces/[A-Za-z0-9._-]+\.jsonl|captures/[A-Za-z0-9._-]+\.pcapng|cases/[A-Za-z0-9._-]+\.html"
)
#: The pages and what belongs to them, beside those of the cases.
FIXED = (
    *("index.html", "matrix.html", "requirements.html", "evidence.html"),
    *("report.css", "report.js"),
)
_SCHEMA = re.compile(r"hanover-report-\d+")


def write(folder: Path, report: RunReport, *, pages: bool = True) -> str:
    """Write the reports of a run, and remove what is left of the run that was there before.

    Args:
        folder: Of the run; traces and captures are in it already.
        report: The run.
        pages: Whether people get pages to read.

    Returns:
        The seal of the folder.

    Raises:
        OSError: They cannot be written.
    """
    former = _former(folder)
    kept = {name for one in report.results for name in (one.trace, one.capture)}
    for name in former - kept:
        with suppress(OSError):
            (folder / name).unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("traces", "captures"):
        with suppress(OSError):  # it is not empty, or not there
            (folder / name).rmdir()
    cases = {page_of(one.case) for one in report.results}
    manifest.make_way(folder, (*FIXED, json_report.FILE, junit.FILE, *cases))
    json_report.write(folder, report)
    junit.write(folder, report)
    if pages:
        from harness.report.pages import write_pages  # jinja2 takes a tenth of a second to load

        write_pages(folder, report)
    return manifest.write(folder)


def _former(folder: Path) -> set[str]:
    """Return the files that the report in a folder names; none if it is no report of ours."""
    try:
        document = json.loads((folder / json_report.FILE).read_text("utf-8"))
        if not _SCHEMA.fullmatch(document["schema"]):
            return set()
        results = document["results"]
        names = {str(one.get(name)) for one in results for name in ("trace", "capture")}
        names |= {page_of(str(one["case"])) for one in results}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {*FIXED, *(name for name in names if _OURS.fullmatch(name))}


def page_of(case: str) -> str:
    """Return the page of a case, in the folder of a run."""
    from harness.recorder import safe_name

    return f"cases/{safe_name(case)}.html"
