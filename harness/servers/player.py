"""Play a client without a mind of its own: what it says of the OTA cluster, a case says.

Everything else that a network asks of a device (descriptors, attributes, admission) is answered by
the emulated bridge inside, so that a coordinator that interviews its devices finds one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from emulator.actions import Action, Event, Join, Joined, JoinRefused, Left, Poll, Send
from emulator.contract import Device, Identity
from emulator.errors import WireError
from emulator.units import Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import ZDO_PROFILE, Datagram
from emulator.wire.codec import Frame
from harness.trace import dissect

_ANNOUNCE = zdo.CLUSTERS[zdo.DeviceAnnounce]


class Heard(NamedTuple):
    """Be one datagram that reached the client; ``frame`` is None where it cannot be read."""

    at: Us
    datagram: Datagram
    frame: Frame | None

    @property
    def sequence(self) -> int:
        """Return the sequence number: of the ZCL header, or in front of a ZDO frame."""
        return self.datagram.payload[0 if self.datagram.profile == ZDO_PROFILE else 1]


class Player:
    """Be a device on the network by the contract of ``emulator.contract.Device``.

    Args:
        body: Answers what is not about the OTA cluster; what it says of its own accord about
            firmware is swallowed.
    """

    def __init__(self, body: Device) -> None:
        self._body = body
        self.address: int | None = None
        self.heard: list[Heard] = []
        #: What it was told each time that a network took it in, and how often one did not.
        self.admissions: list[Joined] = []
        self.refusals = 0

    @property
    def deadline(self) -> Us | None:
        """Return when the body wants to be woken."""
        return self._body.deadline

    def factory(self, identity: Identity, image: bytes, version: int, seed: int) -> None:
        """Make the device new."""
        self._body.factory(identity, image, version, seed)

    def power_on(self, now: Us) -> Sequence[Action]:
        """Boot, and join the network."""
        return _kept(self._body.power_on(now))

    def power_off(self, now: Us) -> None:
        """Lose the supply."""
        self._body.power_off(now)

    def wake(self, now: Us) -> Sequence[Action]:
        """Let the body do what is due."""
        return _kept(self._body.wake(now))

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Note where the device is on the network."""
        match what:
            case Joined(address=address):
                self.address = address
                self.admissions.append(what)
            case JoinRefused():
                self.address = None
                self.refusals += 1
            case Left():
                self.address = None
            case _:
                pass
        return _kept(self._body.event(what, now))

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Write a datagram down; the body answers it if it is not the server's."""
        self.heard.append(Heard(now, datagram, dissect(datagram)))
        if datagram.cluster == ota.CLUSTER and not _of_attributes(datagram):
            return ()
        return _kept(self._body.receive(datagram, now))


def _of_attributes(datagram: Datagram) -> bool:
    """Tell whether a frame of the OTA cluster asks for attributes, as an interview does."""
    try:
        header = zcl.split(datagram.payload)
    except WireError:
        return False
    general = header.control & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
    return general and header.command != zcl.GeneralCommand.DEFAULT_RESPONSE


def _kept(actions: Sequence[Action]) -> Sequence[Action]:
    """Return what is done of all that the body wants; a client that is watched never sleeps."""
    made: list[Action] = []
    for one in actions:
        match one:
            case Send(datagram=datagram) if not _answers(datagram):
                pass
            case Poll():
                pass
            case Join():
                made.append(replace(one, sleepy=False))
            case _:
                made.append(one)
    return made


def _answers(datagram: Datagram) -> bool:
    """Tell whether a datagram of the body's answers something, or only says that it is there."""
    if datagram.profile == ZDO_PROFILE:
        return bool(datagram.cluster & zdo.RESPONSE) or datagram.cluster == _ANNOUNCE
    return datagram.payload[0] & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
