"""Say what machines do and what is done to them, as frozen data.

Every value here passes through JSON unchanged (tested), because the ``exec:`` lane speaks to
devices in other processes. What a machine returns is an ``Action``; what a world delivers to one is
a ``Stimulus``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from emulator.units import Us
from emulator.wire.aps import Datagram
from emulator.wire.codec import value

#: Octets of a network key and of a link key.
KEY_OCTETS = 16


class Happening(StrEnum):
    """What a device reports about itself; a log for people, never evidence for a verdict."""

    BOOTED = "booted"
    DEAD = "dead"  # neither slot holds a valid image
    SLOT_INVALID = "slot invalid"  # GB alert 0x8F1B: verification failed at power on
    SERVER_FOUND = "server found"
    DOWNLOAD_STARTED = "download started"
    DOWNLOAD_RESUMED = "download resumed"
    DOWNLOAD_STOPPED = "download stopped"
    IMAGE_ACCEPTED = "image accepted"  # GB alert 0x8F72
    IMAGE_REFUSED = "image refused"  # GB alert 0x8F1C
    ACTIVATING = "activating"
    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled back"
    BELOW_COUNTER = "below counter"  # an image below the highest confirmed security counter
    FLASH_WORN = "flash worn"  # a sector takes no erase: what it was for is refused
    LINK_UP = "link up"  # two bridges of a home agreed on a link protocol
    LINK_REFUSED = "link refused"  # they have none in common
    PEER_MISSED = "peer missed"  # a trial ends without a bridge that was served before it
    DEFERRED = "deferred"  # the battery lacks the reserve for an upgrade and its rollback


# What a machine does.


@value
class Send:
    """Put a datagram on the air."""

    datagram: Datagram


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Ask to join the network, or to rejoin the one whose state the device holds."""

    eui64: int
    rejoin: bool
    sleepy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Leave the network."""

    eui64: int = 0  # of the bridge behind this one that leaves; 0: this one itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Fetch what the parent holds for this sleepy device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    """Restart the device by itself, ``after_us`` from now; RAM is lost at once."""

    after_us: Us = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Log something; ``details`` are (name, value) pairs in a fixed order."""

    what: Happening
    details: tuple[tuple[str, int | str], ...] = ()


# What bridges of a home say to each other, over the link that is theirs alone: no public document
# says what it carries (gb-alt-han 1.2), so these are values and no octets.


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Ask the bridge nearer to the hub for a link; name the protocols that this image speaks."""

    lowest: int
    highest: int
    lowest_back: int = 0  # what the image speaks that follows if this one fails its trial
    highest_back: int = 0  # 0: it is on no trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Answer a Hello with the protocol to speak; 0: there is none that both speak."""

    protocol: int
    lowest: int  # what the one who answers speaks
    highest: int
    lowest_back: int = 0  # and would speak if its image failed its trial; 0: it is on none
    highest_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew:
    """Ask for a Hello: there is no link, or what came was in another protocol than the link's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Ask for the same back, ``answer`` set: proof that the link carries what it should."""

    number: int
    answer: bool = False


@value
class Tunnel:
    """Send something to a peer: another bridge of the home, at the other end of a link.

    What negotiates (``Hello``, ``Choice``, ``Renew``) is of protocol 0, which every image reads;
    all else is of the protocol that both agreed on.
    """

    eui64: int  # of the peer
    protocol: int
    content: "Content"


Action: TypeAlias = Send | Join | Leave | Poll | Reboot | Report | Tunnel


# What happens to a machine.


@value
class Receive:
    """Deliver a datagram from the air."""

    datagram: Datagram


@value
class Tunnelled:
    """Deliver what a peer sent through its end of a link, as it sent it."""

    eui64: int  # of the peer
    protocol: int
    content: "Content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """Say that the machine's deadline is reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOn:
    """Raise the supply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOff:
    """Cut the supply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Say that the device is on the network, at this NWK address, under this network key.

    To a device that is on it at that address, another ``key_id`` is a switch of the key.

    Keys have 16 octets, or none: what the device holds stays, or its radio keeps them itself.

    Raises:
        ValueError: A key has another length.
    """

    address: int
    key_id: int = 0
    network_key: bytes = b""
    link_key: bytes = b""  # of the trust centre
    eui64: int = 0  # of the bridge behind this one that asked to join; 0: this one itself

    def __post_init__(self) -> None:
        for name, key in (("network_key", self.network_key), ("link_key", self.link_key)):
            if len(key) not in (0, KEY_OCTETS):
                raise ValueError(f"{name}: found {len(key)} octets, wanted {KEY_OCTETS} or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRefused:
    """Say that the network did not admit the device."""

    eui64: int = 0  # as in ``Joined``


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Say that the device is off the network (told to, or the network is gone)."""

    eui64: int = 0  # as in ``Joined``


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """Say that a device joined or rejoined (to a hub)."""

    address: int
    eui64: int


@value
class Delivered:
    """Report what became of a datagram sent with an acknowledgement request."""

    aps_counter: int
    success: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Activate:
    """Tell the device, outside the OTA cluster, to activate the image it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """Tell the device the charge of its battery."""

    percent: int


Event: TypeAlias = (
    Joined | JoinRefused | Left | Announced | Delivered | Activate | Battery | Tunnelled
)
Stimulus: TypeAlias = Receive | Wake | PowerOn | PowerOff | Event

#: What goes through a link between two bridges.
Content: TypeAlias = (
    Datagram | Join | Joined | JoinRefused | Leave | Left | Hello | Choice | Renew | Echo
)
