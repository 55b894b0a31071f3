"""Judge how a case ended, and write down what its benches saw."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from emulator.units import SECOND, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from harness.bench import Bench
from harness.capture import write_capture
from harness.covers import Coverage, coverage_of
from harness.report.model import CaseResult, Cited
from harness.trace import name_of
from harness.verdict import NoVerdict, Outcome

#: The benches of a case, in the order in which it made them.
BENCHES = pytest.StashKey[list[Bench]]()

#: Most characters of one side of an assertion that a report shows.
LONGEST = 400
#: Most octets of a frame or a value that a report shows.
MOST_OCTETS = 128

_SECTION = re.compile(r"^(Attack|Expect|Source):\s*", re.MULTILINE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Say what a case is, before it ran."""

    id: str
    case: str
    topic: str
    profile: str
    coverage: Coverage
    attack: str
    expect: str
    source: str

    @property
    def cited(self) -> tuple[Cited, ...]:
        """Return its requirements as a result names them."""
        return tuple(
            Cited(id=each.id, title=each.title, level=each.level, evidence=each.evidence)
            for each in self.coverage.requirements
        )


def about(item: pytest.Item) -> About:
    """Return what a collected case is.

    Its id is ``topic::function[profile]``, with ``/row`` behind the function where the case has rows
    of data; ``topic`` and ``function`` are written without ``test_``.
    """
    function = getattr(item, "function", None)
    callspec = getattr(item, "callspec", None)
    params: dict[str, Any] = {} if callspec is None else callspec.params
    profile = params["profile"].name if "profile" in params else ""
    row = "" if callspec is None else callspec.id
    if profile:
        row = row.removeprefix(profile).removeprefix("-")
    topic = item.path.stem.removeprefix("test_")
    name = getattr(item, "originalname", item.name).removeprefix("test_")
    case = f"{topic}::{name}" + (f"/{row}" if row else "")
    said = _sections(getattr(function, "__doc__", None) or "")
    return About(
        id=f"{case}[{profile}]" if profile else case,
        case=case,
        topic=topic,
        profile=profile,
        coverage=coverage_of(function),
        attack=said.get("Attack", ""),
        expect=said.get("Expect", ""),
        source=said.get("Source", ""),
    )


def _sections(doc: str) -> dict[str, str]:
    """Return the text behind each of ``Attack:``, ``Expect:``, ``Source:``, on one line each."""
    lines = "\n".join(line.strip() for line in doc.splitlines())
    parts = _SECTION.split(lines)
    return {name: " ".join(text.split()) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def safe_name(id: str) -> str:
    """Return an id as a file name: two ids of one run never share one."""
    return _UNSAFE.sub("-", id).strip("-.")


# How it ended.


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Hold a comparison that did not hold: what a case saw, and what it wanted."""

    operator: str
    left: object
    right: object


def judge(
    item: pytest.Item,
    call: "pytest.CallInfo[None]",
    *,
    seed: int,
    compared: Comparison | None,
    traceback: str,
) -> CaseResult:
    """Return the result of a case whose call, or whose setup, is over.

    Args:
        item: The case.
        call: What pytest knows of how it ended.
        seed: The run's seed.
        compared: The last comparison of the case that did not hold, if one did not.
        traceback: How pytest shows what ended it.
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
    )
    if call.excinfo is None:
        return result
    error = call.excinfo.value
    if isinstance(error, NoVerdict):
        return replace(result, verdict=error.outcome, reason=str(error) or "no reason given")
    if call.when == "call" and isinstance(error, AssertionError):
        return _failed(result, item, call.excinfo, compared)
    return replace(
        result,
        verdict=Outcome.ERROR,
        reason=_cut(f"{_kind(error)}: {_first_line(error)} (at {_place(item, call.excinfo)})"),
        frame=last_frame(benches),
        traceback=traceback,
    )


def _failed(
    result: CaseResult,
    item: pytest.Item,
    excinfo: "pytest.ExceptionInfo[BaseException]",
    compared: Comparison | None,
) -> CaseResult:
    expected, seen = _sides(item, excinfo, result.expect, compared)
    return replace(
        result,
        verdict=Outcome.FAILED,
        reason=f"expected {expected}, seen {seen}",
        expected=expected,
        seen=seen,
        frame=last_frame(item.stash.get(BENCHES, [])),
    )


def _sides(
    item: pytest.Item,
    excinfo: "pytest.ExceptionInfo[BaseException]",
    expect: str,
    compared: Comparison | None,
) -> tuple[str, str]:
    """Return what was expected and what was seen, as far as the assertion tells.

    A case writes what it saw on the left and what it wants on the right.
    """
    last = excinfo.traceback[-1]
    statement = " ".join(str(last.statement).split())
    message = _first_line(excinfo.value)
    if last.path != item.path or not statement.startswith("assert"):
        return _cut(expect or "no such complaint"), _cut(message)
    if compared is not None and f" {compared.operator} " in statement:
        wanted = shown(compared.right)
        if compared.operator not in ("==", "is"):
            wanted = f"{compared.operator} {wanted}"
        return _cut(wanted), _cut(shown(compared.left))
    return _cut(statement.removeprefix("assert ")), _cut(message.removeprefix("assert "))


def shown(value: object) -> str:
    """Return a value for people: enums by name, numbers in hexadecimal too, long octets cut."""
    if isinstance(value, bytes | bytearray | memoryview):
        octets = bytes(value)
        if len(octets) > MOST_OCTETS:
            return f"<{len(octets)} octets {octets[:4].hex()}…>"
        return octets.hex(" ") or "no octets"
    name = getattr(value, "name", None)
    if isinstance(value, int) and isinstance(name, str):
        return f"{name} ({int(value):#04x})"
    if isinstance(value, int) and not isinstance(value, bool) and value > 9:
        return f"{value} ({value:#x})"
    return repr(value)


def last_frame(benches: Sequence[Bench]) -> str | None:
    """Return the last datagram of the OTA cluster, named and in hexadecimal; None: there is none."""
    for bench in reversed(benches):
        for at, who, what, subject in reversed(bench.trace.rows):
            if what == "send" and isinstance(subject, Datagram) and subject.cluster == ota.CLUSTER:
                octets = subject.payload[:MOST_OCTETS].hex(" ")
                more = "…" if len(subject.payload) > MOST_OCTETS else ""
                return f"{name_of(subject)} from {who} at {at / SECOND:.6f} s: {octets}{more}"
    return None


def _kind(error: BaseException) -> str:
    if isinstance(error, pytest.skip.Exception):
        return "a case may not skip, it raises Unsupported"
    return type(error).__name__


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


def _place(item: pytest.Item, excinfo: "pytest.ExceptionInfo[BaseException]") -> str:
    """Name the line of the case that an error came out of, else the line that raised it."""
    inside = [entry for entry in excinfo.traceback if entry.path == item.path]
    last = inside[-1] if inside else excinfo.traceback[-1]
    return f"{Path(str(last.path)).name}:{last.lineno + 1}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


# What it saw.


def write_trace(file: Path, benches: Sequence[Bench]) -> None:
    """Write what the benches of a case saw, one after the other, as JSON lines.

    The octets depend on the worlds alone.

    Raises:
        OSError: The file cannot be written.
    """
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        for bench in benches:
            for line in bench.trace.lines():
                stream.write(line + "\n")


def write_datagrams(file: Path, benches: Sequence[Bench]) -> None:
    """Write the datagrams of the benches of a case as one capture.

    Raises:
        OSError: The file cannot be written.
    """
    write_capture(file, _datagrams(benches))


def _datagrams(benches: Sequence[Bench]) -> Iterator[tuple[Us, Datagram]]:
    """Yield every datagram; the time of a bench goes on where that of the one before it ended."""
    before: Us = 0
    for bench in benches:
        for at, _, datagram in bench.trace.datagrams():
            yield before + at, datagram
        before += bench.now
