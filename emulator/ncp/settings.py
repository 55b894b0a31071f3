"""Hold what a host configures on a stick, and answer for it: configuration, values, policies.

All of it is in RAM: a reset brings the defaults back. What survives is in ``emulator.ncp.tokens``.

Source: UG100 (EZSP reference), EzspConfigId, EzspValueId, EzspPolicyId.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from emulator.ncp.handlers import answers
from emulator.ncp.statuses import Status
from emulator.wire.codec import pack_integer, unpack_integer

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick

Answer = Mapping[str, Any]


class Config(IntEnum):
    """Name the configuration values that something here depends on."""

    PACKET_BUFFER_COUNT = 0x01
    NEIGHBOR_TABLE_SIZE = 0x02
    BINDING_TABLE_SIZE = 0x04
    ADDRESS_TABLE_SIZE = 0x05
    MULTICAST_TABLE_SIZE = 0x06
    ROUTE_TABLE_SIZE = 0x07
    STACK_PROFILE = 0x0C
    SECURITY_LEVEL = 0x0D
    MAX_HOPS = 0x10
    MAX_END_DEVICE_CHILDREN = 0x11
    SOURCE_ROUTE_TABLE_SIZE = 0x1A
    KEY_TABLE_SIZE = 0x1E
    TRANSIENT_KEY_TIMEOUT_S = 0x36


class Policy(IntEnum):
    """Name the policies that a stick has."""

    TRUST_CENTRE = 0x00
    BINDING_MODIFICATION = 0x01
    UNICAST_REPLIES = 0x02
    POLL_HANDLER = 0x03
    MESSAGE_CONTENTS = 0x04
    TC_KEY_REQUEST = 0x05
    APP_KEY_REQUEST = 0x06
    PACKET_VALIDATION = 0x07
    ZLL = 0x08
    WELL_KNOWN_KEY_REJOINS = 0x09


class Value(IntEnum):
    """Name the values that something here depends on."""

    FREE_BUFFERS = 0x03
    EXTENDED_SECURITY_BITMASK = 0x0A
    NODE_SHORT_ID = 0x0B
    ENDPOINT_FLAGS = 0x0F
    VERSION_INFO = 0x11
    NWK_FRAME_COUNTER = 0x23
    APS_FRAME_COUNTER = 0x24
    KEY_STORAGE_VERSION = 0x44


class _Range(NamedTuple):
    """Say what a configuration value starts as, and between what a host may set it."""

    start: int
    least: int = 0
    most: int = 0xFFFF


#: Every configuration id, with its start value; tables are small, so that a backup is short.
_CONFIGURATION: Final[dict[int, _Range]] = {
    Config.PACKET_BUFFER_COUNT: _Range(255, 1, 255),
    Config.NEIGHBOR_TABLE_SIZE: _Range(16, 1, 26),
    0x03: _Range(10, 0, 255),  # APS unicast messages under way
    Config.BINDING_TABLE_SIZE: _Range(2, 0, 127),
    Config.ADDRESS_TABLE_SIZE: _Range(8, 0, 255),
    Config.MULTICAST_TABLE_SIZE: _Range(8, 0, 255),
    Config.ROUTE_TABLE_SIZE: _Range(16, 0, 255),
    0x08: _Range(8, 0, 255),  # discovery table
    0x09: _Range(0, 0, 16),  # broadcast alarm data
    0x0A: _Range(0, 0, 16),  # unicast alarm data
    Config.STACK_PROFILE: _Range(2, 0, 2),
    Config.SECURITY_LEVEL: _Range(5, 0, 5),
    Config.MAX_HOPS: _Range(30, 0, 30),
    Config.MAX_END_DEVICE_CHILDREN: _Range(6, 0, 64),
    0x12: _Range(3000, 0, 30000),  # indirect transmission timeout, ms
    0x13: _Range(8, 0, 14),  # end device poll timeout, 2^n minutes
    0x14: _Range(20, 0, 255),  # mobile node poll timeout
    0x15: _Range(0, 0, 255),  # reserved mobile child entries
    0x17: _Range(0, 0, 0xFFFF),  # TX power mode
    0x18: _Range(0, 0, 1),  # relaying disabled
    0x19: _Range(0, 0, 255),  # trust centre address cache
    Config.SOURCE_ROUTE_TABLE_SIZE: _Range(7, 0, 255),
    0x1B: _Range(6, 0, 14),
    0x1C: _Range(0, 0, 8),  # fragment window
    0x1D: _Range(0),
    Config.KEY_TABLE_SIZE: _Range(4, 0, 127),
    0x1F: _Range(1600),  # APS acknowledgement timeout, ms
    0x20: _Range(3, 0, 6),  # active scan duration
    0x21: _Range(60, 0, 255),  # end device bind timeout, s
    0x22: _Range(1, 1, 63),  # PAN id conflict reports
    0x24: _Range(0, 0, 10),  # request key timeout, min
    0x29: _Range(0, 0, 1),  # certificate table
    0x2A: _Range(0, 0, 255),  # ZDO flags
    0x2B: _Range(15, 15, 254),  # broadcast table
    0x2C: _Range(0, 0, 255),  # MAC filter table
    0x2D: _Range(1, 1, 2),  # networks
    0x2E: _Range(0, 0, 1),
    0x2F: _Range(0, 0, 255),
    0x30: _Range(0),
    0x33: _Range(0, 0, 1),
    0x34: _Range(16, 0, 255),  # retry queue
    0x35: _Range(8, 0, 255),
    Config.TRANSIENT_KEY_TIMEOUT_S: _Range(300),
    0x37: _Range(255, 0, 255),
    0x38: _Range(300),  # rejoins with the well-known key, s
    0x39: _Range(0xFFFF),  # oscillator trim
    0x40: _Range(0, 0, 2),
    0x41: _Range(5, 0, 255),  # Green Power proxy table
    0x42: _Range(0, 0, 255),  # Green Power sink table
}

#: Which decisions a policy takes, and the one that it starts with.
_POLICIES: Final[dict[int, tuple[int, range]]] = {
    Policy.TRUST_CENTRE: (0x01, range(0x40)),  # a bit mask, see emulator.ncp.security
    Policy.BINDING_MODIFICATION: (0x10, range(0x10, 0x13)),
    Policy.UNICAST_REPLIES: (0x20, range(0x20, 0x22)),
    Policy.POLL_HANDLER: (0x30, range(0x30, 0x32)),
    Policy.MESSAGE_CONTENTS: (0x40, range(0x40, 0x42)),
    Policy.TC_KEY_REQUEST: (0x51, range(0x50, 0x54)),
    Policy.APP_KEY_REQUEST: (0x60, range(0x60, 0x62)),
    Policy.PACKET_VALIDATION: (0x63, range(0x62, 0x64)),
    Policy.ZLL: (0x00, range(0x100)),
    Policy.WELL_KNOWN_KEY_REJOINS: (0x01, range(0x100)),
}

#: Values that a host may write and read back, as octets; each keeps its number of octets.
_VALUES: Final[dict[int, bytes]] = {
    0x01: bytes(1),  # MAC pass-through flags
    0x02: bytes(2),  # pass-through source address
    0x04: b"\x01",  # callbacks may come at any time
    0x07: b"\x01",  # stack tokens are written
    Value.EXTENDED_SECURITY_BITMASK: b"\x10\x01",
    0x0C: bytes(1),  # descriptor capability
    0x0D: bytes(1),  # next ZDO sequence number
    0x0E: bytes(1),  # radio hold-off
    0x12: bytes(1),  # next rejoin reason
    0x14: bytes(1),  # next sequence number
    0x15: bytes(1),  # CCA threshold
    0x25: b"\xff",
    0x29: b"\x01",
    0x30: bytes(1),  # antenna
    0x31: bytes(1),  # packet traffic arbitration
    0x32: bytes(4),
    0x33: bytes(1),
    0x34: bytes(1),
    0x39: b"\x00\x00\x00\x00",
    0x3A: bytes(1),  # transmit although the channel is busy
    0x3B: b"\x2c\x01",  # transient key timeout, s
    0x3D: b"\x08",
    0x3E: b"\xff\x3f",
    0x3F: b"\x03",
    0x43: b"\x10\x27",  # transient device timeout, ms
    0x45: bytes(1),
    0x46: b"\x02",
    0x47: bytes(1),
    0x48: bytes(1),
}

#: Values that a host may only read, beside those that come from elsewhere.
_FACTS: Final[dict[int, bytes]] = {
    0x05: b"\x52\x00",  # longest message taken, in octets
    0x06: b"\x52\x00",
    0x08: bytes(1),  # is rejoining
    0x10: bytes(2),
    0x13: bytes(1),  # last rejoin reason
    Value.KEY_STORAGE_VERSION: b"\x02",
}

#: What the firmware calls itself, by protocol version: stack version, and the numbers behind it.
_RELEASES: Final[dict[int, tuple[int, int, int, int]]] = {
    13: (7, 4, 3, 0),
    14: (8, 0, 3, 0),
    16: (8, 1, 0, 0),
    17: (8, 2, 0, 0),
    18: (9, 0, 0, 0),
    19: (9, 1, 0, 0),
}
_STACK_TYPE: Final = 2  # mesh
_GENERAL_AVAILABILITY: Final = 0xAA
_BUILD: Final = 0

_ENDPOINT_FLAGS: Final = 0  # extended values
_LAST_LEAVE_REASON: Final = 1
_SOURCE_ROUTE_OVERHEAD: Final = 2
_MEMORY_USAGE: Final = 3
_FIRST_WITHOUT_MEMORY_USAGE: Final = 17
_ENABLED: Final = b"\x01\x00"  # endpoint flags
_POWERS: Final = range(-43, 21)  # dBm
_CCA_MODES: Final = range(4)
_NO_BOOTLOADER: Final = 0xFFFF


class Settings:
    """Hold the settings of a stick since its last reset."""

    def __init__(self, version: int) -> None:
        """Start with the defaults.

        Args:
            version: The EZSP version, which says what the firmware calls itself.
        """
        self.version = version
        self.manufacturer = 0
        self.power_descriptor = 0
        self.radio_power = 0  # dBm
        self.endpoint_flags: dict[int, bytes] = {}
        self._configuration = {key: each.start for key, each in _CONFIGURATION.items()}
        self._policies = {key: start for key, (start, _) in _POLICIES.items()}
        self._values = dict(_VALUES)

    def config(self, key: int) -> int:
        """Return a configuration value; KeyError if there is none with this id."""
        return self._configuration[key]

    def configure(self, key: int, number: int) -> Status:
        """Set a configuration value."""
        limits = _CONFIGURATION.get(key)
        if limits is None:
            return Status.INVALID_ID
        if not limits.least <= number <= limits.most:
            return Status.INVALID_PARAMETER
        self._configuration[key] = number
        return Status.OK

    def policy(self, key: int) -> int:
        """Return the decision that a policy has; KeyError if there is no such policy."""
        return self._policies[key]

    def decide(self, key: int, decision: int) -> Status:
        """Give a policy a decision."""
        if key not in _POLICIES:
            return Status.INVALID_ID
        if decision not in _POLICIES[key][1]:
            return Status.INVALID_PARAMETER
        self._policies[key] = decision
        return Status.OK

    def value(self, key: int) -> bytes:
        """Return a value that a host can write; KeyError if there is none with this id."""
        return self._values[key]

    def set_value(self, key: int, octets: bytes) -> Status:
        """Write a value."""
        if key not in self._values:
            return Status.INVALID_ID
        if len(octets) != len(self._values[key]):
            return Status.INVALID_PARAMETER
        self._values[key] = octets
        return Status.OK

    @property
    def stack_version(self) -> int:
        """Return the version of the stack as one number, four bits a part."""
        major, minor, patch, special = _RELEASES[self.version]
        return major << 12 | minor << 8 | patch << 4 | special

    @property
    def version_info(self) -> bytes:
        """Return what the stack says of itself: build, the four parts, and that it is released."""
        return pack_integer(_BUILD, 2) + bytes((*_RELEASES[self.version], _GENERAL_AVAILABILITY))


@answers("version")
def _version(stick: Stick, _: Request) -> Answer:
    return {
        "version": stick.dialect.version,
        "stack_type": _STACK_TYPE,
        "stack_version": stick.settings.stack_version,
    }


@answers("nop")
@answers("callback")
def _nothing(_: Stick, __: Request) -> Answer:
    return {}


@answers("echo")
def _echo(_: Stick, request: Request) -> Answer:
    return {"echo": request.values["data"]}


@answers("getLibraryStatus")
def _get_library_status(_: Stick, __: Request) -> Answer:
    return {"library_status": 0}  # none of the optional libraries is there


@answers("getConfigurationValue")
def _get_configuration_value(stick: Stick, request: Request) -> Answer:
    key = request.values["config_id"]
    if key not in _CONFIGURATION:
        return {"status": Status.INVALID_ID}
    return {"status": Status.OK, "value": stick.settings.config(key)}


@answers("setConfigurationValue")
def _set_configuration_value(stick: Stick, request: Request) -> Answer:
    key, number = request.values["config_id"], request.values["value"]
    return {"status": stick.settings.configure(key, number)}


@answers("getPolicy")
def _get_policy(stick: Stick, request: Request) -> Answer:
    key = request.values["policy"]
    if key not in _POLICIES:
        return {"status": Status.INVALID_ID}
    return {"status": Status.OK, "decision": stick.settings.policy(key)}


@answers("setPolicy")
def _set_policy(stick: Stick, request: Request) -> Answer:
    return {"status": stick.settings.decide(request.values["policy"], request.values["decision"])}


@answers("getValue")
def _get_value(stick: Stick, request: Request) -> Answer:
    octets = _value_of(stick, request.values["value_id"])
    if octets is None:
        return {"status": Status.INVALID_ID}
    return {"status": Status.OK, "value": octets}


def _value_of(stick: Stick, key: int) -> bytes | None:
    settings = stick.settings
    match key:
        case Value.VERSION_INFO:
            return settings.version_info
        case Value.FREE_BUFFERS:
            return pack_integer(settings.config(Config.PACKET_BUFFER_COUNT), 1)
        case Value.NODE_SHORT_ID:
            address = stick.place.address
            return pack_integer(0xFFFE if address is None else address, 2)
        case Value.NWK_FRAME_COUNTER:
            return pack_integer(stick.security.frame_counter(stick), 4)
        case Value.APS_FRAME_COUNTER:
            return pack_integer(stick.tokens.aps_frame_counter, 4)
    if key in _FACTS:
        return _FACTS[key]
    return settings.value(key) if key in _VALUES else None


@answers("setValue")
def _set_value(stick: Stick, request: Request) -> Answer:
    key, octets = request.values["value_id"], request.values["value"]
    if key in (Value.NWK_FRAME_COUNTER, Value.APS_FRAME_COUNTER):
        return {"status": _set_frame_counter(stick, key, octets)}
    if key == Value.ENDPOINT_FLAGS:
        return {"status": _set_endpoint_flags(stick, octets)}
    if key in _FACTS or key in (Value.VERSION_INFO, Value.FREE_BUFFERS, Value.NODE_SHORT_ID):
        return {"status": Status.INVALID_STATE}
    return {"status": stick.settings.set_value(key, octets)}


def _set_frame_counter(stick: Stick, key: int, octets: bytes) -> Status:
    if len(octets) != 4:
        return Status.INVALID_PARAMETER
    if stick.place.address is not None:
        return Status.INVALID_STATE  # counters of a network that is up only grow
    number = unpack_integer(octets)
    if key == Value.APS_FRAME_COUNTER:
        stick.tokens = replace(stick.tokens, aps_frame_counter=number)
    else:
        stick.security.restart_counter(stick, number)
    return Status.OK


def _set_endpoint_flags(stick: Stick, octets: bytes) -> Status:
    if len(octets) != 3 or octets[0] not in stick.endpoints:
        return Status.INVALID_PARAMETER
    stick.settings.endpoint_flags[octets[0]] = octets[1:]
    return Status.OK


@answers("getExtendedValue")
def _get_extended_value(stick: Stick, request: Request) -> Answer:
    key, of = request.values["value_id"], request.values["characteristics"]
    if key == _ENDPOINT_FLAGS:
        if of not in stick.endpoints:
            # A host tells a free endpoint by the status, and reads the two octets all the same.
            return {"status": Status.INVALID_PARAMETER, "value": bytes(2)}
        flags = stick.settings.endpoint_flags.get(of, _ENABLED)
        return {"status": Status.OK, "value": flags}
    if key == _LAST_LEAVE_REASON:
        return {"status": Status.OK, "value": bytes(3)}
    if key == _SOURCE_ROUTE_OVERHEAD:
        return {"status": Status.OK, "value": bytes(1)}
    if key == _MEMORY_USAGE and stick.dialect.version < _FIRST_WITHOUT_MEMORY_USAGE:
        return {"status": Status.OK, "value": bytes(4)}
    return {"status": Status.INVALID_ID}


@answers("setManufacturerCode")
def _set_manufacturer_code(stick: Stick, request: Request) -> Answer:
    stick.settings.manufacturer = request.values["code"]
    return {"status": Status.OK}


@answers("setPowerDescriptor")
def _set_power_descriptor(stick: Stick, request: Request) -> Answer:
    stick.settings.power_descriptor = request.values["descriptor"]
    return {"status": Status.OK}


@answers("setRadioPower")
def _set_radio_power(stick: Stick, request: Request) -> Answer:
    power = request.values["power_dbm"]
    if power not in _POWERS:
        return {"status": Status.INVALID_POWER}
    stick.settings.radio_power = power
    return {"status": Status.OK}


@answers("setRadioIeee802154CcaMode")
def _set_cca_mode(_: Stick, request: Request) -> Answer:
    good = request.values["mode"] in _CCA_MODES
    return {"status": Status.OK if good else Status.INVALID_PARAMETER}


@answers("getStandaloneBootloaderVersionPlatMicroPhy")
def _get_bootloader(_: Stick, __: Request) -> Answer:
    return {"bootloader_version": _NO_BOOTLOADER, "platform": 0, "micro": 0, "phy": 0}


@answers("launchStandaloneBootloader")
def _launch_bootloader(_: Stick, __: Request) -> Answer:
    return {"status": Status.NOT_AVAILABLE}


@answers("getLogicalChannel")
def _get_logical_channel(stick: Stick, _: Request) -> Answer:
    parameters = stick.place.parameters
    return {"channel": 0 if parameters is None else parameters.radio_channel}


@answers("getPhyInterfaceCount")
def _get_phy_interface_count(_: Stick, __: Request) -> Answer:
    return {"count": 1}


@answers("gpClearProxyTable")
@answers("gpSinkTableInit")
@answers("gpSinkTableClearAll")
def _clear_green_power(_: Stick, __: Request) -> Answer:
    return {}  # its tables are always empty: there is no Green Power here


@answers("gpSinkTableGetNumberOfActiveEntries")
def _count_green_power(_: Stick, __: Request) -> Answer:
    return {"count": 0}
