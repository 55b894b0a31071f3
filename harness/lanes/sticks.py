"""Keep radio sticks open from bench to bench."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.errors import LinkError
from emulator.link.claim import Claim
from harness.lanes.port import NetworkOptions, Restart, Setup

if TYPE_CHECKING:
    from harness.coordinator.register import Register
    from harness.coordinator.session import Session


#: How often in a row a stick is tried that cannot be used: a run has a thousand cases.
TRIES = 3
#: How long a stick that was lost may take to be back, and how often it is looked for.
BACK_S, LOOK_S = 30, 1


def open_stick(
    place: str, options: NetworkOptions, profile: int, register: "Register | None" = None
) -> "Session":
    """Return the stick of a place; nobody else of ours can have it until it is closed.

    Args:
        place: A serial port, a pseudo terminal, or ``socket://HOST:PORT``.
        options: What the user wants of the network.
        profile: Application profile of the devices on it.
        register: What is known of them; None: what the folder of the network holds.

    Raises:
        LinkError: It cannot be used, or zigpy and bellows are not installed.
    """
    if not place:
        raise LinkError("ezsp: found no port, wanted ezsp:PORT or ezsp:socket://HOST:PORT")
    try:
        from harness.coordinator.register import Register
        from harness.coordinator.session import Session
    except ImportError as error:
        raise LinkError(
            f"ezsp:{place}: found no {error.name}, wanted it installed: pip install"
            " 'hanover[radio]'"
        ) from None
    try:
        claim = Claim(place)
    except LinkError as error:
        raise LinkError(f"ezsp:{error}") from None
    try:
        known = Register(options.folder) if register is None else register
        return Session(place, options, profile, known, claim.release)
    except BaseException:
        claim.release()
        raise


def _rest(time_s: float) -> None:
    """Let real time pass; no loop runs where there is no stick."""
    import asyncio  # here: a run without a stick starts faster

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(asyncio.sleep(time_s))
    finally:
        loop.close()


class Sessions:
    """Keep sticks open from bench to bench: to open one takes seconds."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[NetworkOptions, Session]] = {}
        #: What is known of the devices of a stick that was lost.
        self._lost: dict[str, tuple[NetworkOptions, Register]] = {}
        #: How often a place failed in a row, and what it said last.
        self._failures: dict[str, tuple[int, str]] = {}
        #: What the stick of each place said of itself.
        self._said: dict[str, dict[str, str]] = {}

    def open(self, setup: Setup) -> "Session":
        """Return the stick of a place, opened if it is not yet; one that was lost is waited for.

        Raises:
            LinkError: It cannot be used, or zigpy and bellows are not installed.
        """
        place = setup.place
        options = replace(
            setup.options.network, eui64=None, link_key=None, restart=Restart.LEAVE
        )  # these are about one device
        kept = self._open.get(place)
        patience_s = 0
        if kept is not None:
            if kept[0] == options and not kept[1].broken:
                return kept[1]
            del self._open[place]
            kept[1].close()
            if kept[0] == options:
                patience_s = BACK_S
                self._lost[place] = (options, kept[1].register)
        tried, why = self._failures.get(place, (0, ""))
        if tried >= TRIES:
            raise LinkError(f"{why} (found so {tried} times, not tried again)")
        before, register = self._lost.get(place, (options, None))
        if before != options:
            register = None
        try:
            made = self._opened(setup, options, register, patience_s)
        except LinkError as error:
            self._failures[place] = (tried + 1, str(error))
            raise
        self._failures.pop(place, None)
        self._lost.pop(place, None)
        self._open[place] = (options, made)
        self._said[place] = {"kind": "stick", "port": place, **made.identity}
        return made

    def _opened(
        self, setup: Setup, options: NetworkOptions, register: "Register | None", patience_s: float
    ) -> "Session":
        """Open a stick, again and again for a while."""
        until = time.monotonic() + patience_s
        while True:
            try:
                profile = setup.profile.ota.zigbee_profile
                return open_stick(setup.place, options, profile, register)
            except LinkError:
                if time.monotonic() >= until:
                    raise
            _rest(LOOK_S)

    def close(self) -> list[dict[str, str]]:
        """Give every stick back, and forget what failed.

        Returns:
            What each stick said of itself, in words.
        """
        self._failures.clear()
        self._lost.clear()
        while self._open:
            _, (_, session) = self._open.popitem()
            session.close()
        said, self._said = list(self._said.values()), {}
        return said


SESSIONS = Sessions()
