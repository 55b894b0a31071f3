"""Hold what a run found, as frozen data; every report is a view of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from emulator.units import Us
from harness.requirements.catalogue import Evidence, Level
from harness.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """Name one requirement that a case judges."""

    id: str
    level: Level
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """Say how one case ended for one profile.

    ``expected``, ``seen`` and ``frame`` say why it failed; ``switches`` are the profile keys that the
    verdict depended on; ``notes`` are complaints that change no verdict.
    """

    id: str
    case: str
    profile: str
    verdict: Outcome
    requirements: tuple[Cited, ...] = ()
    reason: str = ""
    expected: str | None = None
    seen: str | None = None
    frame: str | None = None
    attack: str = ""
    expect: str = ""
    source: str = ""
    duration_us: Us = 0  # virtual time, of all benches together
    datagrams: int = 0
    seed: int = 0
    trace: str | None = None
    capture: str | None = None
    switches: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    traceback: str | None = None  # of an error: the harness or its environment broke

    @property
    def level(self) -> Level | None:
        """Return the most binding level of its requirements; None if it cites none."""
        return min((each.level for each in self.requirements), key=list(Level).index, default=None)


def dump(result: CaseResult) -> str:
    """Return a result as JSON text, for the way from a worker to the controller."""
    return json.dumps(asdict(result))


def parse(text: str) -> CaseResult:
    """Return the result that ``dump`` wrote."""
    document: Mapping[str, Any] = json.loads(text)
    values = {field.name: document[field.name] for field in fields(CaseResult)}
    values["verdict"] = Outcome(values["verdict"])
    values["requirements"] = tuple(
        Cited(id=each["id"], level=Level(each["level"]), evidence=Evidence(each["evidence"]))
        for each in values["requirements"]
    )
    values["switches"], values["notes"] = tuple(values["switches"]), tuple(values["notes"])
    return CaseResult(**values)
