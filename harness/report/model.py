"""Hold what a run found, as frozen data; every report is a view of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from emulator.units import Octets, Us
from harness.requirements.catalogue import Evidence, Judge, Level
from harness.verdict import Outcome

#: Name and version of the layout; ``report.schema.json`` describes it.
SCHEMA = "hanover-report-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """Name one requirement that a case judges."""

    id: str
    title: str
    level: Level
    evidence: Evidence


class Image(NamedTuple):
    """Be one firmware file that somebody had in his hands in a run."""

    sha256: str
    octets: Octets
    version: int
    manufacturer: int
    image_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """Say how one case ended for one profile.

    ``expected``, ``seen`` and ``frame`` say why it failed; ``switches`` are the profile keys that
    the verdict depended on; ``images`` is what the hubs of the case served, in order; ``notes`` are
    complaints that change no verdict.
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
    images: tuple[Image, ...] = ()
    switches: tuple[str, ...] = ()
    absences: tuple[str, ...] = ()  # silences: how long was waited, how late a control's answer was
    notes: tuple[str, ...] = ()
    traceback: str | None = None  # of an error: the harness or its environment broke
    known: str = ""  # why this failure was expected; it fails no run

    @property
    def family(self) -> str:
        """Return the topic that its case belongs to."""
        return self.case.partition("::")[0]

    @property
    def function(self) -> str:
        """Return its case without the row of data."""
        return self.case.partition("/")[0]

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
    NOT_COVERED = "not covered yet"


#: What weighs more stands first; what some profile cannot do takes nothing from another's pass.
_WEIGHT = (
    Outcome.FAILED,
    Outcome.ERROR,
    Outcome.INCONCLUSIVE,
    Outcome.PASSED,
    Outcome.UNSUPPORTED,
)


def state_of(verdicts: Iterable[Outcome], *, covered: bool) -> State:
    """Return where a requirement stands, from the verdicts of all that judged it.

    Args:
        verdicts: Of every result that cites it.
        covered: Whether some case judges it, in this suite or in another.
    """
    heaviest = min(verdicts, key=_WEIGHT.index, default=None)
    if heaviest is None:
        return State.NOT_RUN if covered else State.NOT_COVERED
    return State(heaviest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Be one requirement of the catalogue, and where it stands.

    ``source`` is the clause it comes from; ``uncovered`` says why no case judges it yet; ``cases``
    judge it, without their rows of data, some of them by ``vectors``; ``defects`` show that they
    can fail.
    """

    id: str
    title: str
    level: Level
    evidence: Evidence
    judge: Judge
    pics: str
    state: State
    source: str = ""
    uncovered: str = ""
    cases: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """Be one case of the suite, without its rows of data, and what it stands for."""

    case: str
    requirements: tuple[str, ...]
    vectors: tuple[str, ...]
    defects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Be the device under test that a profile describes.

    Args:
        file: Its DUT file, as it was given.
        sha256: Digest of the file and of every file that it names.
        eui64: Its address, 16 hexadecimal digits.
        link: How it was reached.
        power: What switched its supply; None: nothing did.
        images: Its firmware files, lowest version first.
    """

    file: str
    sha256: str
    eui64: str
    link: str
    power: str | None
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Be one profile or home of the run: its name, how it was given, the digest of its values."""

    name: str
    about: str
    given: str
    sha256: str
    device: Device | None = None


#: What can be judged.
BRIDGE, DUT, SERVER = "emulated bridge", "device under test", "OTA server"
HOME = "home of emulated bridges"


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
    vectors_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Hold everything about one run; only ``started``, ``ended``, ``command`` and ``provenance``
    differ between two runs of the same cases under the same seed.

    ``finished`` says that it came to its end: nobody interrupted it, every case could be read and
    found its time. ``carriers`` is what carried the datagrams, as it said of itself.
    """

    started: str
    ended: str
    command: tuple[str, ...]
    seed: int
    link: str
    fail_on: str
    finished: bool
    exit_code: int
    subject: Subject
    provenance: Provenance
    profiles: tuple[Used, ...]
    results: tuple[CaseResult, ...]
    requirements: tuple[Judged, ...]
    required: tuple[str, ...] = ()
    #: Every case of the suite, whether it ran or not.
    traced: tuple[Traced, ...] = ()
    #: Who ran it, where somebody said so.
    operator: str | None = None
    carriers: tuple[Mapping[str, str], ...] = ()
    #: The user's folder of vectors that ran instead of the shipped cases, as it was given.
    vectors: str | None = None
    #: What was said of a server under test, as words of a command line.
    said: tuple[str, ...] = ()
    #: What each subject states by PICS item, by its name.
    pics: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    #: What the harness or its environment could not do.
    problems: tuple[str, ...] = ()

    def verdicts(self) -> dict[Outcome, int]:
        """Return how many results there are of each verdict."""
        return _counted(self.results)

    def families(self) -> dict[str, dict[Outcome, int]]:
        """Return the same for each family of cases, by name."""
        names = sorted({one.family for one in self.results})
        grouped: dict[str, list[CaseResult]] = {name: [] for name in names}
        for one in self.results:
            grouped[one.family].append(one)
        return {name: _counted(results) for name, results in grouped.items()}

    def levels(self) -> dict[str, dict[Outcome, int]]:
        """Return the same for each level; a case counts at its most binding one."""
        made = {
            str(level): _counted([one for one in self.results if one.level is level])
            for level in Level
        }
        unbound = [one for one in self.results if one.level is None]
        return {**made, "none": _counted(unbound)} if unbound else made

    def states(self) -> dict[str, dict[State, int]]:
        """Return how many requirements of each level stand where; those not covered count."""
        made: dict[str, dict[State, int]] = {}
        for level in Level:
            counts = Counter(one.state for one in self.requirements if one.level is level)
            made[str(level)] = {state: counts[state] for state in State}
        return made

    @property
    def links(self) -> tuple[str, ...]:
        """Return how the subjects were reached, each way once."""
        devices = [one.device for one in self.profiles]
        used = (self.link if one is None else one.link for one in devices)
        return tuple(dict.fromkeys(used)) or (self.link,)

    @property
    def uncovered(self) -> tuple[Judged, ...]:
        """Return the requirements that no case judges yet."""
        return tuple(one for one in self.requirements if one.state is State.NOT_COVERED)

    @property
    def covered(self) -> int:
        """Return how many requirements have a case."""
        return len(self.requirements) - len(self.uncovered)

    @property
    def complete(self) -> bool:
        """Tell whether the run came to its end, and nothing of the catalogue is left uncovered."""
        return self.finished and not self.uncovered

    def images(self) -> tuple[Image, ...]:
        """Return every image of the results, each once, in order of first use."""
        return tuple({image: None for one in self.results for image in one.images})


def _counted(results: Iterable[CaseResult]) -> dict[Outcome, int]:
    counts = Counter(one.verdict for one in results)
    return {outcome: counts[outcome] for outcome in Outcome}
