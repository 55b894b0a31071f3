"""Say what a deliberate fault of a home is that is no fault of a bridge."""

from dataclasses import dataclass

from harness.premises.conductor import Conductor
from harness.premises.distributor import Distributor


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeDefect:
    """Be one deliberate fault: a home whose hub or conductor has one part replaced.

    Args:
        id: D431 and up, for ever.
        title: What it does wrong, in a few words.
        copies: The real bug that it copies, or the rule that it breaks.
        caught_by: Names of the cases that must fail on it.
        hub: Its hub.
        conductor: Who carries out its plans.
    """

    id: str
    title: str
    copies: str
    caught_by: tuple[str, ...]
    hub: type[Distributor] = Distributor
    conductor: type[Conductor] = Conductor

    @property
    def replaces(self) -> tuple[str, ...]:
        """Return the names of the parts that are not sound."""
        hub = () if self.hub is Distributor else ("hub",)
        return hub if self.conductor is Conductor else (*hub, "conductor")
