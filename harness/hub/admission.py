"""Keep whom a hub lets join: a window to join in, and a link key that outlives a repeated entry.

What reaches a hub over the wide area network, CCS01 and CCS02, is not modelled: only what they
change on the home's network, which is what a device sees.

Source: gb-alt-han fact sheet 1.1 and 2.6; GB-042 to GB-045.
"""

from dataclasses import dataclass, field

from emulator.units import Us
from harness.hub.keys import link_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Be what the device log says of a device that may join."""

    eui64: int
    link_key: bytes
    #: Until when it may join, if it has not yet; None: at any time.
    until: Us | None


@dataclass(slots=True)
class Admission:
    """Hold the device log of one hub.

    Args:
        seed: What the link keys are derived from.
    """

    seed: int
    entries: dict[int, Entry] = field(default_factory=dict)
    #: The link keys of devices that were removed, in order, by EUI-64 and key.
    historic: list[tuple[int, bytes]] = field(default_factory=list)
    _joined: set[int] = field(default_factory=set)

    def enlist(self, eui64: int, until: Us | None) -> Entry:
        """Enter a device, or open its window again; a key that it has stays (GB-044)."""
        entry = Entry(eui64=eui64, link_key=self._key(eui64), until=until)
        self.entries[eui64] = entry
        return entry

    def strike(self, eui64: int) -> None:
        """Remove a device; its key goes to the historic log (GB-045)."""
        entry = self.entries.pop(eui64, None)
        self._joined.discard(eui64)
        if entry is not None:
            self.historic.append((eui64, entry.link_key))

    def admits(self, eui64: int, *, rejoin: bool, now: Us) -> bool:
        """Tell whether a device may join now; one that has joined may come back at any time."""
        entry = self.entries.get(eui64)
        if entry is None:
            return False
        return entry.until is None or now < entry.until or (rejoin and eui64 in self._joined)

    def windows(self, now: Us) -> list[Us]:
        """Return when windows close that are open now."""
        ends = (one.until for one in self.entries.values())
        return [until for until in ends if until is not None and until > now]

    def came(self, eui64: int) -> bytes:
        """Note that a device has joined; return its link key."""
        self._joined.add(eui64)
        return self.entries[eui64].link_key

    def _key(self, eui64: int) -> bytes:
        """Return the key of a device until it is removed; then it gets one that it never had."""
        used = sum(one == eui64 for one, _ in self.historic)
        return link_key(self.seed, eui64, used)
