"""Write the folder of a home: outcome, page, trace, and the manifest that seals them.

``premises.schema.json`` beside this file describes the outcome.
"""

import json
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

from harness.premises.outcome import SCHEMA, Outcome
from harness.report import manifest
from harness.report.premises_page import Setting, page
from harness.trace import Trace

FILE, PAGE, TRACE = "premises.json", "premises.html", "trace.jsonl"


def schema() -> dict[str, Any]:
    """Return the JSON schema of an outcome."""
    text = resources.files("harness.report").joinpath("premises.schema.json").read_text("utf-8")
    made: dict[str, Any] = json.loads(text)
    return made


def write(folder: Path, outcome: Outcome, setting: Setting, trace: Trace | None) -> str:
    """Write what became of a home into its folder, and return the seal.

    The trace of an earlier home that was there goes; nothing else of a folder is ever removed.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if _is_ours(folder):
        (folder / TRACE).unlink(missing_ok=True)
    manifest.make_way(folder, (FILE, PAGE, TRACE))
    text = json.dumps(outcome.to_json(), indent=2)
    (folder / FILE).write_text(text + "\n", "utf-8")
    (folder / PAGE).write_text(page(outcome, setting), "utf-8")
    if trace is not None:
        with (folder / TRACE).open("w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in trace.lines())
    return manifest.write(folder)


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder holds an earlier home."""
    with suppress(OSError, ValueError):
        document = json.loads((folder / FILE).read_text("utf-8"))
        return isinstance(document, dict) and document.get("schema") == SCHEMA
    return False
