"""Compose a virtual radio: a world, an air, sticks and bridges, driven by somebody's clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from emulator.contract import Identity
from emulator.device.bridge import Bridge
from emulator.link.chance import derive, stream
from emulator.link.direct import DirectLink
from emulator.link.medium import Tap
from emulator.ncp.air import Air
from emulator.ncp.bridges import Listener, Occurrence
from emulator.ncp.stick import Stick
from emulator.ncp.tokens import Tokens
from emulator.profiles.load import overlay
from emulator.profiles.model import Profile
from emulator.units import Us
from emulator.wire.codec import unpack_integer
from emulator.world import World

#: The profile that hosts of Home Automation speak, and the cluster's messages in clear.
HOME_AUTOMATION = {"ota.zigbee_profile": 0x0104, "ota.aps_encrypt": False}
#: They interview a device at once, and wait seconds for each answer: a sleepy one stays awake.
WAKEFUL = {"sleep.linger_ms": 10_000}
#: First octets of the EUI-64 of everything virtual: locally administered, nobody's OUI.
EUI64_PREFIX = 0x02_48_41_4E
#: EZSP version that a stick speaks unless told otherwise (EmberZNet 7.4).
DEFAULT_VERSION = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class StickSpec:
    """Say which stick to make; without ``tokens`` it is new from its factory."""

    name: str
    version: int = DEFAULT_VERSION
    tokens: Tokens | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSpec:
    """Say which bridge to make, and what it runs at first."""

    name: str
    profile: Profile
    image: bytes  # a whole firmware file
    version: int
    install_code: bytes | None = None  # with its CRC; None: it joins with the well-known key
    eui64: int | None = None  # None: of the seed and the name


def at_home(profile: Profile) -> Profile:
    """Return a profile as hosts of Home Automation can speak with it.

    They use the profile 0x0104 and no APS encryption; a bridge of Smart Energy is silent to that.
    """
    changes = HOME_AUTOMATION if profile.sleep is None else {**HOME_AUTOMATION, **WAKEFUL}
    return overlay(profile, changes)


def eui64_of(seed: int, name: str) -> int:
    """Return the EUI-64 of a stick or bridge: the same for the same seed and name."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return EUI64_PREFIX << 32 | unpack_integer(digest[:4])


def _unheard(occurrence: Occurrence) -> None:
    """Be a listener that does not listen."""


class VirtualRadio:
    """Be sticks and bridges on one virtual network.

    Whoever drives it owns time: every call takes ``now``, in microseconds since the start, and
    first lets the world catch up; ``deadline`` says when to call again.

    Args:
        sticks: At least one; names are unique among sticks and bridges.
        bridges: They are powered on at once.
        seed: Seeds all chance, and the EUI-64s of what is new.
        latency_us: How long a datagram is on its way.
        auto_join: Whether bridges join without being permitted.
        tap: Who hears what happens on the network.
        trace: Who hears everything.
        log: Takes one line about a stick that a person should know.

    Raises:
        ValueError: No stick, or a name or an EUI-64 is taken.
    """

    def __init__(
        self,
        sticks: Sequence[StickSpec],
        bridges: Sequence[BridgeSpec] = (),
        *,
        seed: int = 0,
        latency_us: Us = 0,
        auto_join: bool = False,
        tap: Listener = _unheard,
        trace: Tap | None = None,
        log: Callable[[str], None],
    ) -> None:
        if not sticks:
            raise ValueError("sticks: found none, wanted at least one")
        taken = [*(one.name for one in sticks), *(one.name for one in bridges)]
        if twice := [name for name in taken if taken.count(name) > 1]:
            raise ValueError(f"names: found {twice[0]!r} twice, wanted each once")
        self.world = World()
        self.air = Air(self.world, latency_us=latency_us, auto_join=auto_join, tap=tap, trace=trace)
        self.sticks: Mapping[str, Stick] = {one.name: self._stick(one, seed, log) for one in sticks}
        self.bridges: Mapping[str, DirectLink] = {
            one.name: self._bridge(one, seed) for one in bridges
        }
        for link in self.bridges.values():
            link.power(True)

    def _stick(self, spec: StickSpec, seed: int, log: Callable[[str], None]) -> Stick:
        tokens = spec.tokens or Tokens(factory_eui64=eui64_of(seed, spec.name))
        stick = Stick(spec.name, spec.version, tokens, log)
        stick.place = self.air.add_stick(stick)
        return stick

    def _bridge(self, spec: BridgeSpec, seed: int) -> DirectLink:
        bridge = Bridge(spec.profile, stream)
        identity = Identity(
            eui64=eui64_of(seed, spec.name) if spec.eui64 is None else spec.eui64,
            manufacturer=spec.profile.ota.manufacturer_code,
            image_type=spec.profile.ota.image_type,
            hardware_version=spec.profile.ota.hardware_version,
        )
        bridge.factory(identity, spec.image, spec.version, derive(seed, spec.name))
        return self.air.add_bridge(spec.name, bridge, install_code=spec.install_code)

    # Time.

    @property
    def deadline(self) -> Us | None:
        """Return when ``run`` is needed next, None while nothing will happen by itself."""
        soonest = self.world.due
        for stick in self.sticks.values():
            due = stick.deadline
            if due is not None and (soonest is None or due < soonest):
                soonest = due
        return soonest

    def run(self, now: Us) -> None:
        """Let everything happen that is due by ``now``."""
        world = self.world
        due = world.due
        if now > world.now or (due is not None and due <= now):
            world.run(_never, max(0, now - world.now))
        for stick in self.sticks.values():
            due = stick.deadline
            if due is not None and due <= now:
                stick.wake(now)

    def feed(self, name: str, octets: bytes, now: Us) -> None:
        """Take octets that a host sent to a stick, and do what they set off at once."""
        self.run(now)
        self.sticks[name].receive(octets, now)
        self.run(now)

    def take(self, name: str) -> bytes:
        """Return what goes out to a stick's host now."""
        return self.sticks[name].take()


def _never() -> bool:
    return False
