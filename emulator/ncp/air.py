"""Be the virtual network that sticks and bridges share: one at a time, a star of one hop.

The world carries, the medium delivers, and the air admits: it is the gate of the medium, with the
keys and the policy of the stick that is the trust centre. Real networks have several hops, several
parents and several neighbours on a channel; this one has not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from emulator.actions import Happening, Joined, Left, Report, Stimulus, Wake
from emulator.crypto.install_code import link_key_of
from emulator.device.bridge import Bridge
from emulator.link.direct import DirectLink
from emulator.link.medium import Medium, Patience, Tap
from emulator.ncp.bridges import QUERY_RESPONSE, Listener, Occurrence, Story, What
from emulator.ncp.members import Network
from emulator.ncp.places import LQI, RSSI_DBM, StickPlace
from emulator.ncp.port import (
    WELL_KNOWN_KEY,
    Beacon,
    Ears,
    Joining,
    Member,
    NetworkParameters,
    NodeKind,
    Place,
)
from emulator.units import MILLISECOND, SECOND, Us
from emulator.wire import ota
from emulator.wire.aps import COORDINATOR, Datagram
from emulator.world import World

_WAKE = Wake()
#: The air's own name among the receivers of its world.
KEEPER = "the air"
#: How long a parent holds a datagram: macTransactionPersistenceTime (05-3474, 3.6.3).
HOLD_US: Us = 7680 * MILLISECOND
#: How long a coordinator must be up before bridges join by themselves: a host that forms a network
#: resets its stick several times, and would miss them.
AUTO_AFTER_US: Us = 5 * SECOND
#: Bridges that wait for a window come one after the other.
BETWEEN_JOINS_US: Us = 100 * MILLISECOND


@dataclass(slots=True)
class _Resident:
    """Be one bridge, as the air knows it."""

    link: DirectLink
    eui64: int
    link_key: bytes
    kind: NodeKind
    story: Story
    seeks: bool | None = None  # waits to be admitted: whether as a rejoin; None: it does not


def _unheard(occurrence: Occurrence) -> None:
    """Be a listener that does not listen."""


class Air:
    """Bring sticks and bridges together in a world.

    Args:
        world: Whose time it lives in.
        latency_us: How long a datagram is on its way.
        auto_join: Whether bridges join as soon as there is a network, permitted or not. They still
            must hold the link key that the trust centre has for them.
        tap: Who hears what happens, one value each.
        trace: Who hears everything: datagrams, actions, joins.
    """

    def __init__(
        self,
        world: World,
        latency_us: Us = 0,
        auto_join: bool = False,
        tap: Listener = _unheard,
        trace: Tap | None = None,
    ) -> None:
        self.world, self._auto, self._tap, self._trace = world, auto_join, tap, trace
        self.medium = Medium(
            world,
            self,
            self._note,
            dut="",
            latency_us=latency_us,
            patience=Patience(HOLD_US, KEEPER),
            powered=self._powered,
        )
        self.network: Network | None = None
        self._places: dict[str, StickPlace] = {}
        self._residents: dict[str, _Resident] = {}
        self._calls: list[tuple[Us, str]] = []  # when which bridge tries to join
        self._up_since: Us = 0
        self._roll: tuple[Member, ...] = ()
        world.attach(KEEPER, self)

    # Who is there.

    def add_stick(self, ears: Ears) -> Place:
        """Add a stick, off the network.

        Raises:
            ValueError: Its name or its EUI-64 is taken.
        """
        self._check_free(ears.eui64)
        place = self._places[ears.name] = StickPlace(self, ears)
        return place

    def add_bridge(
        self, name: str, bridge: Bridge, *, install_code: bytes | None = None
    ) -> DirectLink:
        """Add a bridge as it left its factory, off; ``power(True)`` of the link starts it.

        Args:
            name: Its name, another than that of every stick and bridge.
            bridge: The bridge, made by ``factory``.
            install_code: The code that it joins with, its CRC included; None: the well-known key.

        Raises:
            ValueError: The name or the EUI-64 is taken, or the bridge has not left its factory.
            InstallCodeError: The code is none.
        """
        if bridge.identity is None:
            raise ValueError(f"{name}: factory comes before the network")
        eui64 = bridge.identity.eui64
        self._check_free(eui64)
        key = WELL_KNOWN_KEY if install_code is None else link_key_of(install_code)
        self.medium.attach(name, None)
        link = DirectLink(self.world, self.medium, self._note, name, bridge)
        sleepy = bridge.profile.sleep is not None
        self._residents[name] = _Resident(
            link=link,
            eui64=eui64,
            link_key=key,
            kind=NodeKind.SLEEPY_END_DEVICE if sleepy else NodeKind.ROUTER,
            story=Story(name, self._tap),
        )
        return link

    def _check_free(self, eui64: int) -> None:
        if self._who(eui64) is not None:
            raise ValueError(f"{eui64:016x} is on this air already")

    def _who(self, eui64: int) -> "_Resident | StickPlace | None":
        everybody: tuple[_Resident | StickPlace, ...] = (
            *self._residents.values(),
            *self._places.values(),
        )
        return next((one for one in everybody if one.eui64 == eui64), None)

    @property
    def roll(self) -> tuple[Member, ...]:
        """Return who is on the network beside its coordinator, to be kept over a restart."""
        network = self.network
        members = () if network is None else network.members.values()
        return tuple(one for one in members if network and one.name != network.coordinator)

    def recall(self, roll: Sequence[Member]) -> None:
        """Let a resumed network know members of old: they are let in again as they were."""
        self._roll = tuple(roll)

    # The Gate protocol: whom the medium asks about a node that wants to join.

    def admit(self, eui64: int, rejoin: bool) -> Joined | None:
        """Return the address for a node, or None to refuse it."""
        who, member = self._who(eui64), None
        if isinstance(who, StickPlace):
            member = self._admit_stick(who, rejoin)
        elif who is not None:
            member = self._admit_bridge(who, rejoin)
        network = self.network
        if member is None or network is None:
            return None
        key = network.link_keys.get(eui64, b"")
        return Joined(address=member.address, network_key=network.key, link_key=key)

    def _admit_stick(self, place: StickPlace, rejoin: bool) -> Member | None:
        network, candidate = self.network, place.candidate
        if network is None or not network.up or candidate is None:
            return None
        if not network.is_named(candidate.wanted) or place.name == network.coordinator:
            return None
        known = network.members.get(place.eui64)
        if rejoin and known is None:
            return None
        if not rejoin:
            if known is not None:
                network.strike(place.name)  # it begins anew
            if not self._proves(network, place.name, place.eui64, candidate.link_key):
                return None
        how = Joining.SECURED_REJOIN if rejoin else Joining.UNSECURED_JOIN
        return self._enter(network, place.name, place.eui64, candidate.kind, how)

    def _admit_bridge(self, bridge: _Resident, rejoin: bool) -> Member | None:
        network = self.network
        bridge.seeks = rejoin
        if network is None or not network.up:
            return None
        name, eui64 = bridge.link.name, bridge.eui64
        if eui64 in network.members:
            member = self._enter(network, name, eui64, bridge.kind, Joining.SECURED_REJOIN)
        elif rejoin:  # its network is gone: it learns that, and begins anew
            self.world.post(self.world.now, name, Left())
            return None
        elif self._proves(network, name, eui64, bridge.link_key, auto=self._joins_unasked()):
            member = self._enter(network, name, eui64, bridge.kind, Joining.UNSECURED_JOIN)
        else:
            return None
        bridge.seeks = None
        return member

    def _joins_unasked(self) -> bool:
        return self._auto and self.world.now >= self._up_since + AUTO_AFTER_US

    def _proves(
        self, network: Network, name: str, eui64: int, key: bytes, *, auto: bool = False
    ) -> bool:
        """Tell whether a new node may come: there is a window, and it holds the right link key."""
        if network.permits(self.world.now) is None and not auto:
            return False
        if eui64 in network.expelled:
            return False
        wanted = self._places[network.coordinator].ears.key_for(eui64, self.world.now)
        if wanted is None and auto:
            wanted = WELL_KNOWN_KEY
        if wanted == key:
            network.link_keys[eui64] = key
            return True
        why = "the trust centre has no link key for it" if wanted is None else "other link key"
        self._tell(name, What.NOT_ADMITTED, why=why)
        return False

    def _enter(
        self, network: Network, name: str, eui64: int, kind: NodeKind, how: Joining
    ) -> Member:
        parent = self._places[network.permits(self.world.now) or network.coordinator].address
        member = network.admit(name, eui64, kind, parent or COORDINATOR)
        self._places[network.coordinator].came(member, how)
        rejoined = how is Joining.SECURED_REJOIN
        self._tell(name, What.REJOINED if rejoined else What.JOINED, address=member.address)
        return member

    # What sticks do (the Ground protocol of their places).

    def found(self, place: StickPlace, parameters: NetworkParameters, key: bytes) -> bool:
        """Start a network whose coordinator stands here."""
        if self._taken(place):
            return False
        self._end()
        self._roll = ()
        self._open(Network(parameters=parameters, key=key, coordinator=place.name), place)
        return True

    def reopen(self, place: StickPlace, parameters: NetworkParameters, key: bytes) -> bool:
        """Put the coordinator of a network back, or the network itself after a restart."""
        if self._taken(place):
            return False
        network = self.network
        same = (
            network is not None
            and (network.coordinator, network.key) == (place.name, key)
            and network.parameters.extended_pan_id == parameters.extended_pan_id
        )
        if network is None or not same:
            self._end()
            network = Network(parameters=parameters, key=key, coordinator=place.name)
            for one in self._roll:
                network.enrol(one)
        network.parameters = parameters
        self._open(network, place)
        return True

    def _taken(self, place: StickPlace) -> bool:
        """Tell whether the network of another coordinator is up, and say so."""
        network = self.network
        if network is None or network.coordinator == place.name or not network.up:
            return False
        why = f"that of {network.coordinator} is up on this air"
        self._tell(place.name, What.NOT_FORMED, why=why)
        return True

    def _open(self, network: Network, place: StickPlace) -> None:
        self.network, network.up = network, True
        network.strike(place.name)  # its EUI-64 may be another one now
        coordinator = Member(
            name=place.name, eui64=place.eui64, address=COORDINATOR, kind=NodeKind.COORDINATOR
        )
        network.enrol(coordinator)
        place.sit(COORDINATOR)
        self._up_since = self.world.now
        self._call_seekers(self.world.now)
        if self._auto:
            self._call_seekers(self.world.now + AUTO_AFTER_US)

    def _end(self) -> None:
        """End the network: every member is off it, and free to join another one."""
        network, self.network = self.network, None
        if network is None:
            return
        self._roll = ()
        for member in network.members.values():
            if member.name != network.coordinator:
                self.medium.leave(member.name)

    def silence(self, place: StickPlace) -> None:
        """Take note that a stick is not there for now."""
        network = self.network
        if network is None:
            return
        network.windows.pop(place.name, None)
        if network.coordinator == place.name:
            network.up = False

    def quit(self, place: StickPlace) -> None:
        """Let a stick leave."""
        network = self.network
        if network is None or place.address is None:
            return
        if network.coordinator == place.name:
            self._end()
            place.dismiss()
        else:
            self.medium.leave(place.name)

    def permit(self, place: StickPlace, seconds: int) -> None:
        """Open or close the window of a stick."""
        network = self.network
        if network is None or place.address is None:
            return
        until = network.permit(place.name, seconds, self.world.now)
        if until is not None:
            self._wake_at(until)
        if seconds:
            self._call_seekers(self.world.now)

    def expel(self, eui64: int) -> None:
        """Take a member off the network."""
        network = self.network
        member = None if network is None else network.members.get(eui64)
        if network is None or member is None or member.name == network.coordinator:
            return
        network.expelled.add(eui64)
        self.medium.leave(member.name)

    def spread(self, sender: StickPlace, datagram: Datagram, group: int) -> None:
        """Carry a datagram for a group to the other sticks."""
        self._note(self.world.now, sender.name, "send", datagram)
        for place in self._places.values():
            if place is not sender and place.address is not None:
                place.reach(datagram, group)

    def beacons(self, asking: StickPlace, channels: int) -> Sequence[Beacon]:
        """Return the beacons that a stick hears: those of the sticks that are up as routers."""
        network = self.network
        if network is None or not channels >> network.parameters.radio_channel & 1:
            return ()
        routers = (NodeKind.COORDINATOR, NodeKind.ROUTER)
        return [
            network.beacon(self.world.now, LQI, RSSI_DBM)
            for member in network.members.values()
            if member.name != asking.name and member.kind in routers
            if (place := self._places.get(member.name)) is not None and place.address is not None
        ]

    # Time.

    def take(self, stimulus: Stimulus, now: Us) -> None:
        """Do what is due: end windows, drop what was held for too long, let bridges try to join."""
        self.medium.expire()
        network = self.network
        for name in [] if network is None else network.ended(now):
            self._places[name].permit_ended()
        due = [name for at, name in self._calls if at <= now]
        self._calls = [one for one in self._calls if one[0] > now]
        for name in due:
            self._try(self._residents[name])

    def _wake_at(self, at: Us) -> None:
        self.world.post(at, KEEPER, _WAKE)

    def _call_seekers(self, at: Us) -> None:
        """Let the bridges that wait to be admitted try it, one after the other."""
        for number, name in enumerate(self._residents):
            self._calls.append((at + number * BETWEEN_JOINS_US, name))
            self._wake_at(at + number * BETWEEN_JOINS_US)

    def _try(self, bridge: _Resident) -> None:
        network = self.network
        if bridge.seeks is None or not bridge.link.powered or network is None or not network.up:
            return
        window = network.permits(self.world.now) is not None or self._joins_unasked()
        if window or bridge.eui64 in network.members:
            sleepy = bridge.kind is NodeKind.SLEEPY_END_DEVICE
            rejoin = bridge.seeks
            self.medium.join(bridge.link.name, bridge.eui64, rejoin=rejoin, sleepy=sleepy)

    def _powered(self, name: str) -> bool:
        bridge = self._residents.get(name)
        return bridge is None or bridge.link.powered

    # What happens, as the medium and the links say it.

    def _note(self, now: Us, who: str, what: str, subject: object) -> None:
        if self._trace is not None:
            self._trace(now, who, what, subject)
        if what == "send" and isinstance(subject, Datagram):
            if subject.cluster == ota.CLUSTER:
                self._follow(who, subject, now)
        elif what == "report" and isinstance(subject, Report):
            if subject.what is Happening.BOOTED:
                self._residents[who].seeks = None  # it asks anew, if it can
            self._residents[who].story.reported(subject, now)
        elif what == "leave":
            self._left(who)
        elif what == "dead":
            self._tell(who, What.DEAD, why=str(subject))

    def _follow(self, sender: str, datagram: Datagram, now: Us) -> None:
        """Tell how the upgrade goes that a datagram belongs to."""
        bridge = self._residents.get(sender)
        if bridge is not None:
            bridge.story.sent(datagram, now)
        elif self.network is not None and datagram.payload[2:3] == QUERY_RESPONSE:
            member = self.network.at(datagram.destination)
            bridge = None if member is None else self._residents.get(member.name)
            if bridge is not None:
                bridge.story.heard(datagram, now)

    def _left(self, name: str) -> None:
        """Strike a member off the roll."""
        self._tell(name, What.LEFT)
        network = self.network
        member = None if network is None else network.strike(name)
        if network is not None and member is not None:
            network.windows.pop(name, None)
            self._places[network.coordinator].gone(member)

    def _tell(self, who: str, what: What, **details: int | str) -> None:
        pairs = tuple(details.items())
        self._tap(Occurrence(at=self.world.now, who=who, what=what, details=pairs))
