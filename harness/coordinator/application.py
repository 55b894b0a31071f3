"""Let zigpy and bellows coordinate a network, and nothing more.

They form or resume it, admit devices, and keep the stick alive. What devices say never reaches
zigpy: no interview, no OTA server, no filter of duplicates. It is taken where bellows hands over
what the stick says.
"""

from collections.abc import Callable, Sequence
from typing import Any

import zigpy.config as keys
import zigpy.types
import zigpy.zdo.types as zdo_types
from bellows.config import CONF_EZSP_CONFIG, CONF_USE_THREAD
from bellows.zigbee.application import ControllerApplication
from zigpy.profiles import zgp

from emulator.errors import LinkError
from emulator.wire import ota
from harness.lanes.port import NetworkOptions

#: The stack leaves endpoint requests to us (bit 2), so that a hub answers discovery as a case asks;
#: it forwards what it answers itself (bit 0) and what it cannot answer (bit 1).
_ZDO_FLAGS = {"CONFIG_APPLICATION_ZDO_FLAGS": 0x07}
#: Endpoints on which hubs offer the OTA cluster.
HUB_ENDPOINTS = (1, 9)
_GREEN_POWER_ENDPOINT, _GREEN_POWER_CLUSTER = 242, 0x0021
_ENERGY_SERVICE_INTERFACE = 0x0500
#: The oldest EZSP that anything here was tried with; EmberZNet 7.4 has it.
OLDEST = 13
#: The channel of a new network, where the user names none.
CHANNEL = 15


def settings(place: str, options: NetworkOptions) -> dict[str, Any]:
    """Return zigpy's configuration: nothing that it would do of its own accord."""
    channel = CHANNEL if options.channel is None else options.channel
    network: dict[str, Any] = {
        keys.CONF_NWK_CHANNEL: channel,
        keys.CONF_NWK_CHANNELS: [channel],
    }
    if options.pan_id is not None:
        network[keys.CONF_NWK_PAN_ID] = options.pan_id
    if options.extended_pan_id is not None:
        octets = f"{options.extended_pan_id:016x}"
        text = ":".join(octets[at : at + 2] for at in range(0, len(octets), 2))
        network[keys.CONF_NWK_EXTENDED_PAN_ID] = text
    device: dict[str, Any] = {keys.CONF_DEVICE_PATH: place}
    if options.baudrate is not None:
        device[keys.CONF_DEVICE_BAUDRATE] = options.baudrate
    return {
        keys.CONF_DEVICE: device,
        keys.CONF_DATABASE: None,  # it has a thread that outlives a stick that hangs
        keys.CONF_NWK: network,
        keys.CONF_OTA: {
            keys.CONF_OTA_ENABLED: False,
            keys.CONF_OTA_PROVIDERS: [],
            keys.CONF_OTA_BROADCAST_ENABLED: False,
        },
        keys.CONF_NWK_BACKUP_ENABLED: False,
        keys.CONF_TOPO_SCAN_ENABLED: False,
        CONF_USE_THREAD: False,
        CONF_EZSP_CONFIG: _ZDO_FLAGS,
    }


class Application(ControllerApplication):  # type: ignore[misc]  # bellows has no types
    """Be bellows' application, deaf to devices."""

    #: What hears callbacks of the stick, and the loss of it; set before the start.
    heard: Callable[[str, Sequence[Any]], None]
    lost: Callable[[BaseException | None], None]
    #: Application profile of the hub's endpoints.
    profile: int

    def ezsp_callback_handler(self, frame_name: str, args: Sequence[Any]) -> None:
        """Pass on what the stick says."""
        self.heard(frame_name, args)
        super().ezsp_callback_handler(frame_name, args)

    def packet_received(self, packet: zigpy.types.ZigbeePacket) -> None:
        """Let zigpy hear the stick itself, and no device."""
        if packet.src is not None and packet.src.address == self.state.node_info.nwk:
            super().packet_received(packet)

    def handle_join(self, *_: object, **__: object) -> None:
        """Interview nobody."""

    def handle_leave(self, *_: object, **__: object) -> None:
        """Forget nobody."""

    def handle_relays(self, *_: object, **__: object) -> None:
        """Look for nobody."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell that the stick is gone."""
        self.lost(exc)

    async def connect(self) -> None:
        """Open the stick, and refuse one whose firmware nobody here knows.

        Raises:
            LinkError: It is too old.
        """
        await super().connect()
        found = self._ezsp.ezsp_version
        if found < OLDEST:
            await self.disconnect()
            raise LinkError(
                f"found EZSP {found}, wanted {OLDEST} or newer: the firmware of the stick is too"
                " old, EmberZNet 7.4 has it"
            )

    async def _reset(self) -> None:
        """Add the endpoints anew: a stick forgets them when it is reset."""
        await super()._reset()
        self._created_device_endpoints.clear()
        await self.register_endpoints()

    async def register_endpoints(self) -> None:
        """Add the hub's endpoints, and the one that zigpy cannot do without."""
        for endpoint in HUB_ENDPOINTS:
            await self.add_endpoint(_described(endpoint, self.profile))
        descriptor = zdo_types.SimpleDescriptor(
            endpoint=_GREEN_POWER_ENDPOINT,
            profile=zgp.PROFILE_ID,
            device_type=zgp.DeviceType.COMBO_BASIC,
            device_version=0,
            input_clusters=[_GREEN_POWER_CLUSTER],
            output_clusters=[_GREEN_POWER_CLUSTER],
        )
        await self.add_endpoint(descriptor)


def _described(endpoint: int, profile: int) -> zdo_types.SimpleDescriptor:
    return zdo_types.SimpleDescriptor(
        endpoint=endpoint,
        profile=profile,
        device_type=_ENERGY_SERVICE_INTERFACE,
        device_version=0,
        input_clusters=[ota.CLUSTER],
        output_clusters=[],
    )
