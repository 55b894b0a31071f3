"""Say what a bridge's end of the links to other bridges of a home is like."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from emulator.profiles.section import Range, Section

#: 0 is what both ends speak before they agree; a manifest has one octet for each end of the range.
_PROTOCOL = Range(1, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkProfile(Section):
    """Hold the parameters of the link between bridges, of which nothing is public (gb-alt-han 1.2).

    Every key may be left out: a bridge that was not commissioned into a home has no link.
    """

    TABLE: ClassVar[str] = "link"

    octets_per_s: Annotated[int, Range(1, 10_000_000)] = 10_000
    queue_datagrams: Annotated[int, Range(1, 1024)] = 8
    hello_retry_s: Annotated[int, Range(1, 86_400)] = 5
    served_within_s: Annotated[int, Range(60, 31_536_000)] = 3600
    protocols: tuple[int, int] = (1, 1)

    def _check(self) -> None:
        lowest, highest = self.protocols
        if not _PROTOCOL.least <= lowest <= highest <= _PROTOCOL.most:
            expected = f"the lowest and the highest protocol, in {_PROTOCOL}"
            self._refuse("protocols", f"[{lowest}, {highest}]", expected)


#: What a profile has that says nothing of it.
ORDINARY_LINK = LinkProfile()
