"""Hold the table of EZSP: every command and callback that the stick knows, in every version.

A row says from which version to which it holds; a command whose layout changed has a row for each
layout. Where only the width of a status changed, at version 14, one row does: the kinds ``ember``
and ``ezsp`` follow the version. A field that means the same has the same name in each row, so that
a handler answers for every version at once. ``emulator.ncp.fields`` explains the layouts.

Source: UG100 (EZSP reference) for version 13; the hosts' own tables for what changed later.
"""

from dataclasses import dataclass
from typing import Final

from emulator.ncp.fields import parse

#: The protocol versions that a stick can speak, in order.
VERSIONS: Final = (13, 14, 16, 17, 18, 19)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Be one row: a command with its response, or a callback, whose ``request`` is None."""

    name: str
    id: int
    request: str | None
    response: str
    first: int
    last: int | None

    def __post_init__(self) -> None:
        parse(self.request or "")
        parse(self.response)

    @property
    def callback(self) -> bool:
        """Tell whether the stick sends this unasked."""
        return self.request is None

    def holds(self, version: int) -> bool:
        """Tell whether this row is the command's in a version."""
        return self.first <= version and (self.last is None or version <= self.last)


def _command(
    name: str,
    number: int,
    request: str = "",
    response: str = "",
    *,
    first: int = VERSIONS[0],
    last: int | None = None,
) -> Command:
    return Command(name=name, id=number, request=request, response=response, first=first, last=last)


def _callback(
    name: str, number: int, response: str, *, first: int = VERSIONS[0], last: int | None = None
) -> Command:
    return Command(name=name, id=number, request=None, response=response, first=first, last=last)


_EMBER = "status:ember"
_EZSP = "status:ezsp"
_SL = "status:sl"
_LINK_KEY = "status:sl context:KeyContext key:key metadata:KeyMetadata"

#: The protocol itself.
_PROTOCOL = (
    _command("version", 0x0000, "desired_version:u8", "version:u8 stack_type:u8 stack_version:u16"),
    _command("getLibraryStatus", 0x0001, "library:u8", "library_status:u8"),
    _command("nop", 0x0005),
    _command("callback", 0x0006),
    _callback("noCallbacks", 0x0007, ""),
    _command("getXncpInfo", 0x0013, "", _EMBER + " manufacturer:u16 xncp_version:u16"),
    _command("customFrame", 0x0047, "payload:lv8", _EMBER + " reply:lv8"),
    _callback("customFrameHandler", 0x0054, "payload:lv8"),
    _callback("invalidCommand", 0x0058, "reason:ezsp"),
    _command("echo", 0x0081, "data:lv8", "echo:lv8"),
    _command("delayTest", 0x009D, "delay_ms:u16"),
)

#: What a host configures, and asks of the chip.
_CONFIGURATION = (
    _command(
        "addEndpoint",
        0x0002,
        "endpoint:u8 profile:u16 device:u16 device_version:u8 input_count:u8 output_count:u8 "
        "inputs:u16s@input_count outputs:u16s@output_count",
        _EZSP,
    ),
    _command("getExtendedValue", 0x0003, "value_id:u8 characteristics:u32", _EZSP + " value:lv8"),
    _command("setToken", 0x0009, "token:u8 data:octets8", _EMBER),
    _command("getToken", 0x000A, "token:u8", _EMBER + " data:octets8"),
    _command("getMfgToken", 0x000B, "token:u8", "data:lv8"),
    _command("setMfgToken", 0x000C, "token:u8 data:lv8", _EMBER),
    _callback("stackTokenChangedHandler", 0x000D, "token:u16"),
    _command("setManufacturerCode", 0x0015, "code:u16", last=13),
    _command("setManufacturerCode", 0x0015, "code:u16", _SL, first=14),
    _command("setPowerDescriptor", 0x0016, "descriptor:u16", last=13),
    _command("setPowerDescriptor", 0x0016, "descriptor:u16", _SL, first=14),
    _command("getEui64", 0x0026, "", "eui64:eui"),
    _command("getRandomNumber", 0x0049, "", _EMBER + " value:u16"),
    _command("getTimer", 0x004E, "timer:u8", "time:u16 units:u8 repeat:bool"),
    _command("getTrueRandomEntropySource", 0x004F, "", "source:u8"),
    _command("getConfigurationValue", 0x0052, "config_id:u8", _EZSP + " value:u16"),
    _command("setConfigurationValue", 0x0053, "config_id:u8 value:u16", _EZSP),
    _command("setPolicy", 0x0055, "policy:u8 decision:u8", _EZSP),
    _command("getPolicy", 0x0056, "policy:u8", _EZSP + " decision:u8"),
    _command("readAndClearCounters", 0x0065, "", "values:u16s"),
    _command("tokenFactoryReset", 0x0077, "keep_frame_counters:bool keep_boot_counter:bool"),
    _command("launchStandaloneBootloader", 0x008F, "mode:u8", "status:ember8"),
    _command(
        "getStandaloneBootloaderVersionPlatMicroPhy",
        0x0091,
        "",
        "bootloader_version:u16 platform:u8 micro:u8 phy:u8",
    ),
    _command("setRadioIeee802154CcaMode", 0x0095, "mode:u8", _EMBER),
    _command("setRadioPower", 0x0099, "power_dbm:i8", _EMBER),
    _command("setRadioChannel", 0x009A, "channel:u8", _EMBER),
    _command("getValue", 0x00AA, "value_id:u8", _EZSP + " value:lv8"),
    _command("setValue", 0x00AB, "value_id:u8 value:lv8", _EZSP),
    _command("setLogicalAndRadioChannel", 0x00B9, "channel:u8", _EMBER),
    _command("getLogicalChannel", 0x00BA, "", "channel:u8"),
    _command("readCounters", 0x00F1, "", "values:u16s"),
    _callback("counterRolloverHandler", 0x00F2, "counter:u8"),
    _command("getPhyInterfaceCount", 0x00FC, "", "count:u8"),
    _command("getTokenCount", 0x0100, "", "count:u8", last=17),
    _command("getTokenCount", 0x0100, "", "count:u32", first=18),
    _command("getTokenInfo", 0x0101, "index:u8", _EMBER + " info:TokenInfo", last=18),
    _command("getTokenInfo", 0x0101, "index:u8", _EMBER + " info:TokenInfo19", first=19),
    _command("getTokenData", 0x0102, "token:u32 index:u32", _EMBER + " data:lv32"),
    _command("setTokenData", 0x0103, "token:u32 index:u32 data:lv32", _EMBER),
    _command("resetNode", 0x0104),
    _command("setPassiveAckConfig", 0x0105, "config:u8 acks_needed:u8", _EMBER),
)

#: Forming, joining, leaving, scanning, and who is there.
_NETWORK = (
    _command(
        "setConcentrator",
        0x0010,
        "on:bool concentrator:u16 least_s:u16 most_s:u16 route_errors:u8 delivery_failures:u8 "
        "hops:u8",
        _EMBER,
    ),
    _command("networkInit", 0x0017, "bitmask:u16", _EMBER),
    _command("networkState", 0x0018, "", "state:u8"),
    _callback("stackStatusHandler", 0x0019, _EMBER),
    # The firmware answers with four octets in every version; hosts that want one read the first.
    _command("startScan", 0x001A, "scan:u8 channels:u32 duration:u8", _SL),
    _callback("networkFoundHandler", 0x001B, "network:FoundNetwork lqi:u8 rssi:i8"),
    _callback("scanCompleteHandler", 0x001C, "channel:u8 status:ember"),
    _command("stopScan", 0x001D, "", _EMBER),
    _command("formNetwork", 0x001E, "parameters:NetworkParameters", _EMBER),
    _command("joinNetwork", 0x001F, "node_kind:u8 parameters:NetworkParameters", _EMBER),
    _command("leaveNetwork", 0x0020, "", _EMBER, last=13),
    _command("leaveNetwork", 0x0020, "options:u8?", _EMBER, first=14),
    _command("findAndRejoinNetwork", 0x0021, "have_key:bool channels:u32", _EMBER, last=13),
    _command(
        "findAndRejoinNetwork",
        0x0021,
        "have_key:bool channels:u32 reason:u8? node_kind:u8?",
        _EMBER,
        first=14,
    ),
    _command("permitJoining", 0x0022, "duration_s:u8", _EMBER),
    _callback(
        "childJoinHandler", 0x0023, "index:u8 joining:bool child:u16 eui64:eui child_kind:u8"
    ),
    _callback(
        "trustCenterJoinHandler",
        0x0024,
        "address:u16 eui64:eui update:u8 decision:u8 parent:u16",
    ),
    _command("getNodeId", 0x0027, "", "address:u16"),
    _command(
        "getNetworkParameters",
        0x0028,
        "",
        _EMBER + " node_kind:u8 parameters:NetworkParameters",
    ),
    _command("getParentChildParameters", 0x0029, "", "children:u8 parent_eui64:eui parent:u16"),
    _command("clearStoredBeacons", 0x003C, last=13),
    _command("clearStoredBeacons", 0x003C, "", _SL, first=14),
    _command("sendManyToOneRouteRequest", 0x0041, "concentrator:u16 radius:u8", _EMBER),
    _command("pollForData", 0x0042, "interval:u16 units:u8 failure_limit:u8", _EMBER),
    _callback("pollCompleteHandler", 0x0043, _EMBER),
    _callback("pollHandler", 0x0044, "child:u16 transmit_expected:bool"),
    _callback("energyScanResultHandler", 0x0048, "channel:u8 rssi:i8"),
    _command("getChildData", 0x004A, "index:u8", _EMBER + " child:ChildData"),
    _callback(
        "incomingRouteRecordHandler",
        0x0059,
        "source:u16 eui64:eui lqi:u8 rssi:i8 relays:u16s8",
    ),
    _command("setSourceRouteDiscoveryMode", 0x005A, "mode:u8", "remaining_ms:u32"),
    _command("getNeighbor", 0x0079, "index:u8", _EMBER + " neighbor:NeighborEntry"),
    _command("neighborCount", 0x007A, "", "count:u8"),
    _command("getRouteTableEntry", 0x007B, "index:u8", _EMBER + " route:RouteEntry"),
    _callback("idConflictHandler", 0x007C, "address:u16"),
    _callback("incomingManyToOneRouteRequestHandler", 0x007D, "source:u16 eui64:eui cost:u8"),
    _callback("incomingRouteErrorHandler", 0x0080, "status:ember target:u16"),
    _command("removeDevice", 0x00A8, "address:u16 eui64:eui target:eui", _EMBER),
    _command("setChildData", 0x00AC, "index:u8 child:ChildData", _EMBER),
    _command("setSourceRoute", 0x00AE, "destination:u16 relays:u16s8", _EMBER),
    _command(
        "getSourceRouteTableEntry",
        0x00C1,
        "index:u8",
        _EMBER + " destination:u16 closer_index:u8",
    ),
    _command("getSourceRouteTableFilledSize", 0x00C2, "", "size:u8"),
    _command("getSourceRouteTableTotalSize", 0x00C3, "", "size:u8"),
    _callback("incomingNetworkStatusHandler", 0x00C4, "error:u8 target:u16"),
    _callback("unusedPanIdFoundHandler", 0x00D2, "pan_id:u16 channel:u8"),
    _command("findUnusedPanId", 0x00D3, "channels:u32 duration:u8", _EMBER),
    _command("childId", 0x0106, "index:u8", "address:u16"),
)

#: The tables of bindings, addresses and groups.
_TABLES = (
    _command("clearBindingTable", 0x002A, "", _EMBER),
    _command("setBinding", 0x002B, "index:u8 entry:BindingEntry", _EMBER),
    _command("getBinding", 0x002C, "index:u8", _EMBER + " entry:BindingEntry"),
    _command("deleteBinding", 0x002D, "index:u8", _EMBER),
    _command("bindingIsActive", 0x002E, "index:u8", "active:bool"),
    _command("getBindingRemoteNodeId", 0x002F, "index:u8", "address:u16"),
    _command("setBindingRemoteNodeId", 0x0030, "index:u8 address:u16"),
    _command("addressTableEntryIsActive", 0x005B, "index:u8", "active:bool"),
    _command("setAddressTableRemoteEui64", 0x005C, "index:u8 eui64:eui", _EMBER, last=13),
    _command("setAddressTableRemoteNodeId", 0x005D, "index:u8 address:u16", last=13),
    _command("getAddressTableRemoteEui64", 0x005E, "index:u8", "eui64:eui", last=13),
    _command("getAddressTableRemoteNodeId", 0x005F, "index:u8", "address:u16", last=13),
    _command("setAddressTableInfo", 0x005C, "index:u8 eui64:eui address:u16", _SL, first=14),
    _command("getAddressTableInfo", 0x005E, "index:u8", _SL + " address:u16 eui64:eui", first=14),
    _command("lookupNodeIdByEui64", 0x0060, "eui64:eui", "address:u16", last=13),
    _command("lookupNodeIdByEui64", 0x0060, "eui64:eui", _SL + " address:u16", first=14),
    _command("lookupEui64ByNodeId", 0x0061, "address:u16", _EMBER + " eui64:eui"),
    _command("getMulticastTableEntry", 0x0063, "index:u8", _EMBER + " entry:MulticastEntry"),
    _command("setMulticastTableEntry", 0x0064, "index:u8 entry:MulticastEntry", _EMBER),
    _command("setExtendedTimeout", 0x007E, "eui64:eui extended:bool", last=13),
    _command("setExtendedTimeout", 0x007E, "eui64:eui extended:bool", _SL, first=14),
    _command("getExtendedTimeout", 0x007F, "eui64:eui", "extended:bool", last=13),
    _command("getExtendedTimeout", 0x007F, "eui64:eui", _SL, first=14),
    _command(
        "replaceAddressTableEntry",
        0x0082,
        "index:u8 eui64:eui address:u16 extended:bool",
        _EMBER + " old_eui64:eui old_address:u16 old_extended:bool",
    ),
    _command("gpClearProxyTable", 0x005F, first=17),
    _command("gpSinkTableInit", 0x0070),
    _command("gpSinkTableClearAll", 0x00E2),
    _command("gpSinkTableGetNumberOfActiveEntries", 0x0118, "", "count:u8"),
)

#: Messages.
_MESSAGING = (
    _command("maximumPayloadLength", 0x0033, "", "octets:u8"),
    _command(
        "sendUnicast",
        0x0034,
        "kind:u8 destination:u16 aps:ApsFrame tag:u8 payload:lv8",
        _EMBER + " sequence:u8",
        last=13,
    ),
    _command(
        "sendUnicast",
        0x0034,
        "kind:u8 destination:u16 aps:ApsFrame tag:u16 payload:lv8",
        _SL + " sequence:u8",
        first=14,
    ),
    _command(
        "sendBroadcast",
        0x0036,
        "destination:u16 aps:ApsFrame radius:u8 tag:u8 payload:lv8",
        _EMBER + " sequence:u8",
        last=13,
    ),
    _command(
        "sendBroadcast",
        0x0036,
        "alias:u16 destination:u16 alias_sequence:u8 aps:ApsFrame radius:u8 tag:u16 payload:lv8",
        _SL + " sequence:u8",
        first=14,
    ),
    _command(
        "proxyBroadcast",
        0x0037,
        "alias:u16 destination:u16 alias_sequence:u8 aps:ApsFrame radius:u8 tag:u8 payload:lv8",
        _EMBER + " sequence:u8",
        last=13,
    ),
    _command(
        "sendMulticast",
        0x0038,
        "aps:ApsFrame hops:u8 nonmember_radius:u8 tag:u8 payload:lv8",
        _EMBER + " sequence:u8",
        last=13,
    ),
    _command(
        "sendMulticast",
        0x0038,
        "aps:ApsFrame hops:u8 broadcast:u16 alias:u16 alias_sequence:u8 tag:u16 payload:lv8",
        _SL + " sequence:u8",
        first=14,
    ),
    _command("sendReply", 0x0039, "destination:u16 aps:ApsFrame payload:lv8", _EMBER),
    _command(
        "sendMulticastWithAlias",
        0x003A,
        "aps:ApsFrame hops:u8 nonmember_radius:u8 alias:u16 alias_sequence:u8 tag:u8 payload:lv8",
        _EMBER + " sequence:u8",
        last=13,
    ),
    _callback(
        "messageSentHandler",
        0x003F,
        "kind:u8 destination:u16 aps:ApsFrame tag:u8 status:ember payload:lv8",
        last=13,
    ),
    _callback(
        "messageSentHandler",
        0x003F,
        "status:sl kind:u8 destination:u16 aps:ApsFrame tag:u16 payload:lv8",
        first=14,
    ),
    _callback(
        "incomingMessageHandler",
        0x0045,
        "kind:u8 aps:ApsFrame lqi:u8 rssi:i8 sender:u16 binding:u8 address_index:u8 payload:lv8",
        last=13,
    ),
    _callback(
        "incomingMessageHandler",
        0x0045,
        "kind:u8 aps:ApsFrame sender:u16 eui64:eui binding:u8 address_index:u8 lqi:u8 rssi:i8 "
        "timestamp:u32 payload:lv8",
        first=14,
    ),
    _callback("incomingSenderEui64Handler", 0x0062, "eui64:eui", last=13),
)

#: Keys and who holds them.
_SECURITY = (
    _command("requestLinkKey", 0x0014, "partner:eui", _EMBER),
    _command("unicastCurrentNetworkKey", 0x0050, "address:u16 eui64:eui parent:u16", _EMBER),
    _command("sendTrustCenterLinkKey", 0x0067, "address:u16 eui64:eui", _EMBER),
    _command("setInitialSecurityState", 0x0068, "state:InitialSecurityState", _EMBER),
    _command("getCurrentSecurityState", 0x0069, "", _EMBER + " state:CurrentSecurityState"),
    _command("clearTransientLinkKeys", 0x006B),
    _command("updateTcLinkKey", 0x006C, "attempts:u8", _EMBER),
    _callback("switchNetworkKeyHandler", 0x006E, "sequence:u8"),
    _command(
        "aesMmoHash",
        0x006F,
        "context:HashContext finalize:bool data:lv8",
        _EMBER + " context:HashContext",
    ),
    _command("broadcastNextNetworkKey", 0x0073, "key:key", _EMBER),
    _command("broadcastNetworkKeySwitch", 0x0074, "", _EMBER),
    _command("findKeyTableEntry", 0x0075, "eui64:eui link_key:bool", "index:u8"),
    _command("eraseKeyTableEntry", 0x0076, "index:u8", _EMBER),
    _callback("zigbeeKeyEstablishmentHandler", 0x009B, "partner:eui key_status:u8"),
    _command("clearKeyTable", 0x00B1, "", _EMBER),
    _command(
        "getApsKeyInfo",
        0x010C,
        "context:KeyContext",
        "eui64:eui metadata:KeyMetadata status:sl",
        last=13,
    ),
    _command(
        "getApsKeyInfo",
        0x010C,
        "context:KeyContext",
        "status:sl metadata:KeyMetadata context:KeyContext",
        first=14,
    ),
    _command(
        "exportLinkKeyByEui",
        0x010D,
        "eui64:eui",
        "key:key index:u8 metadata:KeyMetadata status:sl",
        last=13,
    ),
    _command("exportLinkKeyByEui", 0x010D, "eui64:eui", _LINK_KEY, first=14),
    _command("importLinkKey", 0x010E, "index:u8 eui64:eui key:key", _SL),
    _command(
        "exportLinkKeyByIndex",
        0x010F,
        "index:u8",
        "eui64:eui key:key metadata:KeyMetadata status:sl",
        last=13,
    ),
    _command("exportLinkKeyByIndex", 0x010F, "index:u8", _LINK_KEY, first=14),
    _command("checkKeyContext", 0x0110, "context:KeyContext", _SL),
    _command("importTransientKey", 0x0111, "eui64:eui key:key flags:u8?", _SL),
    _command(
        "exportTransientKeyByIndex",
        0x0112,
        "index:u8",
        "context:KeyContext key:key metadata:KeyMetadata status:sl",
        last=13,
    ),
    _command("exportTransientKeyByIndex", 0x0112, "index:u8", _LINK_KEY, first=14),
    _command(
        "exportTransientKeyByEui",
        0x0113,
        "eui64:eui",
        "context:KeyContext key:key metadata:KeyMetadata status:sl",
        last=13,
    ),
    _command("exportTransientKeyByEui", 0x0113, "eui64:eui", _LINK_KEY, first=14),
    _command("exportKey", 0x0114, "context:KeyContext", "key:key status:sl", last=13),
    _command(
        "exportKey",
        0x0114,
        "context:KeyContext",
        "status:sl key:key context:KeyContext",
        first=14,
    ),
    _command("importKey", 0x0115, "context:KeyContext key:key", _SL, last=13),
    _command(
        "importKey",
        0x0115,
        "context:KeyContext key:key",
        "status:sl context:KeyContext",
        first=14,
    ),
    _command("getNetworkKeyInfo", 0x0116, "", "status:sl info:NetworkKeyInfo"),
)

#: Every row, in the order of subjects; within one version no name and no id occurs twice.
COMMANDS: Final[tuple[Command, ...]] = (
    *_PROTOCOL,
    *_CONFIGURATION,
    *_NETWORK,
    *_TABLES,
    *_MESSAGING,
    *_SECURITY,
)


def spoken(version: int) -> dict[str, Command]:
    """Return the rows of one version, by name.

    Raises:
        ValueError: Nobody speaks that version.
    """
    if version not in VERSIONS:
        raise ValueError(f"EZSP version: found {version}, wanted one of {VERSIONS}")
    return {row.name: row for row in COMMANDS if row.holds(version)}
