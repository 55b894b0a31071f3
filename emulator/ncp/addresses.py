"""Keep the tables of a stick that name other nodes: addresses, groups, bindings, slow ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.ncp.fields import BindingEntry, MulticastEntry
from emulator.ncp.handlers import answers
from emulator.ncp.port import Place
from emulator.ncp.settings import Config
from emulator.ncp.statuses import Status

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick

#: Address of an entry of the address table that is free, and of one whose address is not known.
UNUSED, UNKNOWN = 0xFFFF, 0xFFFD
#: An address that nobody has (EZSP: lookupNodeIdByEui64).
NOBODY = 0xFFFF
#: EUI-64 of nobody, in a free entry.
NO_EUI64 = 0xFFFF_FFFF_FFFF_FFFF
#: No entry of the address table.
NO_INDEX = 0xFF

FREE_GROUP = MulticastEntry(group=0, endpoint=0)
FREE_BINDING = BindingEntry(
    kind=0, local_endpoint=0, cluster=0, remote_endpoint=0, identifier=0, network_index=0
)
_FREE = (0, UNUSED)


class Addresses:
    """Hold what a host writes into the tables; a reset loses it, but for the bindings."""

    def __init__(self) -> None:
        self.entries: dict[int, tuple[int, int]] = {}  # EUI-64 and NWK address, by index
        self.groups: dict[int, MulticastEntry] = {}
        self.bindings: dict[int, BindingEntry] = {}
        self.slow: set[int] = set()  # EUI-64 of those that get more time to answer

    def entry(self, place: Place, index: int) -> tuple[int, int]:
        """Return EUI-64 and NWK address of an entry, as well as the network knows the latter."""
        eui64, address = self.entries.get(index, _FREE)
        if eui64 and address in (UNUSED, UNKNOWN):
            found = place.address_of(eui64)
            address = UNKNOWN if found is None else found
        return eui64, address

    def resolve(self, place: Place, index: int) -> int | None:
        """Return the NWK address that an entry names, None if it names none that is known."""
        _, address = self.entry(place, index)
        return None if address in (UNUSED, UNKNOWN) else address

    def index_of(self, address: int) -> int:
        """Return the index of the entry of an NWK address, or ``NO_INDEX``."""
        if self.entries:
            for index, (_, known) in self.entries.items():
                if known == address:
                    return index
        return NO_INDEX

    def write(self, index: int, eui64: int, address: int) -> None:
        """Write an entry; an EUI-64 of nobody, or no address and no name, frees it."""
        if eui64 in (0, NO_EUI64):
            self.entries.pop(index, None)
        else:
            self.entries[index] = (eui64, address)

    def listens(self, group: int) -> bool:
        """Tell whether an endpoint of this stick is in a group."""
        return any(one.endpoint and one.group == group for one in self.groups.values())


def _size(stick: Stick, table: Config) -> int:
    return stick.settings.config(table)


# Extended timeouts: these two stand in the path of every message of some hosts.


@answers("setExtendedTimeout")
def set_extended_timeout(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Give a node more or less time to answer."""
    slow, eui64 = stick.addresses.slow, request.values["eui64"]
    if request.values["extended"]:
        slow.add(eui64)
    else:
        slow.discard(eui64)
    return {"status": Status.OK} if stick.wide else {}


@answers("getExtendedTimeout")
def get_extended_timeout(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say whether a node gets more time to answer."""
    slow = request.values["eui64"] in stick.addresses.slow
    if stick.wide:
        return {"status": Status.OK if slow else Status.FAIL}
    return {"extended": slow}


# Who is who.


@answers("lookupNodeIdByEui64")
def lookup_node_id(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Find a node's NWK address."""
    address = stick.place.address_of(request.values["eui64"])
    if address is None:
        return {"status": Status.NOT_FOUND, "address": NOBODY}
    return {"status": Status.OK, "address": address}


@answers("lookupEui64ByNodeId")
def lookup_eui64(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Find a node's EUI-64."""
    eui64 = stick.place.eui64_of(request.values["address"])
    if eui64 is None:
        return {"status": Status.FAIL}
    return {"status": Status.OK, "eui64": eui64}


# The address table.


@answers("addressTableEntryIsActive")
def address_table_entry_is_active(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say whether messages wait for an entry: none does here."""
    return {"active": False}


@answers("setAddressTableRemoteEui64")
def set_address_table_eui64(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Name the node of an entry."""
    index = request.values["index"]
    if index >= _size(stick, Config.ADDRESS_TABLE_SIZE):
        return {"status": Status.INVALID_INDEX}
    stick.addresses.write(index, request.values["eui64"], UNKNOWN)
    return {"status": Status.OK}


@answers("setAddressTableRemoteNodeId")
def set_address_table_node_id(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Set the NWK address of an entry."""
    index = request.values["index"]
    if index < _size(stick, Config.ADDRESS_TABLE_SIZE):
        eui64, _ = stick.addresses.entries.get(index, _FREE)
        stick.addresses.write(index, eui64, request.values["address"])
    return {}


@answers("setAddressTableInfo")
def set_address_table_info(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Write an entry."""
    values = request.values
    if values["index"] >= _size(stick, Config.ADDRESS_TABLE_SIZE):
        return {"status": Status.INVALID_INDEX}
    stick.addresses.write(values["index"], values["eui64"], values["address"])
    return {"status": Status.OK}


@answers("getAddressTableRemoteEui64")
def get_address_table_eui64(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show the EUI-64 of an entry."""
    return {"eui64": stick.addresses.entry(stick.place, request.values["index"])[0]}


@answers("getAddressTableRemoteNodeId")
def get_address_table_node_id(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show the NWK address of an entry."""
    return {"address": stick.addresses.entry(stick.place, request.values["index"])[1]}


@answers("getAddressTableInfo")
def get_address_table_info(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show an entry."""
    index = request.values["index"]
    if index >= _size(stick, Config.ADDRESS_TABLE_SIZE):
        return {"status": Status.INVALID_INDEX}
    eui64, address = stick.addresses.entry(stick.place, index)
    return {"status": Status.OK, "eui64": eui64, "address": address}


@answers("replaceAddressTableEntry")
def replace_address_table_entry(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Write an entry and its timeout, and show what was there."""
    values, addresses = request.values, stick.addresses
    index = values["index"]
    if index >= _size(stick, Config.ADDRESS_TABLE_SIZE):
        return {"status": Status.INVALID_INDEX}
    eui64, address = addresses.entry(stick.place, index)
    old_extended = eui64 in addresses.slow
    addresses.slow.discard(eui64)
    addresses.write(index, values["eui64"], values["address"])
    if values["extended"]:
        addresses.slow.add(values["eui64"])
    return {
        "status": Status.OK,
        "old_eui64": eui64,
        "old_address": address,
        "old_extended": old_extended,
    }


# Groups.


@answers("getMulticastTableEntry")
def get_multicast_table_entry(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show a line of the multicast table."""
    index = request.values["index"]
    if index >= _size(stick, Config.MULTICAST_TABLE_SIZE):
        return {"status": Status.INVALID_INDEX}
    return {"status": Status.OK, "entry": stick.addresses.groups.get(index, FREE_GROUP)}


@answers("setMulticastTableEntry")
def set_multicast_table_entry(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Write a line of the multicast table."""
    index = request.values["index"]
    if index >= _size(stick, Config.MULTICAST_TABLE_SIZE):
        return {"status": Status.INVALID_INDEX}
    stick.addresses.groups[index] = request.values["entry"]
    return {"status": Status.OK}


# Bindings: kept for hosts that write them; nothing is sent through one.


@answers("clearBindingTable")
def clear_binding_table(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Free every line of the binding table."""
    stick.addresses.bindings.clear()
    return {"status": Status.OK}


@answers("setBinding")
def set_binding(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Write a line of the binding table."""
    index = request.values["index"]
    if index >= _size(stick, Config.BINDING_TABLE_SIZE):
        return {"status": Status.INVALID_INDEX}
    stick.addresses.bindings[index] = request.values["entry"]
    return {"status": Status.OK}


@answers("getBinding")
def get_binding(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show a line of the binding table."""
    index = request.values["index"]
    if index >= _size(stick, Config.BINDING_TABLE_SIZE):
        return {"status": Status.INVALID_INDEX}
    return {"status": Status.OK, "entry": stick.addresses.bindings.get(index, FREE_BINDING)}


@answers("deleteBinding")
def delete_binding(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Free a line of the binding table."""
    if request.values["index"] >= _size(stick, Config.BINDING_TABLE_SIZE):
        return {"status": Status.INVALID_INDEX}
    stick.addresses.bindings.pop(request.values["index"], None)
    return {"status": Status.OK}


@answers("bindingIsActive")
def binding_is_active(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say whether messages wait for a binding: none does here."""
    return {"active": False}


@answers("getBindingRemoteNodeId")
def get_binding_node_id(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show the NWK address of a binding's node."""
    entry = stick.addresses.bindings.get(request.values["index"], FREE_BINDING)
    address = stick.place.address_of(entry.identifier) if entry.kind else None
    return {"address": NOBODY if address is None else address}


@answers("setBindingRemoteNodeId")
def set_binding_node_id(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Set the NWK address of a binding's node: the network knows it better."""
    return {}
