"""Keep what a bridge must not forget and what is no image: outside the slots, over every reset.

The record carries a schema version that an older image can still read (gb-alt-han T13): new fields
are only ever added behind the old ones, and read as 0 where they are absent; an older image keeps
what it does not know when it writes. The outgoing frame counter is saved in leaps: the record
holds a limit that no frame has reached yet, so that a counter is never used twice after any cut.
Keys are kept as they were given, and leave flash when the bridge leaves the network.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import IntEnum
from typing import Annotated, Any

from emulator.actions import KEY_OCTETS, Joined
from emulator.boot.record import RecordLog
from emulator.errors import WornError
from emulator.units import Octets
from emulator.wire.codec import EUI64, U8, U16, U32, Fixed, Frame, UInt, frame

SCHEMA = 4
NOBODY = 0xFFFFFFFFFFFFFFFF
NO_ADDRESS = 0xFFFF
NO_KEY = bytes(KEY_OCTETS)
#: EUI-64 where there is no such bridge, which is also what an older record says.
NO_BRIDGE = 0
#: How many bridges a near one may have behind it.
MOST_CHILDREN = 2


class Download(IntEnum):
    """How far the image in the standby slot has come."""

    NONE = 0
    ERASING = 1  # the slot is being made ready: nothing in it counts
    LOADING = 2  # the slot was wholly erased when this was written
    VERIFIED = 3  # complete, and every step of verification passed


@frame
class NonVolatile(Frame):
    """Be the whole of a bridge's small memory; each change writes a new record."""

    schema: U8
    joined: U8
    address: U16  # NWK address, NO_ADDRESS before the first join
    key_id: U8  # sequence number of the network key
    counter_limit: U32  # no outgoing NWK frame has reached this counter
    server_eui64: EUI64  # NOBODY while no server is known
    server_address: U16
    server_endpoint: U8
    download: Annotated[Download, UInt(1)]
    manufacturer: U16
    image_type: U16
    file_version: U32
    image_size: U32
    redoing: U32  # schema 2: sector of the download that is being made ready, and 1; 0: none
    network_key: Annotated[bytes, Fixed(KEY_OCTETS)]  # schema 3: NO_KEY while none is held
    link_key: Annotated[bytes, Fixed(KEY_OCTETS)]  # schema 3: the trust centre's, likewise
    parent: EUI64  # schema 4: the bridge that is nearer to the hub, or NO_BRIDGE
    first_child: EUI64  # schema 4: bridges that are reached through this one, likewise
    second_child: EUI64
    served: U8  # schema 4: bit 0 the first child, bit 1 the second: it had a link


FRESH = NonVolatile(
    schema=SCHEMA,
    joined=0,
    address=NO_ADDRESS,
    key_id=0,
    counter_limit=0,
    server_eui64=NOBODY,
    server_address=NO_ADDRESS,
    server_endpoint=0,
    download=Download.NONE,
    manufacturer=0,
    image_type=0,
    file_version=0,
    image_size=0,
    redoing=0,
    network_key=NO_KEY,
    link_key=NO_KEY,
    parent=NO_BRIDGE,
    first_child=NO_BRIDGE,
    second_child=NO_BRIDGE,
    served=0,
)


def commissioned(own: int, parent: int | None, children: Sequence[int]) -> NonVolatile:
    """Return the memory of a new bridge that knows its place in a home.

    Args:
        own: EUI-64 of the bridge itself.
        parent: The bridge through which it reaches the hub; None: it reaches it alone.
        children: The bridges that reach the hub through it.

    Raises:
        ValueError: It has both or neither, too many children, or one EUI-64 stands twice.
    """
    if (parent is None) == (not children):
        raise ValueError("found both or neither, wanted a parent or one to two children")
    if len(children) > MOST_CHILDREN:
        raise ValueError(f"children: found {len(children)}, wanted at most {MOST_CHILDREN}")
    everybody = (own, *children) if parent is None else (own, parent)
    if len(set(everybody)) < len(everybody) or not {NO_BRIDGE, NOBODY}.isdisjoint(everybody):
        shown = ", ".join(f"{one:016x}" for one in everybody)
        raise ValueError(f"home: found {shown}, wanted a true EUI-64 for each, none twice")
    first, second = (*children, NO_BRIDGE, NO_BRIDGE)[:MOST_CHILDREN]
    return replace(FRESH, parent=parent or NO_BRIDGE, first_child=first, second_child=second)


class Memory:
    """Hold the newest record in RAM and write each change to flash at once."""

    def __init__(self, log: RecordLog[NonVolatile]) -> None:
        self._log = log
        self.now = log.read() or FRESH
        if not self.now.joined:  # it left, and power may have failed while it forgot the keys
            with suppress(WornError):
                log.purge()

    # The journal of a download (``emulator.flash.area.Journal``).

    @property
    def redoing(self) -> Octets | None:
        """Return the offset of the sector that is being made ready again, None if there is none."""
        return self.now.redoing - 1 if self.now.redoing else None

    def note(self, sector: Octets | None) -> None:
        """Keep the offset of that sector, or that there is none any more."""
        self.change(redoing=0 if sector is None else sector + 1)

    def change(self, **fields: Any) -> None:  # noqa: ANN401 - the fields of NonVolatile
        """Write a record with some fields changed; no write if nothing changes.

        Raises:
            PowerLost: The supply was cut in the write; the old or the new record stands.
        """
        changed = replace(self.now, **fields)
        if changed != self.now:
            changed = replace(changed, schema=max(SCHEMA, self.now.schema))
            self._log.write(changed)
            self.now = changed

    # The home.

    @property
    def parent(self) -> int | None:
        """Return the EUI-64 of the bridge through which the hub is reached, None for none."""
        return None if self.now.parent == NO_BRIDGE else self.now.parent

    @property
    def children(self) -> tuple[int, ...]:
        """Return the EUI-64s of the bridges that are reached through this one."""
        both = (self.now.first_child, self.now.second_child)
        return tuple(one for one in both if one != NO_BRIDGE)

    @property
    def served(self) -> tuple[int, ...]:
        """Return those of the children that had a link, and were not gone for long since."""
        return tuple(one for at, one in enumerate(self.children) if self.now.served >> at & 1)

    def keep_served(self, served: Iterable[int]) -> None:
        """Keep which children have a link.

        Raises:
            PowerLost: As in ``change``.
        """
        bits = {1 << self.children.index(one) for one in served}
        self.change(served=sum(bits))

    # The network.

    def join(self, joined: Joined) -> None:
        """Keep address and keys; without octets the keys stay, unless the network key is another.

        Raises:
            PowerLost: As in ``change``.
        """
        held = self.now.network_key if joined.key_id == self.now.key_id else NO_KEY
        self.change(
            joined=1,
            address=joined.address,
            key_id=joined.key_id,
            network_key=joined.network_key or held,
            link_key=joined.link_key or self.now.link_key,
        )

    def leave(self) -> None:
        """Forget the network and its keys, also what older records say of them.

        The frame counter stays: it must not go back if the network is joined again.

        Raises:
            PowerLost: The supply was cut; the next opening goes on where it must.
            WornError: A sector takes no erase, or no record can be written: the keys may stay.
        """
        self.change(joined=0, network_key=NO_KEY, link_key=NO_KEY)
        self._log.purge()
