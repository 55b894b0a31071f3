"""Judge how a case ended, and write down what its benches saw."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from emulator.profiles.model import Profile
from emulator.units import SECOND, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from harness.absence import Absence
from harness.assertions import Comparison, cut, first_line, octets, place, sides, traceback_of
from harness.capture import write_capture
from harness.covers import Coverage, coverage_of
from harness.hub.images import Served
from harness.report.model import CaseResult, Cited, Image
from harness.report.provenance import image_of
from harness.trace import Trace, name_of
from harness.vectors.marks import PARAMETER, coverage_of_vector, told
from harness.vectors.model import Vector
from harness.verdict import NoVerdict, Outcome


class Witness(Protocol):
    """Be a bench of either suite, as far as a record needs it."""

    profile: Profile
    trace: Trace
    absences: list[Absence]

    @property
    def now(self) -> Us:
        """Return the time in microseconds."""
        ...

    @property
    def held(self) -> Sequence[Served]:
        """Return every image that its server held, in order."""
        ...


#: The benches of a case, in the order in which it made them.
BENCHES = pytest.StashKey[list[Witness]]()

_SECTION = re.compile(r"^(Attack|Expect|Source):\s*", re.MULTILINE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
#: The parameters of a row that are what it judges, and where each has its name.
_SUBJECTS = {"profile": "name", "premises": "label"}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Say what a case is, before it ran; ``vector`` is the id of the vector that drives the row."""

    id: str
    case: str
    topic: str
    profile: str
    coverage: Coverage
    attack: str
    expect: str
    source: str
    vector: str = ""

    @property
    def cited(self) -> tuple[Cited, ...]:
        """Return its requirements as a result names them."""
        return tuple(
            Cited(id=each.id, title=each.title, level=each.level, evidence=each.evidence)
            for each in self.coverage.requirements
        )


def about(item: pytest.Item) -> About:
    """Return what a collected case is.

    Its id is ``topic::function[profile]``, with ``/row`` behind the function where the case has
    rows of data; ``topic`` and ``function`` are written without ``test_``. A row that a vector
    drives covers what the vector names, and says of itself what the vector says.
    """
    function = getattr(item, "function", None)
    callspec = getattr(item, "callspec", None)
    profile = subject_of(item)
    row = "" if callspec is None else callspec.id
    if profile:
        row = row.removeprefix(profile).removeprefix("-")
    name = case_name(item)
    topic = name.partition("::")[0]
    case = f"{name}/{row}" if row else name
    return _about(function, topic, case, profile, vector_of(item))


def subject_of(item: pytest.Item) -> str:
    """Return the name of what a row judges, a profile or a home; empty: it is of none."""
    callspec = getattr(item, "callspec", None)
    params: dict[str, Any] = {} if callspec is None else callspec.params
    found = (getattr(params.get(name), tag, "") for name, tag in _SUBJECTS.items())
    return next((str(name) for name in found if name), "")


def case_name(item: pytest.Item) -> str:
    """Return the name of the case that an item is a row of, or will be: ``topic::function``."""
    name = getattr(item, "originalname", item.name)
    return f"{item.path.stem.removeprefix('test_')}::{name.removeprefix('test_')}"


def about_unmade(function: object, topic: str, name: str, vector: Vector | None = None) -> About:
    """Return what a case is, or the row of a vector, that no profile runs.

    Args:
        function: The case function.
        topic: Its file, without ``.py``.
        name: Its own name.
        vector: What would drive the row; None: any row of the case.
    """
    topic = topic.removeprefix("test_")
    case = f"{topic}::{name.removeprefix('test_')}"
    return _about(function, topic, case if vector is None else f"{case}/{vector.id}", "", vector)


def _about(function: object, topic: str, case: str, profile: str, vector: Vector | None) -> About:
    doc = getattr(function, "__doc__", None) or ""
    said = _sections(doc) if vector is None else _told(vector, doc)
    return About(
        id=f"{case}[{profile}]" if profile else case,
        case=case,
        topic=topic,
        profile=profile,
        coverage=coverage_of(function) if vector is None else coverage_of_vector(vector),
        attack=said.get("Attack", ""),
        expect=said.get("Expect", ""),
        source=said.get("Source", ""),
        vector="" if vector is None else vector.id,
    )


def vector_of(item: pytest.Item) -> Vector | None:
    """Return the vector that drives a collected row, None if none does."""
    callspec = getattr(item, "callspec", None)
    found = None if callspec is None else callspec.params.get(PARAMETER)
    return found if isinstance(found, Vector) else None


def _told(vector: Vector, doc: str) -> dict[str, str]:
    """Return what a vector says of itself, as a docstring's sections say it of a case."""
    expect = told(vector.body.get("expect")) or _sections(doc).get("Expect", "")
    return {"Attack": vector.comment, "Expect": expect, "Source": vector.source}


def _sections(doc: str) -> dict[str, str]:
    """Return the text behind each of ``Attack:``, ``Expect:``, ``Source:``, on one line each."""
    lines = "\n".join(line.strip() for line in doc.splitlines())
    parts = _SECTION.split(lines)
    return {
        name: " ".join(text.split()) for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def safe_name(id: str) -> str:
    """Return an id as a file name: two ids of one run never share one."""
    return _UNSAFE.sub("-", id).strip("-.")


# How it ended.


def judge(
    item: pytest.Item, error: BaseException | None, *, seed: int, comparison: Comparison | None
) -> CaseResult:
    """Return the result of a case that is over.

    Args:
        item: The case.
        error: What ended it, in its fixtures or in itself; None: it came to its end.
        seed: The run's seed.
        comparison: The last comparison of the case that did not hold, if one did not.
    """
    what = about(item)
    benches = item.stash.get(BENCHES, [])
    result = CaseResult(
        id=what.id,
        case=what.case,
        profile=what.profile,
        verdict=Outcome.PASSED,
        requirements=what.cited,
        attack=what.attack,
        expect=what.expect,
        source=what.source,
        duration_us=sum(bench.now for bench in benches),
        datagrams=sum(1 for bench in benches for _ in bench.trace.datagrams()),
        seed=seed,
        images=_images(benches),
        switches=_switches(what, benches),
        absences=tuple(str(one) for bench in benches for one in bench.absences),
    )
    if error is None:
        return result
    if isinstance(error, NoVerdict):
        return replace(result, verdict=error.outcome, reason=cut(str(error)) or "no reason given")
    result = replace(result, frame=last_frame(benches))
    if isinstance(error, AssertionError):
        expected, seen = sides(error, item.path, comparison, what.expect)
        seen = "; ".join([seen, *_dead(benches)])
        reason = f"expected {expected}, seen {seen}"
        return replace(result, verdict=Outcome.FAILED, reason=reason, expected=expected, seen=seen)
    kind = type(error).__name__
    if isinstance(error, pytest.skip.Exception):
        kind = "a case may not skip, it raises Unsupported"
    return replace(
        result,
        verdict=Outcome.ERROR,
        reason=cut(f"{kind}: {first_line(error)} (at {place(error, item.path)})"),
        traceback=traceback_of(error, item.path),
    )


def _switches(what: About, benches: Sequence[Witness]) -> tuple[str, ...]:
    """Return the profile keys that the verdict depended on, with the values of the first bench."""
    keys = {key: None for each in what.coverage.requirements for key in each.switches}
    if not benches:
        return ()
    return tuple(f"{key} = {_shown(benches[0].profile, key)}" for key in keys)


def _images(benches: Sequence[Witness]) -> tuple[Image, ...]:
    """Return what the servers of a case held, in order, each image once."""
    found = [
        image_of(one.octets, one.file_version, one.manufacturer, one.image_type)
        for bench in benches
        for one in bench.held
    ]
    return tuple(dict.fromkeys(found))


def _shown(profile: object, key: str) -> str:
    for part in key.split("."):
        profile = getattr(profile, part)
    return str(getattr(profile, "value", profile))


def last_frame(benches: Sequence[Witness]) -> str | None:
    """Return the last datagram of the OTA cluster, by name and octets; None: there is none."""
    for bench in reversed(benches):
        for at, who, what, subject in reversed(bench.trace.rows):
            if what == "send" and isinstance(subject, Datagram) and subject.cluster == ota.CLUSTER:
                return (
                    f"{name_of(subject)} from {who} at {at / SECOND:.6f} s:"
                    f" {octets(subject.payload)}"
                )
    return None


def _dead(benches: Sequence[Witness]) -> Iterator[str]:
    """Yield who is dead at the end of a case, since when and why."""
    for bench in benches:
        fates: dict[str, str] = {}
        for at, who, what, subject in bench.trace.rows:
            if what == "dead":
                fates[who] = f"{who} is dead since {at / SECOND:.6f} s: {subject}"
            elif what == "power":
                fates.pop(who, None)
        yield from fates.values()


# What it saw.


def write_trace(file: Path, benches: Sequence[Witness]) -> None:
    """Write what the benches of a case saw, one after the other, as JSON lines.

    The octets depend on the worlds alone.

    Raises:
        OSError: The file cannot be written.
    """
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        for bench in benches:
            for line in bench.trace.lines():
                stream.write(line + "\n")


def write_datagrams(file: Path, benches: Sequence[Witness]) -> None:
    """Write the datagrams of the benches of a case as one capture.

    Raises:
        OSError: The file cannot be written.
    """
    write_capture(file, _datagrams(benches))


def _datagrams(benches: Sequence[Witness]) -> Iterator[tuple[Us, Datagram]]:
    """Yield every datagram; the time of a bench goes on where that of the one before it ended."""
    before: Us = 0
    for bench in benches:
        for at, _, datagram in bench.trace.datagrams():
            yield before + at, datagram
        before += bench.now
