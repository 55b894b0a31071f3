"""Judge silence against speech: how long to wait for what must not come.

A case that expects silence first sees, on the same bench, how late the same kind of answer comes
when it must come; then it waits at least three times as long. Both numbers go into the trace.

Source: design section 9.
"""

from dataclasses import dataclass, field

from emulator.units import SECOND, Us
from emulator.wire.codec import Frame

#: How many times the latest answer of a control silence must last.
FACTOR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Be one silence that was waited for, for the trace and the report."""

    kind: str
    waited_us: Us
    latest_us: Us
    heard: int

    def __str__(self) -> str:
        came = f"{self.heard or 'no'} {self.kind}"
        wanted = ", wanted none" if self.heard else ""
        return (
            f"{came} in {self.waited_us / SECOND:.6f} s{wanted};"
            f" the latest answer of a control took {self.latest_us / SECOND:.6f} s"
        )


@dataclass(slots=True)
class Patience:
    """Remember how late answers came, by their kind."""

    _latest: dict[type[Frame], Us] = field(default_factory=dict)

    def came(self, kind: type[Frame], after_us: Us) -> None:
        """Note an answer and how late it was."""
        self._latest[kind] = max(after_us, self._latest.get(kind, 0))

    def latest(self, kind: type[Frame]) -> Us | None:
        """Return how late the latest answer of a kind came, ``Frame``: of any; None: none came."""
        if kind is Frame:
            return max(self._latest.values(), default=None)
        return self._latest.get(kind)
