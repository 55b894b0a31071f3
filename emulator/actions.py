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


Action: TypeAlias = Send | Join | Leave | Poll | Reboot | Report


# What happens to a machine.


@value
class Receive:
    """Deliver a datagram from the air."""

    datagram: Datagram


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

    def __post_init__(self) -> None:
        for name, key in (("network_key", self.network_key), ("link_key", self.link_key)):
            if len(key) not in (0, KEY_OCTETS):
                raise ValueError(f"{name}: found {len(key)} octets, wanted {KEY_OCTETS} or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRefused:
    """Say that the network did not admit the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Say that the device is off the network (told to, or the network is gone)."""


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


Event: TypeAlias = Joined | JoinRefused | Left | Announced | Delivered | Activate | Battery
Stimulus: TypeAlias = Receive | Wake | PowerOn | PowerOff | Event
