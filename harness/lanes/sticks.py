"""Keep radio sticks open from bench to bench."""

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.errors import LinkError
from harness.lanes.port import NetworkOptions, Restart, Setup

if TYPE_CHECKING:
    from harness.coordinator.session import Session


#: How often in a row a stick is tried that cannot be used: a run has a thousand cases.
TRIES = 3


class Sessions:
    """Keep sticks open from bench to bench: to open one takes seconds."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[NetworkOptions, Session]] = {}
        #: How often a place failed in a row, and what it said last.
        self._failures: dict[str, tuple[int, str]] = {}

    def open(self, setup: Setup) -> "Session":
        """Return the stick of a place, opened if it is not yet.

        Raises:
            LinkError: It cannot be used, or zigpy and bellows are not installed.
        """
        place = setup.place
        options = replace(
            setup.options.network, eui64=None, link_key=None, restart=Restart.LEAVE
        )  # these are about one device
        kept = self._open.get(place)
        if kept is not None:
            if kept[0] == options and not kept[1].broken:
                return kept[1]
            del self._open[place]
            kept[1].close()
        if not place:
            raise LinkError("ezsp: found no port, wanted ezsp:PORT or ezsp:socket://HOST:PORT")
        try:
            from harness.coordinator.session import Session
        except ImportError as error:
            raise LinkError(
                f"ezsp:{place}: found no {error.name}, wanted it installed: pip install"
                " 'hanover[radio]'"
            ) from None
        tried, why = self._failures.get(place, (0, ""))
        if tried >= TRIES:
            raise LinkError(f"{why} (found so {tried} times, not tried again)")
        try:
            made = Session(place, options, setup.profile.ota.zigbee_profile)
        except LinkError as error:
            self._failures[place] = (tried + 1, str(error))
            raise
        self._failures.pop(place, None)
        self._open[place] = (options, made)
        return made

    def close(self) -> None:
        """Give every stick back, and forget what failed."""
        self._failures.clear()
        while self._open:
            _, (_, session) = self._open.popitem()
            session.close()


SESSIONS = Sessions()
