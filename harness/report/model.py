"""Hold what a run found, as frozen data; every report is a view of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.units import Us
from harness.requirements.catalogue import Evidence, Judge, Level
from harness.verdict import Outcome

#: Name and version of the layout; ``report.schema.json`` describes it.
SCHEMA = "hanover-report-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """Name one requirement that a case judges."""

    id: str
    title: str
    level: Level
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """Say how one case ended for one profile.

    ``expected``, ``seen`` and ``frame`` say why it failed; ``switches`` are the profile keys that
    the verdict depended on; ``notes`` are complaints that change no verdict.
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
    switches: tuple[str, ...] = ()
    absences: tuple[str, ...] = ()  # silences: how long was waited, how late a control's answer was
    notes: tuple[str, ...] = ()
    traceback: str | None = None  # of an error: the harness or its environment broke

    @property
    def level(self) -> Level | None:
        """Return the most binding level of its requirements; None if it cites none."""
        return min((each.level for each in self.requirements), key=list(Level).index, default=None)


class State(StrEnum):
    """Say where a requirement stands after a run, over all cases and profiles."""

    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    NOT_RUN = "not run"
    NO_CASE = "no case"


#: What weighs more stands first; what some profile cannot do takes nothing from another's pass.
_WEIGHT = (
    Outcome.FAILED,
    Outcome.ERROR,
    Outcome.INCONCLUSIVE,
    Outcome.PASSED,
    Outcome.UNSUPPORTED,
)


def state_of(verdicts: Iterable[Outcome], *, has_case: bool) -> State:
    """Return where a requirement stands, from the verdicts of all that judged it."""
    heaviest = min(verdicts, key=_WEIGHT.index, default=None)
    if heaviest is None:
        return State.NOT_RUN if has_case else State.NO_CASE
    return State(heaviest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Be one requirement of the catalogue, and where it stands."""

    id: str
    title: str
    level: Level
    evidence: Evidence
    judge: Judge
    pics: str
    state: State
    cases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Be one profile of the run: its name, how it was given, the digest of its values."""

    name: str
    about: str
    given: str
    sha256: str


#: What can be judged.
BRIDGE, DUT = "emulated bridge", "device under test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Say what was judged."""

    kind: str = BRIDGE
    defect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Say what did the judging: product, catalogue, interpreter, machine."""

    product: str
    version: str
    python: str
    platform: str
    packages: Mapping[str, str]
    requirements_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Hold everything about one run; only ``started``, ``ended``, ``command`` and ``provenance``
    differ between two runs of the same cases under the same seed.
    """

    started: str
    ended: str
    command: tuple[str, ...]
    seed: int
    link: str
    fail_on: str
    complete: bool
    exit_code: int
    subject: Subject
    provenance: Provenance
    profiles: tuple[Used, ...]
    results: tuple[CaseResult, ...]
    requirements: tuple[Judged, ...]
    required: tuple[str, ...] = ()
    #: The user's folder of vectors that ran instead of the shipped cases, as it was given.
    vectors: str | None = None
    #: PICS items that the subject states; empty: nothing is stated.
    pics: Mapping[str, bool] = field(default_factory=dict)
    #: What the harness or its environment could not do.
    problems: tuple[str, ...] = ()

    def verdicts(self) -> dict[Outcome, int]:
        """Return how many results there are of each verdict."""
        return _counted(self.results)

    def levels(self) -> dict[str, dict[Outcome, int]]:
        """Return the same for each level; a case counts at its most binding one."""
        made = {
            str(level): _counted([one for one in self.results if one.level is level])
            for level in Level
        }
        unbound = [one for one in self.results if one.level is None]
        return {**made, "none": _counted(unbound)} if unbound else made

    def states(self) -> dict[str, dict[State, int]]:
        """Return how many requirements of each level stand where; those without a case count."""
        made: dict[str, dict[State, int]] = {}
        for level in Level:
            counts = Counter(one.state for one in self.requirements if one.level is level)
            made[str(level)] = {state: counts[state] for state in State}
        return made

    @property
    def covered(self) -> int:
        """Return how many requirements have a case."""
        return sum(one.state is not State.NO_CASE for one in self.requirements)


def _counted(results: Iterable[CaseResult]) -> dict[Outcome, int]:
    counts = Counter(one.verdict for one in results)
    return {outcome: counts[outcome] for outcome in Outcome}
