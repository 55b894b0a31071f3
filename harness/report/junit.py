"""Write a report as JUnit XML, for build servers."""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

from emulator.units import SECOND
from harness.report.model import CaseResult, RunReport
from harness.verdict import Outcome

FILE = "junit.xml"

#: Characters that XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: How JUnit calls what is not a pass; it has no other word for a case without a verdict.
_ELEMENTS = {
    Outcome.FAILED: "failure",
    Outcome.UNSUPPORTED: "skipped",
    Outcome.INCONCLUSIVE: "skipped",
    Outcome.ERROR: "error",
}


def as_element(report: RunReport) -> Xml.Element:
    """Return a report as XML: a suite for each profile, a test case for each result.

    Times are virtual seconds.
    """
    root = Xml.Element("testsuites", {"name": "hanover", **_counts(report.results)})
    for name in sorted({result.profile for result in report.results}):
        results = [result for result in report.results if result.profile == name]
        suite = Xml.SubElement(
            root,
            "testsuite",
            {"name": name or "no profile", **_counts(results), "timestamp": report.started},
        )
        _properties(suite, [("seed", str(report.seed)), ("link", report.link)])
        for result in results:
            suite.append(_case(result))
    return root


def _case(result: CaseResult) -> Xml.Element:
    topic, _, name = result.id.partition("::")
    made = Xml.Element(
        "testcase",
        {"classname": _clean(topic), "name": _clean(name), "time": _seconds([result])},
    )
    _properties(made, [("requirement", each.id) for each in result.requirements])
    element = _ELEMENTS.get(result.verdict)
    if element is not None:
        said = Xml.SubElement(
            made, element, {"type": str(result.verdict), "message": _clean(_message(result))}
        )
        said.text = _clean(_details(result))
    return made


def _message(result: CaseResult) -> str:
    ids = ", ".join(each.id for each in result.requirements)
    reason = f"{result.verdict}: {result.reason}"
    return f"{ids}: {reason}" if ids else reason


def _details(result: CaseResult) -> str:
    named = (
        ("expected", result.expected),
        ("seen", result.seen),
        ("frame", result.frame),
        ("trace", result.trace),
    )
    lines = [f"{name}: {value}" for name, value in named if value is not None]
    return "\n".join([*lines, *([result.traceback] if result.traceback else [])])


def _properties(parent: Xml.Element, pairs: Sequence[tuple[str, str]]) -> None:
    if pairs:
        made = Xml.SubElement(parent, "properties")
        for name, value in pairs:
            Xml.SubElement(made, "property", {"name": name, "value": _clean(value)})


def _counts(results: Sequence[CaseResult]) -> dict[str, str]:
    elements = [_ELEMENTS.get(result.verdict) for result in results]
    return {
        "tests": str(len(results)),
        "failures": str(elements.count("failure")),
        "errors": str(elements.count("error")),
        "skipped": str(elements.count("skipped")),
        "time": _seconds(results),
    }


def _seconds(results: Sequence[CaseResult]) -> str:
    return f"{sum(result.duration_us for result in results) / SECOND:.6f}"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)


def write(folder: Path, report: RunReport) -> Path:
    """Write a report into a folder, and return the file.

    Raises:
        OSError: It cannot be written.
    """
    file = folder / FILE
    tree = Xml.ElementTree(as_element(report))
    Xml.indent(tree)
    tree.write(file, encoding="utf-8", xml_declaration=True)
    return file
