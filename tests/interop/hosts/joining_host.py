"""Be a host whose stick joins a network that another stick formed: bellows without zigpy on top.

It looks for the network with an active scan, joins as a router with the key that everybody knows,
asks the coordinator for its node descriptor over the air, and leaves at the end of its input. Each
step is one JSON line on standard output.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import bellows.ezsp
import bellows.types as t
import zigpy.config as keys
from zigpy.zdo.types import ZDOCmd

CHANNELS = sum(1 << channel for channel in range(11, 27))
#: How long the air may take to answer.
ANSWER_S = 10


def tell(event: str, **facts: object) -> None:
    """Print one event."""
    print(json.dumps({"event": event, **facts}), flush=True)


class Callbacks:
    """Let a step wait for a callback of the stick."""

    def __init__(self, stick: bellows.ezsp.EZSP) -> None:
        """Listen to all that the stick says by itself."""
        self._waiting: list[tuple[str, Callable[[list[Any]], bool], asyncio.Future[list[Any]]]] = []
        stick.add_callback(self._heard)

    def expect(
        self, name: str, fits: Callable[[list[Any]], bool] = lambda _: True
    ) -> "asyncio.Future[list[Any]]":
        """Return what the next callback of this name will bring."""
        coming: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((name, fits, coming))
        return coming

    def _heard(self, name: str, values: list[Any]) -> None:
        for wanted, fits, coming in self._waiting:
            if wanted == name and not coming.done() and fits(values):
                coming.set_result(list(values))


def security() -> t.EmberInitialSecurityState:
    """Return what a joiner starts with: the key that everybody knows, and no network key."""
    state = t.EmberInitialSecurityState()
    state.bitmask = (
        t.EmberInitialSecurityBitmask.HAVE_PRECONFIGURED_KEY
        | t.EmberInitialSecurityBitmask.TRUST_CENTER_GLOBAL_LINK_KEY
        | t.EmberInitialSecurityBitmask.REQUIRE_ENCRYPTED_KEY
    )
    state.preconfiguredKey = t.KeyData(b"ZigBeeAlliance09")
    state.networkKey = t.KeyData(bytes(16))
    state.networkKeySequenceNumber = t.uint8_t(0)
    state.preconfiguredTrustCenterEui64 = t.EUI64.convert("00:00:00:00:00:00:00:00")
    return state


def parameters_of(network: t.EmberZigbeeNetwork) -> t.EmberNetworkParameters:
    """Return what to join, of what a scan found."""
    parameters = t.EmberNetworkParameters()
    parameters.extendedPanId = network.extendedPanId
    parameters.panId = network.panId
    parameters.radioTxPower = t.uint8_t(8)
    parameters.radioChannel = t.uint8_t(network.channel)
    parameters.joinMethod = t.EmberJoinMethod.USE_MAC_ASSOCIATION
    parameters.nwkManagerId = t.EmberNodeId(0)
    parameters.nwkUpdateId = t.uint8_t(0)
    parameters.channels = t.Channels(CHANNELS)
    return parameters


async def ask_coordinator(stick: bellows.ezsp.EZSP, callbacks: Callbacks) -> bytes:
    """Ask for the node descriptor of address 0 and return the answer's octets."""
    question = t.EmberApsFrame(
        profileId=0,
        clusterId=int(ZDOCmd.Node_Desc_req),
        sourceEndpoint=0,
        destinationEndpoint=0,
        options=t.EmberApsOption.APS_OPTION_RETRY,
        groupId=0,
        sequence=0,
    )
    answer = callbacks.expect(
        "incomingMessageHandler", lambda values: values[1].clusterId == ZDOCmd.Node_Desc_rsp
    )
    status, _ = await stick.send_unicast(t.NWK(0), question, t.uint8_t(1), b"\x2a\x00\x00")
    if status != t.sl_Status.OK:
        raise RuntimeError(f"sendUnicast: found {status!r}, wanted OK")
    return bytes((await asyncio.wait_for(answer, ANSWER_S))[-1])


async def run(port: str) -> None:
    """Scan, join, ask, leave."""
    stick = bellows.ezsp.EZSP({**keys.SCHEMA_DEVICE({keys.CONF_DEVICE_PATH: port})})
    await stick.connect(use_thread=False)
    callbacks = Callbacks(stick)
    tell("started", version=stick.ezsp_version)
    found = await stick.startScan(t.EzspNetworkScanType.ACTIVE_SCAN, CHANNELS, 3)
    for network, *_ in found:
        facts = {"pan_id": network.panId, "channel": network.channel}
        tell("network", **facts, open=bool(network.allowingJoin))
    network = next(each[0] for each in found if each[0].allowingJoin)
    (status,) = await stick.setInitialSecurityState(security())
    tell("security", status=t.sl_Status.from_ember_status(status).name)
    up = callbacks.expect("stackStatusHandler")
    (status,) = await stick.joinNetwork(t.EmberNodeType.ROUTER, parameters_of(network))
    tell("joining", status=t.sl_Status.from_ember_status(status).name)
    status = t.sl_Status.from_ember_status((await asyncio.wait_for(up, ANSWER_S))[0])
    (address,) = await stick.getNodeId()
    tell("joined", status=status.name, address=int(address))
    tell("answer", octets=(await ask_coordinator(stick, callbacks)).hex())
    await asyncio.to_thread(sys.stdin.read)
    await stick.leave_network()
    tell("left")
    await stick.disconnect()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="A stick that joins.")
    parser.add_argument("port", help="path of a serial port, or socket://HOST:PORT")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    try:
        asyncio.run(run(options.port))
    except BaseException as error:
        tell("failed", error=f"{type(error).__name__}: {error}")
        logging.exception("the host ended")
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
