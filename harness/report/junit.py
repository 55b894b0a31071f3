"""Write a report as JUnit XML, for build servers."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

from emulator.units import SECOND
from harness.report.characters import clean
from harness.report.model import CaseResult, RunReport
from harness.verdict import Outcome

FILE = "junit.xml"

#: How JUnit calls what is not a pass; it has no other word for a case without a verdict.
_ELEMENTS = {
    Outcome.FAILED: "failure",
    Outcome.UNSUPPORTED: "skipped",
    Outcome.INCONCLUSIVE: "skipped",
    Outcome.ERROR: "error",
}
#: What stands for a failure that a list foretold: a build that is red for it tells nobody anything.
_KNOWN = "skipped"


def as_element(report: RunReport) -> Xml.Element:
    """Return a report as XML: a suite for each profile, a test case for each result.

    Times are virtual seconds. The group of a test case is the requirements that it judges.

    Source: Jenkins' xunit plugin, junit-10.xsd: properties are a suite's alone, and the root has no
    count of what was skipped.
    """
    counts = _counts(report.results)
    del counts["skipped"]
    root = Xml.Element("testsuites", {"name": "hanover", **counts})
    for name in sorted({result.profile for result in report.results}):
        results = [result for result in report.results if result.profile == name]
        suite = Xml.SubElement(
            root,
            "testsuite",
            {"name": name or "no profile", **_counts(results), "timestamp": report.started},
        )
        properties = Xml.SubElement(suite, "properties")
        for said, value in (("seed", str(report.seed)), ("link", ", ".join(report.links))):
            Xml.SubElement(properties, "property", {"name": said, "value": clean(value)})
        for result in results:
            suite.append(_case(result))
    return root


def _case(result: CaseResult) -> Xml.Element:
    topic, _, name = result.id.partition("::")
    made = Xml.Element(
        "testcase",
        {"classname": clean(topic), "name": clean(name), "time": _seconds([result])},
    )
    if result.requirements:
        made.set("group", " ".join(each.id for each in result.requirements))
    element = _element(result)
    if element is not None:
        kind = "known" if result.known else str(result.verdict)
        said = Xml.SubElement(made, element, {"type": kind, "message": clean(_message(result))})
        said.text = clean(_details(result))
    return made


def _element(result: CaseResult) -> str | None:
    return _KNOWN if result.known else _ELEMENTS.get(result.verdict)


def _message(result: CaseResult) -> str:
    ids = ", ".join(each.id for each in result.requirements)
    if result.known:
        return f"known: {result.known}" + (f" ({ids})" if ids else "")
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


def _counts(results: Sequence[CaseResult]) -> dict[str, str]:
    elements = [_element(result) for result in results]
    return {
        "tests": str(len(results)),
        "failures": str(elements.count("failure")),
        "errors": str(elements.count("error")),
        "skipped": str(elements.count("skipped")),
        "time": _seconds(results),
    }


def _seconds(results: Sequence[CaseResult]) -> str:
    return f"{sum(result.duration_us for result in results) / SECOND:.6f}"


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
