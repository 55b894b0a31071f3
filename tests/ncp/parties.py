"""Make sticks and bridges for a virtual network: ears that write down, or that serve images."""

from collections.abc import Sequence
from typing import Any

from emulator import Bridge
from emulator.actions import Send
from emulator.contract import Identity
from emulator.link.chance import stream
from emulator.link.direct import DirectLink
from emulator.ncp.air import Air
from emulator.ncp.bridges import Occurrence, What
from emulator.ncp.port import WELL_KNOWN_KEY, Joining, Member, NetworkParameters, Place
from emulator.profiles.load import load, overlay
from emulator.profiles.model import Profile
from emulator.units import SECOND, Us
from emulator.wire.aps import Datagram
from emulator.world import World
from harness.firmware import FIRST_VERSION, built, filler
from harness.hub.server import Hub

NETWORK_KEY = bytes(range(16))
PARAMETERS = NetworkParameters(
    extended_pan_id=bytes.fromhex("0102030405060708"),
    pan_id=0x1A62,
    radio_tx_power=8,
    radio_channel=15,
    join_method=0,
    network_manager=0,
    update_id=0,
    channels=1 << 15,
)
HUB_EUI64, OTHER_EUI64, BRIDGE_EUI64 = 0x000D6F00_00000001, 0x000D6F00_00000002, 0x00124B00_00000100


class Stick:
    """Be a stick that writes down all it hears; ``keys`` are its trust centre's transient keys."""

    def __init__(self, name: str = "hub", eui64: int = HUB_EUI64) -> None:
        self.name, self.eui64 = name, eui64
        self.keys: dict[int | None, bytes] = {None: WELL_KNOWN_KEY}
        self.calls: list[tuple[Any, ...]] = []
        self.heard: list[Datagram] = []
        self.reports: list[tuple[int, int, bool]] = []
        self.times: list[Us] = []
        self.hub: Hub | None = None
        self.place: Place

    def hear(self, datagram: Datagram, lqi: int, rssi: int, now: Us) -> None:
        self.heard.append(datagram)
        self.calls.append(("hear", datagram.source, datagram.cluster))
        self.times.append(now)
        for action in () if self.hub is None else self.hub.receive(datagram, now):
            assert isinstance(action, Send)
            self.place.send(action.datagram, True)

    def hear_multicast(self, datagram: Datagram, group: int, lqi: int, rssi: int, now: Us) -> None:
        self.calls.append(("group", group, datagram.payload))

    def delivered(self, destination: int, aps_counter: int, success: bool, now: Us) -> None:
        self.reports.append((destination, aps_counter, success))
        self.calls.append(("delivered", destination, aps_counter, success))
        self.times.append(now)

    def up(self, address: int, now: Us) -> None:
        self.calls.append(("up", address))

    def down(self, now: Us) -> None:
        self.calls.append(("down",))

    def join_failed(self, now: Us) -> None:
        self.calls.append(("join failed",))

    def member_joined(self, member: Member, how: Joining, now: Us) -> None:
        self.calls.append(("joined", member.name, how))

    def member_left(self, member: Member, now: Us) -> None:
        self.calls.append(("left", member.name))

    def routed(self, source: int, eui64: int, relays: Sequence[int], now: Us) -> None:
        self.calls.append(("routed", source, eui64, tuple(relays)))

    def permit_ended(self, now: Us) -> None:
        self.calls.append(("permit ended", now))

    def key_for(self, eui64: int, now: Us) -> bytes | None:
        return self.keys.get(eui64, self.keys.get(None))

    def of(self, what: str) -> list[tuple[Any, ...]]:
        """Return the calls of one sort."""
        return [call for call in self.calls if call[0] == what]


class Scene:
    """Be an air with a stick, and bridges as they are added."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        self.world, self.told = World(), list[Occurrence]()
        self.air = Air(self.world, tap=self.told.append, **options)
        self.stick = self.add_stick(Stick())
        self.place = self.stick.place
        self.links: dict[str, DirectLink] = {}

    def add_stick(self, stick: Stick) -> Stick:
        stick.place = self.air.add_stick(stick)
        return stick

    def form(self, seconds: int = 255) -> None:
        """Form a network and let nodes join for a time."""
        assert self.place.form(PARAMETERS, NETWORK_KEY)
        self.place.permit(seconds)
        self.run()

    def add(
        self, name: str = "b1", kind: str = "B1", install_code: bytes | None = None, on: bool = True
    ) -> DirectLink:
        """Add a bridge, as it left its factory, and switch it on."""
        bridge = make_bridge(kind, BRIDGE_EUI64 + len(self.links))
        link = self.air.add_bridge(name, bridge, install_code=install_code)
        self.links[name] = link
        if on:
            link.power(True)
        return link

    def run(self, seconds: float = 1) -> None:
        self.world.run(lambda: False, int(seconds * SECOND))

    def whats(self, name: str = "b1") -> list[What]:
        """Return what was told of one bridge."""
        return [one.what for one in self.told if one.who == name]

    def eui64(self, name: str) -> int:
        return BRIDGE_EUI64 + list(self.links).index(name)

    def address(self, name: str = "b1") -> int | None:
        return self.place.address_of(self.eui64(name))

    def send(self, destination: int, counter: int = 1, **fields: Any) -> None:  # noqa: ANN401
        """Send an acknowledged datagram of no meaning from the stick."""
        assert self.place.address is not None
        made: dict[str, Any] = {
            "source_endpoint": 1,
            "destination_endpoint": 99,
            "profile": 0x0104,
            "cluster": 0x0006,
            "payload": b"\x01\x01\x00",
            **fields,
        }
        datagram = Datagram(
            source=self.place.address, destination=destination, aps_counter=counter, **made
        )
        self.place.send(datagram, True)


def profile_of(kind: str) -> Profile:
    """Return a profile as hosts of Home Automation speak with it."""
    return overlay(load(kind), {"ota.zigbee_profile": 0x0104, "ota.aps_encrypt": False})


def make_bridge(kind: str, eui64: int, seed: int = 1) -> Bridge:
    """Return a bridge as it leaves its factory."""
    profile = profile_of(kind)
    bridge = Bridge(profile, stream)
    identity = Identity(
        eui64=eui64,
        manufacturer=profile.ota.manufacturer_code,
        image_type=profile.ota.image_type,
        hardware_version=profile.ota.hardware_version,
    )
    bridge.factory(identity, image_of(kind, FIRST_VERSION, 256), FIRST_VERSION, seed)
    return bridge


def image_of(kind: str, version: int, size: int, **more: Any) -> bytes:  # noqa: ANN401
    """Return a good image for a bridge of a kind; ``more`` is what ``build`` takes."""
    return built(profile_of(kind), filler(size, version), version, **more)
