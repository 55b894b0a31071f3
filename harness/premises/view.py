"""See what happens in a home, from the hub and the devices: what a case may judge by.

What a case knows of a bridge it reads over the air, or has from the hub's ledger; what the
household saw it has from display and meter. What bridges report of themselves tells only when to
look.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from emulator.actions import Content, Tunnel
from emulator.profiles.model import Profile
from emulator.units import MINUTE, Octets, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.codec import KEYS, Frame
from harness.hub.images import Served
from harness.hub.ledger import Heard
from harness.premises.account import Account
from harness.premises.chosen import cell_of, meter_of
from harness.premises.conductor import longest_trial_us
from harness.premises.distributor import Distributor
from harness.premises.household import Household
from harness.premises.model import Premises
from harness.premises.residents import GasMeter
from harness.trace import Trace, dissect

#: How late the answer to a device may be beyond its period: all of its tries.
_LATE_US: Us = MINUTE
#: The side of a link that is towards the hub.
NEAR = "near"
#: What stands for the version of a bridge that does not answer.
SILENT = "silent"


class Said(NamedTuple):
    """Be one datagram on the air: when, who put it there, and itself."""

    at: Us
    who: str
    datagram: Datagram


class View:
    """Look at one home that lives.

    Attributes:
        premises: What the home is.
        household: The home that lives.
        trace: What happened in it.
    """

    def __init__(self, premises: Premises, household: Household, trace: Trace) -> None:
        self.premises, self.household, self.trace = premises, household, trace

    # What a report wants of it.

    @property
    def profile(self) -> Profile:
        """Return the profile of the near bridge."""
        return self.premises.near.profile

    @property
    def now(self) -> Us:
        """Return virtual time, in microseconds."""
        return self.household.now

    @property
    def held(self) -> Sequence[Served]:
        """Return every image that the hub held, in order."""
        return self.household.hub.history

    # Who is there.

    @property
    def near(self) -> str:
        """Return the name of the near bridge."""
        return self.premises.near.name

    @property
    def remotes(self) -> tuple[str, ...]:
        """Return the names of the remote bridges."""
        return tuple(one.name for one in self.premises.remotes)

    @property
    def remote(self) -> str:
        """Return the name of the first remote bridge."""
        return self.remotes[0]

    @property
    def meter(self) -> str:
        """Return the name of the gas meter."""
        return meter_of(self.premises).name

    @property
    def cell(self) -> str:
        """Return the name of the bridge on a battery."""
        return cell_of(self.premises).name

    def named(self, side: str) -> str:
        """Return the name of the bridge on a side of the link: near, or remote."""
        return self.near if side == NEAR else self.remote

    def partner(self, side: str) -> str:
        """Return the name of the bridge on the other side."""
        return self.remote if side == NEAR else self.near

    @property
    def bridges(self) -> tuple[str, ...]:
        """Return the names of all bridges."""
        return tuple(one.name for one in self.premises.bridges)

    @property
    def hub(self) -> Distributor:
        """Return the hub."""
        return self.household.hub

    # What is seen of it.

    def version(self, name: str) -> int | None:
        """Return what a bridge runs, read over the air; None: it does not answer."""
        return self.household.read_version(name)

    def versions(self, *names: str) -> dict[str, str]:
        """Return what bridges run, read over the air, as text; of all for no name."""
        return {name: shown(self.version(name)) for name in names or self.bridges}

    def offered(self, *names: str) -> dict[str, str]:
        """Return the version of the image that each bridge is to take; of all for no name."""
        images = self.household.images
        return {name: shown(images[name].file_version) for name in names or self.bridges}

    def first(self, *names: str) -> dict[str, str]:
        """Return what each bridge ran first; of all for no name."""
        return {name: shown(self.household.first_versions[name]) for name in names or self.bridges}

    def offset(self, name: str) -> Octets:
        """Return up to where a bridge asked for its image; 0 before it asked."""
        return self.household.offset(name) or 0

    def size(self, name: str) -> Octets:
        """Return the size of the image that a bridge is to take."""
        return len(self.household.images[name].octets)

    def heard(self, kind: type[Frame], name: str) -> Sequence[Heard]:
        """Return what the hub heard of one kind from a bridge; blocks are only counted."""
        address = self.household.address(name)
        return [
            one for one in self.hub.heard if one.source == address and isinstance(one.frame, kind)
        ]

    def queries(self, name: str) -> Sequence[Heard]:
        """Return the queries for a next image that the hub heard from a bridge."""
        return self.heard(ota.QueryNextImageRequest, name)

    def verdicts(self, name: str) -> Sequence[int]:
        """Return the statuses that a bridge sent at the end of its downloads."""
        return [
            one.frame.status
            for one in self.heard(ota.UpgradeEndRequest, name)
            if isinstance(one.frame, ota.UpgradeEndRequest)
        ]

    def offsets_asked(self, name: str) -> Sequence[Octets]:
        """Return the offsets of the blocks that a bridge asked for, as the hub's air has them."""
        address = self.household.address(name)
        frames = [
            dissect(one.datagram)
            for one in self.said(ota.ImageBlockRequest)
            if one.datagram.source == address
        ]
        return [one.file_offset for one in frames if isinstance(one, ota.ImageBlockRequest)]

    def crossed(self, kind: type[Frame]) -> Sequence[bytes]:
        """Return the payload of each datagram of a kind that was sent through a link, in order."""
        return [
            one.content.payload
            for _, _, what, one in self.trace.rows
            if what == "tunnel"
            and isinstance(one, Tunnel)
            and isinstance(one.content, Datagram)
            and type(dissect(one.content)) is kind
        ]

    def tunnelled(self, kind: type[Content]) -> Sequence[Us]:
        """Return when something of a kind was sent through a link."""
        return [
            at
            for at, _, what, one in self.trace.rows
            if what == "tunnel" and isinstance(one, Tunnel) and type(one.content) is kind
        ]

    def blocks_of(self, name: str) -> int:
        """Return how many blocks the image has that a bridge is to take."""
        most = self.premises.bridge(name).profile.ota.block_size_octets
        return -(-self.size(name) // min(most, self.hub.settings.block_limit))

    def rollbacks(self) -> list[str]:
        """Return the name of each bridge that says that it went back, as often as it did."""
        records = self.household.chronicle.records
        return [name for name in self.bridges for _ in records[name].rollbacks]

    def longest_trial_us(self, name: str) -> Us:
        """Return the longest that a trial of a bridge can last."""
        return longest_trial_us(self.premises.bridge(name))

    def messages(self, name: str) -> list[bytes]:
        """Return the messages that a meter fetched."""
        device = self.household.devices[name]
        return [octets for _, octets in device.messages] if isinstance(device, GasMeter) else []

    def silences(self) -> Mapping[str, tuple[Us, Us]]:
        """Return the silence that the hub noted last of each device, from and to."""
        names = {self.household.lane.eui64(one.name): one.name for one in self.premises.devices}
        noted = self.hub.silences_until(self.now)
        return {names[one.eui64]: (one.from_us, one.to_us) for one in noted}

    def still_dark(self) -> tuple[str, ...]:
        """Return the display and meters that should have been answered by now, and were not."""
        return tuple(
            one.name
            for one in self.premises.devices
            if self.now - (self.account(one.name).last_us or 0) > one.period_us + _LATE_US
        )

    def ends(self) -> tuple[str, ...]:
        """Return the bridges in the order in which the hub first heard their verdicts."""
        first = {
            name: min((one.at for one in self.heard(ota.UpgradeEndRequest, name)), default=None)
            for name in self.bridges
        }
        heard = {name: at for name, at in first.items() if at is not None}
        return tuple(sorted(heard, key=heard.__getitem__))

    def account(self, name: str) -> Account:
        """Return what a display or meter saw since it has its supply."""
        return self.household.devices[name].account

    def said(self, kind: type[Frame]) -> Sequence[Said]:
        """Return every frame of a kind that was put on the air of some zone, in order."""
        cluster = KEYS[kind].cluster
        return [
            Said(at, who, datagram)
            for at, who, datagram in self.trace.datagrams()
            if datagram.cluster == cluster and type(dissect(datagram)) is kind
        ]

    def downloads(self) -> Mapping[str, tuple[Us, Us]]:
        """Return when each bridge asked for its first and its last block, as the hub's air has it.

        In the order in which they began.
        """
        names = {self.household.address(name): name for name in self.bridges}
        made: dict[str, tuple[Us, Us]] = {}
        for one in self.said(ota.ImageBlockRequest):
            name = names[one.datagram.source]
            made[name] = (made.get(name, (one.at, 0))[0], one.at)
        return made

    def protocols(self) -> set[int]:
        """Return the link protocols in which datagrams crossed some link."""
        return {
            one.protocol
            for _, _, what, one in self.trace.rows
            if what == "tunnel" and isinstance(one, Tunnel) and isinstance(one.content, Datagram)
        }


def shown(version: int | None) -> str:
    """Return a version for people, None: nobody answered."""
    return SILENT if version is None else f"0x{version:08X}"
